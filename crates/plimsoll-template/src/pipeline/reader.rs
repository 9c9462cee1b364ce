//! Values of properties, taken out by name, with errors that say where.

use crate::document::{Place, quoted};
use crate::error::{Note, TemplateError};
use crate::template::{Resolved, Value};

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct At<'v> {
    file: &'v str,
    path: String,
    value: &'v Resolved,
}

impl<'v> At<'v> {
    /// The properties of a resource.
    pub(super) fn root(file: &'v str, logical_id: &str, value: &'v Resolved) -> Self {
        Self { file, path: format!("Resources/{}/Properties", quoted(logical_id)), value }
    }

    pub(super) fn value(&self) -> &'v Resolved {
        self.value
    }

    pub(super) fn place(&self) -> Place {
        self.value.place
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> TemplateError {
        TemplateError::new(self.file, self.value.place, self.path.as_str(), reason)
    }

    /// An error about the value of a key.
    pub(super) fn refused(&self, key: &str, expected: &str, found: &str) -> TemplateError {
        let reason = format!("expected {expected} as `{key}`, found `{}`", quoted(found));
        self.key(key).map_or_else(|| self.error(reason.as_str()), |at| at.error(reason.as_str()))
    }

    fn below(&self, step: &str, value: &'v Resolved) -> Self {
        Self { file: self.file, path: format!("{}/{}", self.path, quoted(step)), value }
    }

    /// What a key has, unless that is nothing.
    pub(super) fn key(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| value.value != Value::Null)?;
        Some(self.below(key, value))
    }

    pub(super) fn required(&self, key: &str) -> Result<Self, TemplateError> {
        self.key(key).ok_or_else(|| self.error(format!("expected `{key}`, found none")))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<Vec<Self>, TemplateError> {
        match &self.value.value {
            Value::List(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, item)| self.below(&index.to_string(), item))
                .collect()),
            _ => Err(self.error(format!("expected a list, found {}", self.value.kind()))),
        }
    }

    /// The items of a key's list; none where it is not there.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Self>, TemplateError> {
        self.key(key).map_or(Ok(Vec::new()), |at| at.items())
    }

    /// The entries of a key's map; none where it is not there.
    pub(super) fn map(&self, key: &str) -> Result<&'v [(String, Resolved)], TemplateError> {
        let Some(at) = self.key(key) else { return Ok(&[]) };
        match &at.value.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(at.error(format!("expected a map, found {}", at.value.kind()))),
        }
    }

    /// The scalar of a key.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'v Resolved>, TemplateError> {
        let Some(at) = self.key(key) else { return Ok(None) };
        match at.value.text() {
            Some(_) => Ok(Some(at.value)),
            None => Err(at.error(format!("expected a text, found {}", at.value.kind()))),
        }
    }

    pub(super) fn word(&self, key: &str) -> Result<Option<&'v str>, TemplateError> {
        Ok(self.text(key)?.and_then(Resolved::text))
    }

    /// The scalar of a key that must be there and must not be empty.
    pub(super) fn required_text(&self, key: &str) -> Result<&'v Resolved, TemplateError> {
        match self.text(key)? {
            Some(value) if value.text() != Some("") => Ok(value),
            Some(_) => Err(self.refused(key, "a text", "")),
            None => Err(self.error(format!("expected `{key}`, found none"))),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, TemplateError> {
        match self.word(key)? {
            None => Ok(false),
            Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
            Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(self.refused(key, "`true` or `false`", other)),
        }
    }

    /// A whole number, `least` and `most` included.
    pub(super) fn number(&self, key: &str, least: u32, most: u32) -> Result<Option<u32>, TemplateError> {
        let Some(word) = self.word(key)? else { return Ok(None) };
        match word.parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.refused(key, &format!("a whole number from {least} to {most}"), word)),
        }
    }

    /// Tells of properties that are not read; AWS has new ones now and then.
    pub(super) fn tell_unknown(&self, known: &[&str], notes: &mut Vec<Note>) {
        for (key, value) in self.value.entries() {
            if !known.contains(&key.as_str()) {
                notes.push(Note {
                    place: value.place,
                    path: format!("{}/{}", self.path, quoted(key)),
                    message: format!("the property `{}` is not known here and has no effect", quoted(key)),
                });
            }
        }
    }
}
