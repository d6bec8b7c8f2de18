//! Walking the keys of a bucket, page by page.
//!
//! A page costs what it shows: after a common prefix the walk seeks past everything under it, so a
//! folder with a million objects is one step.

use cumulet_engine::error::{Error, Result};
use cumulet_kernel::key::{KeyReader, end_of_prefix};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Table, Tx};

use super::errors::invalid_argument;

pub(crate) const KEYS_MAX: i64 = 1000;

/// What a listing asks for.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    /// Never empty.
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) limit: usize,
}

impl<'a> Query<'a> {
    /// What keys roll up to, where they have the delimiter behind the prefix.
    pub(crate) fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.get(self.prefix.len()..)?;
        let at = rest.find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }

    /// Where everything with the prefix begins.
    pub(crate) fn start(&self) -> Vec<u8> {
        let key = Key::new()
            .text(self.bucket)
            .beginning(self.prefix.as_bytes());
        key.as_slice().to_vec()
    }

    /// Where a walk goes on behind `marker`, whole if `marker` lies under a common prefix.
    pub(crate) fn after(&self, marker: &str) -> Vec<u8> {
        let start = self.start();
        if marker.is_empty() {
            return start;
        }
        let rolled = marker
            .starts_with(self.prefix)
            .then(|| self.common_prefix(marker))
            .flatten();
        let next = match rolled {
            Some(common) => after_prefix(self.bucket, common),
            None => after_key(self.bucket, marker),
        };
        start.max(next)
    }

    pub(crate) fn end(&self) -> Option<Vec<u8>> {
        end_of_prefix(&self.start())
    }
}

/// The first possible key behind everything that begins with `prefix`.
pub(crate) fn after_prefix(bucket: &str, prefix: &str) -> Vec<u8> {
    let prefix = Key::new().text(bucket).beginning(prefix.as_bytes());
    end_of_prefix(prefix.as_slice()).unwrap_or_default()
}

/// The first possible key behind everything stored for an object key.
pub(crate) fn after_key(bucket: &str, key: &str) -> Vec<u8> {
    let key = Key::new().text(bucket).text(key);
    end_of_prefix(key.as_slice()).unwrap_or_default()
}

/// A line of a listing.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<T> {
    Entry(String, T),
    CommonPrefix(String),
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) lines: Vec<Line<T>>,
    pub(crate) is_truncated: bool,
}

impl<T> Page<T> {
    /// The key or common prefix that the next page goes on behind.
    pub(crate) fn last(&self) -> Option<&str> {
        self.lines.last().map(|line| match line {
            Line::Entry(key, _) => key.as_str(),
            Line::CommonPrefix(prefix) => prefix.as_str(),
        })
    }
}

/// Walks a table whose keys are bucket and object key.
pub(crate) fn page<T: serde::de::DeserializeOwned>(
    tx: &Tx<'_>,
    table: Table,
    query: &Query<'_>,
    marker: &str,
) -> Result<Page<T>> {
    let mut page = Page {
        lines: Vec::new(),
        is_truncated: false,
    };
    if query.limit == 0 {
        return Ok(page);
    }
    let mut from = query.after(marker);
    let end = query.end();
    'seek: loop {
        for pair in tx.range(table, &from, end.as_deref(), Direction::Forward)? {
            let (stored, _) = pair?;
            if page.lines.len() == query.limit {
                page.is_truncated = true;
                return Ok(page);
            }
            let key = object_key_of(&stored)?;
            if let Some(common) = query.common_prefix(&key) {
                page.lines.push(Line::CommonPrefix(common.to_owned()));
                from = after_prefix(query.bucket, common);
                continue 'seek;
            }
            let record = tx.load(table, &stored)?;
            let record = record.ok_or_else(|| Error::internal("a listed record is gone"))?;
            page.lines.push(Line::Entry(key, record));
        }
        return Ok(page);
    }
}

/// The object key in a stored key.
pub(crate) fn object_key_of(stored: &[u8]) -> Result<String> {
    let mut reader = KeyReader::new(stored);
    let key = reader.text().and_then(|_| reader.text());
    key.ok_or_else(|| Error::internal("a stored object key cannot be read"))
}

/// The page size a listing asks for, and how it is echoed.
pub(crate) fn page_size(asked: Option<i64>, name: &str) -> Result<(usize, i64)> {
    let asked = asked.unwrap_or(KEYS_MAX);
    if !(0..=i64::from(i32::MAX)).contains(&asked) {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        return Err(invalid_argument(message, name, asked.to_string()));
    }
    let size = asked.min(KEYS_MAX);
    Ok((usize::try_from(size).unwrap_or_default(), size))
}

/// The delimiter, where it is one: an empty one counts as none.
pub(crate) fn delimiter(delimiter: Option<&str>) -> Option<&str> {
    delimiter.filter(|delimiter| !delimiter.is_empty())
}

/// Whether keys are to be encoded; refuses other encodings than `url`.
pub(crate) fn encodes(encoding_type: Option<&str>) -> Result<bool> {
    match encoding_type {
        None | Some("") => Ok(false),
        Some("url") => Ok(true),
        Some(other) => {
            let message = "Invalid Encoding Method specified in Request";
            Err(invalid_argument(message, "encoding-type", other))
        }
    }
}

/// Text as a listing writes it.
pub(crate) fn shown(text: &str, encodes: bool) -> String {
    if encodes {
        super::encoding::url_encode(text)
    } else {
        text.to_owned()
    }
}
