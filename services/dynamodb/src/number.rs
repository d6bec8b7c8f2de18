//! DynamoDB's number: up to 38 significant decimal digits, exactly.
//!
//! A number never passes through a float. It is a coefficient below 10^38 and a power of ten, in one
//! canonical form, so that `100` and `1E2` are the same number, the same key and the same set member.
//! The limits follow <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html>.

use std::cmp::Ordering;
use std::fmt;

const DIGITS_MAX: usize = 38;
/// Exponents of the first digit: 1E-130 to 9.99...E+125.
const EXPONENT_MIN: i64 = -130;
const EXPONENT_MAX: i64 = 125;

/// `coefficient * 10^scale`, negative or not; no trailing zero in the coefficient, and zero is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Number {
    negative: bool,
    coefficient: u128,
    scale: i16,
}

/// Why a text or a result is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    NotNumeric(String),
    TooManyDigits,
    Overflow,
    Underflow,
}

impl fmt::Display for NumberError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNumeric(text) if text.is_empty() => {
                formatter.write_str("The parameter cannot be converted to a numeric value")
            }
            Self::NotNumeric(text) => write!(
                formatter,
                "The parameter cannot be converted to a numeric value: {text}"
            ),
            Self::TooManyDigits => formatter
                .write_str("Attempting to store more than 38 significant digits in a Number"),
            Self::Overflow => formatter.write_str(
                "Number overflow. Attempting to store a number with magnitude larger than supported range",
            ),
            Self::Underflow => formatter.write_str(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            ),
        }
    }
}

/// What a text spells, before its limits are checked.
#[derive(Default)]
struct Spelling {
    negative: bool,
    /// Digits from the first that is not zero, as values.
    digits: Vec<u8>,
    /// How many digits stand behind the point, leading zeros included.
    fraction_digits: i64,
    exponent: i64,
}

impl Spelling {
    fn read(text: &str) -> Option<Self> {
        let mut spelling = Self::default();
        let mut rest = text.as_bytes();
        if let [sign @ (b'+' | b'-'), after @ ..] = rest {
            spelling.negative = *sign == b'-';
            rest = after;
        }
        let mantissa = rest
            .iter()
            .position(|byte| matches!(byte, b'e' | b'E'))
            .unwrap_or(rest.len());
        let (mantissa, exponent) = rest.split_at(mantissa);
        spelling.read_mantissa(mantissa)?;
        if let [_, exponent @ ..] = exponent {
            spelling.exponent = read_exponent(exponent)?;
        }
        Some(spelling)
    }

    fn read_mantissa(&mut self, mantissa: &[u8]) -> Option<()> {
        let (mut point, mut any_digit) = (false, false);
        for &byte in mantissa {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    any_digit = true;
                    self.fraction_digits += i64::from(point);
                    if byte != b'0' || !self.digits.is_empty() {
                        self.digits.push(byte - b'0');
                    }
                }
                _ => return None,
            }
        }
        any_digit.then_some(())
    }

    fn number(mut self) -> Result<Number, NumberError> {
        let trailing = self
            .digits
            .iter()
            .rev()
            .take_while(|digit| **digit == 0)
            .count();
        self.digits.truncate(self.digits.len() - trailing);
        if self.digits.is_empty() {
            return Ok(Number::default());
        }
        let scale = self
            .exponent
            .saturating_sub(self.fraction_digits)
            .saturating_add(i64::try_from(trailing).unwrap_or(i64::MAX));
        if self.digits.len() > DIGITS_MAX {
            return Err(NumberError::TooManyDigits);
        }
        let coefficient = self
            .digits
            .iter()
            .fold(0, |sum: u128, digit| sum * 10 + u128::from(*digit));
        Number::checked(self.negative, coefficient, scale)
    }
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
            .min(1 << 40)
    });
    Some(if negative { -magnitude } else { magnitude })
}

impl Number {
    pub(super) fn parse(text: &str) -> Result<Self, NumberError> {
        Spelling::read(text)
            .ok_or_else(|| NumberError::NotNumeric(text.to_owned()))?
            .number()
    }

    /// Strips trailing zeros and checks the limits.
    fn checked(negative: bool, mut coefficient: u128, mut scale: i64) -> Result<Self, NumberError> {
        if coefficient == 0 {
            return Ok(Self::default());
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            scale += 1;
        }
        let digits = digit_count(coefficient);
        if digits > DIGITS_MAX {
            return Err(NumberError::TooManyDigits);
        }
        let exponent = scale.saturating_add(i64::try_from(digits).unwrap_or(0) - 1);
        if exponent > EXPONENT_MAX {
            return Err(NumberError::Overflow);
        }
        if exponent < EXPONENT_MIN {
            return Err(NumberError::Underflow);
        }
        let scale = i16::try_from(scale).map_err(|_| NumberError::Underflow)?;
        Ok(Self {
            negative,
            coefficient,
            scale,
        })
    }

