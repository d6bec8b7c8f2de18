//! AES-256-XTS over sectors, all blocks of a sector at once.
//!
//! The processor works on many blocks side by side, but only if they are handed over together: block
//! after block, each waits for the one before, and encryption becomes the dearest part of a commit.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, InvalidLength, KeyInit};

pub(super) const SECTOR: usize = 4096;
const BLOCK: usize = 16;
/// x^128 + x^7 + x^2 + x + 1, the field that tweaks are doubled in.
const POLYNOMIAL: u128 = 0x87;

type Tweaks = [u128; SECTOR / BLOCK];

/// The two keys of XTS.
pub(super) struct Xts {
    data: Aes256,
    tweak: Aes256,
}

impl Xts {
    pub(super) fn new(key: &[u8; 64]) -> Result<Self, InvalidLength> {
        let (data, tweak) = key.split_at(32);
        Ok(Self {
            data: Aes256::new_from_slice(data)?,
            tweak: Aes256::new_from_slice(tweak)?,
        })
    }

    /// Encrypts sector `number` in place.
    pub(super) fn encrypt(&self, number: u64, sector: &mut [u8; SECTOR]) {
        let tweaks = self.tweaks(number);
        apply(&tweaks, sector);
        self.data
            .encrypt_blocks(Array::slice_as_chunks_mut(sector).0);
        apply(&tweaks, sector);
    }

    /// Decrypts sector `number` in place.
    pub(super) fn decrypt(&self, number: u64, sector: &mut [u8; SECTOR]) {
        let tweaks = self.tweaks(number);
        apply(&tweaks, sector);
        self.data
            .decrypt_blocks(Array::slice_as_chunks_mut(sector).0);
        apply(&tweaks, sector);
    }

    fn tweaks(&self, number: u64) -> Tweaks {
        let mut first = Array(u128::from(number).to_le_bytes());
        self.tweak.encrypt_block(&mut first);
        let mut next = u128::from_le_bytes(first.0);
        std::array::from_fn(|_| {
            let tweak = next;
            next = doubled(tweak);
            tweak
        })
    }
}

fn doubled(tweak: u128) -> u128 {
    let carry = tweak >> 127;
    (tweak << 1) ^ (carry * POLYNOMIAL)
}

fn apply(tweaks: &Tweaks, sector: &mut [u8; SECTOR]) {
    let (blocks, _) = sector.as_chunks_mut::<BLOCK>();
    for (block, tweak) in blocks.iter_mut().zip(tweaks) {
        *block = (u128::from_le_bytes(*block) ^ tweak).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use xts_mode::{Xts128, get_tweak_default};

    use super::*;

    #[test]
    fn sectors_are_what_another_implementation_makes_of_them() {
        let key: [u8; 64] = std::array::from_fn(|at| u8::try_from(at * 3).expect("small"));
        let cipher = |key: &[u8]| Aes256::new_from_slice(key).expect("32 bytes");
        let other = Xts128::new(cipher(&key[..32]), cipher(&key[32..]));
        let xts = Xts::new(&key).expect("64 bytes");
        for number in [0, 1, 255, u64::MAX] {
            let plain: [u8; SECTOR] = std::array::from_fn(|at| at.to_le_bytes()[0] ^ 0x5A);
            let (mut ours, mut theirs) = (plain, plain);
            xts.encrypt(number, &mut ours);
            other.encrypt_sector(&mut theirs, get_tweak_default(u128::from(number)));
            assert!(ours == theirs, "sector {number}");
            xts.decrypt(number, &mut ours);
            assert!(ours == plain, "sector {number} does not come back");
        }
    }
}
