//! JSON documents of many records, taken apart without reading the records: one that is broken costs no other.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A text that is borrowed where it holds no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// An object as its keys and the text of their values, in the order of the document. A key may stand twice.
#[derive(Debug, Default)]
pub(crate) struct RawMap<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawMapVisitor).map(RawMap)
    }
}

/// Reads a record that is an object. (What serde derives would take a list of its fields as well.)
pub(crate) fn object<'a, T: Deserialize<'a>>(record: &'a RawValue) -> Result<T, serde_json::Error> {
    if !record.get().starts_with('{') {
        serde_json::from_str::<RawMap<'_>>(record.get())?;
    }
    serde_json::from_str(record.get())
}

struct RawMapVisitor;

impl<'de> Visitor<'de> for RawMapVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            entries.push((key.0, value));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_taken_apart_in_its_order() {
        let json = r#"{"b": {"c": [1]}, "a": null, "b": "x\n", "q\"": 1}"#;
        let map: RawMap<'_> = serde_json::from_str(json).unwrap();
        let entries: Vec<(&str, &str)> = map.0.iter().map(|(key, value)| (&**key, value.get())).collect();
        assert_eq!(entries, [("b", r#"{"c": [1]}"#), ("a", "null"), ("b", r#""x\n""#), ("q\"", "1")]);
    }

    #[test]
    fn a_list_is_no_record() {
        #[derive(Debug, Deserialize)]
        struct Record {
            name: Option<String>,
        }
        let read = |json: &str| {
            object::<Record>(&RawValue::from_string(json.to_owned()).unwrap()).map(|record| record.name)
        };
        assert_eq!(read(r#"{"name": "a"}"#).unwrap().as_deref(), Some("a"));
        for json in ["[]", r#"["a"]"#, "null", "3", r#""a""#] {
            assert!(read(json).unwrap_err().to_string().contains("expected an object"), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        for json in ["", "[]", "3", "null", r#"{"a": }"#, r#"{"a": 1"#, "{1: 2}", "<html>"] {
            assert!(serde_json::from_str::<RawMap<'_>>(json).is_err(), "{json}");
        }
        // The values are not read, so their depth harms nobody.
        assert!(serde_json::from_str::<RawMap<'_>>(&deep).is_ok());
    }
}
