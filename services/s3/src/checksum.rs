//! The checksums a client may name, and how those of parts combine.
//!
//! CRCs of parts combine into the CRC of the whole without reading the data again; hashes do not, so
//! theirs is the hash of the parts' hashes, marked by `-N`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use cumulet_engine::body::Trailers;
use cumulet_engine::error::{Error, Result};
use cumulet_wire::checksum::Algorithm as WireAlgorithm;
use serde::{Deserialize, Serialize};

use super::api::Checksums;
use super::errors::{bad_digest, invalid_request};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    #[serde(rename = "CRC32")]
    Crc32,
    #[serde(rename = "CRC32C")]
    Crc32c,
    #[serde(rename = "CRC64NVME")]
    Crc64Nvme,
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
}

/// A stored checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    /// Base64, with `-N` where it is one of parts.
    pub(crate) value: String,
    /// Whether it is the checksum of the parts' checksums.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) composite: bool,
}

impl Checksum {
    pub(crate) fn type_name(&self) -> &'static str {
        if self.composite {
            "COMPOSITE"
        } else {
            "FULL_OBJECT"
        }
    }

    /// The members of an answer, the type apart.
    pub(crate) fn members(&self) -> Checksums {
        let mut members = Checksums::default();
        *self.algorithm.slot(&mut members) = Some(self.value.clone());
        members
    }
}

/// The members for a checksum that may be absent.
pub(crate) fn members(checksum: Option<&Checksum>) -> Checksums {
    checksum.map(Checksum::members).unwrap_or_default()
}

pub(crate) const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Crc32,
    Algorithm::Crc32c,
    Algorithm::Crc64Nvme,
    Algorithm::Sha1,
    Algorithm::Sha256,
];

impl Algorithm {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let found = ALGORITHMS
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            invalid_request(
                "Checksum algorithm provided is unsupported. Please try again with any of the valid \
                 types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        })
    }

    pub(crate) fn name(self) -> &'static str {
        self.on_the_wire().name()
    }

    pub(crate) fn header(self) -> &'static str {
        self.on_the_wire().header()
    }

    fn length_bytes(self) -> usize {
        self.on_the_wire().size_bytes()
    }

    pub(crate) fn is_crc(self) -> bool {
        !matches!(self, Self::Sha1 | Self::Sha256)
    }

    pub(crate) fn slot(self, members: &mut Checksums) -> &mut Option<String> {
        match self {
            Self::Crc32 => &mut members.crc32,
            Self::Crc32c => &mut members.crc32c,
            Self::Crc64Nvme => &mut members.crc64nvme,
            Self::Sha1 => &mut members.sha1,
            Self::Sha256 => &mut members.sha256,
        }
    }

    pub(crate) fn of(self, members: &Checksums) -> Option<&str> {
        let value = match self {
            Self::Crc32 => &members.crc32,
            Self::Crc32c => &members.crc32c,
            Self::Crc64Nvme => &members.crc64nvme,
            Self::Sha1 => &members.sha1,
            Self::Sha256 => &members.sha256,
        };
        value.as_deref()
    }

    fn on_the_wire(self) -> WireAlgorithm {
        match self {
            Self::Crc32 => WireAlgorithm::Crc32,
            Self::Crc32c => WireAlgorithm::Crc32C,
            Self::Crc64Nvme => WireAlgorithm::Crc64Nvme,
            Self::Sha1 => WireAlgorithm::Sha1,
            Self::Sha256 => WireAlgorithm::Sha256,
        }
    }

    fn crc_kind(self) -> CrcAlgorithm {
        match self {
            Self::Crc32c => CrcAlgorithm::Crc32Iscsi,
            Self::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
            Self::Crc32 | Self::Sha1 | Self::Sha256 => CrcAlgorithm::Crc32IsoHdlc,
        }
    }

    fn invalid(self) -> Error {
        invalid_request(format!("Value for {} header is invalid.", self.header()))
    }

    /// Refuses a value that is not base64 of this algorithm's length.
    pub(crate) fn check_form(self, value: &str) -> Result<()> {
        match BASE64.decode(value) {
            Ok(bytes) if bytes.len() == self.length_bytes() => Ok(()),
            _ => Err(self.invalid()),
        }
    }
}

/// A checksum under way.
#[derive(Debug)]
pub(crate) struct Hasher {
    algorithm: Algorithm,
    state: cumulet_wire::checksum::Hasher,
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            state: cumulet_wire::checksum::Hasher::new(algorithm.on_the_wire()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    pub(crate) fn finish(self) -> Checksum {
        Checksum {
            algorithm: self.algorithm,
            value: self.state.finish_base64(),
            composite: false,
        }
    }
}

fn crc_bytes(algorithm: Algorithm, value: u64) -> Vec<u8> {
    value.to_be_bytes()[8 - algorithm.length_bytes()..].to_vec()
}

/// What a client says about the checksum of the body it sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) algorithm: Option<Algorithm>,
    /// Absent where it comes in a trailer, or where the client only named the algorithm.
    pub(crate) value: Option<String>,
    pub(crate) in_trailer: bool,
}

