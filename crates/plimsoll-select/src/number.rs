//! Numbers: integers of eight bytes, decimals of 38 digits, floats.
//!
//! A literal and a number of the input are an integer if they have no fraction and no exponent and fit in eight bytes;
//! else a decimal if 38 significant digits and a scale within ±[`MAX_SCALE`] say them exactly; else a float. Arithmetic
//! on two integers gives an integer or [`Code::IntegerOverflow`]; with a decimal, a decimal that is rounded half to even
//! at 38 digits; with a float, a float.
//!
//! Amazon documents decimals of 38 digits with an exponent from -2³¹ to 2³¹-1. The digits are the same here; beyond the
//! scales above numbers are floats, so that no short text unfolds to a long number.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::error::{Code, SelectError};

/// Most significant digits of a decimal.
pub(crate) const MAX_DIGITS: u32 = 38;
/// Largest scale of a decimal, which is the number of digits after its point; and the smallest, negated.
pub(crate) const MAX_SCALE: i32 = 100;
/// The largest value of [`MAX_DIGITS`] digits.
const MAX_MANTISSA: i128 = 10_i128.pow(MAX_DIGITS) - 1;

/// A number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Decimal(Decimal),
    Float(f64),
}

/// `mantissa / 10^scale`, with at most 38 digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decimal {
    mantissa: i128,
    scale: i32,
}

impl Decimal {
    fn from_int(value: i64) -> Decimal {
        Decimal { mantissa: i128::from(value), scale: 0 }
    }

    /// Takes away digits until 38 are left, rounding half to even; `None` where the scale leaves its bounds.
    fn rounded(mantissa: i128, scale: i32) -> Option<Decimal> {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while mantissa.unsigned_abs() > MAX_MANTISSA.unsigned_abs() {
            mantissa = divide_half_even(mantissa, 10);
            scale -= 1;
        }
        if mantissa == 0 {
            scale = scale.clamp(0, MAX_SCALE);
        }
        (-MAX_SCALE..=MAX_SCALE).contains(&scale).then_some(Decimal { mantissa, scale })
    }

    /// The same value without zeros after its last digit.
    fn stripped(self) -> Decimal {
        let Decimal { mut mantissa, mut scale } = self;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal { mantissa, scale }
    }

    /// Both at one scale; `None` where that takes more than an `i128`.
    fn aligned(one: Decimal, two: Decimal) -> Option<(i128, i128, i32)> {
        let scale = one.scale.max(two.scale);
        let raise = |decimal: Decimal| {
            let places = u32::try_from(scale - decimal.scale).ok()?;
            decimal.mantissa.checked_mul(10_i128.checked_pow(places)?)
        };
        Some((raise(one)?, raise(two)?, scale))
    }

    fn add(one: Decimal, two: Decimal) -> Option<Decimal> {
        if let Some((first, second, scale)) = Decimal::aligned(one, two)
            && let Some(sum) = first.checked_add(second)
        {
            return Decimal::rounded(sum, scale);
        }
        // One is so much larger that the other's last digits are rounded away: give up as many of them as it takes.
        let (large, small) = if one.order_of_size() >= two.order_of_size() { (one, two) } else { (two, one) };
        let spare = MAX_DIGITS.saturating_sub(digits(large.mantissa));
        let mantissa = large.mantissa.checked_mul(10_i128.pow(spare))?;
        let scale = large.scale + i32::try_from(spare).ok()?;
        let lower = if let Ok(places) = u32::try_from(small.scale - scale) {
            10_i128.checked_pow(places).map_or(0, |unit| divide_half_even(small.mantissa, unit))
        } else {
            let places = u32::try_from(scale - small.scale).ok()?;
            small.mantissa.checked_mul(10_i128.checked_pow(places)?)?
        };
        Decimal::rounded(mantissa.checked_add(lower)?, scale)
    }

    /// Of the highest digit: 2 of `123.4`.
    fn order_of_size(self) -> i64 {
        i64::from(digits(self.mantissa)) - i64::from(self.scale)
    }

