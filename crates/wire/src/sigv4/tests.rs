use http::request;
use sha2::{Digest, Sha256};

use super::*;
use crate::Protocol;

/// 2015-08-30T12:36:00Z
const NOW_S: i64 = 1_440_938_160;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn credentials() -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: SECRET.to_owned(),
        session_token: None,
    }
}

fn plain(method: &str, uri: &str) -> request::Parts {
    let builder = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "127.0.0.1:4566");
    builder.body(()).unwrap().into_parts().0
}

fn sha256(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

fn signed(service: &str, body: &[u8]) -> request::Parts {
    let mut head = plain("PUT", "/bucket/key%20one?list-type=2&a=b");
    head.headers
        .insert("x-amz-meta-colour", "red".parse().unwrap());
    let credentials = credentials();
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service,
        now_s: NOW_S,
    };
    signer.sign(&mut head, &sha256(body)).unwrap();
    head
}

fn presigned(expires_s: u32) -> request::Parts {
    let mut head = plain("GET", "/bucket/key?versionId=1");
    let credentials = credentials();
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service: "s3",
        now_s: NOW_S,
    };
    signer.presign(&mut head, expires_s).unwrap();
    head
}

struct Attempt<'a> {
    service: &'a str,
    secret_key: &'a str,
    now_s: i64,
    body: &'a [u8],
}

const S3: Attempt<'static> = Attempt {
    service: "s3",
    secret_key: SECRET,
    now_s: NOW_S,
    body: b"body",
};
const IAM: Attempt<'static> = Attempt {
    service: "iam",
    ..S3
};

impl Attempt<'_> {
    fn verify(&self, head: &request::Parts) -> Result<Verified, SignatureFault> {
        let presented = parse(head)?.ok_or(SignatureFault::Missing)?;
        let body_sha256 = sha256(self.body);
        let verification = Verification {
            secret_key: self.secret_key,
            now_s: self.now_s,
            service: self.service,
            region: Some("us-east-1"),
            body_sha256: Some(&body_sha256),
            skew_max_s: SKEW_MAX_S,
        };
        presented.verify(head, &verification, &SigningKeys::default())
    }

    /// Code and status, for S3 and for the query and JSON protocols.
    fn refusal(&self, head: &request::Parts) -> String {
        let fault = self.verify(head).expect_err("refused");
        let protocols = [
            ("s3", Protocol::RestXml),
            ("iam", Protocol::Query),
            ("kms", Protocol::Json),
        ];
        let errors = protocols.map(|(service, protocol)| fault.to_error(service, protocol));
        errors
            .map(|error| format!("{} {}", error.status, error.code))
            .join(", ")
    }
}

fn edit(head: &mut request::Parts, from: &str, to: &str) {
    let value = head.headers["authorization"]
        .to_str()
        .unwrap()
        .replace(from, to);
    head.headers.insert("authorization", value.parse().unwrap());
}

fn edit_query(head: &mut request::Parts, from: &str, to: &str) {
    let uri = head.uri.to_string();
    assert!(uri.contains(from), "{uri}");
    head.uri = uri.replace(from, to).parse().unwrap();
}

const WRONG: &str =
    "403 SignatureDoesNotMatch, 403 SignatureDoesNotMatch, 400 InvalidSignatureException";
const SCOPE: &str =
    "400 AuthorizationHeaderMalformed, 403 SignatureDoesNotMatch, 400 InvalidSignatureException";
const INCOMPLETE: &str =
    "400 AuthorizationHeaderMalformed, 400 IncompleteSignature, 400 IncompleteSignatureException";
const QUERY: &str = "400 AuthorizationQueryParametersError, 400 IncompleteSignature, 400 IncompleteSignatureException";

#[test]
fn what_we_sign_we_accept() {
    assert!(S3.verify(&signed("s3", b"body")).is_ok());
    assert!(IAM.verify(&signed("iam", b"body")).is_ok());
    assert!(S3.verify(&presigned(60)).is_ok());
}

