//! The functions of expressions.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html>

use std::net::IpAddr;

use super::value::Value;

macro_rules! functions {
    ($($name:literal $variant:ident $from:literal..=$to:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            /// The function of this name, of any case, that takes so many arguments.
            pub(super) fn named(name: &str, arguments: usize) -> Option<Self> {
                match name.to_ascii_lowercase().as_str() {
                    $($name if ($from..=$to).contains(&arguments) => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    "abs" Abs 1..=1,
    "ceil" Ceil 1..=1,
    "floor" Floor 1..=1,
    "greatest" Greatest 1..=64,
    "least" Least 1..=64,
    "log" Log 1..=1,
    "sqrt" Sqrt 1..=1,
    "ispresent" IsPresent 1..=1,
    "coalesce" Coalesce 1..=64,
    "isempty" IsEmpty 1..=1,
    "isblank" IsBlank 1..=1,
    "concat" Concat 1..=64,
    "ltrim" LeftTrim 1..=2,
    "rtrim" RightTrim 1..=2,
    "trim" Trim 1..=2,
    "strlen" Length 1..=1,
    "toupper" ToUpper 1..=1,
    "tolower" ToLower 1..=1,
    "substr" Substring 2..=3,
    "replace" Replace 3..=3,
    "strcontains" Contains 2..=2,
    "bin" Bin 1..=1,
    "datefloor" DateFloor 2..=2,
    "dateceil" DateCeil 2..=2,
    "frommillis" FromMillis 1..=1,
    "tomillis" ToMillis 1..=1,
    "now" Now 0..=0,
    "isvalidip" IsValidIp 1..=1,
    "isvalidipv4" IsValidIpv4 1..=1,
    "isvalidipv6" IsValidIpv6 1..=1,
    "isipinsubnet" IsIpInSubnet 2..=2,
    "isipv4insubnet" IsIpv4InSubnet 2..=2,
    "isipv6insubnet" IsIpv6InSubnet 2..=2,
}

/// Functions of AWS's that are not here.
pub(super) fn is_known_elsewhere(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["jsonparse", "jsonstringify", "iff", "if", "case", "typeof"].contains(&name.as_str())
}

/// Months, quarters and years have no fixed length and are not built.
pub(super) fn period_ms(number: f64, unit: &str) -> Option<i64> {
    let unit_ms = match unit {
        "ms" | "msec" | "msecs" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return None,
    };
    let is_whole = number.fract() == 0.0 && (1.0..1e9).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and below a thousand million"
    )]
    is_whole.then_some(number as i64 * unit_ms)
}

/// The result of a function that looks at nothing but its arguments.
pub(super) fn apply(function: Function, arguments: &[Value]) -> Value {
    let first = arguments.first().unwrap_or(&Value::Missing);
    let second = arguments.get(1);
    match function {
        Function::IsPresent => return Value::Flag(!first.is_missing()),
        Function::Coalesce => {
            let present = arguments.iter().find(|value| !value.is_missing());
            return present.cloned().unwrap_or(Value::Missing);
        }
        Function::IsEmpty => return Value::Flag(first.text().is_empty()),
        Function::IsBlank => return Value::Flag(first.text().trim().is_empty()),
        _ if arguments.iter().any(Value::is_missing) => return Value::Missing,
        _ => {}
    }
    numeric(function, arguments)
        .or_else(|| textual(function, arguments))
        .or_else(|| network(function, &first.text(), second))
        .unwrap_or(Value::Missing)
}

fn numeric(function: Function, arguments: &[Value]) -> Option<Value> {
    let numbers: Option<Vec<f64>> = arguments.iter().map(Value::number).collect();
    let numbers = numbers.unwrap_or_default();
    let first = numbers.first().copied();
    let found = match function {
        Function::Abs => first?.abs(),
        Function::Ceil => first?.ceil(),
        Function::Floor => first?.floor(),
        Function::Sqrt => first?.sqrt(),
        Function::Log => first?.ln(),
        Function::Greatest => numbers.iter().copied().reduce(f64::max)?,
        Function::Least => numbers.iter().copied().reduce(f64::min)?,
        Function::ToMillis => first?,
        Function::FromMillis => {
            #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds")]
            return Some(Value::Time(first? as i64));
        }
        _ => return None,
    };
    found.is_finite().then_some(Value::Number(found))
}

fn textual(function: Function, arguments: &[Value]) -> Option<Value> {
    let texts: Vec<String> = arguments.iter().map(Value::text).collect();
    let text = texts.first()?.as_str();
    let second = texts.get(1).map(String::as_str);
    let trimmed = |is_end: &dyn Fn(char) -> bool, left: bool, right: bool| {
        let text = if left {
            text.trim_start_matches(is_end)
        } else {
            text
        };
        let text = if right {
            text.trim_end_matches(is_end)
        } else {
            text
        };
        Value::Text(text.to_owned())
    };
    let is_end = |character: char| match second {
        Some(set) => set.contains(character),
        None => character.is_whitespace(),
    };
    Some(match function {
        Function::Concat => Value::Text(texts.concat()),
        Function::LeftTrim => trimmed(&is_end, true, false),
        Function::RightTrim => trimmed(&is_end, false, true),
        Function::Trim => trimmed(&is_end, true, true),
        Function::Length => Value::Number(text.chars().count() as f64),
        Function::ToUpper => Value::Text(text.to_uppercase()),
        Function::ToLower => Value::Text(text.to_lowercase()),
        Function::Contains => Value::Flag(text.contains(second?)),
        Function::Replace => Value::Text(text.replace(second?, texts.get(2)?)),
        Function::Substring => {
            let place = |value: &Value| value.number().map(|number| number.max(0.0));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "negative numbers were made zero; large ones end at the text's end"
            )]
            let place = |at: usize| {
                arguments
                    .get(at)
                    .and_then(place)
                    .map(|place| place as usize)
            };
            let length = place(2).unwrap_or(usize::MAX);
            Value::Text(text.chars().skip(place(1)?).take(length).collect())
        }
        _ => return None,
    })
}

fn network(function: Function, text: &str, second: Option<&Value>) -> Option<Value> {
    let address: Option<IpAddr> = text.parse().ok();
    let is_v4 = address.is_some_and(|address| address.is_ipv4());
    let is_v6 = address.is_some_and(|address| address.is_ipv6());
    let inside = || {
        let subnet = second.map(Value::text);
        address
            .zip(subnet)
            .is_some_and(|(address, subnet)| is_inside(address, &subnet))
    };
    Some(Value::Flag(match function {
        Function::IsValidIp => address.is_some(),
        Function::IsValidIpv4 => is_v4,
        Function::IsValidIpv6 => is_v6,
        Function::IsIpInSubnet => inside(),
        Function::IsIpv4InSubnet => is_v4 && inside(),
        Function::IsIpv6InSubnet => is_v6 && inside(),
        _ => return None,
    }))
}

fn is_inside(address: IpAddr, subnet: &str) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let Some((base, length)) = subnet.split_once('/') else {
        return false;
    };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let ((address, size), (base, base_size)) = (bits(address), bits(base));
    let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
    size == base_size && length <= size && address & mask == base & mask
}
