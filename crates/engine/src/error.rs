//! What AWS would say when it refuses.
//!
//! Every service speaks through this one type, with AWS's own code and words; the wire decides what the
//! envelope looks like. Constructors for a service's errors stand beside that service.

use std::borrow::Cow;

use cumulet_kernel::StoreError;
use serde_json::{Map, Value};

/// Whose fault it is: decides the envelope's `Type` and whether clients retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Sender,
    Receiver,
}

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
    pub fault: Fault,
    /// Further members of the error shape, by wire name: `BucketName`, `Item`, `CancellationReasons`.
    pub members: Map<String, Value>,
    /// HTTP headers beside the envelope, where AWS sends some: `x-amz-delete-marker`.
    pub headers: Vec<(&'static str, String)>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal with HTTP status 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self {
            code,
            message,
            status: 400,
            fault: Fault::Sender,
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self.fault = if status >= 500 {
            Fault::Receiver
        } else {
            Fault::Sender
        };
        self
    }

    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// Denied by policy. The registry gives the code each service's protocol uses.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(ACCESS_DENIED, message).status(403)
    }

    pub fn is_access_denied(&self) -> bool {
        self.code == ACCESS_DENIED || self.code == "AccessDeniedException"
    }

    /// Something AWS has and Cumulet has not.
    pub fn not_implemented(what: impl std::fmt::Display) -> Self {
        Self::new(
            "NotImplemented",
            format!("{what} is not implemented by Cumulet"),
        )
        .status(501)
    }

    /// Our own failure.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", message).status(500)
    }
}

const ACCESS_DENIED: &str = "AccessDenied";

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        if let StoreError::DiskFull(room) = &error {
            let message = format!("The disk of this installation is full: {room}.");
            return Self::new("InsufficientStorage", message).status(507);
        }
        Self::internal("An internal error occurred.")
    }
}

impl From<Error> for cumulet_wire::Error {
    fn from(error: Error) -> Self {
        let fault = match error.fault {
            Fault::Sender => cumulet_wire::Fault::Sender,
            Fault::Receiver => cumulet_wire::Fault::Receiver,
        };
        let mut wire = Self::new(error.status, fault, error.code, error.message);
        wire.members = error.members;
        wire.headers = error.headers;
        wire
    }
}

impl From<cumulet_wire::Error> for Error {
    fn from(wire: cumulet_wire::Error) -> Self {
        let mut error = Self::new(wire.code, wire.message).status(wire.status);
        error.members = wire.members;
        error.headers = wire.headers;
        error
    }
}
