//! One shape for every operation.
//!
//! A row of a service's OPERATIONS table names the operation as the wire does, how it is authorised, and
//! the function that does it. Routing, authorisation, coverage and metrics derive from these rows.

use std::sync::Arc;

use cumulet_kernel::Tx;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::access::Access;
use crate::body::Body;
use crate::context::Context;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// A row of a service's OPERATIONS table.
pub struct Operation {
    /// The wire name: `PutItem`.
    pub name: &'static str,
    pub run: Run,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Operation")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A typed operation behind untyped values. Reading the input and writing the output are no work for a
/// transaction, and writes have one thread among them all; so an operation comes in three steps.
pub type Handler = Arc<dyn Fn(Value) -> Result<Prepared> + Send + Sync>;
/// An operation that has its input: what is to be done inside a transaction.
pub type Prepared = Box<dyn FnOnce(&mut Tx<'_>, &Context) -> Result<Finished> + Send>;
/// An operation that is done: what is left is to write its output.
pub type Finished = Box<dyn FnOnce() -> Result<Value> + Send>;
/// An operation that streams a body or runs a function.
pub type EdgeHandler = fn(Engine, Context, Request) -> BoxFuture<'static, Result<Reply>>;

/// How an operation runs.
#[expect(
    missing_debug_implementations,
    reason = "handlers are closures and have nothing to show"
)]
pub enum Run {
    /// On a snapshot, side by side with others.
    Read(Handler),
    /// Alone, in a group commit.
    Write(Handler),
    /// Outside a transaction, opening its own; authorises for itself.
    Edge(EdgeHandler),
}

/// What came in, decoded: the members, and the streaming payload beside them.
#[derive(Debug, Default)]
pub struct Request {
    pub input: Value,
    pub body: Body,
}

/// What goes out: the members, and the streaming payload beside them.
#[derive(Debug, Default)]
pub struct Reply {
    pub output: Value,
    pub body: Body,
    /// Replaces the status that the model gives: 206, 202, 304.
    pub status: Option<u16>,
}

impl Request {
    pub fn new(input: Value) -> Self {
        Self {
            input,
            body: Body::Empty,
        }
    }

    /// The members as a typed input.
    pub fn decode<I: DeserializeOwned>(&mut self) -> Result<I> {
        decode(self.input.take())
    }
}

impl Reply {
    pub fn of<O: Serialize>(output: &O) -> Result<Self> {
        Ok(Self {
            output: encode(output)?,
            ..Self::default()
        })
    }
}

/// Which permissions a call needs, from its input; all of them must be given.
pub type AccessRule<I> = fn(&Tx<'_>, &Context, &I) -> Result<Vec<Access>>;
/// An operation: synchronous, no I/O, no clock but the context's.
pub type OperationFn<I, O> = fn(&mut Tx<'_>, &Context, I) -> Result<O>;

impl Operation {
    /// An operation that changes nothing.
    pub fn read<I, O>(
        name: &'static str,
        access: AccessRule<I>,
        operation: OperationFn<I, O>,
    ) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + Send + 'static,
    {
        Self {
            name,
            run: Run::Read(erase(access, operation)),
        }
    }

    /// An operation that changes something.
    pub fn write<I, O>(
        name: &'static str,
        access: AccessRule<I>,
        operation: OperationFn<I, O>,
    ) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + Send + 'static,
    {
        Self {
            name,
            run: Run::Write(erase(access, operation)),
        }
    }

    /// An operation that streams or runs functions.
    pub fn edge(name: &'static str, handler: EdgeHandler) -> Self {
        Self {
            name,
            run: Run::Edge(handler),
        }
    }
}

fn erase<I, O>(access: AccessRule<I>, operation: OperationFn<I, O>) -> Handler
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
{
    Arc::new(move |input| {
        let input = decode(input)?;
        Ok(Box::new(move |tx, context| {
            let needed = access(tx, context, &input)?;
            context.authorise(tx, &needed)?;
            let output = operation(tx, context, input)?;
            Ok(Box::new(move || encode(&output)))
        }))
    })
}

fn decode<I: DeserializeOwned>(input: Value) -> Result<I> {
    // A body without members is the same as one with none given.
    let input = if input.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        input
    };
    serde_json::from_value(input)
        .map_err(|error| Error::new("SerializationException", error.to_string()))
}

fn encode<O: Serialize>(output: &O) -> Result<Value> {
    serde_json::to_value(output).map_err(|error| Error::internal(error.to_string()))
}
