//! What KMS encrypts: a blob that says under which generation of which key.
//!
//! ```text
//!   01 | key id, 16 bytes | material version, 4 bytes | nonce, 12 | ciphertext | tag, 16
//! ```
//!
//! Everything before the nonce and the encryption context are authenticated with it: a blob opens only
//! as it was made, and only with the same context.

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Ids;

use super::EncryptionContext;
use super::error::invalid_ciphertext;
use super::state::{KeyRecord, Material};

const FORMAT: u8 = 1;
const HEX: &[u8; 16] = b"0123456789abcdef";
const HEAD_BYTES: usize = 1 + 16 + 4;

/// The part in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) key_id: String,
    pub(super) version: u32,
}

pub(super) fn seal(
    ids: &Ids,
    key: &KeyRecord,
    encryption_context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let no_material = || Error::internal(format!("{} has no key material", key.arn()));
    let material = key.current().ok_or_else(no_material)?;
    let head = write_head(&key.id, material.version).ok_or_else(no_material)?;
    let purpose = purpose(&head, encryption_context);
    let sealed = material.secret.seal_key().seal(ids, &purpose, plaintext);
    Ok([head.as_slice(), &sealed].concat())
}

pub(super) fn open(
    material: &Material,
    blob: &[u8],
    encryption_context: &EncryptionContext,
) -> Result<Vec<u8>> {
    let (head, sealed) = blob
        .split_first_chunk::<HEAD_BYTES>()
        .ok_or_else(invalid_ciphertext)?;
    let purpose = purpose(head, encryption_context);
    let opened = material.secret.seal_key().open(&purpose, sealed);
    opened.map_err(|_| invalid_ciphertext())
}

pub(super) fn read_head(blob: &[u8]) -> Result<Head> {
    let (head, _) = blob
        .split_first_chunk::<HEAD_BYTES>()
        .ok_or_else(invalid_ciphertext)?;
    if head[0] != FORMAT {
        return Err(invalid_ciphertext());
    }
    let digits = head[1..17].iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits
        .map(|digit| char::from(HEX[usize::from(digit)]))
        .collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    let version = head[17..]
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u32::from(byte));
    Ok(Head {
        key_id: parts.join("-"),
        version,
    })
}

fn write_head(key_id: &str, version: u32) -> Option<[u8; HEAD_BYTES]> {
    let digits = key_id.bytes().filter(|&byte| byte != b'-');
    let digits: Vec<u8> = digits
        .map(|digit| {
            char::from(digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        })
        .collect::<Option<_>>()?;
    let mut head = [FORMAT; HEAD_BYTES];
    for (byte, pair) in head[1..17].iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    head[17..].copy_from_slice(&version.to_be_bytes());
    (digits.len() == 32).then_some(head)
}

/// Lengths before texts, so no two contexts read alike.
fn purpose(head: &[u8], encryption_context: &EncryptionContext) -> Vec<u8> {
    let mut purpose = head.to_vec();
    for text in encryption_context
        .iter()
        .flat_map(|(key, value)| [key, value])
    {
        purpose.extend_from_slice(&(text.len() as u64).to_be_bytes());
        purpose.extend_from_slice(text.as_bytes());
    }
    purpose
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back() {
        let id = "01234567-89ab-4cde-8f01-23456789abcd";
        let head = write_head(id, 7).map(|head| read_head(&head));
        let expected = Head {
            key_id: id.into(),
            version: 7,
        };
        assert_eq!(head, Some(Ok(expected)));
        assert!(write_head("mrk-1", 1).is_none());
        assert!(read_head(b"short").is_err());
    }
}