impl Expected {
    /// Reads the members of an upload and the announced trailers.
    pub(crate) fn read(
        members: &Checksums,
        algorithm: Option<&str>,
        trailers: &Trailers,
    ) -> Result<Self> {
        members.refuse_unbuilt()?;
        let given: Vec<_> = ALGORITHMS
            .into_iter()
            .filter_map(|algorithm| Some((algorithm, algorithm.of(members)?)))
            .collect();
        let announced = ALGORITHMS
            .into_iter()
            .find(|algorithm| trailers.announces(algorithm.header()));
        if given.len() > 1 || (!given.is_empty() && announced.is_some()) {
            return Err(invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        if let Some((algorithm, value)) = given.first() {
            algorithm.check_form(value)?;
            return Ok(Self {
                algorithm: Some(*algorithm),
                value: Some((*value).to_owned()),
                in_trailer: false,
            });
        }
        let named = algorithm.map(Algorithm::parse).transpose()?;
        Ok(Self {
            algorithm: announced.or(named),
            value: None,
            in_trailer: announced.is_some(),
        })
    }

    /// Refuses a body whose checksum is another than the client said.
    pub(crate) fn verify(&self, computed: &Checksum, trailers: &Trailers) -> Result<()> {
        let algorithm = computed.algorithm;
        let expected = if self.in_trailer {
            let value = trailers
                .get(algorithm.header())
                .ok_or_else(malformed_trailer)?;
            algorithm
                .check_form(value)
                .map_err(|_| malformed_trailer())?;
            Some(value)
        } else {
            self.value.as_deref()
        };
        match expected {
            Some(expected) if expected != computed.value => Err(bad_digest(format!(
                "The {} you specified did not match the calculated checksum.",
                algorithm.name()
            ))),
            _ => Ok(()),
        }
    }
}

fn malformed_trailer() -> Error {
    Error::new(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our \
         published schema.",
    )
}

/// The checksum of parts, from theirs and their lengths.
pub(crate) fn combine(
    algorithm: Algorithm,
    composite: bool,
    parts: &[(&Checksum, u64)],
) -> Result<Checksum> {
    let decoded = parts
        .iter()
        .map(|(checksum, size)| Ok((decode(checksum)?, *size)))
        .collect::<Result<Vec<_>>>()?;
    if composite {
        let mut hasher = Hasher::new(algorithm);
        for (bytes, _) in &decoded {
            hasher.update(bytes);
        }
        let mut checksum = hasher.finish();
        checksum.value = format!("{}-{}", checksum.value, parts.len());
        checksum.composite = true;
        return Ok(checksum);
    }
    let whole = decoded.iter().map(|(bytes, size)| (number(bytes), *size));
    let (value, _) = whole
        .reduce(|(left, left_size), (right, size)| {
            let joined = checksum_combine(algorithm.crc_kind(), left, right, size);
            (joined, left_size + size)
        })
        .unwrap_or_default();
    Ok(Checksum {
        algorithm,
        value: BASE64.encode(crc_bytes(algorithm, value)),
        composite: false,
    })
}

fn decode(checksum: &Checksum) -> Result<Vec<u8>> {
    BASE64
        .decode(&checksum.value)
        .map_err(|_| Error::internal("a stored checksum is not base64"))
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Checksum {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn the_check_values_of_the_standards_hold() {
        let values: Vec<_> = ALGORITHMS
            .into_iter()
            .map(|algorithm| of(algorithm, b"123456789").value)
            .collect();
        assert_eq!(
            values,
            [
                "y/Q5Jg==",
                "4waSgw==",
                "rosUhgp5mIg=",
                "98O8HYCOBHMq32eZZczDTKeuNEE=",
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="
            ]
        );
    }

    #[test]
    fn crcs_of_parts_combine_into_that_of_the_whole() {
        for algorithm in ALGORITHMS
            .into_iter()
            .filter(|algorithm| algorithm.is_crc())
        {
            let parts = [
                of(algorithm, b"1234"),
                of(algorithm, b"56"),
                of(algorithm, b"789"),
            ];
            let sized = [(&parts[0], 4), (&parts[1], 2), (&parts[2], 3)];
            let whole = combine(algorithm, false, &sized).map(|whole| whole.value);
            assert_eq!(whole, Ok(of(algorithm, b"123456789").value));
        }
    }
}
