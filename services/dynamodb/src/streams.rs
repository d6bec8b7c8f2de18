//! Streams: the ordered log of a table's changes, written in the commit of the change itself.
//!
//! A stream has one shard; its log is a range of the store, ordered by the store's own sequence. A write
//! that changes nothing leaves no record. Records live for a day, and so does a stream that was closed.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::clock::Timestamp;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Tx, bell};

use super::codec;
use super::errors::{invalid_parameter, validation};
use super::items::Writer;
use super::key::key_of;
use super::state::{CHANGES, STREAMS, StoredChange, StreamRecord, TableRecord, TableStream};
use super::table::OpenTable;
use super::table_api::StreamInput;
use super::value::{Item, item_size};

/// How long records and closed streams stay readable.
pub(super) const RETENTION_S: i64 = 24 * 3600;
/// Old records that one new record takes along; more than one, or the log would only grow.
const TRIMMED_WITH_EACH: usize = 2;

pub(super) fn stream_arn(record: &TableRecord, label: &str) -> String {
    format!("{}/stream/{label}", record.arn())
}

pub(super) fn stream_key(account: &str, region: &str, arn: &str) -> Key {
    Key::new().text(account).text(region).text(arn)
}

/// Switches a table's stream on or off.
pub(super) fn configure(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &mut TableRecord,
    wanted: &StreamInput,
) -> Result<()> {
    let enabled = record.stream.as_ref().is_some_and(|stream| stream.enabled);
    match (wanted.stream_enabled, &wanted.stream_view_type) {
        (true, None) => Err(invalid_parameter(
            "StreamViewType must be specified when StreamEnabled is true",
        )),
        (true, Some(_)) if enabled => Err(validation(format!(
            "Table already has an enabled stream: TableName: {}",
            record.name
        ))),
        (true, Some(view_type)) => open(tx, context, record, view_type),
        (false, Some(_)) => Err(invalid_parameter(
            "StreamViewType must not be specified when StreamEnabled is false",
        )),
        (false, None) if !enabled && record.stream.is_some() => Err(validation(format!(
            "Table is already disabled for stream: TableName: {}",
            record.name
        ))),
        (false, None) => close(tx, context, record),
    }
}

fn open(
    tx: &mut Tx<'_>,
    context: &Context,
    record: &mut TableRecord,
    view_type: &str,
) -> Result<()> {
    let label = label(context.now);
    let sequence = tx.next_sequence()?;
    let stream = StreamRecord {
        arn: stream_arn(record, &label),
        label: label.clone(),
        number: sequence,
        table: record.name.clone(),
        view_type: view_type.to_owned(),
        keys: record.keys.clone(),
        created: context.now,
        closed: None,
        first_sequence: sequence,
        last_sequence: None,
        encryption: record.encryption.clone(),
        policy: None,
    };
    tx.save(
        STREAMS,
        stream_key(&record.account, &record.region, &stream.arn),
        &stream,
    )?;
    record.stream = Some(TableStream {
        enabled: true,
        view_type: view_type.to_owned(),
        label,
        number: sequence,
    });
    Ok(())
}

/// Ends the table's stream, if it has one; it stays readable for a day.
pub(super) fn close(tx: &mut Tx<'_>, context: &Context, record: &mut TableRecord) -> Result<()> {
    let Some(stream) = record.stream.as_mut().filter(|stream| stream.enabled) else {
        return Ok(());
    };
    stream.enabled = false;
    let label = stream.label.clone();
    let key = stream_key(&record.account, &record.region, &stream_arn(record, &label));
    let mut stored: StreamRecord = tx
        .load(STREAMS, &key)?
        .ok_or_else(|| Error::internal("a stream's record is missing"))?;
    stored.closed = Some(context.now);
    stored.last_sequence = Some(tx.next_sequence()?);
    tx.save(STREAMS, key, &stored)?;
    Ok(())
}

/// `2026-11-21T03:34:37.000`
fn label(time: Timestamp) -> String {
    let (days, ms) = (
        time.milliseconds().div_euclid(86_400_000),
        time.milliseconds().rem_euclid(86_400_000),
    );
    let (year, month, day) = date(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}",
        ms % 1000
    )
}

