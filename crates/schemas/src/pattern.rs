//! Regular expressions of the schemas, compiled once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

/// Long bounded repetitions (`{1,2048}`) compile to programs beyond the default limit.
const COMPILED_SIZE_BYTES: usize = 64 << 20;

static COMPILED: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);

/// Whether the text contains a match. A pattern with look-around cannot be compiled here and holds for every text:
/// the service that owns the resource checks it again in full. This crate's tests list those patterns.
pub(crate) fn is_match(pattern: &str, text: &str) -> bool {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = compiled
        .entry(pattern.to_owned())
        .or_insert_with(|| compile(pattern));
    regex.as_ref().is_none_or(|regex| regex.is_match(text))
}

pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&to_rust(pattern))
        .size_limit(COMPILED_SIZE_BYTES)
        .build()
        .ok()
}

/// The schemas are written in ECMA's dialect, where `[` inside a class is literal and `\/` escapes nothing;
/// one of them borrows `\Z` from Python.
fn to_rust(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = match characters.next() {
                    Some('Z') => 'z',
                    other => other.unwrap_or('\\'),
                };
                if !matches!(
                    escaped,
                    '/' | '_' | ':' | '@' | '=' | ',' | '\'' | '"' | ' ' | '!' | '%'
                ) {
                    rust.push('\\');
                }
                rust.push(escaped);
                continue;
            }
            '[' if in_class => rust.push('\\'),
            '&' | '~' if in_class => rust.push('\\'),
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        rust.push(character);
    }
    rust
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::Value;

    use super::{compile, is_match};

    #[test]
    fn ecma_classes_match_as_written() {
        assert!(is_match(r"^[\w\-\.\/\[]+$", "a-b.c/d["));
        assert!(!is_match(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "a;b"));
    }

    #[test]
    fn patterns_that_only_the_service_can_check() {
        let mut beyond = Vec::new();
        crate::resource_types().for_each(|kind| collect(kind.schema(), &mut beyond));
        beyond.sort();
        beyond.dedup();
        expect![[r#"
            ((?!^[0-9]+$)([a-zA-Z0-9-_]+))
            ^((?![:*$])[\x00-\x7F]){1,255}
            ^(?!\s*$).+$
            ^(?!^[0-9]+$)([a-zA-Z0-9-_]+)$
            ^(?=.{2,256}$)([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)$
            ^(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)$
            ^(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:((?!\d+)[0-9a-zA-Z-_]+))?$
            ^[0-9A-Za-z\.\-_]*(?<!\.)$"#]].assert_eq(&beyond.join("\n"));
    }

    fn collect(schema: &Value, beyond: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                let pattern = members.get("pattern").and_then(Value::as_str);
                beyond.extend(
                    pattern
                        .filter(|pattern| compile(pattern).is_none())
                        .map(str::to_owned),
                );
                members.values().for_each(|member| collect(member, beyond));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, beyond)),
            _ => {}
        }
    }
}
