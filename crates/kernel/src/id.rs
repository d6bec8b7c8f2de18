//! Identifiers and random bytes, as a value that is handed in.
//!
//! Operations draw ids from here and nowhere else, so a test that seeds `Ids` sees the same ids again.
//! Each draw is SHA-256 over a 256-bit seed and a counter: unpredictable without the seed, so data keys
//! and session tokens may come from it too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// A source of ids and random bytes; clones share it.
#[derive(Clone)]
pub struct Ids {
    seed: Arc<[u8; 32]>,
    counter: Arc<AtomicU64>,
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ids").finish_non_exhaustive()
    }
}

impl Ids {
    /// Seeded by the operating system.
    ///
    /// # Panics
    /// Where the operating system gives no random bytes: no id made after that could be trusted.
    #[expect(clippy::expect_used, reason = "without randomness nothing may go on")]
    pub fn random() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random bytes");
        Self::seeded(seed)
    }

    pub fn seeded(seed: [u8; 32]) -> Self {
        Self {
            seed: Arc::new(seed),
            counter: Arc::default(),
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.counter.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new()
                .chain_update(*self.seed)
                .chain_update(count.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    /// A version-4 UUID, `8-4-4-4-12` in lower case.
    pub fn uuid(&self) -> String {
        let mut bytes: [u8; 16] = self.bytes();
        bytes[6] = (bytes[6] & 0x0F) | 0x40;
        bytes[8] = (bytes[8] & 0x3F) | 0x80;
        let hex = hex_text(&bytes);
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    /// `length` lower-case hexadecimal digits.
    pub fn hex(&self, length: usize) -> String {
        self.text(length, b"0123456789abcdef")
    }

    /// `length` characters out of `alphabet`, each equally likely.
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        let unbiased = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let drawn = self
                .bytes::<32>()
                .into_iter()
                .filter(|&byte| usize::from(byte) < unbiased);
            text.extend(
                drawn
                    .take(length - text.len())
                    .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()])),
            );
        }
        text
    }
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_ids_repeat_and_differ_from_draw_to_draw() {
        let draw = || {
            let ids = Ids::seeded([7; 32]);
            (ids.uuid(), ids.uuid(), ids.text(20, b"ABC"))
        };
        assert_eq!(draw(), draw());
        let (first, second, text) = draw();
        assert_ne!(first, second);
        assert_eq!((first.len(), &first[14..15], text.len()), (36, "4", 20));
    }
}