    pub(super) fn from_i64(value: i64) -> Self {
        let mut number = Self {
            negative: value < 0,
            coefficient: value.unsigned_abs().into(),
            scale: 0,
        };
        if number.coefficient == 0 {
            return Self::default();
        }
        while number.coefficient.is_multiple_of(10) {
            number.coefficient /= 10;
            number.scale += 1;
        }
        number
    }

    /// The value as whole seconds or another count; the fraction is cut off, `None` where it does not fit.
    pub(super) fn to_i64(self) -> Option<i64> {
        let magnitude = if self.scale >= 0 {
            let factor = 10_u128.checked_pow(u32::try_from(self.scale).ok()?)?;
            self.coefficient.checked_mul(factor)?
        } else {
            let power = u32::from(self.scale.unsigned_abs());
            10_u128
                .checked_pow(power)
                .map_or(0, |divisor| self.coefficient / divisor)
        };
        let magnitude = i64::try_from(magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    pub(super) fn negated(self) -> Self {
        Self {
            negative: !self.negative && self.coefficient != 0,
            ..self
        }
    }

    /// The exact sum; an error where it needs more than 38 digits, never a rounding.
    pub(super) fn plus(self, other: Self) -> Result<Self, NumberError> {
        if self.coefficient == 0 {
            return Ok(other);
        }
        if other.coefficient == 0 {
            return Ok(self);
        }
        let (high, low) = if self.scale >= other.scale {
            (self, other)
        } else {
            (other, self)
        };
        // The low number's last digit is not zero, so a wider span than 39 digits cannot be exact.
        let shift = u32::from(high.scale.abs_diff(low.scale));
        let aligned = 10_u128
            .checked_pow(shift)
            .and_then(|factor| high.coefficient.checked_mul(factor))
            .ok_or(NumberError::TooManyDigits)?;
        let (negative, coefficient) = if high.negative == low.negative {
            let sum = aligned.checked_add(low.coefficient);
            (high.negative, sum.ok_or(NumberError::TooManyDigits)?)
        } else if aligned >= low.coefficient {
            (high.negative, aligned - low.coefficient)
        } else {
            (low.negative, low.coefficient - aligned)
        };
        Self::checked(negative, coefficient, low.scale.into())
    }

    pub(super) fn minus(self, other: Self) -> Result<Self, NumberError> {
        self.plus(other.negated())
    }

    /// Exponent of the first digit.
    fn exponent(self) -> i16 {
        self.scale + i16::try_from(digit_count(self.coefficient)).unwrap_or(0) - 1
    }

    /// The coefficient with its first digit in the 38th place.
    fn left_aligned(self) -> u128 {
        let missing = DIGITS_MAX.saturating_sub(digit_count(self.coefficient));
        self.coefficient * 10_u128.pow(u32::try_from(missing).unwrap_or(0))
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.coefficient, other.coefficient) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => self
                .exponent()
                .cmp(&other.exponent())
                .then_with(|| self.left_aligned().cmp(&other.left_aligned())),
        }
    }

    /// Bytes that sort as the numbers do: sign, exponent, pairs of digits; complemented for negatives.
    pub(super) fn sortable(self) -> Vec<u8> {
        if self.coefficient == 0 {
            return vec![ZERO];
        }
        let mut bytes = Vec::with_capacity(22);
        bytes.push(if self.negative { NEGATIVE } else { POSITIVE });
        let biased = i64::from(self.exponent()) - EXPONENT_MIN;
        bytes.push(u8::try_from(biased).unwrap_or(u8::MAX));
        let mut rest = self.left_aligned();
        let mut pairs = [0_u8; DIGITS_MAX / 2];
        for pair in pairs.iter_mut().rev() {
            *pair = u8::try_from(rest % 100).unwrap_or(0);
            rest /= 100;
        }
        let used = pairs
            .iter()
            .rposition(|pair| *pair != 0)
            .map_or(0, |last| last + 1);
        bytes.extend(pairs[..used].iter().map(|pair| pair + 1));
        if self.negative {
            bytes[1..].iter_mut().for_each(|byte| *byte = !*byte);
            // Of two negatives the longer one is the smaller.
            bytes.push(u8::MAX);
        }
        bytes
    }

    /// Reads what [`Number::sortable`] wrote.
    pub(super) fn from_sortable(bytes: &[u8]) -> Option<Self> {
        let (negative, body) = match bytes {
            [ZERO] => return Some(Self::default()),
            [POSITIVE, body @ ..] => (false, body.to_vec()),
            [NEGATIVE, body @ .., u8::MAX] => (true, body.iter().map(|byte| !byte).collect()),
            _ => return None,
        };
        let (exponent, pairs) = body.split_first()?;
        let coefficient = pairs.iter().try_fold(0_u128, |sum, pair| {
            sum.checked_mul(100)?
                .checked_add(u128::from(pair.checked_sub(1)?))
        })?;
        let exponent = i64::from(*exponent) + EXPONENT_MIN;
        let digits = i64::try_from(pairs.len() * 2).ok()?;
        Self::checked(negative, coefficient, exponent + 1 - digits).ok()
    }

