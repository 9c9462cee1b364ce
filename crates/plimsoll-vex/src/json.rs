//! JSON with bounds, and readers that say where something stands.
//!
//! A document is read into a tree, since references in it point forwards and backwards. The tree has at most
//! [`MAX_VALUES`] values, nested at most [`MAX_DEPTH`] deep, and no object with two fields of one name: of two answers
//! to one question neither would be right.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::Error;

/// Most values of a document: texts, numbers, lists, objects.
const MAX_VALUES: usize = 2_000_000;
/// Deepest nesting of lists and objects.
const MAX_DEPTH: usize = 64;
/// Longest text of an instant, in bytes.
const MAX_INSTANT_BYTES: usize = 64;
/// Longest text that an error repeats, in characters.
const MAX_REPEATED_CHARS: usize = 100;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Json>),
    /// Sorted by name.
    Object(Vec<(String, Json)>),
}

/// Reads a whole document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Seed { left: &left, depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    left: &'a Cell<usize>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("expected at most {MAX_DEPTH} levels of nesting, found more")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom(format!("expected at most {MAX_VALUES} values, found more")));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(seed)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut fields: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.push((name, map.next_value_seed(seed)?));
        }
        fields.sort_by(|one, two| one.0.cmp(&two.0));
        match fields.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(A::Error::custom(format!(
                "expected each field once, found `{}` twice",
                short(&pair[0].0)
            ))),
            None => Ok(Json::Object(fields)),
        }
    }
}

/// A place in a document, for errors: a chain of names and numbers back to the root.
#[derive(Clone, Copy)]
pub(crate) struct Node<'v, 'p> {
    /// The value; `None` for a field that is not there.
    value: Option<&'v Json>,
    place: Place<'v, 'p>,
    document: &'v str,
}

#[derive(Clone, Copy)]
enum Place<'v, 'p> {
    Root,
    Field(&'p Node<'v, 'p>, &'p str),
    Item(&'p Node<'v, 'p>, usize),
}

impl<'v, 'p> Node<'v, 'p> {
    /// The document itself.
    pub(crate) fn root(document: &'v str, value: &'v Json) -> Self {
        Self { value: Some(value), place: Place::Root, document }
    }

    /// The field of an object; one that is not there, or is `null`, is [absent](Node::is_absent).
    pub(crate) fn field<'b>(&'b self, name: &'b str) -> Node<'v, 'b> {
        let value = match self.value {
            Some(Json::Object(fields)) => {
                let found = fields.binary_search_by(|(field, _)| field.as_str().cmp(name));
                found.ok().map(|index| &fields[index].1).filter(|value| **value != Json::Null)
            }
            _ => None,
        };
        Node { value, place: Place::Field(self, name), document: self.document }
    }

    /// Whether there is no such field.
    pub(crate) fn is_absent(&self) -> bool {
        self.value.is_none()
    }

    /// The items of a list that must be there.
    pub(crate) fn items(&self) -> Result<impl Iterator<Item = Node<'v, '_>>, Error> {
        match self.value {
            Some(Json::List(values)) => Ok(self.nodes(values)),
            _ => Err(self.unexpected("a list")),
        }
    }

    /// The items of a list that may be missing.
    pub(crate) fn items_or_none(&self) -> Result<impl Iterator<Item = Node<'v, '_>>, Error> {
        match self.value {
            Some(Json::List(values)) => Ok(self.nodes(values)),
            None => Ok(self.nodes(&[])),
            _ => Err(self.unexpected("a list")),
        }
    }

    fn nodes<'b>(&'b self, values: &'v [Json]) -> impl Iterator<Item = Node<'v, 'b>> + use<'v, 'p, 'b> {
        values.iter().enumerate().map(move |(index, value)| Node {
            value: Some(value),
            place: Place::Item(self, index),
            document: self.document,
        })
    }

