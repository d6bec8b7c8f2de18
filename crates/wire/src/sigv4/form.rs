//! The signature of an upload form: it covers the form's policy and nothing else.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html>
//!
//! Both versions are taken here. Of requests in general version 2 is refused, but the old form of an upload
//! (`AWSAccessKeyId`, `signature`) is still made by many a library, and AWS still takes it where the region is old.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::parse::parse_credential;
use super::{ALGORITHM, Scope, SignatureFault, derive, same};

/// Who claims to have signed a form's policy.
#[derive(Debug, Clone)]
pub struct FormClaim {
    pub access_key: String,
    pub session_token: Option<String>,
    /// The region that the credential scope names; version 2 names none.
    pub region: Option<String>,
    scheme: Scheme,
    signature: String,
}

#[derive(Debug, Clone)]
enum Scheme {
    V2,
    V4(Scope),
}

/// Reads the claim out of the fields, whose names are in lower case; `None` where the form bears none.
pub fn parse_form<'a>(
    field: impl Fn(&str) -> Option<&'a str>,
) -> Result<Option<FormClaim>, SignatureFault> {
    let text = |name: &str| field(name).map(str::to_owned);
    if let Some(algorithm) = field("x-amz-algorithm") {
        if algorithm != ALGORITHM {
            let found = algorithm.to_owned();
            return Err(SignatureFault::Algorithm {
                found,
                presigned: true,
            });
        }
        let credential = field("x-amz-credential").ok_or(SignatureFault::QueryIncomplete)?;
        let (access_key, scope) = parse_credential(credential, true)?;
        return Ok(Some(FormClaim {
            access_key,
            session_token: text("x-amz-security-token"),
            region: Some(scope.region.clone()),
            scheme: Scheme::V4(scope),
            signature: text("x-amz-signature").ok_or(SignatureFault::QueryIncomplete)?,
        }));
    }
    let (Some(access_key), Some(signature)) = (text("awsaccesskeyid"), text("signature")) else {
        return Ok(None);
    };
    Ok(Some(FormClaim {
        access_key,
        session_token: text("x-amz-security-token"),
        region: None,
        scheme: Scheme::V2,
        signature,
    }))
}

impl FormClaim {
    /// Holds the claim against the secret. `policy` is the field as it came: base64, which is what is signed.
    pub fn verify(&self, secret_key: &str, policy: &str) -> Result<(), SignatureFault> {
        let expected = match &self.scheme {
            Scheme::V4(scope) if scope.service != "s3" => {
                return Err(SignatureFault::ScopeService {
                    found: scope.service.clone(),
                    expected: "s3".to_owned(),
                    presigned: true,
                });
            }
            Scheme::V4(scope) => derive(secret_key, scope).sign(policy.as_bytes()),
            Scheme::V2 => sign_v2(secret_key, policy),
        };
        if same(expected.as_bytes(), self.signature.as_bytes()) {
            return Ok(());
        }
        Err(SignatureFault::Mismatch {
            access_key: self.access_key.clone(),
            signature: self.signature.clone(),
            string_to_sign: policy.to_owned(),
            canonical_request: String::new(),
        })
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn sign_v2(secret_key: &str, policy: &str) -> String {
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret_key.as_bytes())
        .expect("any length is a key");
    mac.update(policy.as_bytes());
    BASE64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's page on form uploads.
    #[test]
    fn the_published_example_is_verified_and_no_other_policy() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let claim = parse_form(|name| match name {
            "x-amz-algorithm" => Some("AWS4-HMAC-SHA256"),
            "x-amz-credential" => Some("AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
            "x-amz-signature" => {
                Some("8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e")
            }
            _ => None,
        });
        let claim = claim.unwrap().unwrap();
        assert_eq!(claim.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(claim.verify(secret, policy), Ok(()));
        assert!(claim.verify(secret, &policy[1..]).is_err());
        assert!(claim.verify("another", policy).is_err());
    }

    #[test]
    fn a_form_without_signature_claims_nobody() {
        assert!(parse_form(|_| None).unwrap().is_none());
        let only_key = |name: &str| (name == "awsaccesskeyid").then_some("AKIA");
        assert!(parse_form(only_key).unwrap().is_none());
    }
}
