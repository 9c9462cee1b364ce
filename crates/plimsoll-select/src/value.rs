//! Values that expressions have: borrowed from the record as long as nothing is made of them.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::{self, Elements, Members};
use crate::number::Number;
use crate::timestamp::Timestamp;

/// For text that was checked before, whose depth is within its bound.
pub(crate) const CHECKED: usize = usize::MAX;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value<'v> {
    Missing,
    Null,
    Bool(bool),
    Number(Number),
    /// A number of the input, as it stands there.
    Digits(&'v str),
    Text(Cow<'v, str>),
    /// A field of CSV, which is text, and a number or a time where one is wanted.
    Field(Cow<'v, str>),
    Time(Timestamp),
    /// An array or object of the input, as it stands there.
    Json(&'v str),
    List(Vec<Value<'v>>),
}

impl<'v> Value<'v> {
    /// Of JSON that was checked, without spaces around it.
    pub(crate) fn from_json(text: &'v str) -> Value<'v> {
        match text.as_bytes().first() {
            Some(b'"') => Value::Text(json::unescape(text.get(1..text.len() - 1).unwrap_or_default())),
            Some(b'{' | b'[') => Value::Json(text),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') => Value::Null,
            Some(_) => Value::Digits(text),
            None => Value::Missing,
        }
    }

    pub(crate) fn int(value: i64) -> Value<'v> {
        Value::Number(Number::Int(value))
    }

    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Missing => Value::Missing,
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(number) => Value::Number(number),
            Value::Digits(digits) => {
                Number::parse(digits).map_or_else(|| Value::Text(digits.to_owned().into()), Value::Number)
            }
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Field(text) => Value::Field(text.into_owned().into()),
            Value::Time(time) => Value::Time(time),
            Value::Json(text) => Value::Text(text.to_owned().into()),
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
        }
    }

    /// Neither MISSING nor NULL.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self, Value::Missing | Value::Null)
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Missing => "MISSING",
            Value::Null => "NULL",
            Value::Bool(_) => "a boolean",
            Value::Number(_) | Value::Digits(_) => "a number",
            Value::Text(_) => "text",
            Value::Field(_) => "a field of CSV",
            Value::Time(_) => "a time",
            Value::Json(text) if text.starts_with('{') => "an object",
            Value::Json(_) | Value::List(_) => "an array",
        }
    }

    /// Kind and text, for messages; long text is cut.
    pub(crate) fn describe(&self) -> String {
        const SHOWN: usize = 60;
        let text: Cow<'_, str> = match self {
            Value::Digits(text) => Cow::Borrowed(*text),
            Value::Number(number) => number.to_string().into(),
            Value::Text(text) | Value::Field(text) => Cow::Borrowed(text.as_ref()),
            Value::Time(time) => time.to_string().into(),
            Value::Bool(value) => value.to_string().into(),
            _ => return self.kind().to_owned(),
        };
        let cut: String = text.chars().take(SHOWN).collect();
        let more = if cut.len() < text.len() { "…" } else { "" };
        format!("{} `{}{more}`", self.kind(), cut.escape_debug())
    }

    /// The number it is; a field of CSV, if it looks like one.
    pub(crate) fn as_number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Digits(digits) => Number::parse(digits),
            Value::Field(text) => Number::parse(text.trim()),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Field(text) => Some(text),
            _ => None,
        }
    }

    /// The time it is, or that its text says.
    pub(crate) fn as_time(&self) -> Option<Timestamp> {
        match self {
            Value::Time(time) => Some(*time),
            Value::Text(text) | Value::Field(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// True or false; a field of CSV, if it is one of the words.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            Value::Field(text) => parse_bool(text),
            _ => None,
        }
    }

    /// The elements of an array, one at a time: a list of all takes many times the memory of its text.
    pub(crate) fn elements(&self) -> Option<Items<'_, 'v>> {
        match self {
            Value::List(items) => Some(Items::Values(items.iter())),
            Value::Json(text) if text.starts_with('[') => Some(Items::Json(elements(text))),
            _ => None,
        }
    }

    /// Which one comes first; `None` for values that have no order between them.
    pub(crate) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        if let (Some(one), Some(two)) = (self.as_text(), other.as_text()) {
            return Some(one.cmp(two));
        }
        match (self, other) {
            (Value::Time(_), _) | (_, Value::Time(_)) => Some(self.as_time()?.compare(other.as_time()?)),
            (Value::Number(_) | Value::Digits(_), _) | (_, Value::Number(_) | Value::Digits(_)) => {
                Some(self.as_number()?.compare(other.as_number()?))
            }
            _ => None,
        }
    }

    /// Whether both are the same value; of different kinds they never are. Neither is MISSING or NULL at the top; below,
    /// these are equal to themselves.
    pub(crate) fn equals(&self, other: &Value<'_>) -> bool {
        // The most frequent case: a field against a literal.
        if let (Some(one), Some(two)) = (self.as_text(), other.as_text()) {
            return one == two;
        }
        match (self, other) {
            (Value::Missing, Value::Missing) | (Value::Null, Value::Null) => true,
            (Value::Bool(_), _) | (_, Value::Bool(_)) => match (self.as_bool(), other.as_bool()) {
                (Some(one), Some(two)) => one == two,
                _ => false,
            },
            (Value::Json(one), Value::Json(two)) if one.starts_with('{') && two.starts_with('{') => {
                same_members(one, two)
            }
            _ => match (self.elements(), other.elements()) {
                (Some(mut one), Some(mut two)) => loop {
                    match (one.next(), two.next()) {
                        (None, None) => break true,
                        (Some(one), Some(two)) if one.equals(&two) => {}
                        _ => break false,
                    }
                },
                (None, None) => self.order(other) == Some(Ordering::Equal),
                _ => false,
            },
        }
    }
}