    /// Bytes this number counts for: one, one more for each begun pair of digits before and behind the
    /// point, zeros at either end left out, and one for a minus.
    pub(super) fn size_bytes(self) -> u64 {
        let digits = u64::try_from(digit_count(self.coefficient)).unwrap_or(0);
        let behind = u64::try_from(-i32::from(self.scale)).map_or(0, |places| places.min(digits));
        1 + (digits - behind).div_ceil(2) + behind.div_ceil(2) + u64::from(self.negative)
    }
}

const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;

fn digit_count(coefficient: u128) -> usize {
    coefficient
        .checked_ilog10()
        .map_or(0, |log| log as usize + 1)
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Plain decimal notation, as DynamoDB answers it.
impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            formatter.write_str("-")?;
        }
        let digits = self.coefficient.to_string();
        let zeros = usize::from(self.scale.unsigned_abs());
        if self.scale >= 0 {
            return write!(formatter, "{digits}{}", "0".repeat(zeros));
        }
        match digits.len().checked_sub(zeros) {
            Some(whole @ 1..) => write!(formatter, "{}.{}", &digits[..whole], &digits[whole..]),
            _ => write!(formatter, "0.{}{digits}", "0".repeat(zeros - digits.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn spellings_are_read_as_aws_reads_them() {
        let table = [
            ("+5", "5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1.e5", "100000"),
            ("00042", "42"),
            ("1.50", "1.5"),
            ("1.5E2", "150"),
            ("-0", "0"),
            ("-0.0010", "-0.001"),
            ("0e999999", "0"),
            ("1E+2", "100"),
            (
                "12345678901234567890123456789012345678",
                "12345678901234567890123456789012345678",
            ),
        ];
        for (text, plain) in table {
            assert_eq!(number(text).to_string(), plain, "{text}");
        }
        for text in [
            "", ".", "1.2.3", "+e2", "1+2", " 1", "1 ", "1e", "e5", "abc", "--1", "1e+", "NaN",
        ] {
            assert_eq!(
                Number::parse(text),
                Err(NumberError::NotNumeric(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn limits_are_refused_by_name() {
        assert!(Number::parse("9.9999999999999999999999999999999999999E+125").is_ok());
        assert!(Number::parse("1E-130").is_ok());
        assert_eq!(Number::parse("1E+126"), Err(NumberError::Overflow));
        assert_eq!(Number::parse("-1E-131"), Err(NumberError::Underflow));
        assert_eq!(
            Number::parse(&"1".repeat(39)),
            Err(NumberError::TooManyDigits)
        );
        assert_eq!(number(&format!("1{}", "0".repeat(100))), number("1E100"));
    }

    #[test]
    fn sizes_follow_the_significant_digits() {
        let table = [
            ("0", 1),
            ("1", 2),
            ("-1", 3),
            ("100", 2),
            ("1E125", 2),
            ("123456", 4),
            ("3.14159", 5),
            ("0.001", 2),
            ("100.5", 4),
        ];
        for (text, size_bytes) in table {
            assert_eq!(number(text).size_bytes(), size_bytes, "{text}");
        }
    }

    #[test]
    fn sums_are_exact_or_refused() {
        let table = [
            ("0.1", "0.2", "0.3"),
            ("1", "-1", "0"),
            ("99", "1", "100"),
            ("1E38", "-1", &"9".repeat(38)),
            ("-5", "3", "-2"),
            ("1E-130", "1E-130", "2E-130"),
            ("1E125", "-9E124", "1E124"),
        ];
        for (left, right, sum) in table {
            assert_eq!(
                number(left).plus(number(right)),
                Ok(number(sum)),
                "{left} + {right}"
            );
            assert_eq!(
                number(right).plus(number(left)),
                Ok(number(sum)),
                "{right} + {left}"
            );
        }
        assert_eq!(
            number("1E38").plus(number("1")),
            Err(NumberError::TooManyDigits)
        );
        assert_eq!(
            number("1E40").minus(number("1")),
            Err(NumberError::TooManyDigits)
        );
        assert_eq!(
            number("9E125").plus(number("1E125")),
            Err(NumberError::Overflow)
        );
    }

    #[test]
    fn sortable_bytes_sort_as_numbers_and_read_back() {
        let sorted = [
            "-9.9999999999999999999999999999999999999E+125",
            "-123.5",
            "-123.45",
            "-123",
            "-12",
            "-1.01",
            "-1",
            "-0.5",
            "-1E-130",
            "0",
            "1E-130",
            "0.5",
            "0.51",
            "1",
            "1.01",
            "9",
            "10",
            "12",
            "123",
            "123.45",
            "123.5",
            "12345678901234567890123456789012345677",
            "12345678901234567890123456789012345678",
            "1E125",
        ];
        for pair in sorted.windows(2) {
            let (low, high) = (number(pair[0]), number(pair[1]));
            assert!(low < high, "{low} < {high}");
            assert!(low.sortable() < high.sortable(), "bytes of {low} < {high}");
        }
        for text in sorted {
            assert_eq!(
                Number::from_sortable(&number(text).sortable()),
                Some(number(text)),
                "{text}"
            );
        }
    }
}
