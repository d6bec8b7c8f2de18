//! Every page of the store file, encrypted in place.
//!
//! AES-256-XTS over 4 KiB sectors, as disk encryption does it: the cipher text is as long as the plain
//! text, and a torn sector decrypts to old and new 16-byte blocks exactly where a plain file would hold
//! old and new bytes. So the engine's own crash safety (checksums, two commit slots) holds unchanged.
//! XTS hides and does not authenticate: what a KMS key protects is sealed again, with a tag, above.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;

use aes::Aes256;
use aes::cipher::KeyInit;
use xts_mode::{Xts128, get_tweak_default};
use zeroize::Zeroizing;

use super::StoreError;

const SECTOR: usize = 4096;

/// The 512-bit key of the pages: two AES-256 keys.
#[derive(Clone)]
pub struct PageKey(Zeroizing<[u8; 64]>);

impl PageKey {
    pub fn new(key: [u8; 64]) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl std::fmt::Debug for PageKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PageKey")
    }
}

/// A locked file whose sectors are encrypted.
pub(super) struct EncryptedPages {
    file: File,
    cipher: Xts128<Aes256>,
    /// Guards the read-modify-write of sectors that a write covers only in part.
    partial: Mutex<()>,
}

impl std::fmt::Debug for EncryptedPages {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EncryptedPages")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl EncryptedPages {
    pub(super) fn open(path: &Path, key: &PageKey) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::Corrupt(place.clone(), error.to_string()))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                StoreError::InUse(path.parent().unwrap_or(path).display().to_string())
            }
            TryLockError::Error(error) => StoreError::Corrupt(place, error.to_string()),
        })?;
        let (data, tweak) = key.0.split_at(32);
        let cipher = Xts128::new(
            Aes256::new_from_slice(data).map_err(super::disk)?,
            Aes256::new_from_slice(tweak).map_err(super::disk)?,
        );
        Ok(Self {
            file,
            cipher,
            partial: Mutex::new(()),
        })
    }

    /// Whole sectors from `offset` on, in the clear.
    fn read_sectors(&self, offset: u64, sectors: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(sectors, offset)?;
        for (index, sector) in (offset / SECTOR as u64..).zip(sectors.chunks_exact_mut(SECTOR)) {
            // A sector never written is a hole of zeros, and no cipher text is.
            if sector.iter().any(|&byte| byte != 0) {
                self.cipher
                    .decrypt_sector(sector, get_tweak_default(u128::from(index)));
            }
        }
        Ok(())
    }

    fn write_sectors(&self, offset: u64, sectors: &mut [u8]) -> io::Result<()> {
        for (index, sector) in (offset / SECTOR as u64..).zip(sectors.chunks_exact_mut(SECTOR)) {
            self.cipher
                .encrypt_sector(sector, get_tweak_default(u128::from(index)));
        }
        self.file.write_all_at(sectors, offset)
    }

    fn write_partly(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let _alone = self
            .partial
            .lock()
            .map_err(|_| io::Error::other("a writer panicked"))?;
        let (start, mut sectors) = covering(offset, data.len());
        let stored = self.file.metadata()?.len().saturating_sub(start);
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

impl redb::StorageBackend for EncryptedPages {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
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
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if is_aligned(offset, data.len()) {
            return self.write_sectors(offset, &mut data.to_vec());
        }
        self.write_partly(offset, data)
    }
}
