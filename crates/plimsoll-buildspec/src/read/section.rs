//! A map of a document of which keys are taken one by one, so that what is left is known.

use plimsoll_template::document::{Node, Place, Value};

use crate::error::SpecError;

/// Most characters of a text that a message repeats.
const MAX_QUOTED_CHARS: usize = 60;

/// Shortens foreign text for a message.
pub(super) fn short(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut short: String = clean.take(MAX_QUOTED_CHARS).collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        short.push('…');
    }
    short
}

pub(super) struct Section<'n> {
    pub(super) place: Place,
    path: String,
    entries: &'n [(Node, Node)],
    taken: Vec<bool>,
}

impl<'n> Section<'n> {
    /// A map; nothing is an empty one.
    pub(super) fn of(node: &'n Node, path: &str) -> Result<Self, SpecError> {
        let entries: &[_] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                return Err(SpecError::new(
                    node.place,
                    path,
                    format!("expected a map, found {}", node.kind()),
                ));
            }
        };
        Ok(Self { place: node.place, path: path.to_owned(), entries, taken: vec![false; entries.len()] })
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        let key = short(key);
        if self.path.is_empty() { key } else { format!("{}/{key}", self.path) }
    }

    pub(super) fn entries(&self) -> &'n [(Node, Node)] {
        self.entries
    }

    /// Key and value; from now on the key is known.
    pub(super) fn take(&mut self, key: &str) -> Option<(&'n Node, &'n Node)> {
        let index = self.entries.iter().position(|(name, _)| name.scalar() == Some(key))?;
        self.taken[index] = true;
        let (name, value) = &self.entries[index];
        Some((name, value))
    }

    /// Places and names of the keys that nobody took.
    pub(super) fn unknown(&self) -> Vec<(Place, String)> {
        let left = self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        left.map(|((name, _), _)| (name.place, self.path_of(name.scalar().unwrap_or("~")))).collect()
    }

    pub(super) fn section(&mut self, key: &str) -> Result<Option<Section<'n>>, SpecError> {
        let path = self.path_of(key);
        self.take(key).map(|(_, value)| Section::of(value, &path)).transpose()
    }

    /// A text; nothing is as if the key were not there.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, SpecError> {
        let path = self.path_of(key);
        match self.take(key) {
            None => Ok(None),
            Some((_, value)) => match value.scalar() {
                Some(text) if text.contains('\0') => {
                    Err(SpecError::new(value.place, &path, "expected a text without a zero byte"))
                }
                Some(text) => Ok(Some(text.to_owned())),
                None if value.is_null() => Ok(None),
                None => Err(SpecError::new(
                    value.place,
                    &path,
                    format!("expected a text, found {}", value.kind()),
                )),
            },
        }
    }

    /// The texts of a list; one text alone is a list of one.
    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, SpecError> {
        let path = self.path_of(key);
        let Some((_, value)) = self.take(key) else { return Ok(None) };
        if value.is_null() {
            return Ok(None);
        }
        let items = value.items().unwrap_or(std::slice::from_ref(value));
        let mut texts = Vec::new();
        for item in items {
            match item.scalar() {
                Some(text) if !text.contains('\0') => texts.push(text.to_owned()),
                _ => {
                    let reason = format!("expected a list of texts, found {} in it", item.kind());
                    return Err(SpecError::new(item.place, &path, reason));
                }
            }
        }
        Ok(Some(texts))
    }

    /// `yes` or `no`, as YAML 1.1 writes them; no if the key is not there.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, SpecError> {
        let path = self.path_of(key);
        let Some((_, value)) = self.take(key) else { return Ok(false) };
        let word = value.scalar().unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "yes" | "true" | "on" => Ok(true),
            "no" | "false" | "off" => Ok(false),
            "" if value.is_null() => Ok(false),
            _ => {
                let found =
                    if word.is_empty() { value.kind().to_owned() } else { format!("`{}`", short(&word)) };
                Err(SpecError::new(value.place, &path, format!("expected `yes` or `no`, found {found}")))
            }
        }
    }
}
