//! The three ways AWS writes a moment, and the calendar behind them.

use serde_json::{Number, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    EpochSeconds,
    /// `2015-08-30T12:36:00Z`
    Iso8601,
    /// `Sun, 30 Aug 2015 12:36:00 GMT`
    HttpDate,
}

/// Whether ISO 8601 texts show milliseconds: services differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Milliseconds {
    Always,
    WhereNotZero,
    Never,
}

impl TimestampFormat {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "unixTimestamp" => Some(Self::EpochSeconds),
            "iso8601" => Some(Self::Iso8601),
            "rfc822" => Some(Self::HttpDate),
            _ => None,
        }
    }
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment on the calendar (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// Howard Hinnant's days-to-civil, on years that begin in March.
    pub(crate) fn from_epoch_seconds(seconds: i64) -> Self {
        let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
        }
    }

    /// `None` for a date that is not on the calendar.
    pub(crate) fn epoch_seconds(self) -> Option<i64> {
        let valid = (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..=60).contains(&self.second);
        if !valid {
            return None;
        }
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted_month = if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        };
        let day_of_year = (153 * shifted_month + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Some(days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second)
    }
}

/// Milliseconds of a canonical timestamp.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates, which no calendar reaches"
)]
pub(crate) fn milliseconds(value: &Value) -> Option<i64> {
    if let Some(seconds) = value.as_i64() {
        return seconds.checked_mul(1000);
    }
    value
        .as_f64()
        .map(|seconds| (seconds * 1000.0).round() as i64)
}

/// The canonical number of a moment.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of this era fit 53 bits"
)]
pub(crate) fn from_milliseconds(milliseconds: i64) -> Value {
    if milliseconds % 1000 == 0 {
        return Value::from(milliseconds / 1000);
    }
    Number::from_f64(milliseconds as f64 / 1000.0).map_or(Value::Null, Value::Number)
}

pub(crate) fn format(milliseconds: i64, format: TimestampFormat, fraction: Milliseconds) -> String {
    match format {
        TimestampFormat::EpochSeconds => from_milliseconds(milliseconds).to_string(),
        TimestampFormat::Iso8601 => iso8601(milliseconds, fraction),
        TimestampFormat::HttpDate => http_date(milliseconds),
    }
}

fn iso8601(milliseconds: i64, fraction: Milliseconds) -> String {
    let civil = Civil::from_epoch_seconds(milliseconds.div_euclid(1000));
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = civil;
    let rest = milliseconds.rem_euclid(1000);
    let shown =
        fraction == Milliseconds::Always || (fraction == Milliseconds::WhereNotZero && rest != 0);
    if shown {
        return format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z"
        );
    }
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn http_date(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1000);
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = Civil::from_epoch_seconds(seconds);
    let weekday = DAYS[usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Reads a moment in any of the three forms, whichever the model names: clients are lenient, and so is AWS.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    parse_iso8601(text)
        .or_else(|| parse_http_date(text))
        .or_else(|| parse_fraction(text))
}

fn parse_fraction(text: &str) -> Option<i64> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite())?;
    milliseconds(&Value::from(seconds))
}

fn parse_iso8601(text: &str) -> Option<i64> {
    let (date, time) = text
        .split_once(['T', 't', ' '])
        .unwrap_or((text, "00:00:00Z"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (clock.next()??, clock.next().unwrap_or(Some(0))?);
    let second = clock.next().unwrap_or(Some(0))?;
    let seconds = Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    }
    .epoch_seconds()?;
    Some((seconds - zone_offset(zone)?) * 1000 + fraction_milliseconds(fraction)?)
}

fn fraction_milliseconds(fraction: &str) -> Option<i64> {
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    padded.parse().ok()
}

fn zone_offset(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let hours = digits.get(..2)?.parse::<i64>().ok()?;
    let minutes = digits.get(2..4).unwrap_or("0").parse::<i64>().ok()?;
    Some(sign * (hours * 3600 + minutes * 60))
}

fn parse_http_date(text: &str) -> Option<i64> {
    let mut words = text
        .split([' ', ',', '-'])
        .filter(|word| !word.is_empty())
        .skip(1);
    let day = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month_name))?
        + 1;
    let year = words.next()?.parse().ok()?;
    let (clock, fraction) = words
        .next()
        .map(|time| time.split_once('.').unwrap_or((time, "")))?;
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let month = i64::try_from(month).ok()?;
    let seconds = Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    }
    .epoch_seconds()?;
    Some(seconds * 1000 + fraction_milliseconds(fraction)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back() {
        for moment in [
            0,
            1_440_938_160_000,
            951_782_400_000,
            -86_400_000,
            4_102_444_799_000,
        ] {
            for form in [
                TimestampFormat::EpochSeconds,
                TimestampFormat::Iso8601,
                TimestampFormat::HttpDate,
            ] {
                let text = format(moment, form, Milliseconds::WhereNotZero);
                assert_eq!(parse(&text), Some(moment), "{text}");
            }
        }
    }

    #[test]
    fn offsets_and_fractions() {
        assert_eq!(parse("2019-12-16T22:48:18-01:00"), Some(1_576_540_098_000));
        assert_eq!(parse("2000-01-02T20:34:56.123Z"), Some(946_845_296_123));
        assert_eq!(
            parse("Sun, 02 Jan 2000 20:34:56.456 GMT"),
            Some(946_845_296_456)
        );
        assert_eq!(parse("2000-13-02T20:34:56Z"), None);
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn forms() {
        let moment = 1_440_938_160_000;
        assert_eq!(
            format(moment, TimestampFormat::HttpDate, Milliseconds::Never),
            "Sun, 30 Aug 2015 12:36:00 GMT"
        );
        assert_eq!(
            format(moment, TimestampFormat::Iso8601, Milliseconds::Always),
            "2015-08-30T12:36:00.000Z"
        );
    }
}
