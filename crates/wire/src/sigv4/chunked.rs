//! `aws-chunked`: a body in pieces, each with a signature chained to the one before, and perhaps a checksum after all.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
//!
//! The decoder gives out a chunk's bytes as they come, before the chunk's signature is seen: a chunk may be as large as the
//! body. So what was written is worth nothing until [`AwsChunkedDecoder::finish`] has agreed.

use http::request;
use sha2::{Digest, Sha256};

use super::{EMPTY_SHA256, Payload, Verified, same};
use crate::checksum::{Algorithm, Hasher};
use crate::error::Error;

/// Why a chunked body is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkFault {
    /// The framing is broken.
    Malformed,
    /// The body ends before its last chunk.
    Incomplete,
    /// A chunk or the trailer does not bear the signature it must.
    Signature,
    /// A signed chunk below 8 KB that is not the last.
    TooSmall,
    /// More or fewer bytes than `x-amz-decoded-content-length` says.
    Length {
        declared: u64,
        decoded: u64,
    },
    /// The trailer is not what `x-amz-trailer` announced.
    Trailer,
    Checksum(Algorithm),
}

impl ChunkFault {
    pub fn to_error(&self) -> Error {
        match self {
            Self::Malformed | Self::Incomplete => {
                Error::sender("IncompleteBody", "The request body terminated unexpectedly")
            }
            Self::Signature => {
                let text = "The request signature we calculated does not match the signature you provided. Check your key and \
                            signing method.";
                Error::sender("SignatureDoesNotMatch", text).with_status(403)
            }
            Self::TooSmall => {
                let text = "Only the last chunk is allowed to have a size less than 8192 bytes";
                Error::sender("InvalidChunkSizeError", text).with_status(403)
            }
            Self::Length { .. } => {
                let text = "You did not provide the number of bytes specified by the Content-Length HTTP header";
                Error::sender("IncompleteBody", text)
            }
            Self::Trailer => {
                let text = "The request contained trailing data that was not well-formed or did not conform to our published \
                            schema.";
                Error::sender("MalformedTrailerError", text)
            }
            Self::Checksum(algorithm) => {
                let name = algorithm.name();
                Error::sender(
                    "BadDigest",
                    format!("The {name} you specified did not match the calculated checksum."),
                )
            }
        }
    }
}

/// What came after the last chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailers {
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// The checksum announced, in base64, which the body has been held against.
    pub checksum: Option<(Algorithm, String)>,
}

/// Chunks signed one by one.
struct Signing {
    verified: Verified,
    previous: String,
}

enum State {
    /// Reading the line with a chunk's size.
    Size,
    Data {
        left: u64,
        signature: Option<String>,
    },
    /// Reading the line end after a chunk's data.
    DataEnd,
    Trailer,
    Done,
}

/// Takes framed bytes, gives the body's.
pub struct AwsChunkedDecoder {
    signing: Option<Signing>,
    trailer: bool,
    state: State,
    line: Vec<u8>,
    hasher: Sha256,
    checksum: Option<Hasher>,
    declared: Option<u64>,
    decoded: u64,
    previous_size: Option<u64>,
    trailers: Vec<(String, String)>,
    trailer_signature: Option<String>,
}

/// No size line or trailer is longer; what is, is an attack.
const LINE_BYTES_MAX: usize = 4096;
const TRAILERS_MAX: usize = 32;
const CHUNK_BYTES_MIN: u64 = 8192;

