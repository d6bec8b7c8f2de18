//! Lists in pages: a token names the last item of the page before, so it stays valid whatever changes
//! between two calls.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The part of a sorted list that a call asked for, and the token of what follows.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

/// The page of `items` after the item that `token` names; `None` where the token was never handed out.
/// `items` are in a fixed order, and `name` tells them apart.
pub fn page<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> String,
    token: Option<&str>,
    limit: usize,
) -> Option<Page<T>> {
    let mut rest = items.into_iter().peekable();
    if let Some(token) = token {
        let last = read_token(token)?;
        rest.by_ref().find(|item| name(item) == last)?;
    }
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let last = items.last().filter(|_| rest.peek().is_some());
    let next_token = last.map(|last| token_of(&name(last)));
    Some(Page { items, next_token })
}

/// As [`page`], for items sorted by name: survives the removal of the item that the token names.
pub fn page_by_name<T>(
    items: Vec<T>,
    name: impl Fn(&T) -> String,
    token: Option<&str>,
    limit: usize,
) -> Option<Page<T>> {
    let after = match token {
        Some(token) => Some(read_token(token)?),
        None => None,
    };
    let is_after = |item: &T| after.as_ref().is_none_or(|after| name(item) > *after);
    let items = items.into_iter().filter(is_after).collect();
    page(items, &name, None, limit)
}

pub fn token_of(name: &str) -> String {
    BASE64_STANDARD.encode(name)
}

pub fn read_token(token: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()
}
