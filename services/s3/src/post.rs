//! The upload of a browser form (`POST Object`).
//!
//! The front has read the form's fields and verified the signature of its policy; whoever signed is the
//! context's principal, or nobody where the form is unsigned. What the policy says is checked here.

use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::http::HttpReply;
use cumulet_engine::{Context, PrincipalKind};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::api::{PutObjectInput, PutObjectOutput};
use super::checksum::Expected;
use super::encoding::url_encode;
use super::errors::invalid_argument;
use super::post_form::Form;
use super::post_policy::{self, LengthRange};
use super::put::{answer, prepare, store};
use super::receive::Claims;

/// Form fields and the members they stand for.
const MEMBERS: &[(&str, &str)] = &[
    ("acl", "ACL"),
    ("cache-control", "CacheControl"),
    ("content-disposition", "ContentDisposition"),
    ("content-encoding", "ContentEncoding"),
    ("content-type", "ContentType"),
    ("expires", "Expires"),
    ("x-amz-storage-class", "StorageClass"),
    ("x-amz-website-redirect-location", "WebsiteRedirectLocation"),
    ("x-amz-server-side-encryption", "ServerSideEncryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId"),
    (
        "x-amz-server-side-encryption-context",
        "SSEKMSEncryptionContext",
    ),
    (
        "x-amz-server-side-encryption-customer-algorithm",
        "SSECustomerAlgorithm",
    ),
    (
        "x-amz-server-side-encryption-customer-key",
        "SSECustomerKey",
    ),
    (
        "x-amz-server-side-encryption-customer-key-md5",
        "SSECustomerKeyMD5",
    ),
    ("x-amz-checksum-algorithm", "ChecksumAlgorithm"),
    ("x-amz-checksum-crc32", "ChecksumCRC32"),
    ("x-amz-checksum-crc32c", "ChecksumCRC32C"),
    ("x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"),
    ("x-amz-checksum-sha1", "ChecksumSHA1"),
    ("x-amz-checksum-sha256", "ChecksumSHA256"),
];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>
pub async fn post_object(
    engine: &Engine,
    context: &Context,
    bucket: &str,
    form: Form,
) -> Result<HttpReply> {
    let key = form
        .field("key")
        .ok_or_else(|| {
            let message = "Bucket POST must contain a field named 'key'.  If it is specified, please check the \
                           order of the fields.";
            invalid_argument(message, "key", "")
        })?
        .replace("${filename}", form.file_name.as_deref().unwrap_or_default());
    check_signed(context, &form)?;
    let range = match form.field("policy") {
        Some(policy) => post_policy::check(policy, &form, bucket, context.now)?,
        None => None,
    };
    let finish = Finish::read(&form);
    let input = input(bucket, &key, &form)?;
    let checksum = Expected::read(
        &input.checksums,
        input.checksum_algorithm.as_deref(),
        &Default::default(),
    )?;
    let mut new = engine.read(|tx| prepare(tx, context, input))?;
    new.event = "ObjectCreated:Post";
    let claims = Claims {
        checksum,
        etag_is_md5: new.choice.etag_is_md5(),
        ..Claims::default()
    };
    let body = bounded(form.file, range);
    let (version, _, expiration) = store(engine, context, new, body, claims).await?;
    let output = answer(version, expiration)?;
    Ok(finish.reply(context, bucket, &key, &output))
}

/// A form is signed whole or not at all: nobody may believe that a policy protects what it does not.
fn check_signed(context: &Context, form: &Form) -> Result<()> {
    if context.principal.kind != PrincipalKind::Anonymous {
        return Ok(());
    }
    let has = |name: &str| form.field(name).is_some();
    let names_key = has("awsaccesskeyid") || has("x-amz-algorithm");
    let missing = match (has("policy"), names_key) {
        (false, false) => return Ok(()),
        (false, true) => "Policy",
        (true, false) => "AWSAccessKeyId",
        (true, true) => "Signature",
    };
    let message = format!(
        "Bucket POST must contain a field named '{missing}'.  If it is specified, please check the order of the fields."
    );
    Err(invalid_argument(message, missing, ""))
}

fn input(bucket: &str, key: &str, form: &Form) -> Result<PutObjectInput> {
    let mut members = Map::new();
    let mut metadata = Map::new();
    members.insert("Bucket".into(), bucket.into());
    members.insert("Key".into(), key.into());
    for (name, value) in &form.fields {
        if let Some(name) = name.strip_prefix("x-amz-meta-") {
            metadata.insert(name.to_owned(), value.as_str().into());
        }
        if let Some((_, member)) = MEMBERS.iter().find(|(field, _)| field == name) {
            members.insert((*member).to_owned(), value.as_str().into());
        }
    }
    if let Some(tagging) = form.field("tagging") {
        members.insert("Tagging".into(), tags_of_xml(tagging).into());
    }
    members.insert("Metadata".into(), metadata.into());
    serde_json::from_value(Value::Object(members))
        .map_err(|error| Error::new("MalformedPOSTRequest", error.to_string()))
}

