//! Texts and lists of large JSON documents: borrowed, bounded, and empty where they are null.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// A text, borrowed where it can be. Null is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A list of at most `MAX` elements; one that is longer is an error. Null is an empty list.
#[derive(Debug)]
pub(crate) struct UpTo<const MAX: usize, T>(Vec<T>);

impl<const MAX: usize, T> Default for UpTo<MAX, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const MAX: usize, T> Deref for UpTo<MAX, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, const MAX: usize, T: Deserialize<'de>> Deserialize<'de> for UpTo<MAX, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<const MAX: usize, T>(PhantomData<T>);
        impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for ListVisitor<MAX, T> {
            type Value = UpTo<MAX, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} elements")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(UpTo::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    if elements.len() == MAX {
                        return Err(de::Error::invalid_length(MAX + 1, &self));
                    }
                    elements.push(element);
                }
                Ok(UpTo(elements))
            }
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_as_long_as_it_may_be_and_no_longer() {
        let read = |json: &str| serde_json::from_str::<UpTo<2, u8>>(json).map(|list| list.to_vec());
        assert_eq!(read("[1, 2]").unwrap(), [1, 2]);
        assert_eq!(read("[]").unwrap(), [0; 0]);
        assert_eq!(read("null").unwrap(), [0; 0]);
        assert!(read("[1, 2, 3]").unwrap_err().to_string().contains("a list of at most 2 elements"));
        for json in ["3", "{}", "[\"a\"]", "[1", ""] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_text_is_borrowed_unless_it_holds_escapes() {
        let read = |json: &'static str| serde_json::from_str::<Text<'_>>(json);
        assert!(matches!(read(r#""plain""#).unwrap().0, Cow::Borrowed("plain")));
        assert_eq!(&*read(r#""\u00e9""#).unwrap(), "é");
        assert_eq!(&*read("null").unwrap(), "");
        for json in ["3", "[]", "{}", r#""cut"#, "true"] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
