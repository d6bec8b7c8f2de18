//! Which service, which operation, which protocol: everything arrives on one port.
//!
//! The order of the questions matters, since each later one is vaguer: the host of a data plane, a path of a data plane, the
//! CBOR header, the target header, the service that the signature names, an action in a form, a path that only one service
//! has, and S3 for all the rest. A route is a claim of the request, not a permission: the signature is verified after it,
//! against the service found here.

mod host;
pub(crate) mod rest;

use http::{Method, header, request};

use crate::error::Error;
use crate::model::{self, Listing, Operation, Service};
use crate::protocol::{Protocol, form};

pub use host::Hosts;

/// Where a request goes.
#[derive(Debug)]
pub enum Route {
    Api(Api),
    /// A request of a known or unknown service that is none of its operations; `service` is `None` for one not served.
    Refused {
        service: Option<&'static Service>,
        protocol: Protocol,
        error: Error,
    },
    /// The data plane of API Gateway. `stage` is `None` where the path begins with it.
    ExecuteApi {
        api_id: String,
        stage: Option<String>,
        path: String,
    },
    /// A Lambda function URL.
    FunctionUrl {
        url_id: String,
    },
    /// The answer of a custom resource, sent to the URL it was given.
    CustomResourceResponse {
        bucket: String,
        key: String,
    },
    /// A browser's upload form (`POST Object`).
    S3PostForm {
        bucket: String,
    },
    /// A CORS preflight.
    S3Preflight {
        bucket: Option<String>,
        key: Option<String>,
    },
    S3Website {
        bucket: String,
        path: String,
    },
    /// Our own endpoints under `/_cumulet/`; `path` is what follows.
    Management {
        path: String,
    },
}

/// An operation of an AWS API.
#[derive(Debug)]
pub struct Api {
    pub service: &'static Service,
    pub operation: &'static Operation,
    pub protocol: Protocol,
    pub labels: Labels,
}

/// Input members that were found in the path or the host: `Bucket`, `Key`, `FunctionName`, SQS's `QueueUrl`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(label, _)| label == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

/// Whether [`route`] must see the body: the operation of a query request is in its form.
pub fn needs_form(head: &request::Parts) -> bool {
    head.method == Method::POST && text(head, "x-amz-target").is_none() && is_form(head)
}

