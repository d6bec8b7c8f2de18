//! `parse`: fields taken out of a text, by a glob with asterisks or by a regular expression with names.

use regex::Regex;

use super::row::Row;
use super::scanner;
use super::value::Value;

#[derive(Clone, Debug)]
pub(super) struct Extract {
    pub(super) from: String,
    regex: Regex,
    /// By the expression's groups, from the first on.
    pub(super) names: Vec<String>,
}

impl Extract {
    /// `None` where the names are not as many as the asterisks.
    pub(super) fn glob(from: String, glob: &str, names: Vec<String>) -> Option<Self> {
        let pieces: Vec<&str> = glob.split('*').collect();
        if pieces.len() != names.len() + 1 {
            return None;
        }
        let escaped: Vec<String> = pieces.iter().map(|piece| regex::escape(piece)).collect();
        // The last asterisk takes all that is left where nothing follows it.
        let last = escaped.last().is_some_and(String::is_empty);
        let mut pattern = String::from("(?s)");
        for (at, piece) in escaped.iter().enumerate() {
            if at > 0 {
                let is_last = at == escaped.len() - 1;
                pattern.push_str(if is_last && last { "(.*)" } else { "(.*?)" });
            }
            pattern.push_str(piece);
        }
        let regex = scanner::compile(&pattern)?;
        Some(Self { from, regex, names })
    }

    /// Named groups name the fields.
    pub(super) fn regex(from: String, regex: Regex) -> Option<Self> {
        let names: Vec<String> = regex
            .capture_names()
            .skip(1)
            .map(|name| name.unwrap_or_default().to_owned())
            .collect();
        let any = names.iter().any(|name| !name.is_empty());
        any.then_some(Self { from, regex, names })
    }

    pub(super) fn apply(&self, row: &mut Row) {
        let text = row.field(&self.from).text();
        let Some(found) = self.regex.captures(&text) else {
            return;
        };
        for (at, name) in self.names.iter().enumerate() {
            if let Some(part) = found.get(at + 1).filter(|_| !name.is_empty()) {
                row.set(name, Value::Text(part.as_str().to_owned()));
            }
        }
    }
}
