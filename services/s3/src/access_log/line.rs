//! A line of an access log: 27 fields, separated by a space, `-` where there is nothing to say.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>

use cumulet_engine::{Context, Principal, PrincipalKind};
use cumulet_kernel::Timestamp;

use super::super::encoding::{canonical_id, format_time, url_decode, url_encode};
use super::super::state::Bucket;
use super::{AccessRecord, Authentication, names};

const NOTHING: &str = "-";

pub(super) fn of_request(bucket: &Bucket, record: &AccessRecord) -> String {
    let name = names::of_request(&record.operation, &record.method, record.key.is_some());
    request_line(bucket, record, &name, record.key.as_deref())
}

/// The same request as the bucket sees it that something was copied out of.
pub(super) fn of_copied(bucket: &Bucket, record: &AccessRecord, key: &str) -> String {
    let name = match record.operation.as_str() {
        "CopyObject" => "REST.COPY.OBJECT_GET",
        _ => "REST.COPY.PART_GET",
    };
    request_line(bucket, record, name, Some(key))
}

/// Bucket and key of a copy's source, as its header names them.
pub(super) fn copied_from(record: &AccessRecord) -> Option<(String, String)> {
    if !["CopyObject", "UploadPartCopy"].contains(&record.operation.as_str()) {
        return None;
    }
    let source = record.copy_source.as_deref()?.trim_start_matches('/');
    let path = source
        .split_once("?versionId=")
        .map_or(source, |(path, _)| path);
    let path = url_decode(path, false)?;
    let (bucket, key) = path.split_once('/')?;
    Some((bucket.to_owned(), key.to_owned()))
}

fn request_line(bucket: &Bucket, record: &AccessRecord, name: &str, key: Option<&str>) -> String {
    let is_signed = record.authentication != Authentication::None;
    let fields = [
        begin(bucket, record.received, &record.remote_ip),
        requester(&record.principal),
        record.request_id.clone(),
        name.to_owned(),
        or_nothing(key.map(twice_encoded)),
        quoted(&format!("{} {} HTTP/1.1", record.method, record.uri)),
        record.status.to_string(),
        or_nothing(record.error_code.clone()),
        number(record.bytes_sent),
        or_nothing(record.object_size_bytes.map(|size| size.to_string())),
        record.total_ms.to_string(),
        record.turn_around_ms.to_string(),
        quoted(record.referrer.as_deref().unwrap_or(NOTHING)),
        quoted(record.user_agent.as_deref().unwrap_or(NOTHING)),
        or_nothing(version_id(&record.uri)),
        record.host_id.clone(),
        if is_signed { "SigV4" } else { NOTHING }.to_owned(),
        // The cipher suite; nobody tells.
        NOTHING.to_owned(),
        authentication(record.authentication).to_owned(),
        or_nothing(record.host.clone()),
        end(bucket),
    ];
    fields.join(" ")
}

/// What was done to one object of many, or by S3 itself: no HTTP to tell of.
pub(super) fn of_object(
    context: &Context,
    bucket: &Bucket,
    operation: &str,
    key: &str,
    outcome: Result<u16, &str>,
) -> String {
    let ip = context.source_ip.map(|ip| ip.to_string());
    let (status, code) = match outcome {
        Ok(status) => (status.to_string(), NOTHING),
        Err(code) => (NOTHING.to_owned(), code),
    };
    let head = begin(bucket, context.now, ip.as_deref().unwrap_or(NOTHING));
    let (who, key) = (requester(&context.principal), twice_encoded(key));
    let (id, end) = (&context.request_id, end(bucket));
    format!(
        "{head} {who} {id} {operation} {key} \"-\" {status} {code} - - - - \"-\" \"-\" - - - - - - {end}"
    )
}

/// Bucket owner, bucket, time, remote address.
fn begin(bucket: &Bucket, at: Timestamp, remote_ip: &str) -> String {
    let owner = canonical_id(&bucket.account);
    let time = format_time(at, "%d/%b/%Y:%H:%M:%S +0000");
    format!("{owner} {} [{time}] {remote_ip}", bucket.name)
}

