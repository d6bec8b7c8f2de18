//! Random operations against a model that is simple enough to be right: a map of keys to lists of versions.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{World, pattern, text};

const OPERATIONS: usize = 600;

/// xorshift: the same start gives the same run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Version {
    id: String,
    /// `None`: a delete marker.
    body: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Versioning {
    Never,
    Enabled,
    Suspended,
}

/// Versions by key, the newest last.
struct Model {
    versioning: Versioning,
    keys: BTreeMap<String, Vec<Version>>,
}

impl Model {
    fn add(&mut self, key: &str, id: Option<&str>, body: Option<Bytes>) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        if self.versioning != Versioning::Enabled {
            versions.retain(|version| version.id != "null");
        }
        let id = id.unwrap_or("null").to_owned();
        versions.push(Version { id, body });
    }

    fn remove(&mut self, key: &str, id: &str) {
        if let Some(versions) = self.keys.get_mut(key) {
            versions.retain(|version| version.id != id);
        }
    }

    fn current(&self, key: &str) -> Option<&Bytes> {
        self.keys.get(key)?.last()?.body.as_ref()
    }

    /// What a listing shows, with prefix and delimiter.
    fn listing(&self, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
        let mut lines = Vec::new();
        for key in self
            .keys
            .keys()
            .filter(|key| key.starts_with(prefix) && self.current(key).is_some())
        {
            let rolled = delimiter.and_then(|delimiter| {
                let at = key[prefix.len()..].find(delimiter)?;
                Some(key[..prefix.len() + at + delimiter.len()].to_owned())
            });
            let line = rolled.unwrap_or_else(|| key.clone());
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// Key, id, whether it is a marker, whether it is the latest.
    fn versions(&self) -> Vec<(String, String, bool, bool)> {
        let all = self.keys.iter().flat_map(|(key, versions)| {
            let newest_first = versions.iter().rev().enumerate();
            newest_first.map(|(index, version)| {
                (
                    key.clone(),
                    version.id.clone(),
                    version.body.is_none(),
                    index == 0,
                )
            })
        });
        all.collect()
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a failed run is repeated from its starting number"
)]
async fn random_operations_agree_with_the_model() {
    let start = std::env::var("CUMULET_TEST_START")
        .ok()
        .and_then(|start| start.parse().ok())
        .unwrap_or(20_261_121);
    println!("CUMULET_TEST_START={start}");
    let mut random = Random(start);
    let world = World::new();
    world.bucket("docs").await;
    let mut model = Model {
        versioning: Versioning::Never,
        keys: BTreeMap::new(),
    };
    let keys = ["a", "a/b", "a/c", "a/c/d", "a\0b", "b/", "b/x", "ü/ß", "z"];
    for step in 0..OPERATIONS {
        let key = keys[random.below(keys.len())];
        match random.below(12) {
            0..=3 => {
                let sizes = [0, 1, 100, 65_536, 65_537, 140_000];
                let body = pattern(sizes[random.below(sizes.len())] + random.below(3));
                let put = world.put("docs", key, body.clone()).await;
                model.add(key, put["VersionId"].as_str(), Some(body));
            }
            4 => {
                let deleted = world
                    .ok("DeleteObject", json!({"Bucket": "docs", "Key": key}))
                    .await;
                if model.versioning == Versioning::Never {
                    model.keys.remove(key);
                } else {
                    model.add(key, deleted["VersionId"].as_str(), None);
                }
            }
            5 | 6 => {
                let versions = model.versions();
                if let Some((key, id, is_marker, _)) =
                    versions.get(random.below(versions.len().max(1)))
                {
                    let input = json!({"Bucket": "docs", "Key": key, "VersionId": id});
                    let deleted = world.ok("DeleteObject", input).await;
                    assert_eq!(
                        deleted.get("DeleteMarker").is_some(),
                        *is_marker,
                        "step {step}"
                    );
                    model.remove(key, id);
                }
            }
            7 => {
                if let Some(body) = model.current(key).cloned() {
                    let target = keys[random.below(keys.len())];
                    let source = format!("docs/{}", key.replace('\0', "%00"));
                    let input = json!({
                        "Bucket": "docs", "Key": target, "CopySource": source, "MetadataDirective": "REPLACE"
                    });
                    let copied = world.ok("CopyObject", input).await;
                    model.add(target, copied["VersionId"].as_str(), Some(body));
                }
            }
            8 if step > OPERATIONS / 4 => {
                let enabled = random.below(2) == 0;
                model.versioning = if enabled {
                    Versioning::Enabled
                } else {
                    Versioning::Suspended
                };
                world
                    .version("docs", if enabled { "Enabled" } else { "Suspended" })
                    .await;
            }
            9 => check_listing(&world, &model, &mut random).await,
            10 => check_versions(&world, &model, &mut random).await,
            _ => check_bodies(&world, &model, key, step).await,
        }
    }
    check_versions(&world, &model, &mut random).await;
}

async fn check_bodies(world: &World, model: &Model, key: &str, step: usize) {
    let got = world.get_with(json!({"Bucket": "docs", "Key": key})).await;
    assert_eq!(
        got.ok().map(|answer| answer.body).as_ref(),
        model.current(key),
        "step {step}, key {key:?}"
    );
    for version in model.keys.get(key).into_iter().flatten() {
        let got = world
            .get_with(json!({"Bucket": "docs", "Key": key, "VersionId": version.id}))
            .await;
        assert_eq!(
            got.ok().map(|answer| answer.body),
            version.body,
            "step {step}, key {key:?}, {}",
            version.id
        );
    }
}

async fn check_listing(world: &World, model: &Model, random: &mut Random) {
    let prefix = ["", "a", "a/", "b/", "none"][random.below(5)];
    let delimiter = [None, Some("/")][random.below(2)];
    let mut input = json!({"Bucket": "docs", "Prefix": prefix, "MaxKeys": 1 + random.below(4)});
    input["Delimiter"] = delimiter.into();
    let mut lines = Vec::new();
    loop {
        let page = world.ok("ListObjectsV2", input.clone()).await;
        let mut shown = members(&page["Contents"], "Key");
        shown.extend(members(&page["CommonPrefixes"], "Prefix"));
        shown.sort();
        lines.extend(shown);
        if page["IsTruncated"] == false {
            break;
        }
        input["ContinuationToken"] = page["NextContinuationToken"].clone();
    }
    assert_eq!(lines, model.listing(prefix, delimiter));
}

async fn check_versions(world: &World, model: &Model, random: &mut Random) {
    let mut input = json!({"Bucket": "docs", "MaxKeys": 1 + random.below(5)});
    let mut found = BTreeMap::new();
    loop {
        let page = world.ok("ListObjectVersions", input.clone()).await;
        for (list, is_marker) in [("Versions", false), ("DeleteMarkers", true)] {
            for entry in page[list].as_array().into_iter().flatten() {
                let place = (
                    text(&entry["Key"]).to_owned(),
                    text(&entry["VersionId"]).to_owned(),
                );
                let before = found.insert(place, (is_marker, entry["IsLatest"] == true));
                assert_eq!(before, None, "a version is on one page only");
            }
        }
        if page["IsTruncated"] == false {
            break;
        }
        input["KeyMarker"] = page["NextKeyMarker"].clone();
        input["VersionIdMarker"] = page["NextVersionIdMarker"].clone();
    }
    let expected = model.versions().into_iter();
    let expected: BTreeMap<_, _> = expected
        .map(|(key, id, is_marker, is_latest)| ((key, id), (is_marker, is_latest)))
        .collect();
    assert_eq!(found, expected);
}

fn members(list: &Value, member: &str) -> Vec<String> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .map(|entry| text(&entry[member]).to_owned())
        .collect()
}
