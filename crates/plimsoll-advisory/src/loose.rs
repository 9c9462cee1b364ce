//! JSON that its schema leaves open, read without ever failing on its shape.
//!
//! OSV's `database_specific` and `ecosystem_specific` may hold anything. Here the few keys that some database is
//! known to fill are picked out in one pass; a value of another type than expected is as if it were not there.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Elements of one loose list that are kept; more are read over.
const MAX_LIST: usize = 1000;

/// Any JSON value, of which only text, numbers and lists of them are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Loose {
    /// Null, a boolean, or an object.
    #[default]
    Nothing,
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// The texts of a list.
    Texts(Vec<String>),
}

impl Loose {
    /// The text, or the number as text.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Nothing | Self::Texts(_) => None,
        }
    }

    /// The text, or all of a list.
    pub(crate) fn into_texts(self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text],
            Self::Texts(texts) => texts,
            Self::Nothing | Self::Number(_) => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    #[expect(clippy::cast_precision_loss, reason = "scores are small; a large number is nonsense either way")]
    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "scores are small; a large number is nonsense either way")]
    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = list.next_element::<Loose>()? {
            if let (Loose::Text(text), true) = (item, texts.len() < MAX_LIST) {
                texts.push(text);
            }
        }
        Ok(Loose::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

/// What the databases are known to put into `database_specific` and `ecosystem_specific`.
#[derive(Debug, Default)]
pub(crate) struct Specific {
    /// `severity` of GHSA, Azure Linux and Bitnami; Debian's `urgency`; Ubuntu's `priority` and `ubuntu_priority`.
    pub(crate) words: Vec<Loose>,
    /// `cvss`, `cvss_v2`, `cvss_v3`, `cvss_v4`: vectors or scores, with the version that the key tells, 0 for none.
    pub(crate) cvss: Vec<(u8, Loose)>,
    /// `cwe_ids`: GHSA; `cwes`: others.
    pub(crate) cwes: Vec<Loose>,
    /// `informational` of `RustSec`.
    pub(crate) informational: Loose,
}

impl<'de> Deserialize<'de> for Specific {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpecificVisitor)
    }
}

struct SpecificVisitor;

impl<'de> Visitor<'de> for SpecificVisitor {
    type Value = Specific;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Specific, E> {
        Ok(Specific::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Specific, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Specific::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Specific, A::Error> {
        let mut specific = Specific::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Word => specific.words.push(map.next_value()?),
                Key::Cvss { version } => specific.cvss.push((version, map.next_value()?)),
                Key::Cwes => specific.cwes.push(map.next_value()?),
                Key::Informational => specific.informational = map.next_value()?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(specific)
    }
}

/// The keys that are picked out.
enum Key {
    Word,
    Cvss { version: u8 },
    Cwes,
    Informational,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "severity" | "urgency" | "priority" | "ubuntu_priority" => Key::Word,
                    "cvss" => Key::Cvss { version: 0 },
                    "cvss_v2" => Key::Cvss { version: 2 },
                    "cvss_v3" => Key::Cvss { version: 3 },
                    "cvss_v4" => Key::Cvss { version: 4 },
                    "cwe_ids" | "cwes" => Key::Cwes,
                    "informational" => Key::Informational,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_fields_may_be_anything() {
        for json in
            ["null", "true", "3", "-3", "1.5", r#""text""#, "[1, [2]]", "{}", r#"{"other": {"severity": 1}}"#]
        {
            let specific: Specific = serde_json::from_str(json).expect(json);
            assert!(specific.words.is_empty() && specific.cvss.is_empty(), "{json}");
        }
    }

    #[test]
    fn known_keys_are_picked_out_whatever_their_type() {
        let json = r#"{"severity": "HIGH", "cvss_v3": 7.5, "cvss": null, "cwe_ids": ["CWE-79", 3, {"a": []}],
                       "informational": ["x"], "urgency": {"deep": [[[]]]}}"#;
        let specific: Specific = serde_json::from_str(json).expect("valid JSON");
        assert_eq!(specific.words, [Loose::Text("HIGH".into()), Loose::Nothing]);
        assert_eq!(specific.cvss, [(3, Loose::Number(7.5)), (0, Loose::Nothing)]);
        assert_eq!(specific.cwes, [Loose::Texts(vec!["CWE-79".into()])]);
        assert_eq!(specific.informational.into_text(), None);
    }
}
