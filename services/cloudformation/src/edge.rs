//! Templates that lie in a bucket: read before the transaction, as the caller.

use std::collections::BTreeMap;

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::Result;
use cumulet_engine::operation::{Reply, Request};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use cumulet_s3 as s3;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::access::{StackRequest, access};
use super::api::{CreateChangeSetInput, CreateStackInput, TemplateInput, UpdateStackInput};
use super::state::Source;
use super::template::{SIZE_BYTES_MAX, Template, refusal, transform};
use super::{change_sets, stacks, templates};

type Handled = BoxFuture<'static, Result<Reply>>;
type Transacted<I> = fn(&mut Tx<'_>, &Context, I) -> Result<Value>;

pub(super) fn create_stack(engine: Engine, context: Context, request: Request) -> Handled {
    with_template::<CreateStackInput>(
        engine,
        context,
        request,
        "CreateStack",
        stacks::create_stack,
    )
    .boxed()
}

pub(super) fn update_stack(engine: Engine, context: Context, request: Request) -> Handled {
    with_template::<UpdateStackInput>(
        engine,
        context,
        request,
        "UpdateStack",
        stacks::update_stack,
    )
    .boxed()
}

pub(super) fn create_change_set(engine: Engine, context: Context, request: Request) -> Handled {
    let name = "CreateChangeSet";
    with_template::<CreateChangeSetInput>(engine, context, request, name, change_sets::create)
        .boxed()
}

pub(super) fn validate_template(engine: Engine, context: Context, request: Request) -> Handled {
    let name = "ValidateTemplate";
    with_template::<TemplateInput>(engine, context, request, name, templates::validate).boxed()
}

pub(super) fn template_summary(engine: Engine, context: Context, request: Request) -> Handled {
    let name = "GetTemplateSummary";
    with_template::<TemplateInput>(engine, context, request, name, templates::summary).boxed()
}

/// Puts the body that TemplateURL names in the place of TemplateBody, then runs the operation.
async fn with_template<I>(
    engine: Engine,
    context: Context,
    mut request: Request,
    action: &'static str,
    operation: Transacted<I>,
) -> Result<Reply>
where
    I: StackRequest + DeserializeOwned + Send + 'static,
{
    let url = request.input.get("TemplateURL").and_then(Value::as_str);
    if let Some(url) = url.map(str::to_owned) {
        if request.input.get("TemplateBody").is_some() {
            return Err(refusal(
                "You cannot specify both Template URL and Template Body.",
            ));
        }
        request.input["TemplateBody"] = fetch(&engine, &context, &url).await?.into();
    }
    let body = request.input.get("TemplateBody").and_then(Value::as_str);
    if let Some(body) = body {
        let snippets = snippets(&engine, &context, body).await?;
        request.input["cumulet:snippets"] = json!(snippets);
    }
    let input: I = request.decode()?;
    let output = engine
        .write(move |tx| {
            let needed = access(tx, &context, action, &input)?;
            iam::authorise(tx, &context, &needed)?;
            operation(tx, &context, input)
        })
        .await?;
    Reply::of(&output)
}

/// The template at a URL with all that it includes.
pub(super) async fn source_at(engine: &Engine, context: &Context, url: &str) -> Result<Source> {
    let body = fetch(engine, context, url).await?;
    let snippets = snippets(engine, context, &body).await?;
    Ok(Source { body, snippets })
}

/// The snippets that a template includes, by location. What is no template at all is refused later.
async fn snippets(
    engine: &Engine,
    context: &Context,
    body: &str,
) -> Result<BTreeMap<String, String>> {
    let mut snippets = BTreeMap::new();
    let Some(template) = Template::read(body).ok().filter(transform::is_needed) else {
        return Ok(snippets);
    };
    for location in transform::locations(&template)? {
        let text = fetch(engine, context, &location).await?;
        snippets.insert(location, text);
    }
    Ok(snippets)
}

async fn fetch(engine: &Engine, context: &Context, url: &str) -> Result<String> {
    let object = locate(&context.endpoint, url)?;
    let context = context.through("cloudformation");
    let body = s3::read_object(
        engine,
        &context,
        &object.bucket,
        &object.key,
        object.version_id.as_deref(),
    )
    .await
    .map_err(|error| refusal(format!("S3 error: {}", error.message)))?;
    let too_large = || {
        refusal(format!(
            "Template may not exceed {SIZE_BYTES_MAX} bytes in size."
        ))
    };
    let bytes = body.collect(SIZE_BYTES_MAX, too_large).await?;
    String::from_utf8(bytes.to_vec())
        .map_err(|_| refusal("Template format error: unsupported structure."))
}

/// An object as a URL names it.
#[derive(Debug, PartialEq, Eq)]
struct Located {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

/// The bucket and key of a URL in any of S3's spellings, at AWS's host or at ours.
fn locate(endpoint: &str, url: &str) -> Result<Located> {
    let unsupported = || refusal("TemplateURL must be a supported URL.");
    if let Some(place) = url.strip_prefix("s3://") {
        let (bucket, key) = place.split_once('/').ok_or_else(unsupported)?;
        return Ok(Located {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: None,
        });
    }
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(unsupported)?;
    let (authority, path) = rest.split_once('/').ok_or_else(unsupported)?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let version = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("versionId="));
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let (bucket, key) = match bucket_in_host(endpoint, authority) {
        Some(Some(bucket)) => (bucket.to_owned(), decoded.into_owned()),
        Some(None) => {
            let (bucket, key) = decoded.split_once('/').ok_or_else(unsupported)?;
            (bucket.to_owned(), key.to_owned())
        }
        None => {
            return Err(refusal(format!(
                "S3 error: Domain name specified in {authority} is not a valid S3 domain"
            )));
        }
    };
    Ok(Located {
        bucket,
        key,
        version_id: version.map(str::to_owned),
    })
}

/// `None` for a foreign host; `Some(None)` where the bucket is in the path.
fn bucket_in_host<'a>(endpoint: &str, authority: &'a str) -> Option<Option<&'a str>> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let own = endpoint.split("://").nth(1).unwrap_or_default();
    let own_host = own.rsplit_once(':').map_or(own, |(host, _)| host);
    for ours in [own_host, "localhost", "127.0.0.1", "[::1]"] {
        if host == ours {
            return Some(None);
        }
        if let Some(bucket) = host
            .strip_suffix(ours)
            .and_then(|rest| rest.strip_suffix('.'))
        {
            return Some(Some(bucket.strip_suffix(".s3").unwrap_or(bucket)));
        }
    }
    let front = host.strip_suffix(".amazonaws.com")?;
    if front == "s3" || front.starts_with("s3.") || front.starts_with("s3-") {
        return Some(None);
    }
    let (bucket, _) = front.split_once(".s3")?;
    Some(Some(bucket))
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn an_object_is_found_in_every_spelling_of_its_url() {
        for url in [
            "http://127.0.0.1:4566/assets/a/b.json",
            "http://localhost:4566/assets/a%2Fb.json",
            "http://assets.s3.localhost:4566/a/b.json",
            "https://s3.amazonaws.com/assets/a/b.json",
            "https://s3.eu-west-1.amazonaws.com/assets/a/b.json",
            "https://assets.s3.eu-west-1.amazonaws.com/a/b.json",
            "https://assets.s3-eu-west-1.amazonaws.com/a/b.json",
        ] {
            let located = locate("http://127.0.0.1:4566", url).map(|one| (one.bucket, one.key));
            assert_eq!(located, Ok(("assets".into(), "a/b.json".into())), "{url}");
        }
        let message = |url| locate("http://127.0.0.1:4566", url).map_err(|error| error.message);
        assert_eq!(
            message("https://example.com/a/b"),
            Err("S3 error: Domain name specified in example.com is not a valid S3 domain".into())
        );
        assert_eq!(
            message("ftp://x"),
            Err("TemplateURL must be a supported URL.".into())
        );
    }
}
