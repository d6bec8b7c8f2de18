//! CompleteMultipartUpload: the parts become an object, without a byte being moved.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::{Event, Key, Tx};
use md5::{Digest, Md5};

use super::super::api::{CompleteInput, CompleteOutput, CompletedPart, OnObject};
use super::super::authorise::{on_object, open_for_object, with};
use super::super::checksum::{self, ALGORITHMS, Algorithm, Checksum, combine};
use super::super::conditions::WriteConditions;
use super::super::encoding::{quoted, url_encode};
use super::super::encryption::{self, AES256};
use super::super::errors::{bad_digest, conditional_conflict, invalid_request, no_such_upload};
use super::super::put::insert;
use super::super::state::{
    Bucket, COMPLETED, Completed, Content, Object, ObjectPart, PART_LISTS, PARTS, Upload,
    UploadedPart, Version, content_key, part_key,
};
use super::super::versions;
use super::create::type_name;
use super::{discard_parts, find, forget};

const PART_BYTES_MIN: u64 = 5 << 20;
const PARTS_MAX: usize = 10_000;
/// The timer that ends the memory of a completed upload.
pub(crate) const FORGET: &str = "completed-upload";
const REMEMBERED_MS: i64 = 24 * 3_600_000;

pub(crate) fn complete_upload_rule(
    tx: &Tx<'_>,
    context: &Context,
    input: &OnObject<CompleteInput>,
) -> Result<Vec<Access>> {
    let bucket = open_for_object(tx, input)?;
    let access = on_object(context, &bucket, &input.target.key, "s3:PutObject");
    let access = with(access, "s3:if-match", input.rest.if_match.as_deref());
    Ok(vec![with(
        access,
        "s3:if-none-match",
        input.rest.if_none_match.as_deref(),
    )])
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
pub(crate) fn complete_upload(
    tx: &mut Tx<'_>,
    context: &Context,
    input: OnObject<CompleteInput>,
) -> Result<CompleteOutput> {
    let bucket = open_for_object(tx, &input)?;
    let (key, input) = (input.target.key, input.rest);
    let Some(upload) = find(tx, &bucket.name, &key, &input.upload_id)? else {
        return again(tx, context, &bucket, &key, &input.upload_id);
    };
    // The key may stay away here: nothing is opened.
    if input.customer.algorithm.is_some() {
        encryption::check_customer(&upload.encryption, &input.customer)?;
    }
    let wanted = input
        .multipart_upload
        .as_ref()
        .map(|upload| upload.parts.as_slice())
        .unwrap_or_default();
    let chosen = choose(tx, &upload, wanted)?;
    check_conditions(tx, &bucket, &key, &upload, &input)?;
    let checksum = whole_checksum(&upload, &chosen, &input)?;
    let size_bytes = chosen.iter().map(|part| part.part.size_bytes).sum();
    check_size(input.mpu_object_size, size_bytes)?;
    let object = assemble(tx, context, &upload, chosen, checksum, size_bytes)?;
    let (version, bucket, expiration) = insert(
        tx,
        context,
        bucket,
        &key,
        object,
        "ObjectCreated:CompleteMultipartUpload",
    )?;
    discard_parts(tx, &upload.id)?;
    forget(tx, &bucket.name, &key, &upload.id)?;
    remember(tx, context, &bucket, &key, &upload, &version)?;
    answer(context, &bucket, key, version, expiration)
}

/// Takes the wanted parts out of the upload; the refusals are AWS's, in its order.
fn choose(tx: &mut Tx<'_>, upload: &Upload, wanted: &[CompletedPart]) -> Result<Vec<UploadedPart>> {
    if wanted.is_empty() || wanted.len() > PARTS_MAX {
        return Err(invalid_request("You must specify at least one part"));
    }
    let numbers = wanted
        .iter()
        .map(|part| part.part_number.unwrap_or_default());
    if !numbers
        .clone()
        .zip(numbers.skip(1))
        .all(|(earlier, later)| earlier < later)
    {
        let message =
            "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(Error::new("InvalidPartOrder", message).member("UploadId", upload.id.as_str()));
    }
    let mut chosen = Vec::with_capacity(wanted.len());
    for part in wanted {
        let uploaded = find_part(tx, upload, part)?;
        check_part_checksum(upload, part, &uploaded)?;
        chosen.push(uploaded);
    }
    let last = chosen.len() - 1;
    if let Some(small) = chosen[..last]
        .iter()
        .find(|part| part.part.size_bytes < PART_BYTES_MIN)
    {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(Error::new("EntityTooSmall", message)
            .member("ProposedSize", small.part.size_bytes)
            .member("MinSizeAllowed", PART_BYTES_MIN)
            .member("PartNumber", small.part.number)
            .member("ETag", small.etag.as_str()));
    }
    for part in &chosen {
        tx.delete(PARTS, part_key(&upload.id, part.part.number))?;
    }
    Ok(chosen)
}

fn find_part(tx: &Tx<'_>, upload: &Upload, wanted: &CompletedPart) -> Result<UploadedPart> {
    let number = wanted.part_number.unwrap_or_default();
    let etag = wanted.etag.as_deref().unwrap_or_default().trim_matches('"');
    let uploaded: Option<UploadedPart> = match u32::try_from(number) {
        Ok(number) => tx.load(PARTS, part_key(&upload.id, number))?,
        Err(_) => None,
    };
    uploaded.filter(|uploaded| uploaded.etag == etag).ok_or_else(|| {
        let message = "One or more of the specified parts could not be found.  The part may not have been \
                       uploaded, or the specified entity tag may not match the part's entity tag.";
        Error::new("InvalidPart", message)
            .member("UploadId", upload.id.as_str())
            .member("PartNumber", number)
            .member("ETag", etag)
    })
}

fn check_part_checksum(
    upload: &Upload,
    wanted: &CompletedPart,
    uploaded: &UploadedPart,
) -> Result<()> {
    wanted.checksums.refuse_unbuilt()?;
    let Some(algorithm) = upload.checksum_algorithm else {
        return Ok(());
    };
    let name = algorithm.name().to_ascii_lowercase();
    let number = uploaded.part.number;
    let stored = uploaded
        .part
        .checksum
        .as_ref()
        .map(|checksum| checksum.value.as_str());
    match algorithm.of(&wanted.checksums) {
        None if upload.is_composite => Err(invalid_request(format!(
            "The upload was created using a {name} checksum. The complete request must include the checksum \
             for each part. It was missing for part {number} in the request."
        ))),
        Some(given) if Some(given) != stored => Err(bad_digest(format!(
            "The {name} you specified for part {number} did not match what we received."
        ))),
        _ => Ok(()),
    }
}

/// The object's checksum, held against what the client said of it.
fn whole_checksum(
    upload: &Upload,
    parts: &[UploadedPart],
    input: &CompleteInput,
) -> Result<Option<Checksum>> {
    input.checksums.refuse_unbuilt()?;
    if let Some(given) = input.checksum_type.as_deref() {
        let begun = upload
            .checksum_algorithm
            .map(|_| type_name(upload.is_composite));
        if begun != Some(given) {
            let begun = begun.unwrap_or("null");
            return Err(invalid_request(format!(
                "The upload was created using the {begun} checksum mode. The complete request must use the \
                 same checksum mode."
            )));
        }
    }
    let algorithm = upload.checksum_algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let sized: Option<Vec<_>> = parts
        .iter()
        .map(|part| Some((part.part.checksum.as_ref()?, part.part.size_bytes)))
        .collect();
    let sized = sized.ok_or_else(|| Error::internal("a part has no checksum"))?;
    let checksum = combine(algorithm, upload.is_composite, &sized)?;
    for given in ALGORITHMS {
        let Some(value) = given.of(&input.checksums) else {
            continue;
        };
        let name = given.name().to_ascii_lowercase();
        if given != algorithm || !says_the_same(value, &checksum.value) {
            return Err(bad_digest(format!(
                "The {name} you specified did not match the calculated checksum."
            )));
        }
    }
    Ok(Some(checksum))
}

/// A composite checksum may come without its number of parts.
fn says_the_same(given: &str, computed: &str) -> bool {
    given == computed
        || computed
            .split_once('-')
            .is_some_and(|(value, _)| value == given)
}

fn check_size(said: Option<u64>, computed: u64) -> Result<()> {
    match said {
        Some(said) if said != computed => Err(invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {said} does not match what was computed: \
             {computed}"
        ))),
        _ => Ok(()),
    }
}

