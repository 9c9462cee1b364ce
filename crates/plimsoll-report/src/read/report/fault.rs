//! What is wrong with a report whose JSON is in order.

use std::fmt;

use crate::read::shortened;

/// A value that means nothing in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `Results[0].Packages[2].Plimsoll.Index`.
    pub(super) place: String,
    /// What was expected.
    pub(super) expected: &'static str,
    /// What was found.
    pub(super) found: String,
}

impl Fault {
    /// At the place itself, or at a field of it. `found` is foreign text.
    pub(super) fn at(place: impl fmt::Display, expected: &'static str, found: impl fmt::Display) -> Self {
        Self { place: place.to_string(), expected, found: format!("`{}`", shortened(&found.to_string())) }
    }

    /// Something is not there.
    pub(super) fn missing(place: impl fmt::Display, expected: &'static str) -> Self {
        Self { place: place.to_string(), expected, found: "none".to_owned() }
    }

    /// The same, seen from further out.
    pub(super) fn inside(self, outer: impl fmt::Display) -> Self {
        let Self { place, expected, found } = self;
        let dot = if place.is_empty() { "" } else { "." };
        Self { place: format!("{outer}{dot}{place}"), expected, found }
    }
}
