//! Lambda: functions, their code, and their invocation.

use bytes::Bytes;
use cumulet_kernel::outbox::Entry;
use cumulet_kernel::{Context, Table, Tx};
use serde_json::Value;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::operation::Operation;

pub(crate) const TABLES: &[Table] = &[];

/// The OPERATIONS table.
pub fn operations() -> Vec<Operation> {
    Vec::new()
}

/// What an invocation answered, for the service that made it.
#[derive(Clone, Debug)]
pub struct Invoked {
    pub payload: Bytes,
    pub function_error: Option<String>,
    pub executed_version: String,
}

/// Invokes a function synchronously as the context's principal (API Gateway calls with
/// `context.as_service("apigateway.amazonaws.com", method_arn, account)`), through its policy, limits,
/// logs and metrics. `function` is a name or ARN, with or without qualifier.
pub async fn invoke(
    _engine: &Engine,
    _context: &Context,
    _function: &str,
    _payload: Bytes,
) -> Result<Invoked> {
    Err(Error::not_implemented("lambda:InvokeFunction"))
}

/// Queues an asynchronous invocation as the context's principal; durable when the transaction commits.
/// Answers the invocation's request id.
pub fn invoke_later(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _function: &str,
    _payload: &[u8],
) -> Result<String> {
    Err(Error::not_implemented("lambda:InvokeFunction"))
}

/// Code that has been fetched, checked and stored, ready for [`create_function_in`].
#[derive(Clone, Debug)]
pub struct StoredCode {
    pub sha256_base64: String,
    pub size_bytes: u64,
}

/// Fetches a `Code` member (ZipFile, or S3Bucket/S3Key/S3ObjectVersion read as the caller), checks the
/// archive and stores it.
pub async fn fetch_code(_engine: &Engine, _context: &Context, _code: &Value) -> Result<StoredCode> {
    Err(Error::not_implemented("function code"))
}

/// CreateFunction in an open transaction, authorised as the context's principal; the answer's members.
pub fn create_function_in(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _input: Value,
    _code: &StoredCode,
) -> Result<Value> {
    Err(Error::not_implemented("lambda:CreateFunction"))
}

/// UpdateFunctionCode in an open transaction, likewise.
pub fn update_function_code_in(
    _tx: &mut Tx<'_>,
    _context: &Context,
    _input: Value,
    _code: &StoredCode,
) -> Result<Value> {
    Err(Error::not_implemented("lambda:UpdateFunctionCode"))
}

/// Invokes a function for a bucket notification.
pub async fn deliver_object_change(
    _engine: &Engine,
    _context: Context,
    _entry: Entry,
) -> Result<()> {
    Err(Error::not_implemented("object notifications"))
}

/// Makes the next attempt of an asynchronous invocation.
pub async fn deliver_invocation(_engine: &Engine, _context: Context, _entry: Entry) -> Result<()> {
    Err(Error::not_implemented("asynchronous invocation"))
}

/// Turns a created or updated function active.
pub async fn deliver_ready(_engine: &Engine, _context: Context, _entry: Entry) -> Result<()> {
    Err(Error::not_implemented("function states"))
}