/// TLS version, access point, whether a list had to decide, and the region.
fn end(bucket: &Bucket) -> String {
    format!("- - - {}", bucket.region)
}

fn requester(principal: &Principal) -> String {
    match &principal.kind {
        PrincipalKind::Anonymous => NOTHING.to_owned(),
        PrincipalKind::Root => canonical_id(&principal.account),
        PrincipalKind::Service { name } => format!("svc:{name}"),
        _ => principal.arn.clone(),
    }
}

/// The key as it stands in a URL, encoded once more: so AWS writes it.
fn twice_encoded(key: &str) -> String {
    let once = url_encode(key).replace('+', "%20");
    once.replace('%', "%25")
}

fn or_nothing(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty())
        .map_or_else(|| NOTHING.to_owned(), |text| printable(&text))
}

fn number(count: u64) -> String {
    match count {
        0 => NOTHING.to_owned(),
        count => count.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text))
}

/// A client chooses some of the fields: it must not be able to write lines or quotation marks.
fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || character == '"' {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                safe.push('%');
                safe.push_str(&hex::encode_upper([byte]));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

fn version_id(uri: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    let mut parameters = query.split('&');
    parameters.find_map(|parameter| Some(parameter.strip_prefix("versionId=")?.to_owned()))
}

fn authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::None => NOTHING,
        Authentication::Header => "AuthHeader",
        Authentication::Query => "QueryString",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{DefaultEncryption, Versioning};

    fn bucket() -> Bucket {
        Bucket {
            name: "photos".into(),
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            created: Timestamp(0),
            versioning: Versioning::Never,
            ownership: None,
            public_access_block: None,
            encryption: DefaultEncryption::default(),
            policy: None,
            object_lock: false,
            acl: Vec::new(),
        }
    }

    fn record() -> AccessRecord {
        AccessRecord {
            operation: "GetObject".into(),
            bucket: "photos".into(),
            key: Some("a b/c\"d.txt".into()),
            received: Timestamp(1_700_000_000_123),
            remote_ip: "192.0.2.3".into(),
            principal: Principal::anonymous(),
            request_id: "3E57427F3EXAMPLE".into(),
            host_id: "s9lzHYrFp76ZVxRc=".into(),
            method: "GET".into(),
            uri: "/photos/a%20b/c%22d.txt?versionId=v1&x=1".into(),
            status: 404,
            error_code: Some("NoSuchKey".into()),
            bytes_received: 0,
            bytes_sent: 297,
            object_size_bytes: None,
            total_ms: 38,
            turn_around_ms: 7,
            referrer: None,
            user_agent: Some("curl/8\r\n\"evil\"".into()),
            host: Some("photos.s3.localhost:4566".into()),
            authentication: Authentication::None,
            copy_source: None,
        }
    }

    #[test]
    fn a_line_has_the_fields_of_the_published_format() {
        let owner = canonical_id("111122223333");
        assert_eq!(
            of_request(&bucket(), &record()),
            format!(
                "{owner} photos [14/Nov/2023:22:13:20 +0000] 192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT \
                 a%2520b/c%2522d.txt \"GET /photos/a%20b/c%22d.txt?versionId=v1&x=1 HTTP/1.1\" 404 NoSuchKey 297 - 38 7 \
                 \"-\" \"curl/8%0D%0A%22evil%22\" v1 s9lzHYrFp76ZVxRc= - - - photos.s3.localhost:4566 - - - eu-west-1"
            )
        );
    }

    #[test]
    fn a_copy_is_told_to_its_source() {
        let copy = AccessRecord {
            operation: "CopyObject".into(),
            copy_source: Some("/originals/a%20b?versionId=3".into()),
            ..record()
        };
        assert_eq!(copied_from(&copy), Some(("originals".into(), "a b".into())));
        assert_eq!(copied_from(&record()), None);
    }
}
