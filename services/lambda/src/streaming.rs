//! Answers in parts: what a function writes goes out while it still runs.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cumulet_engine::Context;
use cumulet_engine::body::Body;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_engine::http::HttpReply;
use cumulet_engine::operation::{Reply, Request};
use cumulet_engine::runner::{Outcome, StreamPart, StreamSink};
use cumulet_wire::event_stream;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::api::InvokeInput;
use super::name::FunctionName;
use super::run::{self, Call, Prepared};
use super::{errors, invoke, url_event};

/// What a function may be ahead of its reader, in parts.
const PARTS_AHEAD: usize = 16;
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
/// A function that says so begins with status and headers, and this many zero bytes.
const HTTP_RESPONSE: &str = "application/vnd.awslambda.http-integration-response";
const PRELUDE_END: [u8; 8] = [0; 8];
const PRELUDE_BYTES_MAX: usize = 1 << 20;

/// A run whose answer is on its way.
struct Running {
    parts: mpsc::Receiver<StreamPart>,
    run: JoinHandle<Result<Outcome>>,
}

/// How an answer begins.
enum Beginning {
    ContentType(String),
    /// The function answered in one piece, or failed before it wrote anything.
    Ended(Result<Outcome>),
}

impl Running {
    fn start(engine: &Engine, context: &Context, prepared: Prepared, call: Call) -> Running {
        let (sender, parts) = mpsc::channel(PARTS_AHEAD);
        let sink = StreamSink(Arc::new(move |part| {
            let sender = sender.clone();
            // Where the reader has gone, the function still runs to its end.
            Box::pin(async move { drop(sender.send(part).await) })
        }));
        let call = Call {
            stream: Some(sink),
            ..call
        };
        let (engine, context) = (engine.clone(), context.clone());
        let run =
            tokio::spawn(async move { run::to_the_end(&engine, &context, prepared, call).await });
        Running { parts, run }
    }

    async fn beginning(&mut self) -> Beginning {
        match self.parts.recv().await {
            Some(StreamPart::ContentType(content_type)) => Beginning::ContentType(content_type),
            Some(StreamPart::Bytes(_)) | None => Beginning::Ended(self.outcome().await),
        }
    }

    async fn outcome(&mut self) -> Result<Outcome> {
        (&mut self.run)
            .await
            .unwrap_or_else(|error| Err(errors::service(error.to_string())))
    }

