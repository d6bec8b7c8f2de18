//! `$util`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html#util-template-reference>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Fault, Result, shown};

pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value> {
    let text = arguments.first().map(shown).unwrap_or_default();
    Ok(match name {
        "escapeJavaScript" => escape_java_script(&text).into(),
        "parseJson" => serde_json::from_str(&text)
            .map_err(|error| Fault::new(format!("parseJson: {error}")))?,
        "base64Encode" => STANDARD.encode(text).into(),
        "base64Decode" => {
            let bytes = STANDARD.decode(text.trim());
            let bytes = bytes.map_err(|error| Fault::new(format!("base64Decode: {error}")))?;
            String::from_utf8_lossy(&bytes).into_owned().into()
        }
        "urlEncode" => url_encode(&text).into(),
        "urlDecode" => super::super::event::decode(&text).into(),
        _ => return Err(Fault::new(format!("there is no $util.{name}"))),
    })
}

/// As Apache's `StringEscapeUtils` does it, slashes and all that is not ASCII included.
fn escape_java_script(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' | '/' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            ' '..='~' => escaped.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    escaped
}

/// As a form encodes: a space is a plus.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
