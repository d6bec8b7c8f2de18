//! The secret: read where it is needed, and never part of a text.

use std::fmt;

use aws_sdk_secretsmanager::Client;
use cumulet_stack::Failure;
use hmac::{Hmac, KeyInit};
use serde::Deserialize;
use sha2::Sha256;

pub(crate) type Seal = Hmac<Sha256>;

/// What seals files: whoever holds the secret can tell a file that was processed from another.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    password: String,
}

impl Credentials {
    /// Read at every invocation, so a rotated secret is used at once.
    pub(crate) async fn read(secrets: &Client, id: &str) -> Result<Self, Failure> {
        let output = secrets.get_secret_value().secret_id(id).send().await?;
        let text = output.secret_string.unwrap_or_default();
        // The parser's own text would quote what it could not read.
        serde_json::from_str(&text)
            .map_err(|_| Failure::new("SecretError", "the secret holds no username and password"))
    }

    pub(crate) fn seal(&self) -> Result<Seal, Failure> {
        Ok(Seal::new_from_slice(self.password.as_bytes())?)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
