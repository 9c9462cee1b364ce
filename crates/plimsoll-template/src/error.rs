//! What is wrong with a template, and where.

use std::fmt;

use crate::document::{DocumentError, Place};

/// A template that cannot be used: file, place, path, what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// Where in the template, `Resources/Pipeline/Properties/Stages/2`, counted from 0; empty for the whole file.
    pub path: String,
    /// What was expected, and what was found.
    pub reason: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl TemplateError {
    pub(crate) fn new(file: &str, place: Place, path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place, path: path.into(), reason: reason.into(), hint: None }
    }

    pub(crate) fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn document(file: &str, error: DocumentError) -> Self {
        let hint = error.hint;
        Self { hint, ..Self::new(file, error.place, "", error.reason) }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, path, reason, .. } = self;
        write!(f, "cannot use template `{file}`: {place}: ")?;
        if !path.is_empty() {
            write!(f, "`{path}`: ")?;
        }
        f.write_str(reason)
    }
}

impl std::error::Error for TemplateError {}

/// What is told of a template that can be used: what is passed over, or is another thing here than on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where in the file.
    pub place: Place,
    /// Where in the template.
    pub path: String,
    /// What is told.
    pub message: String,
}

/// The name that is at most two changes away from what was written.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let written: Vec<char> = written.to_ascii_lowercase().chars().take(64).collect();
    names
        .filter(|name| name.len() <= 64)
        .map(|name| (distance(&written, &name.to_ascii_lowercase().chars().collect::<Vec<_>>()), name))
        .filter(|&(far, name)| far <= 2 && far < name.len())
        .min()
        .map(|(_, name)| name.to_owned())
}

/// Edit distance, by rows.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// "`a`, `b` or `c`".
pub(crate) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
