//! The price: a decimal, from the text of the request to the number in the table, and never a float in between.

/// DynamoDB keeps this many significant digits and refuses more.
const DIGITS_MAX: usize = 38;
/// The power of ten of the first digit, in DynamoDB's numbers.
const MAGNITUDES: std::ops::RangeInclusive<i64> = -130..=125;

/// The price as DynamoDB takes it, from a JSON number as it was written.
///
/// `None` if it is not a number, is negative, or is one that the table could not keep exactly.
pub(crate) fn parse(json: &str) -> Option<String> {
    if !json.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return None;
    }
    let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let (whole, fraction) = mantissa
        .trim_start_matches('-')
        .split_once('.')
        .unwrap_or((mantissa.trim_start_matches('-'), ""));
    let digits = [whole, fraction].concat();
    let leading = digits.bytes().take_while(|digit| *digit == b'0').count();
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let exponent: i64 = exponent.parse().ok()?;
    let position = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? - 1;
    let magnitude = position.checked_add(exponent)?;
    let kept = significant.len() <= DIGITS_MAX && MAGNITUDES.contains(&magnitude);
    (kept && !json.starts_with('-')).then(|| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn decimals_are_kept_as_they_were_written() {
        for text in [
            "99.99",
            "0.1",
            "19",
            "1e3",
            "0.30000000000000004",
            "12345678901234567890.123456789",
            "1E-130",
            "9.99e125",
        ] {
            assert_eq!(parse(text).as_deref(), Some(text));
        }
        let longest = "1.2345678901234567890123456789012345678";
        assert_eq!(parse(longest).as_deref(), Some(longest));
    }

    #[test]
    fn zero_has_one_form() {
        for text in ["0", "0.00", "-0", "-0.0", "0e9", "0e99999999999999999999"] {
            assert_eq!(parse(text).as_deref(), Some("0"), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "-1",
            "-0.01",
            "\"99.99\"",
            "\"abc\"",
            "null",
            "true",
            "[1]",
            "{}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_table_could_not_keep_is_refused() {
        for text in [
            "1.23456789012345678901234567890123456789",
            "1e126",
            "1e-131",
            "1e99999999999999999999",
            "0.1e-130",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
