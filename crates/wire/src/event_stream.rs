//! Event streams, server to client: `InvokeWithResponseStream`, `SelectObjectContent`, `StartLiveTail`.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use crate::checksum::crc32;

/// Frames one message: lengths, their checksum, string headers, payload, checksum of all.
pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(128);
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        encoded.extend_from_slice(&name.as_bytes()[..name.len().min(255)]);
        encoded.push(STRING_HEADER);
        encoded.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        encoded.extend_from_slice(&value.as_bytes()[..value.len().min(usize::from(u16::MAX))]);
    }
    let total = PRELUDE_BYTES + encoded.len() + payload.len() + CHECKSUM_BYTES;
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&length(total));
    message.extend_from_slice(&length(encoded.len()));
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message.extend_from_slice(&encoded);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message
}

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
const STRING_HEADER: u8 = 7;

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// An event of the stream, such as `PayloadChunk`.
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        (":event-type", event_type),
        (":content-type", content_type),
        (":message-type", "event"),
    ];
    frame(&headers, payload)
}

/// A refusal after the stream has begun.
pub fn exception(exception_type: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        (":exception-type", exception_type),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    frame(&headers, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The empty message of the specification's test vectors.
    #[test]
    fn empty_message() {
        assert_eq!(
            hex::encode(frame(&[], b"")),
            "000000100000000005c248eb7d98c8ff"
        );
    }
}
