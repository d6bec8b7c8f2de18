//! Tokens of pages: the place where the page before ended, so they stay valid whatever changes.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cumulet_engine::error::Result;

use super::errors;

pub(super) fn write(place: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(place)
}

pub(super) fn read(token: &str) -> Result<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| errors::invalid_token())
}

/// A token that holds numbers.
pub(super) fn read_numbers<const N: usize>(token: &str) -> Result<[usize; N]> {
    let text = String::from_utf8(read(token)?).map_err(|_| errors::invalid_token())?;
    let numbers: Option<Vec<usize>> = text.split(':').map(|part| part.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(errors::invalid_token)
}