/// Civil date of a day since the epoch (proleptic Gregorian, years counted from March).
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub(super) fn change_key(stream: u64, sequence: u64) -> Key {
    Key::new().number(stream).number(sequence)
}

/// Leaves a record of a change, where the table has a stream.
pub(super) fn append(
    tx: &mut Tx<'_>,
    context: &Context,
    table: &OpenTable,
    old: Option<&Item>,
    new: Option<&Item>,
    writer: Writer,
) -> Result<()> {
    let Some(stream) = table.record.stream.as_ref().filter(|stream| stream.enabled) else {
        return Ok(());
    };
    let Some(keyed) = new.or(old) else {
        return Ok(());
    };
    let images = |kind: &str| stream.view_type == kind || stream.view_type == "NEW_AND_OLD_IMAGES";
    let change = StoredChange {
        event_id: context.ids.hex(32),
        keys: codec::encode(&key_of(&table.record.keys, keyed)),
        old: old.filter(|_| images("OLD_IMAGE")).map(codec::encode),
        new: new.filter(|_| images("NEW_IMAGE")).map(codec::encode),
        event_name: event_name(old, new).to_owned(),
        created: context.now,
        size_bytes: size(&table.record, stream, old, new),
        expired: writer == Writer::TimeToLive,
    };
    let number = stream.number;
    trim(tx, context, number)?;
    let key = change_key(number, tx.next_sequence()?);
    let sealed = table
        .key
        .seal(&context.ids, key.as_slice(), &encode(&change)?);
    // The time stands outside the seal: old records are trimmed without a key.
    let time = context.now.milliseconds().to_be_bytes();
    tx.put(CHANGES, &key, [&time[..], &sealed].concat())?;
    let arn = stream_arn(&table.record, &stream.label);
    Ok(bell::ring(tx, &arn, context.now, context.now)?)
}

fn event_name(old: Option<&Item>, new: Option<&Item>) -> &'static str {
    match (old, new) {
        (None, _) => "INSERT",
        (_, None) => "REMOVE",
        _ => "MODIFY",
    }
}

fn size(record: &TableRecord, stream: &TableStream, old: Option<&Item>, new: Option<&Item>) -> u64 {
    let keys = new
        .or(old)
        .map_or(0, |item| item_size(&key_of(&record.keys, item)));
    let image = |kind: &str, item: Option<&Item>| {
        let shown = stream.view_type == kind || stream.view_type == "NEW_AND_OLD_IMAGES";
        item.filter(|_| shown).map_or(0, item_size)
    };
    keys + image("OLD_IMAGE", old) + image("NEW_IMAGE", new)
}

fn encode(change: &StoredChange) -> Result<Vec<u8>> {
    serde_json::to_vec(change).map_err(|error| Error::internal(error.to_string()))
}

/// Takes a few records out that are older than a day.
fn trim(tx: &mut Tx<'_>, context: &Context, number: u64) -> Result<()> {
    let horizon = context.now.plus_s(-RETENTION_S);
    let mut old = Vec::new();
    for pair in tx
        .prefix(CHANGES, Key::new().number(number), Direction::Forward)?
        .take(TRIMMED_WITH_EACH)
    {
        let (key, value) = pair?;
        if change_time(&value).is_some_and(|time| time < horizon) {
            old.push(key);
        }
    }
    for key in old {
        tx.delete(CHANGES, key)?;
    }
    Ok(())
}

/// When a stored record was written.
pub(super) fn change_time(value: &[u8]) -> Option<Timestamp> {
    value
        .first_chunk::<8>()
        .map(|time| Timestamp(i64::from_be_bytes(*time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_dates() {
        assert_eq!(label(Timestamp(0)), "1970-01-01T00:00:00.000");
        assert_eq!(
            label(Timestamp(1_795_232_077_123)),
            "2026-11-21T03:34:37.123"
        );
        assert_eq!(label(Timestamp(951_782_400_000)), "2000-02-29T00:00:00.000");
    }
}