#[test]
fn anonymous_and_foreign_schemes() {
    let head = plain("GET", "/");
    assert!(parse(&head).unwrap().is_none());
    assert_eq!(
        S3.refusal(&head),
        "403 AccessDenied, 403 MissingAuthenticationToken, 400 MissingAuthenticationTokenException"
    );
    let mut head = signed("s3", b"body");
    edit(&mut head, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    assert_eq!(
        S3.refusal(&head),
        "400 InvalidRequest, 400 IncompleteSignature, 400 IncompleteSignatureException"
    );
}

/// Version 2 must not pass for anonymous.
#[test]
fn version_2() {
    let head = plain("GET", "/b/k?AWSAccessKeyId=A&Signature=s&Expires=1");
    let error = parse(&head).unwrap_err().to_error("s3", Protocol::RestXml);
    assert_eq!(
        error.message,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
    );
}

#[test]
fn malformed_headers() {
    for (from, to) in [
        ("SignedHeaders=", "Signed="),
        ("Signature=", "Signature"),
        ("Credential=AKIDEXAMPLE", "Credential="),
    ] {
        let mut head = signed("s3", b"body");
        edit(&mut head, from, to);
        assert_eq!(S3.refusal(&head), INCOMPLETE, "{from}");
    }
    let mut head = signed("s3", b"body");
    edit(
        &mut head,
        ", SignedHeaders=",
        ", Signature=0, SignedHeaders=",
    );
    assert!(matches!(
        S3.verify(&head),
        Err(SignatureFault::Repeated { .. })
    ));
    let second = head.headers["authorization"].clone();
    head.headers.append("authorization", second);
    assert!(matches!(
        S3.verify(&head),
        Err(SignatureFault::Repeated { .. })
    ));
}

#[test]
fn wrong_scopes() {
    let scopes = [
        (
            "/us-east-1/",
            "/eu-west-1/",
            "the region 'eu-west-1' is wrong; expecting 'us-east-1'",
        ),
        (
            "/s3/",
            "/sqs/",
            "incorrect service \"sqs\". This endpoint belongs to \"s3\".",
        ),
        (
            "aws4_request",
            "aws3_request",
            "incorrect terminator \"aws3_request\". This endpoint uses \"aws4_request\".",
        ),
        (
            "/20150830/",
            "/20150831/",
            "Invalid credential date \"20150831\". This date is not the same as X-Amz-Date: \"20150830\".",
        ),
    ];
    for (from, to, text) in scopes {
        let mut head = signed("s3", b"body");
        edit(&mut head, from, to);
        assert_eq!(S3.refusal(&head), SCOPE, "{from}");
        let error = S3
            .verify(&head)
            .unwrap_err()
            .to_error("s3", Protocol::RestXml);
        assert_eq!(
            error.message,
            format!("The authorization header is malformed; {text}")
        );
    }
}

#[test]
fn tampering() {
    let wrong_secret = Attempt {
        secret_key: "other",
        ..S3
    };
    assert_eq!(wrong_secret.refusal(&signed("s3", b"body")), WRONG);
    let tamper: [fn(&mut request::Parts); 5] = [
        |head| head.method = http::Method::POST,
        |head| head.uri = "/bucket/other?list-type=2&a=b".parse().unwrap(),
        |head| head.uri = "/bucket/key%20one?list-type=2&a=c".parse().unwrap(),
        |head| {
            drop(
                head.headers
                    .insert("x-amz-meta-colour", "blue".parse().unwrap()),
            )
        },
        |head| drop(head.headers.remove("x-amz-meta-colour")),
    ];
    for (at, tamper) in tamper.iter().enumerate() {
        let mut head = signed("s3", b"body");
        tamper(&mut head);
        assert_eq!(S3.refusal(&head), WRONG, "{at}");
    }
}

#[test]
fn bodies_are_bound() {
    let other_body = Attempt {
        body: b"other",
        ..S3
    };
    let fault = other_body.verify(&signed("s3", b"body")).unwrap_err();
    assert_eq!(
        fault.to_error("s3", Protocol::RestXml).code,
        "XAmzContentSHA256Mismatch"
    );
    let other_body = Attempt {
        body: b"other",
        ..IAM
    };
    assert_eq!(
        other_body
            .refusal(&signed("iam", b"body"))
            .split(", ")
            .last(),
        Some("400 InvalidSignatureException")
    );
    let mut head = signed("s3", b"body");
    head.headers.remove("x-amz-content-sha256");
    edit(&mut head, "x-amz-content-sha256;", "");
    assert_eq!(
        S3.verify(&head).unwrap_err(),
        SignatureFault::ContentHashMissing
    );
    head.headers
        .insert("x-amz-content-sha256", "none".parse().unwrap());
    assert!(matches!(
        S3.verify(&head),
        Err(SignatureFault::ContentHash { .. })
    ));
}

#[test]
fn unsigned_headers_are_refused() {
    let mut head = signed("s3", b"body");
    head.headers
        .insert("x-amz-acl", "public-read".parse().unwrap());
    let error = S3
        .verify(&head)
        .unwrap_err()
        .to_error("s3", Protocol::RestXml);
    assert_eq!(
        error.message,
        "There were headers present in the request which were not signed"
    );
    assert_eq!(error.members["HeadersNotSigned"], "x-amz-acl");
    let mut head = signed("s3", b"body");
    edit(&mut head, "=host;", "=");
    assert_eq!(S3.verify(&head).unwrap_err(), SignatureFault::HostUnsigned);
}

#[test]
fn clocks() {
    let skewed =
        "403 RequestTimeTooSkewed, 403 SignatureDoesNotMatch, 400 InvalidSignatureException";
    for offset in [-901, 901] {
        assert_eq!(
            Attempt {
                now_s: NOW_S + offset,
                ..S3
            }
            .refusal(&signed("s3", b"body")),
            skewed
        );
    }
    for offset in [-900, 900] {
        assert!(
            Attempt {
                now_s: NOW_S + offset,
                ..S3
            }
            .verify(&signed("s3", b"body"))
            .is_ok()
        );
    }
    let late = Attempt {
        now_s: NOW_S + 960,
        ..IAM
    }
    .verify(&signed("iam", b"body"))
    .unwrap_err();
    assert_eq!(
        late.to_error("iam", Protocol::Query).message,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z (20150830T125200Z - 15 min.)"
    );
    let mut head = signed("s3", b"body");
    head.headers.remove("x-amz-date");
    assert_eq!(S3.verify(&head).unwrap_err(), SignatureFault::DateMissing);
    head.headers
        .insert("x-amz-date", "2015-08-30".parse().unwrap());
    assert!(matches!(S3.verify(&head), Err(SignatureFault::Date { .. })));
}

#[test]
fn presigned_requests() {
    let expired = Attempt {
        now_s: NOW_S + 61,
        ..S3
    }
    .verify(&presigned(60))
    .unwrap_err();
    let error = expired.to_error("s3", Protocol::RestXml);
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("AccessDenied", "Request has expired")
    );
    assert_eq!(error.members["Expires"], "2015-08-30T12:37:00Z");
    for lifetime in ["0", "-1", "x", "604801", ""] {
        let mut head = presigned(60);
        edit_query(
            &mut head,
            "X-Amz-Expires=60",
            &format!("X-Amz-Expires={lifetime}"),
        );
        assert_eq!(S3.refusal(&head), QUERY, "{lifetime}");
    }
    let mut head = presigned(60);
    edit_query(&mut head, "versionId=1", "versionId=1&acl");
    assert_eq!(S3.refusal(&head), WRONG);
    let mut head = presigned(60);
    edit_query(&mut head, "versionId=1", "X-Amz-Signature=0");
    assert_eq!(S3.refusal(&head), QUERY);
    let mut head = presigned(60);
    head.headers.insert(
        "authorization",
        signed("s3", b"").headers["authorization"].clone(),
    );
    assert_eq!(S3.verify(&head).unwrap_err(), SignatureFault::TwoSignatures);
    let mut head = presigned(60);
    edit_query(&mut head, "%2Faws4_request", "");
    assert_eq!(
        S3.verify(&head)
            .unwrap_err()
            .to_error("s3", Protocol::RestXml)
            .message,
        "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
         \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
    );
}

