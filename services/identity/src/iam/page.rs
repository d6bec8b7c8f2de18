//! Lists in pages: the marker is the last name of the page before, so it stays valid whatever changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cumulet_engine::error::Result;
use serde::Serialize;

use super::api::PageInput;
use super::error::validation;

const PAGE: usize = 100;

/// Where a list goes on; flattened into every list's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct More {
    pub(super) is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
}

/// The part of `items`, sorted by `name`, that a call asked for.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> String,
    asked: &PageInput,
) -> Result<(Vec<T>, More)> {
    let after = asked.marker.as_deref().map(read_marker).transpose()?;
    let is_after = |item: &T| after.as_ref().is_none_or(|after| name(item) > *after);
    let mut rest = items.into_iter().filter(|item| is_after(item));
    let items: Vec<T> = rest
        .by_ref()
        .take(asked.max_items.unwrap_or(PAGE))
        .collect();
    let is_truncated = rest.next().is_some();
    let marker = items
        .last()
        .filter(|_| is_truncated)
        .map(|last| STANDARD.encode(name(last)));
    Ok((
        items,
        More {
            is_truncated,
            marker,
        },
    ))
}

fn read_marker(marker: &str) -> Result<String> {
    let bytes = STANDARD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| validation("Invalid Marker."))
}