/// Like any conditional write, but the world may have moved on since the upload began.
fn check_conditions(
    tx: &Tx<'_>,
    bucket: &Bucket,
    key: &str,
    upload: &Upload,
    input: &CompleteInput,
) -> Result<()> {
    let conditions = WriteConditions {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
    };
    conditions.check(tx, &bucket.name, key)?;
    let current = versions::current(tx, &bucket.name, key)?;
    if conditions.if_none_match.is_some() && upload.replaces {
        return Err(conditional_conflict("If-None-Match", key));
    }
    let is_newer = current.is_some_and(|current| current.modified > upload.initiated);
    if conditions.if_match.is_some() && is_newer {
        return Err(conditional_conflict("If-Match", key));
    }
    Ok(())
}

fn assemble(
    tx: &mut Tx<'_>,
    context: &Context,
    upload: &Upload,
    parts: Vec<UploadedPart>,
    checksum: Option<Checksum>,
    size_bytes: u64,
) -> Result<Object> {
    let etag = if upload.encryption.algorithm == AES256 {
        etag_of_parts(&parts)?
    } else {
        format!("{}-{}", context.ids.hex(32), parts.len())
    };
    let list: Vec<ObjectPart> = parts.into_iter().map(|part| part.part).collect();
    let number = tx.next_sequence()?;
    tx.save(PART_LISTS, content_key(number), &list)?;
    Ok(Object {
        size_bytes,
        etag,
        content: Content::Parts(number),
        encryption: upload.encryption.clone(),
        checksum,
        parts_count: u32::try_from(list.len()).ok(),
        attributes: upload.attributes.clone(),
    })
}