    fn multiply(one: Decimal, two: Decimal) -> Option<Decimal> {
        let scale = one.scale + two.scale;
        if let Some(product) = one.mantissa.checked_mul(two.mantissa) {
            return Decimal::rounded(product, scale);
        }
        let (magnitude, cut) = wide_product(one.mantissa.unsigned_abs(), two.mantissa.unsigned_abs());
        let mantissa = i128::try_from(magnitude).ok()?;
        let negative = (one.mantissa < 0) != (two.mantissa < 0);
        Decimal::rounded(if negative { -mantissa } else { mantissa }, scale - cut)
    }

    /// The quotient to 38 digits, without zeros at its end; `None` for division by zero and beyond the scales.
    fn divide(one: Decimal, two: Decimal) -> Option<Decimal> {
        if two.mantissa == 0 {
            return None;
        }
        let divisor = two.mantissa.unsigned_abs();
        let mut quotient = one.mantissa.unsigned_abs() / divisor;
        let mut rest = one.mantissa.unsigned_abs() % divisor;
        let mut scale = one.scale - two.scale;
        // Long division: a digit a turn, until it comes out even or 38 digits stand.
        while rest != 0 && quotient < MAX_MANTISSA.unsigned_abs() / 10 && scale < MAX_SCALE {
            // `rest < divisor < 10^38`, so ten times it may leave an u128's 3.4 × 10^38: digit by digit then.
            let (digit, left) = tenfold(rest, divisor);
            quotient = quotient * 10 + digit;
            rest = left;
            scale += 1;
        }
        if rest >= divisor - rest {
            quotient += 1;
        }
        let negative = (one.mantissa < 0) != (two.mantissa < 0);
        let mantissa = i128::try_from(quotient).ok()?;
        Decimal::rounded(if negative { -mantissa } else { mantissa }, scale).map(Decimal::stripped)
    }

    fn remainder(one: Decimal, two: Decimal) -> Option<Decimal> {
        let (first, second, scale) = Decimal::aligned(one, two)?;
        Decimal::rounded(first.checked_rem(second)?, scale)
    }

