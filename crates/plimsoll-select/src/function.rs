//! Functions.
//!
//! Source: Amazon S3 User Guide, "SQL functions": conditional, conversion, date and string functions.

use std::borrow::Cow;

use crate::ast::{Comparison, Expr, Function, Side, Type};
use crate::error::{Code, SelectError};
use crate::eval::{Evaluated, Scope, compare, eval, unknown};
use crate::number::Number;
use crate::pattern::Pattern;
use crate::timestamp::{Part, Timestamp};
use crate::value::{Value, elements, for_each_member, parse_bool};

fn wrong_type(function: &str, expected: &str, value: &Value<'_>) -> SelectError {
    SelectError::evaluation(
        Code::IncorrectSqlFunctionArgumentType,
        format!("expected {expected} as an argument of `{function}`, found {}", value.describe()),
    )
}

fn text<'a>(function: &str, value: &'a Value<'_>) -> Result<&'a str, SelectError> {
    value.as_text().ok_or_else(|| wrong_type(function, "text", value))
}

fn whole(function: &str, value: &Value<'_>) -> Result<i64, SelectError> {
    match value.as_number() {
        Some(Number::Int(number)) => Ok(number),
        Some(number) if number.to_int().is_some_and(|int| Number::Int(int).compare(number).is_eq()) => {
            Ok(number.to_int().unwrap_or_default())
        }
        _ => Err(wrong_type(function, "a whole number", value)),
    }
}

fn time(function: &str, value: &Value<'_>) -> Result<Timestamp, SelectError> {
    value.as_time().ok_or_else(|| wrong_type(function, "a time", value))
}

/// Functions whose arguments are all evaluated alike.
pub(crate) fn call<'v>(
    function: Function,
    arguments: &'v [Expr],
    pattern: Option<&Pattern>,
    scope: &Scope<'v>,
) -> Evaluated<'v> {
    if function == Function::Coalesce {
        for argument in arguments {
            let value = eval(argument, scope)?;
            if value.is_known() {
                return Ok(value);
            }
        }
        return Ok(Value::Null);
    }
    let mut values = arguments.iter().map(|argument| eval(argument, scope)).collect::<Result<Vec<_>, _>>()?;
    if function == Function::NullIf {
        return Ok(match compare(Comparison::Equal, &values[0], &values[1]) {
            Value::Bool(true) => Value::Null,
            _ if values[0].is_known() => values.swap_remove(0),
            _ => Value::Null,
        });
    }
    if let Some(unknown) = unknown(&values.iter().collect::<Vec<_>>()) {
        return Ok(unknown);
    }
    let name = function.name();
    match (function, values.as_slice()) {
        (Function::CharLength, [value]) => {
            let count = text(name, value)?.chars().count();
            Ok(Value::int(i64::try_from(count).expect("text in memory has less than 2^63 characters")))
        }
        (Function::Lower, [value]) => Ok(Value::Text(Cow::Owned(text(name, value)?.to_lowercase()))),
        (Function::Upper, [value]) => Ok(Value::Text(Cow::Owned(text(name, value)?.to_uppercase()))),
        (Function::Substring, [value, start, rest @ ..]) => substring(value, start, rest.first()),
        (Function::ToString, [value, format]) => {
            let time = time(name, value)?;
            let written = match pattern {
                Some(pattern) => pattern.write(time),
                None => Pattern::parse(text(name, format)?)?.write(time),
            };
            Ok(Value::Text(Cow::Owned(written)))
        }
        (Function::ToTimestamp, [value, rest @ ..]) => to_timestamp(value, rest.first(), pattern),
        (Function::Size, [value]) => size(value),
        (Function::UtcNow, _) => scope.now.map(Value::Time).ok_or_else(|| {
            let message = "expected the time of the request for `UTCNOW`, found none";
            SelectError::evaluation(Code::ExternalEvalException, message)
        }),
        _ => Err(SelectError::evaluation(
            Code::EvaluatorInvalidArguments,
            format!("expected other arguments of `{name}`, found {}", values.len()),
        )),
    }
}

/// From a character counted from 1, so many of them.
fn substring<'v>(value: &Value<'v>, start: &Value<'_>, length: Option<&Value<'_>>) -> Evaluated<'v> {
    let text = text("SUBSTRING", value)?;
    let start = whole("SUBSTRING", start)?;
    let skipped = usize::try_from(start.saturating_sub(1)).unwrap_or(0);
    let taken = match length {
        None => usize::MAX,
        Some(length) => {
            let length = whole("SUBSTRING", length)?;
            if length < 0 {
                let message = format!("expected a length from 0 in `SUBSTRING`, found {length}");
                return Err(SelectError::evaluation(Code::EvaluatorInvalidArguments, message));
            }
            // What lies before the first character counts for the length.
            let length = if start < 1 { start.saturating_add(length).saturating_sub(1) } else { length };
            usize::try_from(length).unwrap_or(0)
        }
    };
    Ok(Value::Text(Cow::Owned(text.chars().skip(skipped).take(taken).collect())))
}