/// The MD5 of the parts' MD5s, and how many they are.
fn etag_of_parts(parts: &[UploadedPart]) -> Result<String> {
    let mut md5 = Md5::new();
    for part in parts {
        let etag =
            hex::decode(&part.etag).map_err(|_| Error::internal("a part's ETag is no MD5"))?;
        md5.update(etag);
    }
    Ok(format!("{}-{}", hex::encode(md5.finalize()), parts.len()))
}

/// Keeps the answer, for the client that did not hear it and asks again.
fn remember(
    tx: &mut Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    upload: &Upload,
    version: &Version,
) -> Result<()> {
    let etag = version.object.as_ref().map(|object| object.etag.clone());
    let completed = Completed {
        bucket: bucket.name.clone(),
        key: key.to_owned(),
        version_id: version.id.clone(),
        etag: etag.unwrap_or_default(),
    };
    tx.save(COMPLETED, Key::new().text(&upload.id), &completed)?;
    let event = Event::Timer {
        service: "s3".to_owned(),
        kind: FORGET.to_owned(),
        subject: upload.id.clone(),
        detail: serde_json::Value::Null,
    };
    outbox::emit(tx, context.now.plus_ms(REMEMBERED_MS), event)?;
    Ok(())
}

/// Forgets a completed upload: whoever asks again by now has given up long ago.
pub(crate) async fn forget_completed(engine: &Engine, entry: Entry) -> Result<()> {
    engine
        .write(move |tx| {
            if let Event::Timer { subject, .. } = &entry.event {
                tx.delete(COMPLETED, Key::new().text(subject))?;
            }
            Ok(outbox::finish(tx, entry.id)?)
        })
        .await
}

/// Answers a completed upload again, as long as its object is there.
fn again(
    tx: &Tx<'_>,
    context: &Context,
    bucket: &Bucket,
    key: &str,
    upload_id: &str,
) -> Result<CompleteOutput> {
    let missing = || no_such_upload(upload_id);
    let completed: Option<Completed> = tx.load(COMPLETED, Key::new().text(upload_id))?;
    let completed = completed
        .filter(|completed| completed.bucket == bucket.name && completed.key == key)
        .ok_or_else(missing)?;
    let id = completed.version_id.as_deref().unwrap_or("null");
    let version = versions::find(tx, &bucket.name, key, id)?.ok_or_else(missing)?;
    let is_same = version
        .object
        .as_ref()
        .is_some_and(|object| object.etag == completed.etag);
    if !is_same {
        return Err(missing());
    }
    answer(context, bucket, key.to_owned(), version, None)
}

fn answer(
    context: &Context,
    bucket: &Bucket,
    key: String,
    version: Version,
    expiration: Option<String>,
) -> Result<CompleteOutput> {
    let object = version
        .object
        .ok_or_else(|| Error::internal("a completed object is none"))?;
    let endpoint = context.endpoint.trim_end_matches('/');
    Ok(CompleteOutput {
        location: format!("{endpoint}/{}/{}", bucket.name, url_encode(&key)),
        bucket: bucket.name.clone(),
        key,
        etag: quoted(&object.etag),
        expiration,
        checksums: checksum::members(object.checksum.as_ref()),
        checksum_type: object.checksum.as_ref().map(Checksum::type_name),
        encryption: encryption::answer(&object.encryption),
        version_id: version.id,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    #[test]
    fn a_composite_checksum_may_come_without_its_count() {
        let value = BASE64.encode([1, 2, 3, 4]);
        assert!(says_the_same(&value, &format!("{value}-2")));
        assert!(!says_the_same("AAAAAA==", &format!("{value}-2")));
    }
}