/// The worked example of AWS's page on streaming signatures: one chunk of 64 KB, one of 1 KB, an empty one.
mod streaming {
    use super::*;

    fn head(trailer: bool) -> request::Parts {
        let mut head = plain("PUT", "/examplebucket/chunkObject.txt");
        let host = "s3.amazonaws.com".parse().unwrap();
        head.headers.insert("host", host);
        for (name, value) in [
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ] {
            head.headers.insert(name, value.parse().unwrap());
        }
        if trailer {
            head.headers
                .insert("x-amz-trailer", "x-amz-checksum-crc32c".parse().unwrap());
        } else {
            head.headers
                .insert("content-length", "66824".parse().unwrap());
        }
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let signer = Signer {
            credentials: &credentials,
            region: "us-east-1",
            service: "s3",
            now_s: 1_369_353_600,
        };
        signer
            .sign(
                &mut head,
                if trailer {
                    STREAMING_TRAILER
                } else {
                    STREAMING
                },
            )
            .unwrap();
        head
    }

    fn body(trailer: bool) -> Vec<Vec<u8>> {
        let signatures = if trailer {
            [
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            ]
        } else {
            [
                "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
            ]
        };
        let chunk = |size: usize, signature: &str| {
            let mut chunk = format!("{size:x};chunk-signature={signature}\r\n").into_bytes();
            chunk.extend(std::iter::repeat_n(b'a', size));
            chunk.extend(if size == 0 && trailer { "" } else { "\r\n" }.bytes());
            chunk
        };
        let mut chunks = vec![
            chunk(65_536, signatures[0]),
            chunk(1024, signatures[1]),
            chunk(0, signatures[2]),
        ];
        if trailer {
            chunks.push(b"x-amz-checksum-crc32c:sOO8/Q==\r\n".to_vec());
            let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
            chunks.push(format!("x-amz-trailer-signature:{signature}\r\n\r\n").into_bytes());
        }
        chunks
    }