/// The `tagging` field is a `<Tagging>` document; its tags in the form of the header.
fn tags_of_xml(document: &str) -> String {
    let tags = document.split("<Tag>").skip(1).map(|tag| {
        let text = |name: &str| {
            let (_, rest) = tag.split_once(&format!("<{name}>"))?;
            let (text, _) = rest.split_once('<')?;
            let text = text
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"");
            Some(url_encode(
                &text.replace("&apos;", "'").replace("&amp;", "&"),
            ))
        };
        let (key, value) = (text("Key"), text("Value"));
        format!("{}={}", key.unwrap_or_default(), value.unwrap_or_default())
    });
    tags.collect::<Vec<_>>().join("&")
}

/// A file that ends in a refusal where it is longer or shorter than the policy allows.
fn bounded(file: Body, range: Option<LengthRange>) -> Body {
    let Some((least, most)) = range else {
        return file;
    };
    let mut length = 0_u64;
    let end = futures_util::stream::once(async { None });
    let chunks = file
        .into_chunks()
        .map(Some)
        .chain(end)
        .filter_map(move |chunk| {
            let checked = match chunk {
                Some(Ok(bytes)) => {
                    length += bytes.len() as u64;
                    Some(if length > most {
                        Err(too_large(length, most))
                    } else {
                        Ok(bytes)
                    })
                }
                Some(Err(error)) => Some(Err(error)),
                None => (length < least).then(|| Err(too_small(length, least))),
            };
            std::future::ready(checked)
        });
    Body::Stream {
        length: None,
        chunks: chunks.boxed(),
        trailers: None,
    }
}

fn too_large(length: u64, most: u64) -> Error {
    super::errors::entity_too_large(length, most)
}

fn too_small(length: u64, least: u64) -> Error {
    let message = "Your proposed upload is smaller than the minimum allowed size";
    Error::new("EntityTooSmall", message)
        .member("ProposedSize", length)
        .member("MinSizeAllowed", least)
}

/// How the form wants to be answered.
struct Finish {
    redirect: Option<String>,
    status: u16,
}

impl Finish {
    fn read(form: &Form) -> Self {
        let redirect = form
            .field("success_action_redirect")
            .or_else(|| form.field("redirect"));
        let is_address = |url: &&str| url.starts_with("http://") || url.starts_with("https://");
        let status = match form.field("success_action_status") {
            Some("200") => 200,
            Some("201") => 201,
            _ => 204,
        };
        Self {
            redirect: redirect.filter(is_address).map(str::to_owned),
            status,
        }
    }

    fn reply(
        &self,
        context: &Context,
        bucket: &str,
        key: &str,
        output: &PutObjectOutput,
    ) -> HttpReply {
        let endpoint = context.endpoint.trim_end_matches('/');
        let location = format!("{endpoint}/{bucket}/{}", url_encode(key));
        let mut headers = vec![header("ETag", &output.etag)];
        if let Some(id) = &output.version_id {
            headers.push(header("x-amz-version-id", id));
        }
        if let Some(algorithm) = &output.encryption.server_side_encryption {
            headers.push(header("x-amz-server-side-encryption", algorithm));
        }
        if let Some(key_id) = &output.encryption.kms_key_id {
            headers.push(header(
                "x-amz-server-side-encryption-aws-kms-key-id",
                key_id,
            ));
        }
        if let Some(redirect) = &self.redirect {
            let separator = if redirect.contains('?') { '&' } else { '?' };
            let (key, etag) = (url_encode(key), url_encode(&output.etag));
            let target = format!("{redirect}{separator}bucket={bucket}&key={key}&etag={etag}");
            headers.push(header("Location", &target));
            return reply(303, headers, String::new());
        }
        headers.push(header("Location", &location));
        let body = if self.status == 201 {
            headers.push(header("Content-Type", "application/xml"));
            document(&location, bucket, key, &output.etag)
        } else {
            String::new()
        };
        reply(self.status, headers, body)
    }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn reply(status: u16, headers: Vec<(String, String)>, body: String) -> HttpReply {
    HttpReply {
        status,
        headers,
        body: body.into(),
    }
}

fn document(location: &str, bucket: &str, key: &str, etag: &str) -> String {
    let escape = |text: &str| {
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        text.replace('"', "&quot;")
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{}</Bucket>\
         <Key>{}</Key><ETag>{}</ETag></PostResponse>",
        escape(location),
        escape(bucket),
        escape(key),
        escape(etag)
    )
}
