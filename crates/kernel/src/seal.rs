//! Sealing: AES-256-GCM under a key, bound to what the bytes are for.
//!
//! The layer above the encrypted pages. Whoever seals names the purpose as additional data (which item,
//! which secret), so sealed bytes moved to another place do not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

use crate::id::Ids;

const NONCE_BYTES: usize = 12;

/// Sealed bytes do not open: another key, another purpose, or altered bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open under this key")]
pub struct SealBroken;

/// A 256-bit key that seals and opens.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealKey")
    }
}

impl SealKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    pub fn generate(ids: &Ids) -> Self {
        Self::new(ids.bytes())
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `nonce | ciphertext | tag`.
    pub fn seal(&self, ids: &Ids, purpose: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = ids.bytes();
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let sealing = self.cipher().seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose),
            &mut sealed[NONCE_BYTES..],
        );
        match sealing {
            Ok(tag) => sealed.extend_from_slice(tag.as_ref()),
            // Only texts beyond 64 GiB cannot be sealed; nothing opens what is returned then.
            Err(_) => sealed.clear(),
        }
        sealed
    }

    pub fn open(&self, purpose: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealBroken)?;
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .cipher()
            .open_in_place(nonce, Aad::from(purpose), &mut opened)
            .map_err(|_| SealBroken)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }

    #[expect(
        clippy::expect_used,
        reason = "a 32-byte key is always a key of this cipher"
    )]
    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*self.0).expect("32 bytes"))
    }
}

/// The installation's root key: every other key comes from it or is sealed under one that does.
#[derive(Clone, Debug)]
pub struct RootKey(SealKey);

impl RootKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(SealKey::new(key))
    }

    /// A key for one use, told apart by `label`.
    pub fn derive<const N: usize>(&self, label: &str) -> [u8; N] {
        let mut key = [0; N];
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cumulet").extract(self.0.as_bytes());
        let info = [label.as_bytes()];
        let filled = extracted
            .expand(&info, Length(N))
            .and_then(|derived| derived.fill(&mut key));
        debug_assert!(filled.is_ok(), "HKDF-SHA256 gives up to 8,160 bytes");
        key
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_only_as_they_were_sealed() {
        let ids = Ids::seeded([1; 32]);
        let key = SealKey::generate(&ids);
        let sealed = key.seal(&ids, b"item 1", b"secret");
        assert_eq!(
            key.open(b"item 1", &sealed).as_deref(),
            Ok(b"secret".as_slice())
        );
        assert_eq!(key.open(b"item 2", &sealed), Err(SealBroken));
        assert_eq!(
            SealKey::generate(&ids).open(b"item 1", &sealed),
            Err(SealBroken)
        );
        let mut altered = sealed.clone();
        altered[15] ^= 1;
        assert_eq!(key.open(b"item 1", &altered), Err(SealBroken));
        assert_eq!(key.open(b"item 1", &sealed[..5]), Err(SealBroken));
    }

    #[test]
    fn derived_keys_differ_by_label() {
        let root = RootKey::new([3; 32]);
        assert_eq!(root.derive::<64>("pages"), root.derive::<64>("pages"));
        assert_ne!(root.derive::<32>("pages"), root.derive::<32>("blobs"));
    }
}
