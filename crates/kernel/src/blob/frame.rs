//! Frames: the unit in which a body is sealed, checked and read.
//!
//! A frame is 64 KiB on disk: cipher text, the tag of AES-256-GCM, and a CRC over both. The tag binds
//! the frame to its body, its number, and whether it is the last; so a stale frame of the space's
//! former life, a swapped one and a cut-off body all fail to open. The CRC says the same of bit rot to
//! whoever has no key: `verify`.
//!
//! The cipher's key is derived from the body's key and its random id. So even when many bodies share a
//! key, no nonce (id prefix and frame number) is ever used twice.

use bytes::{Buf, Bytes};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use super::BlobId;
use crate::seal::{SealBroken, SealKey};

pub(super) const FRAME_BYTES: usize = 64 << 10;
const TAG_BYTES: usize = 16;
const CRC_BYTES: usize = 8;
const TRAILER_BYTES: usize = TAG_BYTES + CRC_BYTES;
pub(super) const PLAIN_BYTES: usize = FRAME_BYTES - TRAILER_BYTES;
/// Space is given out in units of a page, so that no write needs to read first.
pub(super) const UNIT_BYTES: usize = 4 << 10;
pub(super) const FRAME_UNITS: u32 = 16;
const BATCH_FRAMES: usize = 16;
const BATCH_BYTES: usize = BATCH_FRAMES * FRAME_BYTES;

/// What a frame is bound to: body, number, and whether it is the last.
type Place = [u8; 25];

fn place(id: BlobId, number: u64, last: bool) -> Place {
    let mut place = [0; 25];
    place[..16].copy_from_slice(&id.to_be_bytes());
    place[16..24].copy_from_slice(&number.to_be_bytes());
    place[24] = u8::from(last);
    place
}

/// How many frames a body of this length has.
pub(super) fn frame_count(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(PLAIN_BYTES as u64)
}

/// Bytes that frame `number` of a body takes up, trailer included.
pub(super) fn stored_bytes(size_bytes: u64, number: u64) -> usize {
    let rest = size_bytes.saturating_sub(number * PLAIN_BYTES as u64);
    usize::try_from(rest).map_or(PLAIN_BYTES, |rest| rest.min(PLAIN_BYTES)) + TRAILER_BYTES
}

/// Whether the bytes of a frame are those that were written there.
pub(super) fn is_intact(id: BlobId, number: u64, last: bool, frame: &[u8]) -> bool {
    frame
        .split_last_chunk::<CRC_BYTES>()
        .is_some_and(|(sealed, stored)| crc(&place(id, number, last), sealed) == *stored)
}

fn crc(place: &Place, sealed: &[u8]) -> [u8; CRC_BYTES] {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    digest.update(place);
    digest.update(sealed);
    digest.finalize().to_be_bytes()
}

/// Seals and opens the frames of one body.
pub(super) struct Frames {
    id: BlobId,
    cipher: LessSafeKey,
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Frames")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Frames {
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 always gives the 32 bytes of this cipher's key"
    )]
    pub(super) fn new(id: BlobId, key: &SealKey) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &id.to_be_bytes());
        let extracted = salt.extract(key.as_bytes());
        let derived = extracted
            .expand(&[b"cumulet blob frames"], &AES_256_GCM)
            .expect("32 bytes");
        Self {
            id,
            cipher: LessSafeKey::new(UnboundKey::from(derived)),
        }
    }

    fn nonce(&self, number: u64) -> Result<Nonce, SealBroken> {
        let number = u32::try_from(number).map_err(|_| SealBroken)?;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.id.to_be_bytes()[..8]);
        nonce[8..].copy_from_slice(&number.to_be_bytes());
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    /// Seals a frame in place; its last 24 bytes are room for the trailer.
    fn seal(&self, number: u64, last: bool, frame: &mut [u8]) -> Result<(), SealBroken> {
        let place = place(self.id, number, last);
        let (plain, trailer) = frame.split_at_mut(frame.len() - TRAILER_BYTES);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(self.nonce(number)?, Aad::from(place), plain)
            .map_err(|_| SealBroken)?;
        trailer[..TAG_BYTES].copy_from_slice(tag.as_ref());
        let sealed_bytes = frame.len() - CRC_BYTES;
        let crc = crc(&place, &frame[..sealed_bytes]);
        frame[sealed_bytes..].copy_from_slice(&crc);
        Ok(())
    }

    /// Opens a frame in place; the plain text is its beginning.
    pub(super) fn open(
        &self,
        number: u64,
        last: bool,
        frame: &mut [u8],
    ) -> Result<usize, SealBroken> {
        let place = place(self.id, number, last);
        let sealed = frame.len().checked_sub(CRC_BYTES).ok_or(SealBroken)?;
        let nonce = self.nonce(number)?;
        let plain = self
            .cipher
            .open_in_place(nonce, Aad::from(place), &mut frame[..sealed])
            .map_err(|_| SealBroken)?;
        Ok(plain.len())
    }
}

/// Frames of a body gathering on their way to disk, already laid out as they will lie there.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// An empty batch in the memory of a written one.
    pub(super) fn reuse(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == BATCH_BYTES
    }

    /// Takes what fits out of `bytes`.
    pub(super) fn fill(&mut self, bytes: &mut Bytes) {
        while !self.is_full() && !bytes.is_empty() {
            let room = PLAIN_BYTES - self.bytes.len() % FRAME_BYTES;
            let taken = room.min(bytes.len());
            self.bytes.extend_from_slice(&bytes[..taken]);
            bytes.advance(taken);
            if taken == room {
                self.add_trailer();
            }
        }
    }

    fn add_trailer(&mut self) {
        self.bytes.resize(self.bytes.len() + TRAILER_BYTES, 0);
    }

    /// Units on disk that the frames take up.
    pub(super) fn close(&mut self) -> u32 {
        if !self.bytes.len().is_multiple_of(FRAME_BYTES) {
            self.add_trailer();
        }
        let units = self.bytes.len().div_ceil(UNIT_BYTES);
        u32::try_from(units).unwrap_or(u32::MAX)
    }

    /// Seals the frames, the first of which has number `first`, and pads them to whole units.
    pub(super) fn seal(
        mut self,
        frames: &Frames,
        first: u64,
        ends_body: bool,
    ) -> Result<Vec<u8>, SealBroken> {
        let mut remaining = self.bytes.len().div_ceil(FRAME_BYTES);
        for (number, frame) in (first..).zip(self.bytes.chunks_mut(FRAME_BYTES)) {
            remaining -= 1;
            frames.seal(number, ends_body && remaining == 0, frame)?;
        }
        let padded = self.bytes.len().next_multiple_of(UNIT_BYTES);
        self.bytes.resize(padded, 0);
        Ok(self.bytes)
    }

    pub(super) fn frame_count(&self) -> u64 {
        self.bytes.len().div_ceil(FRAME_BYTES) as u64
    }
}
