//! What AWS would say when it refuses.
//!
//! A service makes an [`Error`] in AWS's own words; the codec of the request's protocol decides how it looks: which envelope,
//! whether the text is called `message` or `Message`, and which members are headers. So an error carries the code, the text,
//! the status and whatever further members its shape has, and nothing about protocols.

use std::fmt;

use serde_json::{Map, Value};

/// Whose mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Sender,
    Receiver,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// The code, by the shape's name or the wire code: `QueueDoesNotExist` and `AWS.SimpleQueueService.NonExistentQueue` are
    /// the same error, and each protocol shows the name it uses.
    pub code: String,
    pub message: String,
    pub status: u16,
    pub fault: Fault,
    /// Members beside the text, by the model's member names; S3's extra elements by their element names.
    pub members: Map<String, Value>,
    /// HTTP headers beside the envelope.
    pub headers: Vec<(&'static str, String)>,
}

impl Error {
    pub fn new(
        status: u16,
        fault: Fault,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status,
            fault,
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    /// A refusal with status 400.
    pub fn sender(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, Fault::Sender, code, message)
    }

    /// A failure of ours, with status 500.
    pub fn receiver(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(500, Fault::Receiver, code, message)
    }

    /// Status and fault as the service's model gives them for this code; 400 where it says nothing.
    pub fn modelled(service: &str, code: impl Into<String>, message: impl Into<String>) -> Self {
        let error = Self::sender(code, message);
        let shape = crate::model::service(service).and_then(|service| service.error(&error.code));
        let Some(facts) = shape.and_then(|shape| shape.error.as_ref()) else {
            return error;
        };
        let fault = if facts.sender_fault {
            Fault::Sender
        } else {
            Fault::Receiver
        };
        Self {
            status: facts.status,
            fault,
            ..error
        }
    }

    /// An operation that AWS has and this program does not.
    pub fn not_implemented(service: &str, operation: &str) -> Self {
        let message = format!("{service}:{operation} is not implemented.");
        Self::new(501, Fault::Receiver, "NotImplemented", message)
    }

    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}
