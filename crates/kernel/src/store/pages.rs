//! Every page of the store file, encrypted in place.
//!
//! AES-256-XTS over 4 KiB sectors, as disk encryption does it: the cipher text is as long as the plain
//! text, and a torn sector decrypts to old and new 16-byte blocks exactly where a plain file would hold
//! old and new bytes. So the engine's own crash safety (checksums, two commit slots) holds unchanged.
//! XTS hides and does not authenticate: what a KMS key protects is sealed again, with a tag, above.

use std::fmt::{Debug, Formatter};
use std::io;
use std::sync::Mutex;

use redb::StorageBackend;
use zeroize::Zeroizing;

use super::StoreError;
use super::xts::{SECTOR, Xts};

/// The 512-bit key of the pages: two AES-256 keys.
#[derive(Clone)]
pub struct PageKey(Zeroizing<[u8; 64]>);

impl PageKey {
    pub fn new(key: [u8; 64]) -> Self {
        Self(Zeroizing::new(key))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl Debug for PageKey {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PageKey")
    }
}

/// A backend whose sectors are encrypted.
pub(super) struct EncryptedPages<B> {
    below: B,
    cipher: Xts,
    /// Guards the read-modify-write of sectors that a write covers only in part. The engine writes
    /// whole pages at page boundaries, but for its header.
    partial: Mutex<()>,
}

impl<B: Debug> Debug for EncryptedPages<B> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EncryptedPages")
            .field("below", &self.below)
            .finish_non_exhaustive()
    }
}

impl<B: StorageBackend> EncryptedPages<B> {
    pub(super) fn new(below: B, key: &PageKey) -> Result<Self, StoreError> {
        let cipher = Xts::new(&key.0).map_err(|error| StoreError::Disk(error.to_string()))?;
        Ok(Self {
            below,
            cipher,
            partial: Mutex::new(()),
        })
    }

    /// Whole sectors from `offset` on, in the clear.
    fn read_sectors(&self, offset: u64, sectors: &mut [u8]) -> io::Result<()> {
        self.below.read(offset, sectors)?;
        let (sectors, _) = sectors.as_chunks_mut::<SECTOR>();
        for (number, sector) in (offset / SECTOR as u64..).zip(sectors) {
            // A sector never written is a hole of zeros, and no cipher text is.
            if sector.iter().any(|&byte| byte != 0) {
                self.cipher.decrypt(number, sector);
            }
        }
        Ok(())
    }

    fn write_sectors(&self, offset: u64, sectors: &mut [u8]) -> io::Result<()> {
        for (number, sector) in (offset / SECTOR as u64..).zip(sectors.as_chunks_mut().0) {
            self.cipher.encrypt(number, sector);
        }
        self.below.write(offset, sectors)
    }

    fn write_partly(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let _alone = self
            .partial
            .lock()
            .map_err(|_| io::Error::other("a writer panicked"))?;
        let (start, mut sectors) = covering(offset, data.len());
        let stored = self.below.len()?.saturating_sub(start);
        let stored = usize::try_from(stored)
            .unwrap_or(usize::MAX)
            .min(sectors.len())
            / SECTOR
            * SECTOR;
        self.read_sectors(start, &mut sectors[..stored])?;
        sectors[inside(offset)..][..data.len()].copy_from_slice(data);
        self.write_sectors(start, &mut sectors)
    }
}

/// The sector-aligned start before `offset`, and room for every sector that the bytes touch.
fn covering(offset: u64, length: usize) -> (u64, Vec<u8>) {
    let start = offset - offset % SECTOR as u64;
    (
        start,
        vec![0; (inside(offset) + length).next_multiple_of(SECTOR)],
    )
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of 4096")]
fn inside(offset: u64) -> usize {
    (offset % SECTOR as u64) as usize
}

fn is_aligned(offset: u64, length: usize) -> bool {
    inside(offset) == 0 && length.is_multiple_of(SECTOR)
}

impl<B: StorageBackend> StorageBackend for EncryptedPages<B> {
    fn len(&self) -> io::Result<u64> {
        self.below.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if is_aligned(offset, out.len()) {
            return self.read_sectors(offset, out);
        }
        let (start, mut sectors) = covering(offset, out.len());
        self.read_sectors(start, &mut sectors)?;
        out.copy_from_slice(&sectors[inside(offset)..][..out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.below.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.below.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if is_aligned(offset, data.len()) {
            return self.write_sectors(offset, &mut data.to_vec());
        }
        self.write_partly(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }
}
