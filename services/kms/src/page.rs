//! Lists in pages: the marker is the last name of the page before, so it stays valid whatever changes.

use cumulet_engine::error::{Error, Result};

use super::api::{from_base64, to_base64};

/// The part of a sorted list that a call asked for.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_marker: Option<String>,
}

/// `items` sorted by `name`.
pub(super) fn page<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> String,
    marker: Option<&str>,
    limit: usize,
) -> Result<Page<T>> {
    let after = marker.map(read_marker).transpose()?;
    let is_after = |item: &T| after.as_ref().is_none_or(|after| name(item) > *after);
    let mut rest = items.into_iter().filter(|item| is_after(item));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next_marker = items
        .last()
        .filter(|_| more)
        .map(|last| to_base64(name(last).as_bytes()));
    Ok(Page { items, next_marker })
}

fn read_marker(marker: &str) -> Result<String> {
    let invalid = || Error::new("InvalidMarkerException", "Could not deserialize marker");
    let bytes = from_base64(marker).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