    fn compare(one: Decimal, two: Decimal) -> Ordering {
        match one.mantissa.signum().cmp(&two.mantissa.signum()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        if let Some((first, second, _)) = Decimal::aligned(one, two) {
            return first.cmp(&second);
        }
        // Signs are equal; so many places apart that the order of size decides, turned around below zero.
        let sizes = one.order_of_size().cmp(&two.order_of_size()).then_with(|| {
            // The same order of size and no common scale: the shorter one is exact at the longer one's digits.
            let trim = |decimal: Decimal| {
                let places = MAX_DIGITS - digits(decimal.mantissa);
                decimal.mantissa.unsigned_abs() * 10_u128.pow(places)
            };
            trim(one).cmp(&trim(two))
        });
        if one.mantissa < 0 { sizes.reverse() } else { sizes }
    }

    #[expect(clippy::cast_precision_loss, reason = "a float is the nearest one, as asked")]
    fn to_float(self) -> f64 {
        // By way of text where a power of ten is not exact, so that the result is the nearest float.
        if self.scale.abs() <= 22 && self.mantissa.unsigned_abs() < 1 << 53 {
            let power = 10_f64.powi(self.scale.abs());
            let mantissa = self.mantissa as f64;
            return if self.scale >= 0 { mantissa / power } else { mantissa * power };
        }
        format!("{}e{}", self.mantissa, -self.scale).parse().unwrap_or(f64::NAN)
    }

    /// Without its fraction.
    fn truncated(self) -> Option<i128> {
        match u32::try_from(self.scale) {
            Ok(places) => Some(10_i128.checked_pow(places).map_or(0, |unit| self.mantissa / unit)),
            Err(_) => self.mantissa.checked_mul(10_i128.checked_pow(self.scale.unsigned_abs())?),
        }
    }
}

/// The product, without as many digits at its end as it takes to leave 38, rounded half to even; and how many those are.
fn wide_product(one: u128, two: u128) -> (u128, i32) {
    const LOW: u128 = u64::MAX as u128;
    // Four digits to the base 2^64, the lowest first.
    let mut product = [0_u128; 4];
    for (place, first) in [one & LOW, one >> 64].into_iter().enumerate() {
        let mut carry = 0;
        for (other, second) in [two & LOW, two >> 64].into_iter().enumerate() {
            let sum = product[place + other] + first * second + carry;
            product[place + other] = sum & LOW;
            carry = sum >> 64;
        }
        product[place + 2] = carry;
    }
    let (mut cut, mut digit, mut below) = (0, 0, false);
    loop {
        let value = (product[1] << 64) | product[0];
        if product[2] == 0 && product[3] == 0 && value <= MAX_MANTISSA.unsigned_abs() {
            let up = digit > 5 || (digit == 5 && (below || value % 2 == 1));
            return (value + u128::from(up), cut);
        }
        below |= digit != 0;
        digit = 0;
        for limb in product.iter_mut().rev() {
            let dividend = (digit << 64) | *limb;
            *limb = dividend / 10;
            digit = dividend % 10;
        }
        cut += 1;
    }
}

/// `10 * rest / divisor`, and what is left; `rest` is less than `divisor`.
fn tenfold(rest: u128, divisor: u128) -> (u128, u128) {
    if let Some(dividend) = rest.checked_mul(10) {
        return (dividend / divisor, dividend % divisor);
    }
    let (mut digit, mut left) = (0, 0_u128);
    for _ in 0..10 {
        if left >= divisor - rest {
            left -= divisor - rest;
            digit += 1;
        } else {
            left += rest;
        }
    }
    (digit, left)
}

fn digits(mantissa: i128) -> u32 {
    mantissa.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1)
}

fn divide_half_even(value: i128, unit: i128) -> i128 {
    let (quotient, rest) = (value / unit, value % unit);
    let (twice, unit) = (rest.unsigned_abs() * 2, unit.unsigned_abs());
    let up = twice > unit || (twice == unit && quotient % 2 != 0);
    if up { quotient + value.signum() } else { quotient }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mantissa < 0 {
            formatter.write_char('-')?;
        }
        let digits = self.mantissa.unsigned_abs().to_string();
        let Ok(places) = usize::try_from(self.scale) else {
            // So many zeros that it would be read as another kind of number.
            let zeros = self.scale.unsigned_abs();
            if digits.len() + zeros as usize > MAX_DIGITS as usize {
                let short = digits.trim_end_matches('0');
                return write!(formatter, "{short}e{}", zeros as usize + digits.len() - short.len());
            }
            formatter.write_str(&digits)?;
            return (0..zeros).try_for_each(|_| formatter.write_char('0'));
        };
        if places == 0 {
            return formatter.write_str(&digits);
        }
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        write!(formatter, "{whole}.{fraction}")
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(value) => write!(formatter, "{value}"),
            Number::Decimal(value) => write!(formatter, "{value}"),
            Number::Float(value) if *value == 0.0 => formatter.write_str("0"),
            Number::Float(value) if (1e-7..1e21).contains(&value.abs()) => write!(formatter, "{value}"),
            Number::Float(value) => write!(formatter, "{value:e}"),
        }
    }
}

/// An operator of two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Remainder => "%",
        }
    }
}

