//! A browser's upload form (`POST Object`): the one request whose signature travels in its body.

use cumulet_engine::body::Body;
use cumulet_engine::http::HttpReply;
use cumulet_s3 as s3;
use cumulet_wire::{Protocol, model, sigv4};

use super::identity::{self, Caller, Unproven};
use super::{Inbound, Outbound, Unread, access, api, data_plane, refused};
use crate::server::Server;
use crate::server::bodies;

const WHAT: &str = "s3:PostObject";

pub(super) async fn answer(
    server: &Server,
    inbound: Inbound,
    bucket: &str,
    body: Unread,
) -> Outbound {
    let mut record = access::begin(server, &inbound, "PostObject", bucket, None);
    let mut caller_arn = String::new();
    let posted = post(server, &inbound, bucket, body, &mut record, &mut caller_arn).await;
    let mut outbound = match posted {
        Ok(reply) => data_plane::outbound(reply, &inbound, WHAT.to_owned(), caller_arn),
        Err(error) => Outbound {
            principal: caller_arn,
            ..refused(
                &inbound,
                WHAT,
                model::service("s3"),
                Protocol::RestXml,
                error,
            )
        },
    };
    cumulet_wire::add_s3_ids(outbound.response.headers_mut(), &inbound.request_id);
    api::add_cors(server, &inbound, bucket, outbound.response.headers_mut());
    outbound.access = Some(record);
    outbound
}

async fn post(
    server: &Server,
    inbound: &Inbound,
    bucket: &str,
    body: Unread,
    record: &mut s3::AccessRecord,
    caller_arn: &mut String,
) -> Result<HttpReply, cumulet_wire::Error> {
    let content_type = inbound.head.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|kind| kind.to_str().ok());
    let body = match body {
        Unread::Stream(body) => Body::Stream {
            length: None,
            chunks: bodies::chunks(body, inbound.arrival.clone()),
            trailers: None,
        },
        Unread::Read(read) => Body::from(read),
    };
    let form = s3::read_form(content_type.unwrap_or_default(), body).await?;
    record.key = form.field("key").map(str::to_owned);
    let caller = signer(server, inbound, &form)?;
    caller_arn.clone_from(&caller.principal.arn);
    record.principal = caller.principal.clone();
    let context = api::context(server, inbound, &caller);
    Ok(s3::post_object(&server.engine, &context, bucket, form).await?)
}

/// Who signed the form's policy; anonymous where there is no signature or nothing that was signed.
fn signer(
    server: &Server,
    inbound: &Inbound,
    form: &s3::Form,
) -> Result<Caller, cumulet_wire::Error> {
    let refusal = |fault: sigv4::SignatureFault| fault.to_error("s3", Protocol::RestXml);
    let claim = sigv4::parse_form(|name| form.field(name)).map_err(refusal)?;
    let (Some(claim), Some(policy)) = (claim, form.field("policy")) else {
        return Ok(Caller::anonymous());
    };
    let (key, token) = (&claim.access_key, claim.session_token.as_deref());
    let identity =
        identity::find(server, inbound, key, token).map_err(|unproven| match unproven {
            Unproven::Fault(fault) => refusal(fault),
            Unproven::Internal(error) => error.into(),
        })?;
    claim
        .verify(&identity.secret_access_key, policy)
        .map_err(refusal)?;
    Ok(Caller {
        principal: identity.principal,
        region: claim.region,
        ..Caller::anonymous()
    })
}
