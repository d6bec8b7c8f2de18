//! Function URLs: a function as a web server, behind its own policy.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-urls.html>

use cumulet_engine::access::Access;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::http::{HttpReply, HttpRequest};
use cumulet_engine::registry::Denial;
use cumulet_engine::{Context, Principal};
use cumulet_identity::iam;
use cumulet_kernel::Tx;
use cumulet_kernel::store::Direction;
use serde_json::{Map, Value, json};

use super::api::{FunctionInput, ListPartsInput, UrlConfigInput};
use super::configuration::iso_utc;
use super::function::whole;
use super::name::FunctionName;
use super::run::{self, Call, Prepared};
use super::state::{URL_TARGETS, URLS, UrlRecord, UrlTarget, part_key};
use super::{configuration, errors, invoke, page, resolve, streaming, url_event};

const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";
const ID_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
const BODY_BYTES_MAX: usize = 6_291_456;

pub(super) fn change_access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    input: &UrlConfigInput,
) -> Result<Vec<Access>> {
    let qualifier = input.qualifier.as_deref();
    let needed = resolve::access(tx, context, action, &input.function_name, qualifier)?;
    let with_type = |access: Access| match &input.auth_type {
        Some(auth_type) => access.condition("lambda:FunctionUrlAuthType", auth_type),
        None => access,
    };
    Ok(needed.into_iter().map(with_type).collect())
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunctionUrlConfig.html>
pub(super) fn create(tx: &mut Tx<'_>, context: &Context, input: UrlConfigInput) -> Result<Value> {
    let name = named(
        tx,
        context,
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    if load(tx, &name)?.is_some() {
        return Err(errors::conflict(format!(
            "Failed to create function url config for [functionArn = {}]. Error message:  \
             FunctionUrlConfig exists for this Lambda function",
            name.asked_arn()
        )));
    }
    let record = UrlRecord {
        id: context.ids.text(32, ID_LETTERS),
        qualifier: name.qualifier.clone(),
        auth_type: input.auth_type.clone().unwrap_or_default(),
        invoke_mode: "BUFFERED".into(),
        cors: None,
        created: context.now,
        last_modified: context.now,
    };
    let target = UrlTarget {
        account: name.account.clone(),
        region: name.region.clone(),
        function: name.name.clone(),
        qualifier: name.qualifier.clone(),
    };
    tx.save(URL_TARGETS, record.id.as_bytes(), &target)?;
    let record = save(tx, &name, record, input)?;
    let mut answer = answer_of(&name, &record);
    answer.remove("LastModifiedTime");
    Ok(Value::Object(answer))
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionUrlConfig.html>
pub(super) fn update(tx: &mut Tx<'_>, context: &Context, input: UrlConfigInput) -> Result<Value> {
    let name = named(
        tx,
        context,
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    let mut record = existing(tx, &name)?;
    record.last_modified = context.now;
    let record = save(tx, &name, record, input)?;
    Ok(Value::Object(answer_of(&name, &record)))
}

fn save(
    tx: &mut Tx<'_>,
    name: &FunctionName,
    mut record: UrlRecord,
    input: UrlConfigInput,
) -> Result<UrlRecord> {
    if let Some(mode) = input.invoke_mode {
        record.invoke_mode = mode;
    }
    if let Some(auth_type) = input.auth_type {
        record.auth_type = auth_type;
    }
    if input.cors.is_some() {
        record.cors = input.cors;
    }
    tx.save(URLS, url_key(name), &record)?;
    Ok(record)
}

fn url_key(name: &FunctionName) -> cumulet_kernel::Key {
    part_key(name, name.qualifier.as_deref().unwrap_or_default())
}

fn named(
    tx: &Tx<'_>,
    context: &Context,
    function: &str,
    qualifier: Option<&str>,
) -> Result<FunctionName> {
    let name = FunctionName::qualified(context, function, qualifier)?;
    resolve::qualified(tx, &name).map_err(|error| match error.status {
        404 => errors::missing("Function does not exist"),
        _ => error,
    })?;
    Ok(name)
}

fn load(tx: &Tx<'_>, name: &FunctionName) -> Result<Option<UrlRecord>> {
    Ok(tx.load(URLS, url_key(name))?)
}

fn existing(tx: &Tx<'_>, name: &FunctionName) -> Result<UrlRecord> {
    load(tx, name)?.ok_or_else(|| errors::missing("The resource you requested does not exist."))
}

fn answer_of(name: &FunctionName, record: &UrlRecord) -> Map<String, Value> {
    let name = FunctionName {
        qualifier: record.qualifier.clone(),
        ..name.clone()
    };
    let mut answer = Map::new();
    let url = format!("https://{}.lambda-url.{}.on.aws/", record.id, name.region);
    answer.insert("FunctionUrl".into(), json!(url));
    answer.insert("FunctionArn".into(), json!(name.asked_arn()));
    answer.insert("AuthType".into(), json!(record.auth_type));
    if let Some(cors) = &record.cors {
        answer.insert("Cors".into(), cors.clone());
    }
    answer.insert("CreationTime".into(), json!(iso_utc(record.created)));
    answer.insert(
        "LastModifiedTime".into(),
        json!(iso_utc(record.last_modified)),
    );
    answer.insert("InvokeMode".into(), json!(record.invoke_mode));
    answer
}

pub(super) fn get(tx: &mut Tx<'_>, context: &Context, input: FunctionInput) -> Result<Value> {
    let name = named(
        tx,
        context,
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    Ok(Value::Object(answer_of(&name, &existing(tx, &name)?)))
}

pub(super) fn delete(tx: &mut Tx<'_>, context: &Context, input: FunctionInput) -> Result<Value> {
    let name = named(
        tx,
        context,
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    let record = existing(tx, &name)?;
    tx.delete(URL_TARGETS, record.id.as_bytes())?;
    tx.delete(URLS, url_key(&name))?;
    Ok(Value::Object(Map::new()))
}

/// Removes all URLs of a function that goes.
pub(super) fn delete_all(tx: &mut Tx<'_>, name: &FunctionName) -> Result<()> {
    let mut keys = Vec::new();
    for pair in tx.prefix(URLS, name.key(), Direction::Forward)? {
        keys.push(pair?.0);
    }
    for key in keys {
        if let Some(record) = tx.load::<UrlRecord>(URLS, &key)? {
            tx.delete(URL_TARGETS, record.id.as_bytes())?;
        }
        tx.delete(URLS, key)?;
    }
    Ok(())
}

pub(super) fn list(tx: &mut Tx<'_>, context: &Context, input: ListPartsInput) -> Result<Value> {
    let name = whole(context, &input.function_name)?;
    if resolve::function(tx, &name).is_err() {
        return Err(errors::missing("Function does not exist"));
    }
    let (marker, limit) = (input.marker.as_deref(), input.max_items);
    let page = page::of::<UrlRecord>(tx, URLS, &name.key(), marker, limit)?;
    let configs: Vec<_> = page
        .records
        .iter()
        .map(|(_, record)| answer_of(&name, record))
        .collect();
    let mut output = json!({ "FunctionUrlConfigs": configs });
    if let Some(next) = page.next {
        output["NextMarker"] = json!(next);
    }
    Ok(output)
}

/// A URL as a request finds it.
struct Door {
    name: FunctionName,
    record: UrlRecord,
}

fn door(tx: &Tx<'_>, url_id: &str) -> Result<Option<Door>> {
    let Some(target) = tx.load::<UrlTarget>(URL_TARGETS, url_id.as_bytes())? else {
        return Ok(None);
    };
    let name = FunctionName {
        account: target.account,
        region: target.region,
        name: target.function,
        qualifier: target.qualifier,
    };
    Ok(load(tx, &name)?.map(|record| Door { name, record }))
}

/// Answers a request to a function URL.
pub(super) async fn answer(
    engine: &Engine,
    caller: Context,
    url_id: &str,
    request: HttpRequest,
) -> (HttpReply, Body) {
    let (caller, _span) = caller.span("lambda:InvokeFunctionUrl");
    let found = engine.read(|tx| door(tx, url_id));
    let door = match found {
        Ok(Some(door)) => door,
        Ok(None) => return (message(403, FORBIDDEN), Body::Empty),
        Err(error) => return (failure(&caller, &error), Body::Empty),
    };
    let cors = door
        .record
        .cors
        .as_ref()
        .and_then(|cors| Cors::of(cors, &request));
    if let Some(preflight) = cors.as_ref().and_then(|cors| cors.preflight(&request)) {
        return (preflight, Body::Empty);
    }
    let (mut reply, body) = invoke_door(engine, &caller, door, &request).await;
    if let Some(cors) = cors {
        cors.add_to(&mut reply);
    }
    (reply, body)
}

async fn invoke_door(
    engine: &Engine,
    caller: &Context,
    door: Door,
    request: &HttpRequest,
) -> (HttpReply, Body) {
    let plain = |reply: HttpReply| (reply, Body::Empty);
    if request.body.len() > BODY_BYTES_MAX {
        return plain(message(413, "Request Entity Too Large"));
    }
    let caller = match door.record.auth_type.as_str() {
        "AWS_IAM" => caller.clone(),
        _ => caller.acting_as(Principal::anonymous()),
    };
    let context = caller.located(&door.name.account, &door.name.region);
    let prepared = match engine.read(|tx| prepare(tx, &context, &door)) {
        Ok(prepared) => prepared,
        Err(error) => return plain(failure(&context, &error)),
    };
    let call = Call {
        request_id: context.ids.uuid(),
        payload: url_event::event(&context, &door.record, request)
            .to_string()
            .into(),
        client_context: None,
        stream: None,
    };
    if door.record.invoke_mode == "RESPONSE_STREAM" {
        let streamed = streaming::through_url(engine, &context, prepared, call).await;
        return streamed.unwrap_or_else(|error| plain(failure(&context, &error)));
    }
    plain(
        match run::to_the_end(engine, &context, prepared, call).await {
            Ok(outcome) if outcome.function_error.is_none() => url_event::reply(&outcome.payload),
            Ok(_) => url_event::bad_gateway(),
            Err(error) => failure(&context, &error),
        },
    )
}

/// Since October 2025 a caller needs both permissions.
fn prepare(tx: &Tx<'_>, context: &Context, door: &Door) -> Result<Prepared> {
    let url = resolve::access_to(tx, "lambda:InvokeFunctionUrl", &door.name)?
        .condition("lambda:FunctionUrlAuthType", &door.record.auth_type);
    let function = resolve::access_to(tx, "lambda:InvokeFunction", &door.name)?
        .condition("lambda:InvokedViaFunctionUrl", "true");
    iam::authorise(tx, context, &[url, function])?;
    let prepared = invoke::find(tx, context, door.name.clone())?;
    configuration::refuse_unless_active(&prepared.version)?;
    Ok(prepared)
}

fn failure(context: &Context, error: &Error) -> HttpReply {
    context.trace.fail(&error.code);
    if error.is_access_denied() || error.code == Denial::RestJson.code() {
        return message(403, FORBIDDEN);
    }
    match error.status {
        429 => message(429, &error.message),
        _ => url_event::bad_gateway(),
    }
}

fn message(status: u16, text: &str) -> HttpReply {
    HttpReply::json(status, &json!({ "Message": text }).to_string())
}

/// What the URL's CORS configuration says to one request that names its origin.
struct Cors {
    origin: String,
    configuration: Value,
}

impl Cors {
    fn of(configuration: &Value, request: &HttpRequest) -> Option<Self> {
        let origin = request.header("origin")?;
        let allowed = configuration["AllowOrigins"].as_array()?;
        let any = allowed.iter().any(|one| one == "*");
        if !any && !allowed.iter().any(|one| one == origin) {
            return None;
        }
        let with_credentials = configuration["AllowCredentials"] == true;
        Some(Self {
            origin: if any && !with_credentials {
                "*".into()
            } else {
                origin.to_owned()
            },
            configuration: configuration.clone(),
        })
    }

    fn list(&self, member: &str) -> Option<String> {
        let list = self.configuration[member].as_array()?;
        let names: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// Answers a preflight, which the function never sees.
    fn preflight(&self, request: &HttpRequest) -> Option<HttpReply> {
        let wanted = request.header("access-control-request-method");
        wanted.filter(|_| request.method.eq_ignore_ascii_case("OPTIONS"))?;
        let mut reply = HttpReply {
            status: 200,
            ..HttpReply::default()
        };
        self.add_to(&mut reply);
        let mut add = |name: &str, value: Option<String>| {
            reply
                .headers
                .extend(value.map(|value| (name.to_owned(), value)));
        };
        add("access-control-allow-methods", self.list("AllowMethods"));
        add("access-control-allow-headers", self.list("AllowHeaders"));
        let age = self.configuration["MaxAge"].as_u64();
        add("access-control-max-age", age.map(|age| age.to_string()));
        Some(reply)
    }

    fn add_to(&self, reply: &mut HttpReply) {
        let ours = |name: &str| name.to_ascii_lowercase().starts_with("access-control-");
        reply.headers.retain(|(name, _)| !ours(name));
        let mut add = |name: &str, value: String| reply.headers.push((name.to_owned(), value));
        add("access-control-allow-origin", self.origin.clone());
        add("vary", "Origin".to_owned());
        if let Some(exposed) = self.list("ExposeHeaders") {
            add("access-control-expose-headers", exposed);
        }
        if self.configuration["AllowCredentials"] == true {
            add("access-control-allow-credentials", "true".to_owned());
        }
    }
}