impl Number {
    /// Reads a number as SQL and JSON write it, with a sign; no spaces, no infinity, no hexadecimal.
    pub(crate) fn parse(text: &str) -> Option<Number> {
        let bytes = text.as_bytes();
        // Most numbers are short integers.
        if bytes.len() <= 18 {
            let (sign, digits) = match bytes {
                [b'-', digits @ ..] => (-1, digits),
                digits => (1, digits.strip_prefix(b"+").unwrap_or(digits)),
            };
            if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
                let value = digits.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
                return Some(Number::Int(sign * value));
            }
        }
        Number::parse_long(text)
    }

    fn parse_long(text: &str) -> Option<Number> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let written = fraction.unwrap_or_default();
        if !digits(whole) || !digits(written) || (whole.is_empty() && written.is_empty()) {
            return None;
        }
        if let Some(exponent) = exponent {
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if unsigned.is_empty() || !digits(unsigned) {
                return None;
            }
        }
        if fraction.is_none()
            && exponent.is_none()
            && let Ok(value) = text.parse()
        {
            return Some(Number::Int(value));
        }
        let float = || text.parse().ok().filter(|float: &f64| float.is_finite()).map(Number::Float);
        let mut mantissa = 0_i128;
        let mut zeros = 0;
        for digit in whole.bytes().chain(written.bytes()) {
            // Zeros at the end are no significant digits: they count once another digit follows.
            let value = i128::from(digit - b'0');
            if value == 0 && mantissa > MAX_MANTISSA / 10 {
                zeros += 1;
                continue;
            }
            let longer = 10_i128
                .checked_pow(zeros + 1)
                .and_then(|unit| mantissa.checked_mul(unit))
                .and_then(|shifted| shifted.checked_add(value));
            match longer {
                Some(longer) if longer <= MAX_MANTISSA => (mantissa, zeros) = (longer, 0),
                _ => return float(),
            }
        }
        let Ok(exponent) = exponent.unwrap_or("0").parse::<i32>() else { return float() };
        let scale = i32::try_from(written.len()).ok().and_then(|length| length.checked_sub(exponent));
        let scale = scale.and_then(|scale| scale.checked_sub(i32::try_from(zeros).ok()?));
        let mantissa = if negative { -mantissa } else { mantissa };
        match scale.filter(|scale| (-MAX_SCALE..=MAX_SCALE).contains(scale)) {
            Some(scale) => Some(Number::Decimal(Decimal { mantissa, scale })),
            None => float(),
        }
    }

    /// A sum of integers, which may be beyond eight bytes.
    pub(crate) fn from_wide(value: i128) -> Number {
        match i64::try_from(value) {
            Ok(value) => Number::Int(value),
            Err(_) => Decimal::rounded(value, 0).map_or(Number::Float(f64::NAN), Number::Decimal),
        }
    }

    /// `mantissa / 10^scale`; `None` beyond 38 digits or the scales.
    pub(crate) fn from_decimal(mantissa: i128, scale: i32) -> Option<Number> {
        let fits = mantissa.unsigned_abs() <= MAX_MANTISSA.unsigned_abs()
            && (-MAX_SCALE..=MAX_SCALE).contains(&scale);
        fits.then_some(Number::Decimal(Decimal { mantissa, scale }))
    }

    pub(crate) fn from_float(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number::Float(value))
    }

    fn as_decimal(self) -> Option<Decimal> {
        match self {
            Number::Int(value) => Some(Decimal::from_int(value)),
            Number::Decimal(value) => Some(value),
            Number::Float(_) => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a float is the nearest one, as asked")]
    pub(crate) fn to_float(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Decimal(value) => value.to_float(),
            Number::Float(value) => value,
        }
    }

    /// As `CAST(… AS INT)`: what is after the point falls away.
    pub(crate) fn to_int(self) -> Option<i64> {
        match self {
            Number::Int(value) => Some(value),
            Number::Decimal(value) => i64::try_from(value.truncated()?).ok(),
            #[expect(clippy::cast_possible_truncation, reason = "within the bounds that stand before")]
            Number::Float(value) => {
                // 2^63 is a float, 2^63 - 1 is none.
                let bound = 9_223_372_036_854_775_808.0;
                (-bound..bound).contains(&value).then_some(value.trunc() as i64)
            }
        }
    }

    /// As `CAST(… AS DECIMAL)`: a float by its shortest text.
    pub(crate) fn to_decimal(self) -> Option<Number> {
        match self {
            Number::Int(value) => Some(Number::Decimal(Decimal::from_int(value))),
            Number::Decimal(_) => Some(self),
            Number::Float(value) => match Number::parse(&format!("{value:e}"))? {
                decimal @ Number::Decimal(_) => Some(decimal),
                Number::Int(_) | Number::Float(_) => None,
            },
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        match self {
            Number::Int(value) => value == 0,
            Number::Decimal(value) => value.mantissa == 0,
            Number::Float(value) => value == 0.0,
        }
    }

    pub(crate) fn negated(self) -> Result<Number, SelectError> {
        match self {
            Number::Int(value) => value.checked_neg().map(Number::Int).ok_or_else(overflow),
            Number::Decimal(value) => {
                Ok(Number::Decimal(Decimal { mantissa: -value.mantissa, scale: value.scale }))
            }
            Number::Float(value) => Ok(Number::Float(-value)),
        }
    }

    /// Equal, less or greater; exact but where a float is compared.
    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(one), Number::Int(two)) => one.cmp(&two),
            _ => match (self.as_decimal(), other.as_decimal()) {
                (Some(one), Some(two)) => Decimal::compare(one, two),
                // Adding zero makes of the negative zero the other one.
                _ => (self.to_float() + 0.0).total_cmp(&(other.to_float() + 0.0)),
            },
        }
    }

    /// The result of an operator.
    ///
    /// # Errors
    ///
    /// An integer that leaves eight bytes, division by zero, and a result beyond all floats.
    pub(crate) fn calculate(self, operator: Arithmetic, other: Number) -> Result<Number, SelectError> {
        if matches!(operator, Arithmetic::Divide | Arithmetic::Remainder) && other.is_zero() {
            return Err(SelectError::evaluation(
                Code::EvaluatorInvalidArguments,
                format!("expected a divisor other than zero, found `{self} {} {other}`", operator.symbol()),
            ));
        }
        if let (Number::Int(one), Number::Int(two)) = (self, other) {
            let result = match operator {
                Arithmetic::Add => one.checked_add(two),
                Arithmetic::Subtract => one.checked_sub(two),
                Arithmetic::Multiply => one.checked_mul(two),
                Arithmetic::Divide => one.checked_div(two),
                Arithmetic::Remainder => one.checked_rem(two),
            };
            return result.map(Number::Int).ok_or_else(overflow);
        }
        if let (Some(one), Some(two)) = (self.as_decimal(), other.as_decimal()) {
            let minus = |decimal: Decimal| Decimal { mantissa: -decimal.mantissa, ..decimal };
            let result = match operator {
                Arithmetic::Add => Decimal::add(one, two),
                Arithmetic::Subtract => Decimal::add(one, minus(two)),
                Arithmetic::Multiply => Decimal::multiply(one, two),
                Arithmetic::Divide => Decimal::divide(one, two),
                Arithmetic::Remainder => Decimal::remainder(one, two),
            };
            if let Some(result) = result {
                return Ok(Number::Decimal(result));
            }
        }
        let (one, two) = (self.to_float(), other.to_float());
        let result = match operator {
            Arithmetic::Add => one + two,
            Arithmetic::Subtract => one - two,
            Arithmetic::Multiply => one * two,
            Arithmetic::Divide => one / two,
            Arithmetic::Remainder => one % two,
        };
        Number::from_float(result).ok_or_else(|| {
            SelectError::evaluation(
                Code::EvaluatorInvalidArguments,
                format!("expected a finite number, found `{self} {} {other}`", operator.symbol()),
            )
        })
    }
}

