//! What a client says of a body that is at hand: `Content-MD5`, `x-amz-checksum-*`, in headers or behind the body.
//!
//! Bodies that stream are held against their sums by whoever stores them; this is for the documents of S3's configurations
//! and lists of deletions, which no operation sees as bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::checksum::{self, Algorithm};
use crate::error::Error;

/// Operations whose document S3 refuses unless the client says what it should be.
const GUARDED: [&str; 6] = [
    "DeleteObjects",
    "PutBucketCors",
    "PutBucketLifecycleConfiguration",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
];

/// Refuses a body that is not what the client said, or of which S3 wants it said and nothing was.
pub fn check_document<'a>(
    operation: &str,
    headers: &'a HeaderMap,
    trailer: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> Result<(), Error> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut is_said = false;
    if let Some(md5) = header(Algorithm::Md5.header()) {
        check_md5(md5, body)?;
        is_said = true;
    }
    for algorithm in Algorithm::HEADERS {
        let name = algorithm.header();
        if let Some(given) = header(name).or_else(|| trailer(name)) {
            check_sum(algorithm, given, body)?;
            is_said = true;
        }
    }
    if is_said || !GUARDED.contains(&operation) {
        return Ok(());
    }
    let text = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
    Err(Error::sender("InvalidRequest", text))
}

fn is_sum(algorithm: Algorithm, given: &str) -> bool {
    let decoded = STANDARD.decode(given).ok();
    decoded.is_some_and(|bytes| bytes.len() == algorithm.size_bytes())
}

fn check_md5(given: &str, body: &[u8]) -> Result<(), Error> {
    if !is_sum(Algorithm::Md5, given) {
        let text = "The Content-MD5 you specified was invalid.";
        return Err(Error::sender("InvalidDigest", text).with_member("Content-MD5", given));
    }
    let calculated = checksum::base64(Algorithm::Md5, body);
    if calculated == given {
        return Ok(());
    }
    let text = "The Content-MD5 you specified did not match what we received.";
    Err(Error::sender("BadDigest", text)
        .with_member("ExpectedDigest", given)
        .with_member("CalculatedDigest", calculated))
}

fn check_sum(algorithm: Algorithm, given: &str, body: &[u8]) -> Result<(), Error> {
    if !is_sum(algorithm, given) {
        let text = format!("Value for {} header is invalid.", algorithm.header());
        return Err(Error::sender("InvalidRequest", text));
    }
    if checksum::base64(algorithm, body) == given {
        return Ok(());
    }
    let text = format!(
        "The {} you specified did not match the calculated checksum.",
        algorithm.name()
    );
    Err(Error::sender("BadDigest", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_what_its_sender_said() {
        let code = |operation: &str, name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            let checked = check_document(operation, &headers, |_| None, b"123456789");
            checked.map_err(|error| error.code)
        };
        let plain = ("host", "h");
        assert_eq!(code("PutBucketAcl", plain.0, plain.1), Ok(()));
        assert_eq!(
            code("DeleteObjects", plain.0, plain.1),
            Err("InvalidRequest".into())
        );
        let right = ("x-amz-checksum-crc32", "y/Q5Jg==");
        assert_eq!(code("DeleteObjects", right.0, right.1), Ok(()));
        assert_eq!(
            code("PutBucketAcl", right.0, "AAAAAA=="),
            Err("BadDigest".into())
        );
        assert_eq!(
            code("PutBucketAcl", "content-md5", "x"),
            Err("InvalidDigest".into())
        );
        assert_eq!(
            code("PutBucketAcl", "content-md5", "rL0Y20xC+Fzt72VPzMSk2A=="),
            Err("BadDigest".into())
        );
        assert_eq!(
            code("DeleteObjects", "content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
            Ok(())
        );
    }
}
