//! The targets as quick property tests: seeds, seeds with a few bytes changed, and noise.

use proptest::prelude::*;

const SIGNED: &str = "POST /?Action=ListRoles\nhost:127.0.0.1\nx-amz-date:20260131T120000Z\n\
    authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/iam/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\n\nVersion=2010-05-08";
const PRESIGNED: &str = "GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260131%2Feu-west-1%2Fs3%2Faws4_request\
    &X-Amz-Date=20260131T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404\n\
    host:bucket.s3.localhost";
const CHUNKED: &str = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
const POLICY: &str = r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"A","Effect":"Allow","Action":["s3:Get*","sqs:*"],
    "Resource":["arn:aws:s3:::b/${aws:username}/*","*"],"Condition":{"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a*"]},
    "IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32"]},"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00.5+01:00"},
    "NumericLessThan":{"s3:max-keys":10},"Null":{"sts:ExternalId":true},"BinaryEquals":{"a:b":"aGk="}}},
    {"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:s3:::c/${aws:PrincipalTag/t, 'x'}/${*}"}]}"#;
const FORM: &str = "\u{5}\u{7}\u{1}POST /\ncontent-type:application/x-www-form-urlencoded\n\nAction=X&A.member.1.B=c&D.entry.1.key=e&D.entry.1.value=f";
const JSON: &str = "\u{3}\u{9}\u{0}POST /\ncontent-type:application/x-amz-json-1.0\n\n{\"TableName\":\"t\",\"Key\":{\"a\":{\"S\":\"b\"}},\"N\":1e400}";

/// A seed with a few bytes replaced, cut out or doubled, or bytes that are nothing at all.
fn mutated(seed: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    let changed = proptest::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = seed.as_bytes().to_vec();
        for (place, byte, kind) in changes {
            let at = place
                .index(bytes.len().max(1))
                .min(bytes.len().saturating_sub(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        bytes
    });
    prop_oneof![9 => changed, 1 => proptest::collection::vec(any::<u8>(), 0..256)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_head_proves_itself_without_the_secret(data in prop_oneof![mutated(SIGNED), mutated(PRESIGNED)]) {
        crate::signature(&data);
    }

    #[test]
    fn chunked_bodies_do_not_depend_on_their_pieces(data in mutated(CHUNKED)) {
        crate::chunked(&data);
    }

    #[test]
    fn what_every_codec_reads_it_can_check_and_write(data in prop_oneof![mutated(FORM), mutated(JSON)]) {
        crate::codecs(&data);
    }
}

proptest! {
    // Each case asks the simulator in a store of its own.
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_policy_that_is_stored_is_understood(data in mutated(POLICY)) {
        crate::policy(&data);
    }
}

#[test]
fn the_seeds_reach_what_they_are_for() {
    crate::policy(POLICY.as_bytes());
    crate::chunked(CHUNKED.as_bytes());
    let (head, _) = crate::read_head(PRESIGNED.as_bytes()).expect("a head");
    assert!(matches!(cumulet_wire::sigv4::parse(&head), Ok(Some(_))));
    let (head, _) = crate::read_head(SIGNED.as_bytes()).expect("a head");
    assert!(matches!(cumulet_wire::sigv4::parse(&head), Ok(Some(_))));
}