fn overflow() -> SelectError {
    SelectError::evaluation(Code::IntegerOverflow, "expected an integer of eight bytes, found a larger one")
        .hint("cast an operand to DECIMAL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("`{text}` is a number"))
    }

    #[test]
    fn texts_keep_their_digits() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("+7", "7"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "9223372036854775808"),
            ("1.50", "1.50"),
            (".3", "0.3"),
            ("1.", "1"),
            ("-0.05", "-0.05"),
            ("1e3", "1000"),
            ("25e-1", "2.5"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
            ("100000000000000000000000000000000000000", "1e38"),
            ("-1234500000000000000000000000000000000000000", "-12345e38"),
            ("0.10000000000000000000000000000000000000000", "0.10000000000000000000000000000000000000"),
            ("123456789012345678901234567890123456789", "1.2345678901234568e38"),
            ("1e300", "1e300"),
            ("1e-300", "1e-300"),
        ] {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
        for text in ["", "-", ".", "e3", "1e", "1e+", "0x1", "1_0", "inf", "NaN", "1.2.3", "١", "1e999", " 1"]
        {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn arithmetic_is_exact_where_it_can_be() {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        for (one, operator, two, expected) in [
            ("1", Divide, "2", "0"),
            ("-7", Divide, "2", "-3"),
            ("-7", Remainder, "2", "-1"),
            ("1.0", Divide, "2.0", "0.5"),
            ("0.5", Multiply, ".3", "0.15"),
            ("3.0", Divide, "2", "1.5"),
            ("0.1", Add, "0.2", "0.3"),
            ("1", Subtract, "0.9", "0.1"),
            ("7.5", Remainder, "2", "1.5"),
            ("10", Divide, "3.0", "3.3333333333333333333333333333333333333"),
            ("20", Divide, "3.0", "6.6666666666666666666666666666666666667"),
            ("100.0", Divide, "0.5", "200"),
            ("99999999999999999999999999999999999999", Add, "1", "1e38"),
            ("99999999999999999999", Multiply, "99999999999999999999", "99999999999999999998e20"),
            (
                "-12345678901234567890123456789",
                Multiply,
                "1.5000000000000000001",
                "-18518518351851851836419753073.623456789",
            ),
            ("1e90", Add, "1e-90", "1e90"),
        ] {
            let result = number(one).calculate(operator, number(two)).unwrap();
            assert_eq!(result.to_string(), expected, "{one} {} {two}", operator.symbol());
        }
        let code = |one, operator, two| number(one).calculate(operator, number(two)).unwrap_err().code();
        assert_eq!(code("9223372036854775807", Add, "1"), Code::IntegerOverflow);
        assert_eq!(code("-9223372036854775808", Divide, "-1"), Code::IntegerOverflow);
        assert_eq!(code("1", Divide, "0.0"), Code::EvaluatorInvalidArguments);
        assert_eq!(code("1e308", Multiply, "1e308"), Code::EvaluatorInvalidArguments);
    }

    #[test]
    fn order_is_by_value() {
        let sorted = [
            "-1e300",
            "-1e50",
            "-99999999999999999999999999999999999999",
            "-2",
            "-1.5",
            "-1e-90",
            "0",
            "1e-90",
            "0.3",
            "1",
            "1.0000000000000000000000000000000000001",
            "2",
            "9223372036854775807",
            "9223372036854775807.5",
            "9223372036854775808",
            "1e50",
            "1e300",
        ];
        for (place, one) in sorted.iter().enumerate() {
            for (other, two) in sorted.iter().enumerate() {
                assert_eq!(number(one).compare(number(two)), place.cmp(&other), "{one} {two}");
            }
        }
        assert_eq!(number("1.0").compare(number("1")), Ordering::Equal);
        assert_eq!(number("0").compare(Number::Float(-0.0)), Ordering::Equal);
    }

    #[test]
    fn integers_are_cut_off() {
        for (text, expected) in
            [("1.9", Some(1)), ("-1.9", Some(-1)), ("1e20", None), ("1e-90", Some(0)), ("1e300", None)]
        {
            assert_eq!(number(text).to_int(), expected, "{text}");
        }
        assert_eq!(Number::Float(9_223_372_036_854_775_808.0).to_int(), None);
        assert_eq!(Number::Float(0.456).to_decimal().unwrap().to_string(), "0.456");
    }
}
