//! Ordered keys out of several parts.
//!
//! Records lie in the store by the byte order of their keys, so a key must sort as its parts do: first
//! by account, then by bucket, then by object key. Text ends in a terminator that is smaller than any
//! byte of a longer text, numbers are big-endian; so no part can run into the next.

/// A key under construction; append the parts in the order they shall sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

const TERMINATOR: [u8; 2] = [0x00, 0x01];
const ESCAPED_ZERO: [u8; 2] = [0x00, 0xFF];

impl Key {
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends text; sorts by bytes, a prefix before its extensions.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Appends bytes of any length; sorts as the bytes do, a prefix before its extensions.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.extend_escaped(part);
        self.0.extend_from_slice(&TERMINATOR);
        self
    }

    /// Appends the beginning of a text part, unterminated: for ranges over everything that begins so.
    #[must_use]
    pub fn beginning(mut self, part: &[u8]) -> Self {
        self.extend_escaped(part);
        self
    }

    /// Appends a number; sorts by value.
    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Appends a number that sorts the greatest first: newest versions before older ones.
    #[must_use]
    pub fn number_descending(self, part: u64) -> Self {
        self.number(u64::MAX - part)
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn extend_escaped(&mut self, part: &[u8]) {
        for &byte in part {
            if byte == 0 {
                self.0.extend_from_slice(&ESCAPED_ZERO);
            } else {
                self.0.push(byte);
            }
        }
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the parts of a stored key back, in the order they were appended.
#[derive(Debug)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    pub fn new(key: &'a [u8]) -> Self {
        Self(key)
    }

    /// The next bytes part; `None` where the key holds no terminated part here.
    pub fn bytes(&mut self) -> Option<Vec<u8>> {
        let mut part = Vec::with_capacity(self.0.len());
        let mut at = 0;
        loop {
            match (*self.0.get(at)?, self.0.get(at + 1)) {
                (0x00, Some(0x01)) => {
                    self.0 = &self.0[at + 2..];
                    return Some(part);
                }
                (0x00, Some(0xFF)) => {
                    part.push(0);
                    at += 2;
                }
                (0x00, _) => return None,
                (byte, _) => {
                    part.push(byte);
                    at += 1;
                }
            }
        }
    }

    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    pub fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    pub fn number_descending(&mut self) -> Option<u64> {
        self.number().map(|number| u64::MAX - number)
    }
}

/// The smallest key greater than every key beginning with `prefix`; `None` when there is none.
pub fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_parts_do() {
        let sorted = [
            Key::new().text("a").text("z"),
            Key::new().text("a\0").text("a"),
            Key::new().text("a\0b").text("a"),
            Key::new().text("a\u{1}").text("a"),
            Key::new().text("ab").text(""),
            Key::new().text("b").number(2),
            Key::new().text("b").number(256),
        ];
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_key_reads_back_what_it_was_made_of() {
        let key = Key::new()
            .text("x\0y")
            .number(7)
            .number_descending(9)
            .text("");
        let mut reader = KeyReader::new(key.as_slice());
        assert_eq!(reader.text().as_deref(), Some("x\0y"));
        assert_eq!(reader.number(), Some(7));
        assert_eq!(reader.number_descending(), Some(9));
        assert_eq!(reader.text().as_deref(), Some(""));
        assert_eq!(reader.bytes(), None);
    }

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(end_of_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(end_of_prefix(&[1, 0xFF]), Some(vec![2]));
        assert_eq!(end_of_prefix(&[0xFF]), None);
    }
}
