//! How keys, times and owners are written in answers.

use cumulet_kernel::Timestamp;

/// Form-URL-encoding as S3 writes keys in events and in listings with `encoding-type=url`.
pub(crate) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([other]));
            }
        }
    }
    encoded
}

/// Percent-decoding of a copy source or a tag; `None` where it is not UTF-8 or cut off.
pub(crate) fn url_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b'+' if plus_is_space => decoded.push(b' '),
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).ok()
}

/// `2026-11-21T08:00:00.123Z`.
pub(crate) fn iso_ms(time: Timestamp) -> String {
    format_time(time, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// `Sat, 21 Nov 2026 08:00:00 GMT`.
pub(crate) fn http_date(time: Timestamp) -> String {
    format_time(time, "%a, %d %b %Y %H:%M:%S GMT")
}

pub(crate) fn format_time(time: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_millisecond(time.milliseconds())
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

/// The canonical user id of an account: 64 hexadecimal digits.
pub(crate) fn canonical_id(account: &str) -> String {
    cumulet_identity::iam::canonical_user_id(account)
}

/// An ETag as answers carry it.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_encoded_but_for_slashes() {
        assert_eq!(url_encode("a b/ü@+%.txt"), "a+b/%C3%BC%40%2B%25.txt");
        assert_eq!(url_decode("a+b/%C3%BC", true).as_deref(), Some("a b/ü"));
        assert_eq!(url_decode("a+b%2", false), None);
    }

    #[test]
    fn times_are_written_as_s3_does() {
        let time = Timestamp(1_700_000_000_123);
        assert_eq!(iso_ms(time), "2023-11-14T22:13:20.123Z");
        assert_eq!(http_date(time), "Tue, 14 Nov 2023 22:13:20 GMT");
    }
}
