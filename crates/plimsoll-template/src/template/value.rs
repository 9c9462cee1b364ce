//! What a value is once its functions are applied.

use std::fmt;

use crate::document::Place;

/// A value with the place where it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Where it is written: of a function, where the function stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// Whether a parameter with `NoEcho` is in it. It is not printed.
    pub is_secret: bool,
}

/// A value without functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing that is written as such.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(String),
    /// A text that would be the same on AWS.
    Text(String),
    /// A text in which something stands that AWS would have chosen: plausible, and only here.
    Local {
        /// The text.
        text: String,
        /// What was made up, `Repository.Arn`.
        of: Vec<String>,
    },
    /// A list.
    List(Vec<Resolved>),
    /// A map in the order of the file.
    Map(Vec<(String, Resolved)>),
    /// `AWS::NoValue`; what has it is left out of lists and maps.
    NoValue,
}

impl Resolved {
    pub(crate) fn new(place: Place, value: Value) -> Self {
        Self { place, value, is_secret: false }
    }

    /// The text of a scalar that is not nothing.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) | Value::Local { text, .. } => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) | Value::NoValue => None,
        }
    }

    /// What was made up in it; nothing for what would be the same on AWS.
    pub fn local(&self) -> &[String] {
        match &self.value {
            Value::Local { of, .. } => of,
            _ => &[],
        }
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Resolved> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The entries; none of what is no map.
    pub fn entries(&self) -> &[(String, Resolved)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What it is, for an error.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) | Value::Local { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::NoValue => "`AWS::NoValue`",
        }
    }

    /// The text for people: `[redacted]` where it is secret.
    pub fn shown(&self) -> &str {
        if self.is_secret { "[redacted]" } else { self.text().unwrap_or(self.kind()) }
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_secret {
            return f.write_str("[redacted]");
        }
        self.value.fmt(f)
    }
}

/// Pieces of a text that is put together, with what was made up in them.
#[derive(Default)]
pub(crate) struct Pieces {
    text: String,
    of: Vec<String>,
    is_secret: bool,
}

impl Pieces {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a scalar; returns false for what is none.
    pub(crate) fn add(&mut self, value: &Resolved) -> bool {
        let Some(text) = value.text() else { return false };
        self.text.push_str(text);
        self.take_marks(value);
        true
    }

    /// Takes over what was made up in a value, and whether it is secret.
    pub(crate) fn take_marks(&mut self, value: &Resolved) {
        for of in value.local() {
            if !self.of.contains(of) {
                self.of.push(of.clone());
            }
        }
        self.is_secret |= value.is_secret;
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn into_resolved(self, place: Place) -> Resolved {
        let Self { text, of, is_secret } = self;
        let value = if of.is_empty() { Value::Text(text) } else { Value::Local { text, of } };
        Resolved { place, value, is_secret }
    }
}

impl Resolved {
    /// A part of this text, with its place and marks.
    pub(crate) fn with_text(&self, text: &str) -> Self {
        let mut pieces = Pieces::default();
        pieces.push(text);
        pieces.take_marks(self);
        pieces.into_resolved(self.place)
    }
}