    /// The names and values of an object that may be missing.
    pub(crate) fn fields_or_none(&self) -> Result<impl Iterator<Item = (&'v str, Node<'v, '_>)>, Error> {
        let fields: &'v [(String, Json)] = match self.value {
            Some(Json::Object(fields)) => fields,
            None => &[],
            _ => return Err(self.unexpected("an object")),
        };
        Ok(fields.iter().map(move |(name, value)| {
            (
                name.as_str(),
                Node { value: Some(value), place: Place::Field(self, name), document: self.document },
            )
        }))
    }

    /// An object that must be there.
    pub(crate) fn object(&self) -> Result<(), Error> {
        match self.value {
            Some(Json::Object(_)) => Ok(()),
            _ => Err(self.unexpected("an object")),
        }
    }

    /// A text that must be there, and not be empty.
    pub(crate) fn text(&self) -> Result<&'v str, Error> {
        match self.value {
            Some(Json::Text(text)) if !text.trim().is_empty() => Ok(text),
            _ => Err(self.unexpected("a text that is not empty")),
        }
    }

    /// A text that may be missing: empty then.
    pub(crate) fn text_or_empty(&self) -> Result<&'v str, Error> {
        match self.value {
            Some(Json::Text(text)) => Ok(text),
            None => Ok(""),
            _ => Err(self.unexpected("a text")),
        }
    }

    /// A text, where it is one; formats are told apart with it.
    pub(crate) fn as_text(&self) -> Option<&'v str> {
        match self.value {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// An instant, RFC 3339, that must be there.
    pub(crate) fn instant(&self) -> Result<&'v str, Error> {
        let text = self.text()?;
        match text.parse::<jiff::Timestamp>() {
            Ok(_) if text.len() <= MAX_INSTANT_BYTES => Ok(text),
            _ => Err(self.unexpected("an instant as RFC 3339 has it, such as `2025-01-31T12:00:00Z`")),
        }
    }

    /// An instant that may be missing: empty then.
    pub(crate) fn instant_or_empty(&self) -> Result<&'v str, Error> {
        if self.is_absent() { Ok("") } else { self.instant() }
    }

    /// A whole number from 0 on that may be missing.
    pub(crate) fn number(&self) -> Result<Option<u64>, Error> {
        match self.value {
            None => Ok(None),
            Some(Json::Number(number)) if number.as_u64().is_some() => Ok(number.as_u64()),
            // A version that was written as text: OpenVEX before 0.2.0 did.
            Some(Json::Text(text)) if text.parse::<u64>().is_ok() => Ok(text.parse().ok()),
            Some(_) => Err(self.unexpected("a whole number")),
        }
    }

    /// The error that something else was expected here.
    pub(crate) fn unexpected(&self, expected: impl Into<String>) -> Error {
        Error::Field {
            name: self.document.to_owned(),
            at: self.at(),
            expected: expected.into(),
            found: self.found(),
        }
    }

    fn found(&self) -> String {
        match self.value {
            None => "none".to_owned(),
            Some(Json::Null) => "null".to_owned(),
            Some(Json::Bool(value)) => format!("`{value}`"),
            Some(Json::Number(number)) => format!("`{number}`"),
            Some(Json::Text(text)) => format!("`{}`", short(text)),
            Some(Json::List(_)) => "a list".to_owned(),
            Some(Json::Object(_)) => "an object".to_owned(),
        }
    }

    /// Where it stands: `statements[2].status`.
    pub(crate) fn at(&self) -> String {
        let mut steps = Vec::new();
        let mut place = self.place;
        loop {
            match place {
                Place::Root => break,
                Place::Field(parent, name) => {
                    steps.push(format!(".{}", short(name)));
                    place = parent.place;
                }
                Place::Item(parent, index) => {
                    steps.push(format!("[{index}]"));
                    place = parent.place;
                }
            }
        }
        steps.reverse();
        let at = steps.concat();
        match at.strip_prefix('.') {
            Some(at) => at.to_owned(),
            None if at.is_empty() => "$".to_owned(),
            None => at,
        }
    }
}

/// A foreign text for messages: cut, and without characters that steer a terminal.
pub(crate) fn short(text: &str) -> String {
    let mut out: String =
        text.chars().take(MAX_REPEATED_CHARS).map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_REPEATED_CHARS).is_some() {
        out.push('…');
    }
    out
}

/// Whether the character steers a terminal, or disorders a line.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c), 0x00AD | 0x061C | 0x180E | 0xFEFF
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_say_so() {
        let deep = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
        assert!(parse(deep.as_bytes()).is_ok());
        let deep = format!("[{deep}]");
        assert!(parse(deep.as_bytes()).unwrap_err().to_string().contains("64 levels"));
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(parse(many.as_bytes()).unwrap_err().to_string().contains("2000000 values"));
        let twice = parse(br#"{"a":1,"b":2,"a":3}"#).unwrap_err().to_string();
        assert!(twice.contains("found `a` twice"), "{twice}");
        for broken in ["", "{", "[1,]", "{} {}", "nul", "\"\\ud800\""] {
            assert!(parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn places_are_written_as_paths() {
        let value = parse(br#"{"a":[{"b":"x\u001b[2J"}]}"#).unwrap();
        let root = Node::root("f.json", &value);
        let list = root.field("a");
        let item = list.items().unwrap().next().unwrap();
        let error = item.field("b").number().unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot read VEX document `f.json`: at `a[0].b`: expected a whole number, found `x\u{fffd}[2J`"
        );
        assert_eq!(root.at(), "$");
    }
}
