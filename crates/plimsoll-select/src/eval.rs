//! Expressions to values.
//!
//! MISSING and NULL: an operator or function with an operand that is MISSING is MISSING, else with one that is NULL,
//! NULL; `AND`, `OR` and `NOT` follow three-valued logic; `IS NULL` is true of both, `IS MISSING` of MISSING alone.
//! Values of different kinds are unequal and have no order: comparing their order is MISSING, so the record is not
//! selected.

use std::borrow::Cow;

use crate::aggregate;
use crate::ast::{Comparison, Expr, Kind, Literal, Quality};
use crate::error::{Code, SelectError};
use crate::function;
use crate::like::Like;
use crate::number::Arithmetic;
use crate::record::Record;
use crate::timestamp::Timestamp;
use crate::value::Value;

/// What an expression is evaluated in.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'v> {
    pub(crate) record: Record<'v>,
    pub(crate) now: Option<Timestamp>,
    /// Results of the statement's aggregates, once all records were read.
    pub(crate) aggregates: &'v [Value<'static>],
}

pub(crate) type Evaluated<'v> = Result<Value<'v>, SelectError>;

/// MISSING or NULL, if one of the operands is.
pub(crate) fn unknown<'v>(values: &[&Value<'_>]) -> Option<Value<'v>> {
    if values.iter().all(|value| value.is_known()) {
        return None;
    }
    let missing = values.iter().any(|value| matches!(value, Value::Missing));
    Some(if missing { Value::Missing } else { Value::Null })
}

fn literal(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Missing => Value::Missing,
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Number(number) => Value::Number(*number),
        Literal::Text(text) => Value::Text(Cow::Borrowed(text)),
        Literal::Time(time) => Value::Time(*time),
    }
}

/// Whether a condition holds; `None` where that is unknown.
pub(crate) fn truth(value: &Value<'_>) -> Result<Option<bool>, SelectError> {
    if !value.is_known() {
        return Ok(None);
    }
    value.as_bool().map(Some).ok_or_else(|| {
        let message = format!("expected a condition, found {}", value.describe());
        SelectError::evaluation(Code::InvalidDataType, message)
    })
}

fn from_truth<'v>(truth: Option<bool>) -> Value<'v> {
    truth.map_or(Value::Null, Value::Bool)
}

pub(crate) fn eval<'v>(expr: &'v Expr, scope: &Scope<'v>) -> Evaluated<'v> {
    match &expr.kind {
        Kind::Literal(value) => Ok(literal(value)),
        Kind::Path(path) => scope.record.get(path),
        Kind::Compare(comparison, one, two) => {
            Ok(compare(*comparison, &eval(one, scope)?, &eval(two, scope)?))
        }
        Kind::And(items) => connect(items, scope, false),
        Kind::Or(items) => connect(items, scope, true),
        Kind::Not(value) => Ok(from_truth(truth(&eval(value, scope)?)?.map(|truth| !truth))),
        Kind::List(items) => {
            Ok(Value::List(items.iter().map(|item| eval(item, scope)).collect::<Result<_, _>>()?))
        }
        Kind::Negative(value) => negative(&eval(value, scope)?),
        Kind::Arithmetic(operator, one, two) => arithmetic(*operator, &eval(one, scope)?, &eval(two, scope)?),
        Kind::Concat(one, two) => concat(&eval(one, scope)?, &eval(two, scope)?),
        Kind::Like { value, pattern, escape, negated, compiled } => {
            let value = eval(value, scope)?;
            let matched = if let Some(like) = compiled {
                matches_compiled(&value, like)?
            } else {
                let pattern = eval(pattern, scope)?;
                let escape = escape.as_ref().map(|escape| eval(escape, scope)).transpose()?;
                matches(&value, &pattern, escape.as_ref())?
            };
            Ok(negate(matched, *negated))
        }
        Kind::Between { value, low, high, negated } => {
            let value = eval(value, scope)?;
            let above = compare(Comparison::GreaterOrEqual, &value, &eval(low, scope)?);
            let below = compare(Comparison::LessOrEqual, &value, &eval(high, scope)?);
            let within = match (truth(&above)?, truth(&below)?) {
                (Some(false), _) | (_, Some(false)) => Value::Bool(false),
                (Some(true), Some(true)) => Value::Bool(true),
                _ => unknown(&[&above, &below]).unwrap_or(Value::Null),
            };
            Ok(negate(within, *negated))
        }
        Kind::In { value, list, negated } => {
            let value = eval(value, scope)?;
            // A list of the statement is asked item by item, without making it.
            let found = if let Kind::List(items) = &list.kind {
                is_in(&value, items.iter().map(|item| eval(item, scope)))?
            } else {
                let list = eval(list, scope)?;
                match list.elements() {
                    Some(elements) => is_in(&value, elements.map(Ok))?,
                    None if list.is_known() => is_in(&value, std::iter::once(Ok(list)))?,
                    None => list,
                }
            };
            Ok(negate(found, *negated))
        }
        Kind::Is { value, quality, negated } => {
            let value = eval(value, scope)?;
            let is = match quality {
                Quality::Null => !value.is_known(),
                Quality::Missing => matches!(value, Value::Missing),
                Quality::Value(wanted) => value.is_known() && value.equals(&literal(wanted)),
            };
            Ok(Value::Bool(is != *negated))
        }
        Kind::Case { operand, branches, otherwise } => {
            let operand = operand.as_ref().map(|operand| eval(operand, scope)).transpose()?;
            for (when, then) in branches {
                let when = eval(when, scope)?;
                let chosen = match &operand {
                    Some(operand) => truth(&compare(Comparison::Equal, operand, &when))?,
                    None => truth(&when)?,
                };
                if chosen == Some(true) {
                    return eval(then, scope);
                }
            }
            otherwise.as_ref().map_or(Ok(Value::Null), |otherwise| eval(otherwise, scope))
        }
        Kind::Cast(value, kind) => function::cast(&eval(value, scope)?, *kind),
        Kind::Call { function, arguments, pattern } => {
            function::call(*function, arguments, pattern.as_ref(), scope)
        }
        Kind::Trim { side, characters, value } => {
            let characters = characters.as_ref().map(|characters| eval(characters, scope)).transpose()?;
            function::trim(*side, characters.as_ref(), &eval(value, scope)?)
        }
        Kind::Extract(part, value) => function::extract(*part, &eval(value, scope)?),
        Kind::DateAdd(part, quantity, time) => {
            function::date_add(*part, &eval(quantity, scope)?, &eval(time, scope)?)
        }
        Kind::DateDiff(part, one, two) => function::date_diff(*part, &eval(one, scope)?, &eval(two, scope)?),
        Kind::Aggregate { number, .. } => Ok(aggregate::result(scope.aggregates, *number)),
    }
}

