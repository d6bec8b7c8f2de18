//! The sums that clients check: of a body, and of attributes.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use super::state::{AttributeRecord, AttributeValue};

pub(super) fn of_body(body: &[u8]) -> String {
    hex::encode(Md5::digest(body))
}

/// Names in order; each of name, type and value after its length, the value also after its kind.
pub(super) fn of_attributes(attributes: &BTreeMap<String, AttributeRecord>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut sum = Md5::new();
    for (name, attribute) in attributes {
        update(&mut sum, name.as_bytes());
        update(&mut sum, attribute.data_type.as_bytes());
        match &attribute.value {
            AttributeValue::Text(text) => {
                sum.update([1]);
                update(&mut sum, text.as_bytes());
            }
            AttributeValue::Bytes(bytes) => {
                sum.update([2]);
                update(&mut sum, bytes);
            }
        }
    }
    Some(hex::encode(sum.finalize()))
}

fn update(sum: &mut Md5, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    sum.update(length.to_be_bytes());
    sum.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_that_clients_compute() {
        assert_eq!(
            of_body(b"This is a test message"),
            "fafb00f5732ab283681e124bf8747ed1"
        );
        let attribute = AttributeRecord {
            data_type: "String".into(),
            value: AttributeValue::Text("value".into()),
        };
        let expected: Vec<u8> = [
            &[0, 0, 0, 4][..],
            b"name",
            &[0, 0, 0, 6],
            b"String",
            &[1],
            &[0, 0, 0, 5],
            b"value",
        ]
        .concat();
        let attributes = BTreeMap::from([("name".to_owned(), attribute)]);
        assert_eq!(
            of_attributes(&attributes),
            Some(hex::encode(Md5::digest(expected)))
        );
        assert_eq!(of_attributes(&BTreeMap::new()), None);
    }
}
