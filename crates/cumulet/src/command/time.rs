//! The engine's time, for commands that look back from it: its clock may stand elsewhere than the wall's.

use super::Failure;
use crate::client::Client;

pub(crate) async fn engine_now_ms(endpoint: &str) -> Result<i64, Failure> {
    let clock = Client::anonymous(endpoint).get("/_cumulet/clock").await?;
    Ok(clock["nowMs"].as_i64().unwrap_or_default())
}

/// `2026-11-21 08:40:34.123` in UTC.
pub(crate) fn shown(time_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}