fn negate(value: Value<'_>, negated: bool) -> Value<'_> {
    match value {
        Value::Bool(truth) => Value::Bool(truth != negated),
        value => value,
    }
}

/// `AND` or `OR`: the first operand that decides it ends it.
fn connect<'v>(items: &'v [Expr], scope: &Scope<'v>, deciding: bool) -> Evaluated<'v> {
    let mut all_known = true;
    for item in items {
        match truth(&eval(item, scope)?)? {
            Some(truth) if truth == deciding => return Ok(Value::Bool(deciding)),
            Some(_) => {}
            None => all_known = false,
        }
    }
    Ok(if all_known { Value::Bool(!deciding) } else { Value::Null })
}

pub(crate) fn compare<'v>(comparison: Comparison, one: &Value<'_>, two: &Value<'_>) -> Value<'v> {
    if let Some(unknown) = unknown(&[one, two]) {
        return unknown;
    }
    match comparison {
        Comparison::Equal => return Value::Bool(one.equals(two)),
        Comparison::Unequal => return Value::Bool(!one.equals(two)),
        _ => {}
    }
    let Some(order) = one.order(two) else { return Value::Missing };
    Value::Bool(match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn is_in<'v>(value: &Value<'_>, items: impl Iterator<Item = Evaluated<'v>>) -> Evaluated<'v> {
    if !value.is_known() {
        return Ok(unknown(&[value]).unwrap_or(Value::Null));
    }
    let mut all_known = true;
    for item in items {
        let item = item?;
        if !item.is_known() {
            all_known = false;
        } else if value.equals(&item) {
            return Ok(Value::Bool(true));
        }
    }
    Ok(if all_known { Value::Bool(false) } else { Value::Null })
}

fn matches_compiled<'v>(value: &Value<'_>, like: &Like) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value]) {
        return Ok(unknown);
    }
    Ok(Value::Bool(like.matches(like_text(value)?)))
}

fn matches<'v>(value: &Value<'_>, pattern: &Value<'_>, escape: Option<&Value<'_>>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value, pattern, escape.unwrap_or(value)]) {
        return Ok(unknown);
    }
    let escape = match escape {
        None => None,
        Some(escape) => {
            let text = like_text(escape)?;
            let mut letters = text.chars();
            if let (Some(letter), None) = (letters.next(), letters.next()) {
                Some(letter)
            } else {
                let message = format!("expected one escape character, found `{text}`");
                return Err(SelectError::evaluation(Code::LikeInvalidInputs, message));
            }
        }
    };
    let like = Like::parse(like_text(pattern)?, escape)?;
    Ok(Value::Bool(like.matches(like_text(value)?)))
}

fn like_text<'a>(value: &'a Value<'_>) -> Result<&'a str, SelectError> {
    value.as_text().ok_or_else(|| {
        let message = format!("expected text on both sides of `LIKE`, found {}", value.describe());
        SelectError::evaluation(Code::LikeInvalidInputs, message).hint("`CAST(… AS STRING)` makes text of it")
    })
}

fn no_number(value: &Value<'_>) -> SelectError {
    let message = format!("expected a number, found {}", value.describe());
    SelectError::evaluation(Code::InvalidDataType, message).hint("`CAST(… AS INT)` makes numbers of text")
}

fn negative<'v>(value: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[value]) {
        return Ok(unknown);
    }
    let number = value.as_number().ok_or_else(|| no_number(value))?;
    Ok(Value::Number(number.negated()?))
}

fn arithmetic<'v>(operator: Arithmetic, one: &Value<'_>, two: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[one, two]) {
        return Ok(unknown);
    }
    let first = one.as_number().ok_or_else(|| no_number(one))?;
    let second = two.as_number().ok_or_else(|| no_number(two))?;
    Ok(Value::Number(first.calculate(operator, second)?))
}

fn concat<'v>(one: &Value<'_>, two: &Value<'_>) -> Evaluated<'v> {
    if let Some(unknown) = unknown(&[one, two]) {
        return Ok(unknown);
    }
    match (one.as_text(), two.as_text()) {
        (Some(one), Some(two)) => Ok(Value::Text(Cow::Owned(format!("{one}{two}")))),
        (one_text, _) => {
            let wrong = if one_text.is_none() { one } else { two };
            let message = format!("expected text on both sides of `||`, found {}", wrong.describe());
            Err(SelectError::evaluation(Code::InvalidDataType, message)
                .hint("`CAST(… AS STRING)` makes text of it"))
        }
    }
}