impl AwsChunkedDecoder {
    /// For the payload that a request declares; `verified` is needed where its chunks are signed.
    pub fn new(
        head: &request::Parts,
        payload: &Payload,
        verified: Option<&Verified>,
    ) -> Result<Self, ChunkFault> {
        let (signed, trailer) = match payload {
            Payload::StreamingSigned { trailer } => (true, *trailer),
            Payload::StreamingUnsignedTrailer => (false, true),
            _ => return Err(ChunkFault::Malformed),
        };
        let signing = match (signed, verified) {
            (true, Some(verified)) => Some(Signing {
                previous: verified.seed_signature.clone(),
                verified: verified.clone(),
            }),
            (true, None) => return Err(ChunkFault::Signature),
            (false, _) => None,
        };
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            signing,
            trailer,
            state: State::Size,
            line: Vec::new(),
            hasher: Sha256::new(),
            checksum: text("x-amz-trailer")
                .and_then(|name| Algorithm::of_header(name.trim()))
                .map(Hasher::new),
            declared: text("x-amz-decoded-content-length").and_then(|length| length.parse().ok()),
            decoded: 0,
            previous_size: None,
            trailers: Vec::new(),
            trailer_signature: None,
        })
    }

    /// Takes the next bytes of the request and appends the body's to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ChunkFault> {
        while !bytes.is_empty() {
            bytes = match &self.state {
                State::Data { left, .. } if *left > 0 => self.take_data(bytes, out)?,
                State::Done => return Err(ChunkFault::Malformed),
                _ => self.take_line(bytes)?,
            };
        }
        Ok(())
    }

    fn take_data<'a>(
        &mut self,
        bytes: &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<&'a [u8], ChunkFault> {
        let State::Data { left, .. } = &mut self.state else {
            return Err(ChunkFault::Malformed);
        };
        let count = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (data, rest) = bytes.split_at(count);
        *left -= count as u64;
        let at_end = *left == 0;
        self.decoded += count as u64;
        if let Some(declared) = self.declared.filter(|declared| self.decoded > *declared) {
            return Err(ChunkFault::Length {
                declared,
                decoded: self.decoded,
            });
        }
        if self.signing.is_some() {
            self.hasher.update(data);
        }
        if let Some(checksum) = &mut self.checksum {
            checksum.update(data);
        }
        out.extend_from_slice(data);
        if at_end {
            self.end_chunk()?;
        }
        Ok(rest)
    }

    /// Collects a line up to its CRLF, then acts on it.
    fn take_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ChunkFault> {
        let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(bytes);
            return if self.line.len() > LINE_BYTES_MAX {
                Err(ChunkFault::Malformed)
            } else {
                Ok(&[])
            };
        };
        self.line.extend_from_slice(&bytes[..at]);
        let mut line = std::mem::take(&mut self.line);
        if line.pop() != Some(b'\r') || line.len() > LINE_BYTES_MAX {
            return Err(ChunkFault::Malformed);
        }
        let line = String::from_utf8(line).map_err(|_| ChunkFault::Malformed)?;
        self.act(&line)?;
        Ok(&bytes[at + 1..])
    }

    fn act(&mut self, line: &str) -> Result<(), ChunkFault> {
        match self.state {
            State::Size => self.begin_chunk(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::Size;
                Ok(())
            }
            State::Trailer if line.is_empty() => {
                self.state = State::Done;
                Ok(())
            }
            State::Trailer => self.take_trailer(line),
            State::DataEnd | State::Data { .. } | State::Done => Err(ChunkFault::Malformed),
        }
    }

    /// `size;chunk-signature=...`, the size in hexadecimal digits.
    fn begin_chunk(&mut self, line: &str) -> Result<(), ChunkFault> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16)
            .ok()
            .filter(|_| digits)
            .ok_or(ChunkFault::Malformed)?;
        let signature = extension
            .trim()
            .strip_prefix("chunk-signature=")
            .map(str::to_owned);
        let small = self
            .previous_size
            .is_some_and(|previous| previous < CHUNK_BYTES_MIN);
        if self.signing.is_some() && small && size > 0 {
            return Err(ChunkFault::TooSmall);
        }
        self.previous_size = Some(size);
        self.state = State::Data {
            left: size,
            signature,
        };
        if size == 0 { self.end_chunk() } else { Ok(()) }
    }

    fn end_chunk(&mut self) -> Result<(), ChunkFault> {
        let State::Data { signature, .. } = std::mem::replace(&mut self.state, State::DataEnd)
        else {
            return Err(ChunkFault::Malformed);
        };
        let digest = hex::encode(std::mem::take(&mut self.hasher).finalize());
        if let Some(signing) = &mut self.signing {
            let hashes = format!("{EMPTY_SHA256}\n{digest}");
            signing.check("AWS4-HMAC-SHA256-PAYLOAD", &hashes, signature.as_deref())?;
        }
        if self.previous_size == Some(0) {
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn take_trailer(&mut self, line: &str) -> Result<(), ChunkFault> {
        let (name, value) = line.split_once(':').ok_or(ChunkFault::Trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if !self.trailer || self.trailers.len() >= TRAILERS_MAX {
            return Err(ChunkFault::Trailer);
        }
        if name == "x-amz-trailer-signature" {
            self.trailer_signature = Some(value);
        } else {
            self.trailers.push((name, value));
        }
        Ok(())
    }

    /// Agrees to the whole body, or says why not.
    pub fn finish(mut self) -> Result<Trailers, ChunkFault> {
        if !self.at_end() {
            return Err(ChunkFault::Incomplete);
        }
        if let Some(declared) = self.declared.filter(|declared| *declared != self.decoded) {
            return Err(ChunkFault::Length {
                declared,
                decoded: self.decoded,
            });
        }
        self.check_trailer_signature()?;
        let checksum = self.check_checksum()?;
        Ok(Trailers {
            headers: self.trailers,
            checksum,
        })
    }

    /// Clients leave the last empty line out.
    fn at_end(&self) -> bool {
        match self.state {
            State::Done => true,
            State::Trailer => self.line.is_empty() && (!self.trailer || !self.trailers.is_empty()),
            _ => false,
        }
    }

    fn check_trailer_signature(&mut self) -> Result<(), ChunkFault> {
        let Some(signing) = self.signing.as_mut().filter(|_| self.trailer) else {
            return Ok(());
        };
        let lines: String = self
            .trailers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let digest = hex::encode(Sha256::digest(lines));
        signing.check(
            "AWS4-HMAC-SHA256-TRAILER",
            &digest,
            self.trailer_signature.as_deref(),
        )
    }

    fn check_checksum(&mut self) -> Result<Option<(Algorithm, String)>, ChunkFault> {
        let Some(hasher) = self.checksum.take() else {
            return Ok(None);
        };
        let algorithm = hasher.algorithm();
        let announced = self
            .trailers
            .iter()
            .find(|(name, _)| name == algorithm.header());
        let (_, announced) = announced.ok_or(ChunkFault::Trailer)?;
        if hasher.finish_base64() != *announced {
            return Err(ChunkFault::Checksum(algorithm));
        }
        Ok(Some((algorithm, announced.clone())))
    }
}

impl Signing {
    /// Each signature covers the one before, so chunks cannot be reordered or left out.
    fn check(
        &mut self,
        algorithm: &str,
        hashes: &str,
        presented: Option<&str>,
    ) -> Result<(), ChunkFault> {
        let Verified {
            timestamp,
            scope,
            signing_key,
            ..
        } = &self.verified;
        let text = format!(
            "{algorithm}\n{timestamp}\n{scope}\n{}\n{hashes}",
            self.previous
        );
        let expected = signing_key.sign(text.as_bytes());
        if !same(expected.as_bytes(), presented.unwrap_or("").as_bytes()) {
            return Err(ChunkFault::Signature);
        }
        self.previous = expected;
        Ok(())
    }
}

impl std::fmt::Debug for AwsChunkedDecoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "AwsChunkedDecoder({} bytes)", self.decoded)
    }
}
