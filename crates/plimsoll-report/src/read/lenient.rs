//! JSON read with patience: a field of another type than its format gives it is as if it were not there, so that one
//! odd component does not cost all others. What is no JSON at all stays an error.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Items that all lists of one document may hold together: several times those of the largest images. An item takes
/// up to some 400 bytes, where three in the document are enough for it.
const MAX_ITEMS: usize = 3_000_000;

thread_local! {
    /// Items that the document being read may still hold. Serde gives a visitor no place for what belongs to the
    /// whole document.
    static ITEMS_LEFT: Cell<usize> = const { Cell::new(MAX_ITEMS) };
}

/// Begins a document: it may hold [`MAX_ITEMS`] items.
pub(super) fn begin() {
    ITEMS_LEFT.set(MAX_ITEMS);
}

/// A string; numbers and booleans as their text; anything else is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object, or `None` for anything else.
#[derive(Clone, Debug)]
pub(super) struct One<T>(pub(super) Option<T>);

impl<T> Default for One<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A list. Items of another type than `T` wants are counted.
#[derive(Clone, Debug)]
pub(super) struct Many<T> {
    pub(super) items: Vec<T>,
    /// Items that were left out; a field that is no list counts as one.
    pub(super) odd: usize,
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { items: Vec::new(), odd: 0 }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }
    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text(text))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_bool<E: Error>(self, truth: bool) -> Result<Text, E> {
        Ok(Text(truth.to_string()))
    }
    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Text, A::Error> {
        IgnoredAny.visit_seq(list).map(|_| Text::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Text::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor(PhantomData))
    }
}

struct OneVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneVisitor<T> {
    type Value = One<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<One<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| One(Some(value)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<One<T>, A::Error> {
        IgnoredAny.visit_seq(list).map(|_| One(None))
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<One<T>, E> {
        Ok(One(None))
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<One<T>, E> {
        Ok(One(None))
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<One<T>, E> {
        Ok(One(None))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<One<T>, E> {
        Ok(One(None))
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<One<T>, E> {
        Ok(One(None))
    }
    fn visit_unit<E: Error>(self) -> Result<One<T>, E> {
        Ok(One(None))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<T> ManyVisitor<T> {
    fn odd() -> Many<T> {
        Many { items: Vec::new(), odd: 1 }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
        let mut many = Many::default();
        while let Some(One(item)) = list.next_element::<One<T>>()? {
            match item {
                Some(item) => many.items.push(item),
                None => many.odd += 1,
            }
            match ITEMS_LEFT.get().checked_sub(1) {
                Some(left) => ITEMS_LEFT.set(left),
                None => {
                    return Err(A::Error::custom(format_args!(
                        "expected at most {MAX_ITEMS} items in all lists"
                    )));
                }
            }
        }
        Ok(many)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Self::odd())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Many<T>, E> {
        Ok(Self::odd())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Many<T>, E> {
        Ok(Self::odd())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Many<T>, E> {
        Ok(Self::odd())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Many<T>, E> {
        Ok(Self::odd())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Many<T>, E> {
        Ok(Self::odd())
    }
    fn visit_unit<E: Error>(self) -> Result<Many<T>, E> {
        Ok(Many::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Thing {
        name: Text,
        inner: One<Box<Thing>>,
        list: Many<Thing>,
    }

    #[test]
    fn a_field_of_another_type_costs_nothing_but_itself() {
        for (text, name, has_inner, items, odd) in [
            (r#"{"name":"a","inner":{},"list":[{},{}]}"#, "a", true, 2, 0),
            (r#"{"name":7,"inner":[],"list":[{},1,"x",null,[]]}"#, "7", false, 1, 4),
            (r#"{"name":{"a":[1]},"inner":"x","list":{}}"#, "", false, 0, 1),
            (r#"{"name":null,"inner":null,"list":null}"#, "", false, 0, 0),
            (r#"{"other":[[[]]]}"#, "", false, 0, 0),
        ] {
            let thing: Thing = serde_json::from_str(text).unwrap();
            assert_eq!(thing.name.as_str(), name, "{text}");
            assert_eq!(thing.inner.0.is_some(), has_inner, "{text}");
            assert_eq!((thing.list.items.len(), thing.list.odd), (items, odd), "{text}");
        }
    }

    #[test]
    fn all_lists_of_a_document_share_one_limit() {
        let text = r#"{"list":[{"list":[{},{}]},{"list":[{},{}]}]}"#;
        ITEMS_LEFT.set(6);
        assert!(serde_json::from_str::<Thing>(text).is_ok());
        ITEMS_LEFT.set(5);
        let error = serde_json::from_str::<Thing>(text).err().unwrap();
        assert!(error.to_string().starts_with("expected at most 3000000 items in all lists"), "{error}");
    }

    #[test]
    fn json_that_is_none_and_nesting_without_end_are_errors() {
        for text in ["{", r#"{"name""#, r#"{"list":[{]}"#] {
            assert!(serde_json::from_str::<Thing>(text).is_err(), "{text}");
        }
        let deep = r#"{"inner":"#.repeat(1000) + "{}" + &"}".repeat(1000);
        assert!(serde_json::from_str::<Thing>(&deep).is_err());
    }
}