    fn decode(
        trailer: bool,
        body: &[Vec<u8>],
        step: usize,
    ) -> Result<(Vec<u8>, Trailers), ChunkFault> {
        let head = head(trailer);
        let presented = parse(&head).unwrap().unwrap();
        let verification = Verification {
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            now_s: 1_369_353_600,
            service: "s3",
            region: None,
            body_sha256: None,
            skew_max_s: SKEW_MAX_S,
        };
        let verified = presented
            .verify(&head, &verification, &SigningKeys::default())
            .unwrap();
        let mut decoder = AwsChunkedDecoder::new(&head, &presented.payload, Some(&verified))?;
        let mut out = Vec::new();
        for piece in body.concat().chunks(step) {
            decoder.push(piece, &mut out)?;
        }
        decoder.finish().map(|trailers| (out, trailers))
    }

    #[test]
    fn the_published_example() {
        for step in [1, 7, 100_000] {
            let (decoded, trailers) = decode(false, &body(false), step).unwrap();
            assert_eq!(decoded, vec![b'a'; 66_560]);
            assert_eq!(trailers, Trailers::default());
        }
    }

    /// AWS publishes the trailer example too.
    #[test]
    fn the_published_example_with_trailer() {
        let (decoded, trailers) = decode(true, &body(true), 1000).unwrap();
        assert_eq!(decoded.len(), 66_560);
        assert_eq!(
            trailers.checksum,
            Some((crate::checksum::Algorithm::Crc32C, "sOO8/Q==".to_owned()))
        );
    }

    #[test]
    fn chunks_are_chained() {
        let mut reordered = body(false);
        reordered.swap(0, 1);
        assert_eq!(decode(false, &reordered, 4096), Err(ChunkFault::Signature));
        let mut changed = body(false);
        changed[0][200] = b'b';
        assert_eq!(decode(false, &changed, 4096), Err(ChunkFault::Signature));
        let mut unfinished = body(false);
        unfinished.pop();
        assert_eq!(
            decode(false, &unfinished, 4096),
            Err(ChunkFault::Incomplete)
        );
        let mut shorter = body(false);
        shorter.remove(1);
        assert_eq!(decode(false, &shorter, 4096), Err(ChunkFault::Signature));
    }

