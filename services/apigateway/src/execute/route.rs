//! From a path to a resource, and the cache of frozen definitions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cumulet_engine::error::Result;
use cumulet_kernel::Tx;

use super::super::state::{self, Definition, Method, Resource};

/// What a path leads to.
#[derive(Debug, Default)]
pub(super) struct Routed {
    pub(super) resource: Resource,
    pub(super) method: Method,
    pub(super) path_parameters: Vec<(String, String)>,
}

/// Definitions never change once deployed, and ids are never reused: they are decoded once.
#[derive(Debug, Default)]
pub(super) struct Definitions(Mutex<HashMap<String, Arc<Definition>>>);

const CACHED_MAX: usize = 256;

impl Definitions {
    pub(super) fn find(
        &self,
        tx: &Tx<'_>,
        api_id: &str,
        deployment_id: &str,
    ) -> Result<Option<Arc<Definition>>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{api_id}/{deployment_id}");
        if let Some(known) = kept().get(&key) {
            return Ok(Some(known.clone()));
        }
        let Some(deployment) = state::deployment(tx, api_id, deployment_id)? else {
            return Ok(None);
        };
        let definition = Arc::new(deployment.definition);
        let mut kept = kept();
        if kept.len() >= CACHED_MAX {
            kept.clear();
        }
        kept.insert(key, definition.clone());
        Ok(Some(definition))
    }
}

/// Of the resources that have the method, or ANY, the one that fits best: a name before a variable, a variable before a
/// greedy one.
pub(super) fn find(definition: &Definition, http_method: &str, path: &str) -> Option<Routed> {
    let parts = parts(path);
    let matches = definition.resources.values().filter_map(|resource| {
        let methods = &resource.resource_methods;
        let method = methods.get(http_method).or_else(|| methods.get("ANY"))?;
        let parameters = match_parts(&resource.path, &parts)?;
        Some((rank(&resource.path), resource, method, parameters))
    });
    let (_, resource, method, path_parameters) =
        matches.min_by(|(left, ..), (right, ..)| left.cmp(right))?;
    Some(Routed {
        resource: resource.clone(),
        method: method.clone(),
        path_parameters,
    })
}

fn parts(path: &str) -> Vec<&str> {
    let parts = path.trim_matches('/').split('/');
    parts.filter(|part| !part.is_empty()).collect()
}

/// The path parameters, where the path has the template's form.
pub(super) fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    match_parts(template, &parts(path))
}

fn match_parts(template: &str, parts: &[&str]) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = parts;
    for segment in template.split('/').filter(|segment| !segment.is_empty()) {
        let variable = segment
            .strip_prefix('{')
            .and_then(|segment| segment.strip_suffix('}'));
        if let Some(greedy) = variable.and_then(|variable| variable.strip_suffix('+')) {
            parameters.push((greedy.to_owned(), rest.join("/")));
            return (!rest.is_empty()).then_some(parameters);
        }
        let (part, after) = rest.split_first()?;
        match variable {
            Some(variable) => parameters.push((variable.to_owned(), (*part).to_owned())),
            None if segment == *part => {}
            None => return None,
        }
        rest = after;
    }
    rest.is_empty().then_some(parameters)
}

/// Sorts the more specific template first, segment by segment.
fn rank(template: &str) -> Vec<u8> {
    let segments = template.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(|segment| match segment {
            _ if segment.ends_with("+}") => 2,
            _ if segment.starts_with('{') => 1,
            _ => 0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(paths: &[&str], path: &str) -> Option<(String, Vec<(String, String)>)> {
        let resource = |(index, path): (usize, &&str)| {
            let methods = [("ANY".to_owned(), Method::default())].into();
            let id = index.to_string();
            (
                id.clone(),
                Resource {
                    id,
                    path: (*path).to_owned(),
                    resource_methods: methods,
                    ..Resource::default()
                },
            )
        };
        let definition = Definition {
            resources: paths.iter().enumerate().map(resource).collect(),
            ..Definition::default()
        };
        find(&definition, "GET", path).map(|routed| (routed.resource.path, routed.path_parameters))
    }

    #[test]
    fn the_most_specific_resource_wins() {
        let paths = ["/", "/pets", "/pets/{id}", "/pets/mine", "/{proxy+}"];
        let parameter = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(routed(&paths, "/"), Some(("/".into(), vec![])));
        assert_eq!(
            routed(&paths, "/pets/mine"),
            Some(("/pets/mine".into(), vec![]))
        );
        assert_eq!(
            routed(&paths, "/pets/7"),
            Some(("/pets/{id}".into(), parameter("id", "7")))
        );
        assert_eq!(
            routed(&paths, "/a/b/c"),
            Some(("/{proxy+}".into(), parameter("proxy", "a/b/c")))
        );
        assert_eq!(routed(&paths[..2], "/a"), None);
    }
}