    /// The next bytes; nothing when the function has written all.
    async fn bytes(&mut self) -> Option<Bytes> {
        loop {
            match self.parts.recv().await? {
                StreamPart::Bytes(bytes) => return Some(bytes),
                StreamPart::ContentType(_) => {}
            }
        }
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>
pub(super) fn operation(
    engine: Engine,
    context: Context,
    mut request: Request,
) -> BoxFuture<'static, Result<Reply>> {
    Box::pin(async move {
        let mut input: InvokeInput = request.decode()?;
        let name =
            FunctionName::qualified(&context, &input.function_name, input.qualifier.as_deref())?;
        let payload = invoke::synchronous_payload(request.body, input.payload.take()).await?;
        let prepared = engine.read(|tx| invoke::prepare(tx, &context, name))?;
        if input.invocation_type.as_deref() == Some("DryRun") {
            return Ok(Reply {
                status: Some(204),
                ..Reply::default()
            });
        }
        let version = prepared.version.version.clone();
        let call = invoke::call(&context, payload, input.client_context.take())?;
        let mut running = Running::start(&engine, &context, prepared, call);
        let tail = input.log_type.as_deref() == Some("Tail");
        let events = match running.beginning().await {
            Beginning::ContentType(_) => events(running, tail),
            Beginning::Ended(outcome) => ended(&outcome?, tail),
        };
        Ok(Reply {
            output: json!({
                "StatusCode": 200, "ExecutedVersion": version, "ResponseStreamContentType": EVENT_STREAM,
            }),
            body: Body::Stream {
                length: None,
                chunks: events,
                trailers: None,
            },
            status: None,
        })
    })
}

type Chunks = BoxStream<'static, Result<Bytes>>;

fn chunk(payload: &[u8]) -> Bytes {
    event_stream::event("PayloadChunk", "application/octet-stream", payload).into()
}

fn complete(outcome: &Outcome, tail: bool) -> Bytes {
    let mut members = json!({});
    if outcome.function_error.is_some() {
        let code = outcome.error_type.as_deref().unwrap_or("Unhandled");
        members["ErrorCode"] = code.into();
        members["ErrorDetails"] = String::from_utf8_lossy(&outcome.payload).into();
    }
    if tail {
        members["LogResult"] = invoke::log_result(outcome).into();
    }
    let text = members.to_string();
    event_stream::event("InvokeComplete", "application/json", text.as_bytes()).into()
}

/// Each part as it comes, and at the end how it ended.
fn events(running: Running, tail: bool) -> Chunks {
    let parts = stream::unfold(Some(running), move |running| async move {
        let mut running = running?;
        if let Some(bytes) = running.bytes().await {
            return Some((Ok(chunk(&bytes)), Some(running)));
        }
        let end = running.outcome().await;
        Some((end.map(|outcome| complete(&outcome, tail)), None))
    });
    parts.boxed()
}

/// An answer in one piece is one part.
fn ended(outcome: &Outcome, tail: bool) -> Chunks {
    let mut events = Vec::new();
    if outcome.function_error.is_none() && !outcome.payload.is_empty() {
        events.push(Ok(chunk(&outcome.payload)));
    }
    events.push(Ok(complete(outcome, tail)));
    stream::iter(events).boxed()
}

/// An answer through a function URL: status and headers at once, the body as it comes.
pub(super) async fn through_url(
    engine: &Engine,
    context: &Context,
    prepared: Prepared,
    call: Call,
) -> Result<(HttpReply, Body)> {
    let mut running = Running::start(engine, context, prepared, call);
    let content_type = match running.beginning().await {
        Beginning::ContentType(content_type) => content_type,
        Beginning::Ended(outcome) => return Ok((whole(&outcome?), Body::Empty)),
    };
    let (reply, rest) = if content_type == HTTP_RESPONSE {
        let (prelude, rest) = prelude(&mut running).await?;
        (url_event::reply(&Bytes::from(prelude.to_string())), rest)
    } else {
        (plain(200, &content_type), Bytes::new())
    };
    let first = stream::iter((!rest.is_empty()).then_some(Ok(rest)));
    let later = stream::unfold(running, |mut running| async move {
        Some((Ok(running.bytes().await?), running))
    });
    let body = Body::Stream {
        length: None,
        chunks: first.chain(later).boxed(),
        trailers: None,
    };
    Ok((reply, body))
}

fn whole(outcome: &Outcome) -> HttpReply {
    if outcome.function_error.is_some() {
        return url_event::bad_gateway();
    }
    HttpReply {
        body: outcome.payload.clone(),
        ..plain(200, "application/octet-stream")
    }
}

fn plain(status: u16, content_type: &str) -> HttpReply {
    HttpReply {
        status,
        headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
        ..HttpReply::default()
    }
}

/// Status and headers, and what came with them of the body.
async fn prelude(running: &mut Running) -> Result<(Value, Bytes)> {
    let mut read = BytesMut::new();
    let end = loop {
        if let Some(end) = read
            .windows(PRELUDE_END.len())
            .position(|window| window == PRELUDE_END)
        {
            break end;
        }
        match running.bytes().await {
            Some(bytes) if read.len() <= PRELUDE_BYTES_MAX => read.extend_from_slice(&bytes),
            _ => {
                return Err(errors::service(
                    "a streamed answer without its prelude".to_owned(),
                ));
            }
        }
    };
    let rest = read.split_off(end + PRELUDE_END.len()).freeze();
    let prelude = serde_json::from_slice(&read[..end]);
    let mut prelude: Value = prelude.map_err(|error| Error::internal(error.to_string()))?;
    if prelude.get("statusCode").is_none() {
        prelude["statusCode"] = 200.into();
    }
    Ok((prelude, rest))
}