fn is_form(head: &request::Parts) -> bool {
    text(head, header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// Decides. `form` is the body where [`needs_form`] asks for it.
pub fn route(head: &request::Parts, form: Option<&[u8]>, hosts: &Hosts) -> Route {
    let place = hosts.classify(head);
    if let Some(route) = data_plane_host(&place, head) {
        return route;
    }
    let path = head.uri.path();
    if let Some(rest) = path.strip_prefix("/_cumulet/") {
        return Route::Management {
            path: rest.to_owned(),
        };
    }
    if let Some(route) = data_plane_path(path).or_else(|| custom_resource(&place, path)) {
        return route;
    }
    let parameters = Parameters::read(head, form);
    cbor(head)
        .or_else(|| target(head))
        .or_else(|| signed(head, &place, &parameters))
        .or_else(|| action(head, &parameters))
        .or_else(|| lambda_path(head))
        .unwrap_or_else(|| s3(head, &place))
}

fn data_plane_host(place: &host::Place, head: &request::Parts) -> Option<Route> {
    let path = head.uri.path().to_owned();
    match place {
        host::Place::ExecuteApi(api_id) => Some(Route::ExecuteApi {
            api_id: api_id.clone(),
            stage: None,
            path,
        }),
        host::Place::FunctionUrl(url_id) => Some(Route::FunctionUrl {
            url_id: url_id.clone(),
        }),
        host::Place::Website(bucket) => Some(Route::S3Website {
            bucket: bucket.clone(),
            path,
        }),
        host::Place::Bucket(_) | host::Place::Endpoint => None,
    }
}

/// API Gateway for clients that cannot choose a host name.
fn data_plane_path(path: &str) -> Option<Route> {
    let mut parts;
    let (api_id, stage, rest) = if let Some(rest) = path.strip_prefix("/_aws/execute-api/") {
        parts = rest.splitn(3, '/');
        (parts.next()?, parts.next()?, parts.next().unwrap_or(""))
    } else {
        parts = path.strip_prefix("/restapis/")?.splitn(4, '/');
        let (api_id, stage) = (parts.next()?, parts.next()?);
        (parts.next()? == "_user_request_").then_some((
            api_id,
            stage,
            parts.next().unwrap_or(""),
        ))?
    };
    Some(Route::ExecuteApi {
        api_id: api_id.to_owned(),
        stage: Some(stage.to_owned()),
        path: format!("/{rest}"),
    })
}

const CUSTOM_RESOURCE_BUCKET: &str = "cloudformation-custom-resource-response-";

fn custom_resource(place: &host::Place, path: &str) -> Option<Route> {
    let target = rest::S3Target::of(place, path);
    let bucket = target
        .bucket
        .filter(|bucket| bucket.starts_with(CUSTOM_RESOURCE_BUCKET))?;
    Some(Route::CustomResourceResponse {
        bucket,
        key: target.key.unwrap_or_default(),
    })
}

/// `POST .../service/{Service}/operation/{Operation}`.
fn cbor(head: &request::Parts) -> Option<Route> {
    if text(head, "smithy-protocol")? != "rpc-v2-cbor" {
        return None;
    }
    let mut segments = head.uri.path().rsplit('/');
    let (operation, marker) = (segments.next()?, segments.next()?);
    let (service, service_marker) = (segments.next()?, segments.next()?);
    let well_formed =
        marker == "operation" && service_marker == "service" && head.method == Method::POST;
    let listing = model::by_target_prefix(service)
        .filter(|_| well_formed && text(head, "x-amz-target").is_none());
    Some(named(listing, Protocol::Cbor, operation, Labels::default()))
}

/// `X-Amz-Target: Prefix.Operation`.
fn target(head: &request::Parts) -> Option<Route> {
    let target = text(head, "x-amz-target")?;
    let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
    let listing = model::by_target_prefix(prefix);
    if listing.is_none() && !prefix.is_empty() {
        return Some(not_served(prefix, Protocol::Json));
    }
    Some(named(listing, Protocol::Json, operation, Labels::default()))
}

/// The service that the credential scope names.
fn signed(head: &request::Parts, place: &host::Place, parameters: &Parameters) -> Option<Route> {
    let signing_name = crate::sigv4::claimed_service(head)?;
    if signing_name == "s3" {
        return Some(s3(head, place));
    }
    let Some(listing) = model::by_signing_name(&signing_name) else {
        let protocol = if is_form(head) {
            Protocol::Query
        } else {
            Protocol::RestJson
        };
        return Some(not_served(&signing_name, protocol));
    };
    let service = model::service(listing.name)?;
    Some(match service.metadata.protocols.first() {
        Some(Protocol::RestJson | Protocol::RestXml) => rest_route(service, head),
        // A form says by its version whom it is for; a scope of another service is then refused as wrong.
        _ => query(parameters.listing().or(Some(listing)), head, parameters),
    })
}

fn rest_route(service: &'static Service, head: &request::Parts) -> Route {
    let protocol = service
        .metadata
        .protocols
        .first()
        .copied()
        .unwrap_or(Protocol::RestJson);
    match rest::find(service, head) {
        Some((operation, labels)) => Route::Api(Api {
            service,
            operation,
            protocol,
            labels,
        }),
        None => unknown(Some(service), protocol, ""),
    }
}

/// The operation of a REST service and the labels of its path, by the service's URI templates. For S3, whose hosts and queries
/// say more, ask [`route`].
pub fn match_rest(
    service: &'static Service,
    head: &request::Parts,
) -> Option<(&'static Operation, Labels)> {
    rest::find(service, head)
}

/// An unsigned form, such as `AssumeRoleWithWebIdentity`; or a queue's own URL.
fn action(head: &request::Parts, parameters: &Parameters) -> Option<Route> {
    if queue_path(head.uri.path()) {
        return Some(query(
            model::by_signing_name("sqs").map(Some)?,
            head,
            parameters,
        ));
    }
    let listing = parameters.listing()?;
    Some(query(Some(listing), head, parameters))
}

fn query(
    listing: Option<&'static Listing>,
    head: &request::Parts,
    parameters: &Parameters,
) -> Route {
    let mut labels = Labels::default();
    if listing.is_some_and(|listing| listing.name == "sqs") && queue_path(head.uri.path()) {
        let host = text(head, header::HOST.as_str()).unwrap_or("127.0.0.1");
        labels.insert("QueueUrl", format!("http://{host}{}", head.uri.path()));
    }
    let Some(action) = &parameters.action else {
        let service = listing.and_then(|listing| model::service(listing.name));
        let speaks_query =
            service.is_some_and(|service| service.metadata.protocols.contains(&Protocol::Query));
        return unknown(
            service,
            if speaks_query {
                Protocol::Query
            } else {
                Protocol::Json
            },
            "",
        );
    };
    named(listing, Protocol::Query, action, labels)
}

/// `/{account}/{queue}`
fn queue_path(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    let account = segments.next().unwrap_or("");
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    digits && segments.next().is_some_and(|queue| !queue.is_empty()) && segments.next().is_none()
}

/// Lambda's paths begin with the date of their API.
fn lambda_path(head: &request::Parts) -> Option<Route> {
    let date = head.uri.path().get(1..11)?.as_bytes();
    let shape = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let service = model::service("lambda")
        .filter(|_| shape && head.uri.path().as_bytes().get(11) == Some(&b'/'))?;
    rest::find(service, head).map(|_| rest_route(service, head))
}

fn s3(head: &request::Parts, place: &host::Place) -> Route {
    let Some(service) = model::service("s3") else {
        return not_served("s3", Protocol::RestXml);
    };
    if !rest::is_utf8(head.uri.path()) {
        let error = Error::sender("InvalidURI", "Couldn't parse the specified URI.");
        return Route::Refused {
            service: Some(service),
            protocol: Protocol::RestXml,
            error,
        };
    }
    let target = rest::S3Target::of(place, head.uri.path());
    if head.method == Method::OPTIONS {
        return Route::S3Preflight {
            bucket: target.bucket,
            key: target.key,
        };
    }
    if let Some(bucket) = target
        .bucket
        .as_ref()
        .filter(|_| target.key.is_none() && is_upload_form(head))
    {
        return Route::S3PostForm {
            bucket: bucket.clone(),
        };
    }
    match rest::find_s3(service, head, &target) {
        Some((operation, labels)) => Route::Api(Api {
            service,
            operation,
            protocol: Protocol::RestXml,
            labels,
        }),
        None => method_not_allowed(service, head, &target),
    }
}

fn is_upload_form(head: &request::Parts) -> bool {
    let content_type = text(head, header::CONTENT_TYPE.as_str()).unwrap_or("");
    head.method == Method::POST && content_type.starts_with("multipart/form-data")
}

fn method_not_allowed(
    service: &'static Service,
    head: &request::Parts,
    target: &rest::S3Target,
) -> Route {
    let resource = match (&target.bucket, &target.key) {
        (None, _) => "SERVICE",
        (Some(_), None) => "BUCKET",
        (Some(_), Some(_)) => "OBJECT",
    };
    let error = Error::sender(
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
    .with_status(405)
    .with_member("Method", head.method.as_str())
    .with_member("ResourceType", resource);
    Route::Refused {
        service: Some(service),
        protocol: Protocol::RestXml,
        error,
    }
}

/// The operation by its name, in the service found.
fn named(
    listing: Option<&'static Listing>,
    protocol: Protocol,
    name: &str,
    labels: Labels,
) -> Route {
    let service = listing.and_then(|listing| model::service(listing.name));
    let operation = service.and_then(|service| service.operation(name));
    match (service, operation) {
        (Some(service), Some(operation)) => Route::Api(Api {
            service,
            operation,
            protocol,
            labels,
        }),
        _ => unknown(service, protocol, name),
    }
}

fn unknown(service: Option<&'static Service>, protocol: Protocol, name: &str) -> Route {
    let version = service.map_or("", |service| service.metadata.api_version.as_str());
    let error = match (protocol, name) {
        (Protocol::Query, "") => Error::sender("UnknownOperationException", "").with_status(404),
        (Protocol::Query, name) => Error::sender(
            "InvalidAction",
            format!("Could not find operation {name} for version {version}"),
        ),
        _ => Error::sender("UnknownOperationException", ""),
    };
    Route::Refused {
        service,
        protocol,
        error,
    }
}

/// A service that AWS may have and this program does not.
fn not_served(name: &str, protocol: Protocol) -> Route {
    let message = format!("The service {name} is not implemented.");
    let error = Error::new(501, crate::Fault::Receiver, "NotImplemented", message);
    Route::Refused {
        service: None,
        protocol,
        error,
    }
}

/// What a form or query string says of its operation.
struct Parameters {
    action: Option<String>,
    version: Option<String>,
}

impl Parameters {
    fn read(head: &request::Parts, body: Option<&[u8]>) -> Self {
        let query = form::parse(head.uri.query().unwrap_or("").as_bytes());
        let body = crate::protocol::inflate(head, body.unwrap_or(b"")).unwrap_or_default();
        let form = form::parse(&body);
        let find = |name| {
            form::get(&form, name)
                .or_else(|| form::get(&query, name))
                .map(str::to_owned)
        };
        Self {
            action: find("Action"),
            version: find("Version"),
        }
    }

    /// The service whose action, by its version, this is.
    fn listing(&self) -> Option<&'static Listing> {
        self.action.as_ref()?;
        model::by_query_version(self.version.as_deref()?)
    }
}

fn text<'a>(head: &'a request::Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
