//! Lists and maps of a report, bounded together: many short items of a document would else take up many times its bytes.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What the items of all lists and maps of one report may take up together, in bytes.
const MAX_ITEM_BYTES: usize = 1 << 30;
/// What an item costs besides itself: a small allocation.
const ITEM_OVERHEAD_BYTES: usize = 32;

thread_local! {
    /// Bytes that are left for items of the report being read. Serde gives a visitor no place for what belongs to the
    /// whole document.
    static BYTES_LEFT: Cell<usize> = const { Cell::new(MAX_ITEM_BYTES) };
}

/// Begins a report.
pub(super) fn begin() {
    BYTES_LEFT.set(MAX_ITEM_BYTES);
}

fn take<T, E: Error>() -> Result<(), E> {
    let left = BYTES_LEFT.get().checked_sub(size_of::<T>() + ITEM_OVERHEAD_BYTES);
    let left = left.ok_or_else(|| E::custom("expected a report whose items fit into 1 GiB, found more"))?;
    BYTES_LEFT.set(left);
    Ok(())
}

/// A list; `null` is an empty one, as Go writes it.
pub(super) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(ListVisitor(PhantomData))
}

/// The fields of an object, in the document's order; `null` has none.
pub(super) fn fields<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, T)>, D::Error> {
    deserializer.deserialize_any(FieldsVisitor(PhantomData))
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            take::<T, A::Error>()?;
            list.push(item);
        }
        Ok(list)
    }
}

struct FieldsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldsVisitor<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_unit<E: Error>(self) -> Result<Vec<(String, T)>, E> {
        Ok(Vec::new())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<(String, T)>, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            take::<(String, T), A::Error>()?;
            fields.push(field);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Thing {
        #[serde(deserialize_with = "list")]
        list: Vec<u64>,
        #[serde(deserialize_with = "fields")]
        map: Vec<(String, u64)>,
    }

    #[test]
    fn all_lists_and_maps_share_one_limit() {
        let text = r#"{"list":[1,2,3],"map":{"b":1,"a":2}}"#;
        BYTES_LEFT.set(3 * 40 + 2 * 64);
        let thing: Thing = serde_json::from_str(text).unwrap();
        assert_eq!(thing.list, [1, 2, 3]);
        assert_eq!(thing.map, [("b".to_owned(), 1), ("a".to_owned(), 2)]);
        BYTES_LEFT.set(3 * 40 + 2 * 64 - 1);
        let error = serde_json::from_str::<Thing>(text).err().unwrap();
        assert!(error.to_string().starts_with("expected a report whose items fit into 1 GiB"), "{error}");
    }

    #[test]
    fn null_is_nothing() {
        begin();
        let thing: Thing = serde_json::from_str(r#"{"list":null,"map":null}"#).unwrap();
        assert!(thing.list.is_empty() && thing.map.is_empty());
        assert!(serde_json::from_str::<Thing>(r#"{"list":{},"map":null}"#).is_err());
    }
}
