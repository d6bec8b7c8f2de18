//! The Condition element: every operator, its quantifiers, and what a missing key means.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;

use super::Facts;
use super::glob::{self, MissingFields, Token};
use super::template::{Syntax, Template};

/// `{"StringLike": {"s3:prefix": ["home/", "home/${aws:username}/*"]}}`, one key of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// As the policy spells it, for traces.
    pub(crate) operator_name: String,
    pub(crate) key_name: String,
    operator: Operator,
    quantifier: Option<Quantifier>,
    if_exists: bool,
    key: String,
    values: Vec<Template>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operator {
    test: Test,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Test, bool); 27] = [
    ("stringequals", Test::StringEquals, false),
    ("stringnotequals", Test::StringEquals, true),
    (
        "stringequalsignorecase",
        Test::StringEqualsIgnoreCase,
        false,
    ),
    (
        "stringnotequalsignorecase",
        Test::StringEqualsIgnoreCase,
        true,
    ),
    ("stringlike", Test::StringLike, false),
    ("stringnotlike", Test::StringLike, true),
    ("numericequals", Test::Numeric(Order::Equal), false),
    ("numericnotequals", Test::Numeric(Order::Equal), true),
    ("numericlessthan", Test::Numeric(Order::Less), false),
    (
        "numericlessthanequals",
        Test::Numeric(Order::LessOrEqual),
        false,
    ),
    ("numericgreaterthan", Test::Numeric(Order::Greater), false),
    (
        "numericgreaterthanequals",
        Test::Numeric(Order::GreaterOrEqual),
        false,
    ),
    ("dateequals", Test::Date(Order::Equal), false),
    ("datenotequals", Test::Date(Order::Equal), true),
    ("datelessthan", Test::Date(Order::Less), false),
    ("datelessthanequals", Test::Date(Order::LessOrEqual), false),
    ("dategreaterthan", Test::Date(Order::Greater), false),
    (
        "dategreaterthanequals",
        Test::Date(Order::GreaterOrEqual),
        false,
    ),
    ("bool", Test::Bool, false),
    ("binaryequals", Test::Binary, false),
    ("ipaddress", Test::IpAddress, false),
    ("notipaddress", Test::IpAddress, true),
    ("arnequals", Test::Arn, false),
    ("arnlike", Test::Arn, false),
    ("arnnotequals", Test::Arn, true),
    ("arnnotlike", Test::Arn, true),
    ("null", Test::Null, false),
];

impl Condition {
    /// `None` where AWS knows no such operator.
    pub(crate) fn new(
        operator: &str,
        key: &str,
        values: &[String],
        variables: bool,
    ) -> Option<Self> {
        let lower = operator.to_ascii_lowercase();
        let (quantifier, name) = quantified(&lower);
        let (if_exists, name) = match name.strip_suffix("ifexists") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let &(_, test, negated) = OPERATORS.iter().find(|(known, ..)| *known == name)?;
        if test == Test::Null && if_exists {
            return None;
        }
        let syntax = Syntax {
            wildcards: matches!(test, Test::StringLike | Test::Arn),
            variables,
        };
        let template = |value: &String| match test {
            Test::StringEqualsIgnoreCase => Template::lower_case(value, syntax),
            _ => Template::new(value, syntax),
        };
        Some(Self {
            operator_name: operator.to_owned(),
            key_name: key.to_owned(),
            operator: Operator { test, negated },
            quantifier,
            if_exists,
            key: key.to_ascii_lowercase(),
            values: values.iter().map(template).collect(),
        })
    }

    /// The key in lower case.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The keys of the variables in its values.
    pub(crate) fn variables(&self) -> impl Iterator<Item = String> {
        self.values.iter().flat_map(Template::variables)
    }

    pub(crate) fn holds(&self, facts: &dyn Facts) -> bool {
        let found = facts.values(&self.key);
        if self.operator.test == Test::Null {
            return self.null_holds(facts, found.is_none_or(|values| values.is_empty()));
        }
        match found {
            Some(values) if !values.is_empty() => self.values_hold(facts, &values),
            _ => self.absence_holds(),
        }
    }

