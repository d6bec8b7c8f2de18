//! Query strings and forms: `name=value&name=value`, percent-encoded.

use std::borrow::Cow;

use percent_encoding::percent_decode;

pub(crate) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// All pairs in order. A name without `=` has an empty value.
pub(crate) fn parse(text: &[u8]) -> Pairs<'_> {
    let pairs = text
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs.map(parse_pair).collect()
}

fn parse_pair(pair: &[u8]) -> (Cow<'_, str>, Cow<'_, str>) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
        None => (decode(pair), Cow::Borrowed("")),
    }
}

/// Percent-decodes, with `+` for a space; what is no UTF-8 is replaced.
fn decode(text: &[u8]) -> Cow<'_, str> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return String::from_utf8_lossy(text);
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The first value under a name.
pub(crate) fn get<'a>(pairs: &'a Pairs<'_>, name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_ref())
}
