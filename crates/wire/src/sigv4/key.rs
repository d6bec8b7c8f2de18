//! Signing keys: four HMACs deep, the same for a day, therefore kept.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Scope, TERMINATOR, same};

/// The key of one secret, day, region and service.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// HMAC of a text, in hexadecimal digits.
    pub fn sign(&self, text: &[u8]) -> String {
        hex::encode(hmac(&self.0, text))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length is a key");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

pub fn derive(secret_key: &str, scope: &Scope) -> SigningKey {
    let date = hmac(
        format!("AWS4{secret_key}").as_bytes(),
        scope.date.as_bytes(),
    );
    let region = hmac(&date, scope.region.as_bytes());
    let service = hmac(&region, scope.service.as_bytes());
    SigningKey(hmac(&service, TERMINATOR.as_bytes()))
}

/// Keys of recent requests. A key is found again only with the secret it was made of.
#[derive(Default)]
pub struct SigningKeys {
    keys: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    secret_key: String,
    scope: Scope,
    key: SigningKey,
}

/// Sessions of short-lived credentials come and go: when full, all are dropped, which costs a microsecond each.
const KEYS_MAX: usize = 4096;

impl SigningKeys {
    pub(super) fn get(&self, access_key: &str, secret_key: &str, scope: &Scope) -> SigningKey {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(access_key).filter(|entry| entry.scope == *scope);
        if let Some(entry) =
            known.filter(|entry| same(entry.secret_key.as_bytes(), secret_key.as_bytes()))
        {
            return entry.key.clone();
        }
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        let key = derive(secret_key, scope);
        let entry = Entry {
            secret_key: secret_key.to_owned(),
            scope: scope.clone(),
            key: key.clone(),
        };
        keys.insert(access_key.to_owned(), entry);
        key
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKeys")
    }
}
