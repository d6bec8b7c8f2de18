//! Items as bytes on disk.
//!
//! ```text
//!   item  := version:1 count:v (name:t value)*          t := length:v bytes, v := LEB128
//!   value := tag:1 payload                              S N B: t; L: count:v value*; M: count:v (name:t value)*
//!                                                       SS NS BS: count:v t*; BOOL and NULL: none
//! ```
//!
//! Numbers lie in their sortable form, which is short and reads back exactly.

use std::collections::BTreeSet;

use super::number::Number;
use super::value::{AttributeValue, Item};

const VERSION: u8 = 1;

pub(super) fn encode(item: &Item) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    write_entries(item, &mut out);
    out
}

/// The item, or `None` where the bytes are none: a broken record or a version from the future.
pub(super) fn decode(bytes: &[u8]) -> Option<Item> {
    let mut reader = Reader(bytes);
    if reader.byte()? != VERSION {
        return None;
    }
    let item = reader.entries()?;
    reader.0.is_empty().then_some(item)
}

fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    out.push(low_bits(length));
}

fn low_bits(length: usize) -> u8 {
    u8::try_from(length & 0x7F).unwrap_or(0)
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn write_entries(entries: &Item, out: &mut Vec<u8>) {
    write_length(entries.len(), out);
    for (name, value) in entries {
        write_bytes(name.as_bytes(), out);
        write_value(value, out);
    }
}

fn write_members<'a>(tag: u8, members: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    out.push(tag);
    write_length(members.len(), out);
    for member in members {
        write_bytes(member, out);
    }
}

fn write_value(value: &AttributeValue, out: &mut Vec<u8>) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        write_bytes(bytes, out);
    };
    match value {
        AttributeValue::S(text) => tagged(b'S', text.as_bytes()),
        AttributeValue::N(number) => tagged(b'N', &number.sortable()),
        AttributeValue::B(bytes) => tagged(b'B', bytes),
        AttributeValue::Bool(value) => out.push(if *value { b'T' } else { b'F' }),
        AttributeValue::Null => out.push(b'0'),
        AttributeValue::L(items) => {
            out.push(b'L');
            write_length(items.len(), out);
            items.iter().for_each(|item| write_value(item, out));
        }
        AttributeValue::M(entries) => {
            out.push(b'M');
            write_entries(entries, out);
        }
        AttributeValue::Ss(members) => {
            write_members(b's', members.iter().map(String::as_bytes), out)
        }
        AttributeValue::Bs(members) => write_members(b'b', members.iter().map(Vec::as_slice), out),
        AttributeValue::Ns(members) => {
            out.push(b'n');
            write_length(members.len(), out);
            members
                .iter()
                .for_each(|member| write_bytes(&member.sortable(), out));
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    fn number(&mut self) -> Option<Number> {
        Number::from_sortable(self.bytes()?)
    }

    fn entries(&mut self) -> Option<Item> {
        let count = self.length()?;
        (0..count)
            .map(|_| Some((self.text()?, self.value()?)))
            .collect()
    }

    fn value(&mut self) -> Option<AttributeValue> {
        Some(match self.byte()? {
            b'S' => AttributeValue::S(self.text()?),
            b'N' => AttributeValue::N(self.number()?),
            b'B' => AttributeValue::B(self.bytes()?.to_vec()),
            b'T' => AttributeValue::Bool(true),
            b'F' => AttributeValue::Bool(false),
            b'0' => AttributeValue::Null,
            b'L' => {
                let count = self.length()?;
                AttributeValue::L((0..count).map(|_| self.value()).collect::<Option<_>>()?)
            }
            b'M' => AttributeValue::M(self.entries()?),
            b's' => AttributeValue::Ss(self.members(Self::text)?),
            b'n' => AttributeValue::Ns(self.members(Self::number)?),
            b'b' => AttributeValue::Bs(self.members(|reader| reader.bytes().map(<[u8]>::to_vec))?),
            _ => return None,
        })
    }

    fn members<T: Ord>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<BTreeSet<T>> {
        let count = self.length()?;
        (0..count).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::value::read_item;
    use super::*;

    #[test]
    fn an_item_reads_back_and_cut_bytes_do_not() {
        let Value::Object(entries) = json!({
            "s": {"S": "ü".repeat(200)}, "n": {"N": "-1.5"}, "b": {"B": "AAE="}, "t": {"BOOL": true}, "0": {"NULL": true},
            "l": {"L": [{"M": {"x": {"S": ""}}}]}, "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AA=="]}
        }) else {
            unreachable!()
        };
        let item = read_item(entries).unwrap_or_default();
        let bytes = encode(&item);
        assert_eq!(decode(&bytes).as_ref(), Some(&item));
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }
}
