//! Severities as numbers.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array};
use arrow_schema::DataType;

use super::Entry;
use super::texts::Texts;

/// The words, the least first; a word's place is its rank.
const WORDS: &[&str] = &["unknown", "negligible", "low", "medium", "high", "critical"];

pub(super) const RANK: Entry = Entry {
    name: "severity_rank",
    arguments: &[("severity", "the word, in upper or lower case")],
    returns: DataType::Int32,
    description: "A number that orders severities: critical 5, high 4, medium 3, low 2, negligible 1, unknown 0; null for \
                  another word.",
    example: "SELECT severity, count(*) FROM findings GROUP BY severity ORDER BY severity_rank(severity) DESC",
    evaluate: rank,
};

fn rank(arguments: &[Texts<'_>], rows: usize) -> ArrayRef {
    let words = &arguments[0];
    let ranks = (0..rows).map(|row| {
        let word = words.get(row)?;
        let rank = WORDS.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        i32::try_from(rank).ok()
    });
    Arc::new(ranks.collect::<Int32Array>())
}