    #[test]
    fn trailers_are_held_to_their_word() {
        let mut wrong_signature = body(true);
        wrong_signature[4] = b"x-amz-trailer-signature:00\r\n\r\n".to_vec();
        assert_eq!(
            decode(true, &wrong_signature, 4096),
            Err(ChunkFault::Signature)
        );
        let mut no_trailer = body(true);
        no_trailer.truncate(3);
        assert_eq!(decode(true, &no_trailer, 4096), Err(ChunkFault::Incomplete));
    }

    fn decode_unsigned(length: &str, body: &str) -> Result<String, ChunkFault> {
        let mut head = plain("PUT", "/b/k");
        head.headers
            .insert("x-amz-trailer", "x-amz-checksum-crc32".parse().unwrap());
        head.headers
            .insert("x-amz-decoded-content-length", length.parse().unwrap());
        let mut decoder = AwsChunkedDecoder::new(&head, &Payload::StreamingUnsignedTrailer, None)?;
        let mut out = Vec::new();
        decoder.push(body.as_bytes(), &mut out)?;
        decoder.finish().map(|_| String::from_utf8(out).unwrap())
    }

    #[test]
    fn unsigned_with_a_checksum() {
        let good = "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
        assert_eq!(decode_unsigned("9", good).as_deref(), Ok("123456789"));
        let wrong = good.replace("y/Q5", "y/Q6");
        let fault = decode_unsigned("9", &wrong).unwrap_err();
        assert_eq!(
            fault.to_error().message,
            "The CRC32 you specified did not match the calculated checksum."
        );
        assert_eq!(
            decode_unsigned("8", good),
            Err(ChunkFault::Length {
                declared: 8,
                decoded: 9
            })
        );
        assert_eq!(
            decode_unsigned("10", good),
            Err(ChunkFault::Length {
                declared: 10,
                decoded: 9
            })
        );
        let other = good.replace("crc32:", "crc32c:");
        assert_eq!(decode_unsigned("9", &other), Err(ChunkFault::Trailer));
        assert_eq!(decode_unsigned("9", "x\r\n"), Err(ChunkFault::Malformed));
        assert_eq!(
            decode_unsigned("9", "ffffffffffffffffff\r\n"),
            Err(ChunkFault::Malformed)
        );
        assert_eq!(
            decode_unsigned("9", &format!("{good}more")),
            Err(ChunkFault::Malformed)
        );
    }
}

/// One text for each family, so that a client's user reads what AWS would tell.
#[test]
fn texts_of_keys_and_tokens() {
    let text =
        |fault: SignatureFault, service, protocol| fault.to_error(service, protocol).to_string();
    let unknown = SignatureFault::UnknownKey {
        access_key: "A".to_owned(),
    };
    assert_eq!(
        text(unknown.clone(), "s3", Protocol::RestXml),
        "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records."
    );
    assert_eq!(
        text(unknown.clone(), "sts", Protocol::Query),
        "InvalidClientTokenId: The security token included in the request is invalid."
    );
    assert_eq!(unknown.to_error("lambda", Protocol::RestJson).status, 403);
    assert_eq!(
        text(SignatureFault::ExpiredToken, "dynamodb", Protocol::Json),
        "ExpiredTokenException: The security token included in the request is expired"
    );
    assert_eq!(
        SignatureFault::ExpiredToken
            .to_error("s3", Protocol::RestXml)
            .status,
        400
    );
}

#[test]
fn a_region_is_formed_like_one() {
    for region in [
        "us-east-1",
        "us-gov-west-1",
        "eu-isoe-west-1",
        "ap-southeast-12",
    ] {
        assert!(is_region(region), "{region}");
    }
    for region in [
        "aws-global",
        "moon",
        "us-east-1-",
        "us-1",
        "",
        "-",
        "us-east-",
        "US-EAST-1",
    ] {
        assert!(!is_region(region), "{region}");
    }
}
