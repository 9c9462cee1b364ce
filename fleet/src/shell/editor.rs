//! Help while a line is typed: whether it is whole, and how words go on.

use std::collections::BTreeSet;

use datafusion::prelude::SessionContext;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// Words of SQL that are completed.
const KEYWORDS: &[&str] = &[
    "AND",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COALESCE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Most words that are offered at once.
const MAX_OFFERED: usize = 200;

/// Keywords, tables, columns and functions.
pub(super) async fn words(context: &SessionContext) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = KEYWORDS.iter().map(|word| (*word).to_owned()).collect();
    for name in crate::session::table_names(context) {
        // What cannot be opened is completed by name alone.
        if let Ok(table) = context.table_provider(name.as_str()).await {
            words.extend(table.schema().fields().iter().map(|field| field.name().clone()));
        }
        words.insert(name);
    }
    let state = context.state();
    words.extend(state.scalar_functions().keys().cloned());
    words.extend(state.aggregate_functions().keys().cloned());
    words.extend(state.window_functions().keys().cloned());
    words
}

/// What helps at the prompt.
pub(super) struct Assistant {
    words: BTreeSet<String>,
}

impl Assistant {
    pub(super) fn new(words: BTreeSet<String>) -> Self {
        Self { words }
    }

    /// Words that go on from what stands before the cursor, and where that begins.
    fn offers(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let before = &line[..at];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let start = before
            .rfind(|c| !is_word(c))
            .map_or(0, |found| found + before[found..].chars().next().map_or(0, char::len_utf8));
        let begun = before[start..].to_lowercase();
        if begun.is_empty() {
            return (start, Vec::new());
        }
        let fitting = self.words.iter().filter(|word| word.to_lowercase().starts_with(&begun));
        (start, fitting.take(MAX_OFFERED).cloned().collect())
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.offers(line, at))
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Helper for Assistant {}

/// Whether a text ends where statements end: at a `;` outside of texts and comments. A command is one line.
fn is_whole(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('\\') || super::Command::of(trimmed).is_some() {
        return true;
    }
    let mut chars = text.chars().peekable();
    let mut ends = false;
    while let Some(c) = chars.next() {
        match c {
            // Quotes within are doubled, and so close and open again.
            '\'' | '"' => {
                ends = false;
                if !chars.by_ref().any(|other| other == c) {
                    return false;
                }
            }
            '-' if chars.peek() == Some(&'-') => {
                let _ = chars.by_ref().find(|other| *other == '\n');
            }
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let mut last = ' ';
                if !chars.by_ref().any(|other| std::mem::replace(&mut last, other) == '*' && other == '/') {
                    return false;
                }
            }
            ';' => ends = true,
            c if c.is_whitespace() => {}
            _ => ends = false,
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_whole_at_its_semicolon() {
        for (text, expected) in [
            ("", true),
            ("\\dt", true),
            ("quit", true),
            ("SELECT 1", false),
            ("SELECT 1;", true),
            ("SELECT 1; \n", true),
            ("SELECT ';'", false),
            ("SELECT 'it''s';", true),
            ("SELECT 'a;", false),
            ("SELECT \"a;b\" FROM t;", true),
            ("SELECT 1 -- done;", false),
            ("SELECT 1; -- done", true),
            ("SELECT 1 /* ; */", false),
            ("SELECT 1 /* ;", false),
            ("SELECT 1 /**/;", true),
        ] {
            assert_eq!(is_whole(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_completed_in_any_case() {
        let words = ["SELECT", "severity", "severity_rank", "scans"].map(str::to_owned);
        let assistant = Assistant::new(words.into());
        assert_eq!(assistant.offers("select sev", 10), (7, vec!["severity".into(), "severity_rank".into()]));
        assert_eq!(assistant.offers("sel", 3), (0, vec!["SELECT".into()]));
        assert_eq!(assistant.offers("count(SCA", 9), (6, vec!["scans".into()]));
        assert_eq!(assistant.offers("ä sc", 5), (3, vec!["scans".into()]));
        assert_eq!(assistant.offers("select ", 7), (7, vec![]));
    }
}
