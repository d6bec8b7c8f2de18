//! The checksums S3 knows, computed as bytes pass by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Crc32,
    Crc32C,
    Crc64Nvme,
    Sha1,
    Sha256,
    /// Of `Content-MD5` and ETags.
    Md5,
}

impl Algorithm {
    /// Those with an `x-amz-checksum-*` header.
    pub const HEADERS: [Self; 5] = [
        Self::Crc32,
        Self::Crc32C,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in `ChecksumAlgorithm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32C => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Md5 => "MD5",
        }
    }

    /// Names are compared without case, as S3 does.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Crc32,
            Self::Crc32C,
            Self::Crc64Nvme,
            Self::Sha1,
            Self::Sha256,
            Self::Md5,
        ];
        all.into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header or trailer that carries it.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32C => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Md5 => "content-md5",
        }
    }

    pub fn of_header(name: &str) -> Option<Self> {
        Self::HEADERS
            .into_iter()
            .find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// Length of the sum itself.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32C => 4,
            Self::Crc64Nvme => 8,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// A checksum in the making.
pub struct Hasher {
    algorithm: Algorithm,
    state: State,
}

enum State {
    Crc(Box<Crc>),
    Md5(Box<Md5>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        let crc = |algorithm| State::Crc(Box::new(Crc::new(algorithm)));
        let state = match algorithm {
            Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32C => crc(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 => State::Sha1(Box::default()),
            Algorithm::Sha256 => State::Sha256(Box::default()),
            Algorithm::Md5 => State::Md5(Box::default()),
        };
        Self { algorithm, state }
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
        }
    }

    /// The sum, most significant byte first.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Crc(state) => {
                let sum = state.finalize().to_be_bytes();
                sum[8 - self.algorithm.size_bytes()..].to_vec()
            }
            State::Md5(state) => state.finalize().to_vec(),
            State::Sha1(state) => state.finalize().to_vec(),
            State::Sha256(state) => state.finalize().to_vec(),
        }
    }

    /// The sum as S3's headers and members have it.
    pub fn finish_base64(self) -> String {
        STANDARD.encode(self.finish())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Hasher({})", self.algorithm.name())
    }
}

/// The base64 sum of bytes at hand.
pub fn base64(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish_base64()
}

pub fn crc32(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of "123456789", from the catalogues of the algorithms.
    #[test]
    fn known_sums() {
        let sums = [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32C, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (
                Algorithm::Sha256,
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
        ];
        for (algorithm, sum) in sums {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(b"12345");
            hasher.update(b"6789");
            assert_eq!(hex::encode(hasher.finish()), sum, "{algorithm:?}");
        }
        assert_eq!(base64(Algorithm::Crc32, b"123456789"), "y/Q5Jg==");
    }

    #[test]
    fn names_and_headers_agree() {
        for algorithm in Algorithm::HEADERS {
            assert_eq!(Algorithm::of_header(algorithm.header()), Some(algorithm));
            assert_eq!(
                Algorithm::parse(&algorithm.name().to_lowercase()),
                Some(algorithm)
            );
        }
    }
}