/// `true` or `false`, in any case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The elements of an array: of a list that was made, or of JSON.
pub(crate) enum Items<'l, 'v> {
    Values(std::slice::Iter<'l, Value<'v>>),
    Json(JsonItems<'v>),
}

impl<'v> Iterator for Items<'_, 'v> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        match self {
            Items::Values(values) => values.next().cloned(),
            Items::Json(items) => items.next(),
        }
    }
}

/// The elements of an array that was checked.
pub(crate) struct JsonItems<'v> {
    text: &'v str,
    elements: Option<Elements<'v>>,
}

impl<'v> Iterator for JsonItems<'v> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        let (from, to) = self.elements.as_mut()?.next().ok()??;
        Some(Value::from_json(&self.text[from..to]))
    }
}

/// The elements of an array that was checked.
pub(crate) fn elements(text: &str) -> JsonItems<'_> {
    JsonItems { text, elements: Elements::new(text.as_bytes(), 0, CHECKED).ok() }
}

/// Calls `visit` with name and value of each member of an object that was checked, until it gives an error.
pub(crate) fn for_each_member<'v, E>(
    text: &'v str,
    mut visit: impl FnMut(Cow<'v, str>, &'v str) -> Result<(), E>,
) -> Result<(), E> {
    let Ok(mut members) = Members::new(text.as_bytes(), 0, CHECKED) else { return Ok(()) };
    while let Ok(Some(member)) = members.next_key() {
        let Ok(end) = members.skip(&member) else { return Ok(()) };
        let name = &text[member.name.0..member.name.1];
        let name = if member.escaped { json::unescape(name) } else { Cow::Borrowed(name) };
        visit(name, &text[member.value..end])?;
    }
    Ok(())
}

fn same_members(one: &str, two: &str) -> bool {
    let sorted = |text| {
        let mut members: Vec<(Cow<'_, str>, &str)> = Vec::new();
        let _: Result<(), std::convert::Infallible> = for_each_member(text, |name, value| {
            members.push((name, value));
            Ok(())
        });
        members.sort();
        members
    };
    let (one, two) = (sorted(one), sorted(two));
    one.len() == two.len()
        && one
            .iter()
            .zip(&two)
            .all(|(one, two)| one.0 == two.0 && Value::from_json(one.1).equals(&Value::from_json(two.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> Value<'_> {
        Value::Field(text.into())
    }

    #[test]
    fn values_are_equal_by_what_they_are() {
        let json = Value::from_json;
        for (one, two, expected) in [
            (json("1"), json("1.0"), true),
            (json("1"), json("\"1\""), false),
            (json("true"), json("\"true\""), false),
            (json("true"), field(" TRUE"), true),
            (json("\"a\\u0062\""), json("\"ab\""), true),
            (json("1e2"), field(" 100 "), true),
            (json("\"1\""), field("1"), true),
            (field("1.0"), field("1"), false),
            (field("abc"), json("1"), false),
            (json("[1, [2.0, null]]"), json("[1.0,[2,null]]"), true),
            (json("[1]"), json("[1,2]"), false),
            (json("{\"a\":1,\"b\":[]}"), json("{\"b\": [], \"a\": 1.0}"), true),
            (json("{\"a\":1}"), json("{\"a\":2}"), false),
            (json("{}"), json("[]"), false),
            (json("[]"), json("0"), false),
            (Value::List(vec![json("1")]), json("[1]"), true),
            (Value::Time("2010T".parse().unwrap()), json("\"2010-01-01T00:00Z\""), true),
        ] {
            assert_eq!(one.equals(&two), expected, "{one:?} {two:?}");
            assert_eq!(two.equals(&one), expected, "{two:?} {one:?}");
        }
    }

    #[test]
    fn only_values_of_a_kind_have_an_order() {
        let json = Value::from_json;
        for (one, two, expected) in [
            (json("1"), json("2.5"), Some(Ordering::Less)),
            (json("\"a\""), json("\"B\""), Some(Ordering::Greater)),
            (json("10"), field("9"), Some(Ordering::Greater)),
            (field("10"), field("9"), Some(Ordering::Less)),
            (json("1"), json("\"2\""), None),
            (json("1"), field("x"), None),
            (json("true"), json("false"), None),
            (json("[1]"), json("[2]"), None),
            (Value::Time("2010T".parse().unwrap()), field("2011T"), Some(Ordering::Less)),
        ] {
            assert_eq!(one.order(&two), expected, "{one:?} {two:?}");
        }
    }

    #[test]
    fn long_text_is_cut_in_messages() {
        let text = "é\n".repeat(100);
        assert_eq!(field(&text).describe().chars().filter(|letter| *letter == 'é').count(), 30);
    }
}