    fn values_hold(&self, facts: &dyn Facts, values: &[Cow<'_, str>]) -> bool {
        let one_holds = |value: &Cow<'_, str>| self.matches(facts, value) != self.operator.negated;
        match (self.quantifier, self.operator.negated) {
            (Some(Quantifier::ForAllValues), _) | (None, true) => values.iter().all(one_holds),
            (Some(Quantifier::ForAnyValue), _) | (None, false) => values.iter().any(one_holds),
        }
    }

    /// A missing key fails a positive test and passes a negated one.
    fn absence_holds(&self) -> bool {
        let by_quantifier = match self.quantifier {
            Some(Quantifier::ForAllValues) => true,
            Some(Quantifier::ForAnyValue) => false,
            None => self.operator.negated,
        };
        self.if_exists || by_quantifier
    }

    fn null_holds(&self, facts: &dyn Facts, absent: bool) -> bool {
        self.values.iter().any(|value| {
            let wanted = value.text(facts).unwrap_or_default();
            wanted.eq_ignore_ascii_case(if absent { "true" } else { "false" })
        })
    }

    /// Whether `value` matches any of the policy's values; one with an unknown variable matches nothing.
    fn matches(&self, facts: &dyn Facts, value: &str) -> bool {
        self.values.iter().any(|template| {
            let Some(wanted) = template.fill(facts) else {
                return false;
            };
            self.operator.test.passes(&wanted, value)
        })
    }
}

fn quantified(operator: &str) -> (Option<Quantifier>, &str) {
    if let Some(name) = operator.strip_prefix("forallvalues:") {
        (Some(Quantifier::ForAllValues), name)
    } else if let Some(name) = operator.strip_prefix("foranyvalue:") {
        (Some(Quantifier::ForAnyValue), name)
    } else {
        (None, operator)
    }
}

impl Test {
    fn passes(self, wanted: &[Token], value: &str) -> bool {
        match self {
            Self::StringEquals | Self::StringLike => glob::matches(wanted, value),
            Self::StringEqualsIgnoreCase => lower_equals(wanted, value),
            Self::Arn => glob::matches_arn(wanted, value, MissingFields::MatchNothing),
            _ => plain(wanted).is_some_and(|wanted| self.passes_plain(&wanted, value)),
        }
    }

    fn passes_plain(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::Numeric(order) => both(wanted, value, |text| text.trim().parse::<f64>().ok())
                .is_some_and(|(wanted, value)| order.holds(&value, &wanted)),
            Self::Date(order) => both(wanted, value, epoch_ms)
                .is_some_and(|(wanted, value)| order.holds(&value, &wanted)),
            Self::Bool => wanted.eq_ignore_ascii_case(value),
            Self::Binary => {
                both(wanted, value, from_base64).is_some_and(|(wanted, value)| wanted == value)
            }
            Self::IpAddress => in_network(wanted, value),
            _ => false,
        }
    }
}

/// Variables bring text of any case, so both sides are lowered here.
fn lower_equals(wanted: &[Token], value: &str) -> bool {
    plain(wanted).is_some_and(|wanted| wanted.to_lowercase() == value.to_lowercase())
}

fn plain(tokens: &[Token]) -> Option<String> {
    let byte = |token: &Token| match token {
        Token::Byte(byte) => Some(*byte),
        _ => None,
    };
    String::from_utf8(tokens.iter().map(byte).collect::<Option<_>>()?).ok()
}

fn both<T>(wanted: &str, value: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    Some((read(wanted)?, read(value)?))
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

impl Order {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Whether an address lies in a network: `203.0.113.0/24`, `2001:db8::/32`, or one address.
fn in_network(network: &str, address: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(u32::MAX)),
    };
    let (Ok(base), Ok(address), Some(length)) = (base.parse(), address.parse(), length) else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let shift = 32 - length.min(32);
            base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let shift = 128 - length.min(128);
            base.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

/// A date as policies write it, in milliseconds: `2026-01-31T12:00:00Z`, with fraction or offset, a
/// bare day, or seconds since the epoch.
pub(crate) fn epoch_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, time),
        None => (text, "00:00:00Z"),
    };
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, date) = (parts.next()??, parts.next()??, parts.next()??);
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    Some(days_since_epoch(year, month, date) * 86_400_000 + time_of_day_ms(time)?)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; years begin in March so leap days come last.
fn days_since_epoch(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn time_of_day_ms(time: &str) -> Option<i64> {
    let (clock, offset_minutes) = match time.find(['Z', '+', '-']) {
        Some(at) => (time.get(..at)?, zone_minutes(time.get(at..)?)?),
        None => (time, 0),
    };
    let mut parts = clock.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    let in_range =
        (0..=24).contains(&hours) && (0..=59).contains(&minutes) && (0..=60).contains(&whole);
    in_range
        .then_some((hours * 3600 + (minutes - offset_minutes) * 60 + whole) * 1000 + milliseconds)
}

fn zone_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone
        .get(1..)?
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let (hours, minutes) = (digits.get(..2)?, digits.get(2..4).unwrap_or("00"));
    let hours: i64 = hours.parse().ok()?;
    Some(sign * (hours * 60 + minutes.parse::<i64>().ok()?))
}

/// The present as `aws:CurrentTime` gives it.
pub(crate) fn iso_time(epoch_s: i64) -> String {
    let (days, seconds) = (epoch_s.div_euclid(86_400), epoch_s.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}