fn to_timestamp<'v>(
    value: &Value<'_>,
    format: Option<&Value<'_>>,
    pattern: Option<&Pattern>,
) -> Evaluated<'v> {
    if let (Value::Time(time), None) = (value, format) {
        return Ok(Value::Time(*time));
    }
    let written = text("TO_TIMESTAMP", value)?;
    if let Some(pattern) = pattern {
        return Ok(Value::Time(pattern.read(written)?));
    }
    if let Some(format) = format {
        return Ok(Value::Time(Pattern::parse(text("TO_TIMESTAMP", format)?)?.read(written)?));
    }
    // Without the marks between its parts too, as ISO 8601 has it: `19690720T201801Z`.
    let basic = || Pattern::parse("yyyyMMdd'T'HHmmssX").ok()?.read(written.trim()).ok();
    match written.trim().parse::<Timestamp>() {
        Ok(time) => Ok(Value::Time(time)),
        Err(error) => {
            if let Some(time) = basic() {
                return Ok(Value::Time(time));
            }
            let message = format!("{error}, found {}", value.describe());
            Err(SelectError::evaluation(Code::ValueParseFailure, message))
        }
    }
}

fn size<'v>(value: &Value<'_>) -> Evaluated<'v> {
    let count = match value {
        Value::List(items) => items.len(),
        Value::Json(text) if text.starts_with('[') => elements(text).count(),
        Value::Json(text) => {
            let mut count = 0;
            for_each_member(text, |_, _| {
                count += 1;
                Ok::<(), SelectError>(())
            })?;
            count
        }
        _ => return Err(wrong_type("SIZE", "an array or an object", value)),
    };
    Ok(Value::int(i64::try_from(count).expect("a list in memory has less than 2^63 elements")))
}

pub(crate) fn trim<'v>(side: Side, characters: Option<&Value<'_>>, value: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value, characters.unwrap_or(value)]) {
        return Ok(unknown);
    }
    let set: Vec<char> = match characters {
        Some(characters) => text("TRIM", characters)?.chars().collect(),
        None => vec![' '],
    };
    let mut rest = text("TRIM", value)?;
    if side != Side::Trailing {
        rest = rest.trim_start_matches(set.as_slice());
    }
    if side != Side::Leading {
        rest = rest.trim_end_matches(set.as_slice());
    }
    Ok(Value::Text(Cow::Owned(rest.to_owned())))
}

pub(crate) fn extract<'v>(part: Part, value: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value]) {
        return Ok(unknown);
    }
    let time = time("EXTRACT", value)?;
    let fields = time.fields();
    Ok(Value::int(match part {
        Part::Year => fields.year,
        Part::Month => fields.month,
        Part::Day => fields.day,
        Part::Hour => fields.hour,
        Part::Minute => fields.minute,
        Part::Second => {
            let exact = Number::parse(&format!("{}{}", fields.second, time.fraction()));
            return Ok(exact.map_or(Value::Null, Value::Number));
        }
        Part::TimezoneHour => time.offset_minutes() / 60,
        Part::TimezoneMinute => time.offset_minutes() % 60,
    }))
}

pub(crate) fn date_add<'v>(part: Part, quantity: &Value<'_>, value: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[quantity, value]) {
        return Ok(unknown);
    }
    let start = time("DATE_ADD", value)?;
    let quantity = whole("DATE_ADD", quantity)?;
    start.plus(part, quantity).map(Value::Time).ok_or_else(|| {
        let message = format!(
            "expected a time in the years 1 to 9999, found `{start}` and {quantity} times a {}",
            part.name()
        );
        SelectError::evaluation(Code::EvaluatorInvalidArguments, message)
    })
}

pub(crate) fn date_diff<'v>(part: Part, one: &Value<'_>, two: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[one, two]) {
        return Ok(unknown);
    }
    Ok(Value::int(time("DATE_DIFF", one)?.until(time("DATE_DIFF", two)?, part)))
}

pub(crate) fn cast<'v>(value: &Value<'v>, kind: Type) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value]) {
        return Ok(unknown);
    }
    let number = || match value.as_text() {
        Some(text) => Number::parse(text.trim()),
        None => value.as_number().or(match value {
            Value::Bool(value) => Some(Number::Int(i64::from(*value))),
            _ => None,
        }),
    };
    let result = match kind {
        Type::Int => number().and_then(Number::to_int).map(Value::int),
        Type::Float => number().map(Number::to_float).and_then(Number::from_float).map(Value::Number),
        Type::Decimal => number().and_then(Number::to_decimal).map(Value::Number),
        Type::Bool => match value.as_text() {
            Some(text) => parse_bool(text).map(Value::Bool),
            None => number().map(|number| Value::Bool(!number.is_zero())),
        },
        Type::Time => value.as_time().map(Value::Time),
        Type::Text => match value {
            Value::Bool(value) => Some(Value::Text(Cow::Borrowed(if *value { "true" } else { "false" }))),
            Value::Number(number) => Some(Value::Text(Cow::Owned(number.to_string()))),
            Value::Time(time) => Some(Value::Text(Cow::Owned(time.to_string()))),
            Value::Digits(text) => Some(Value::Text(Cow::Borrowed(*text))),
            Value::Text(text) | Value::Field(text) => Some(Value::Text(text.clone())),
            _ => None,
        },
    };
    result.ok_or_else(|| {
        let message =
            format!("expected a value that `CAST` can make {} of, found {}", kind.name(), value.describe());
        SelectError::evaluation(Code::CastFailed, message)
    })
}
