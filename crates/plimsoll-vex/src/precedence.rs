//! Which of several statements on one finding holds.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::document::{Document, Statement};
use crate::judge::StatementIndex;

/// Which statement holds, and what it leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outcome {
    pub(crate) holds: StatementIndex,
    /// The others, sorted.
    pub(crate) overruled: Vec<StatementIndex>,
    /// Those of the others that say the contrary and are not merely older; sorted.
    pub(crate) contradicts: Vec<StatementIndex>,
}

/// What orders statements of one author: the time, then the document's version.
type Age = (Option<Timestamp>, Vec<u64>);

/// The documents, with what is asked of them for each finding.
pub(crate) struct Precedence<'a> {
    documents: &'a [Document],
    /// A number for each document's author.
    authors: Vec<usize>,
    versions: Vec<Vec<u64>>,
    /// For each document, the later one of the same name.
    superseded: Vec<Option<usize>>,
}

impl<'a> Precedence<'a> {
    pub(crate) fn new(documents: &'a [Document]) -> Self {
        let mut numbers = BTreeMap::new();
        let mut authors = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            let name = document.author.trim().to_lowercase();
            // A document that does not say who speaks is an author of its own.
            let key = if name.is_empty() { (name, index) } else { (name, 0) };
            let next = numbers.len();
            authors.push(*numbers.entry(key).or_insert(next));
        }
        let versions: Vec<_> = documents.iter().map(|document| version(&document.version)).collect();
        let mut latest: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let age = |index: usize| -> (&Vec<u64>, Option<Timestamp>) {
            (&versions[index], instant(&documents[index].timestamp))
        };
        for (index, document) in documents.iter().enumerate().filter(|(_, document)| !document.id.is_empty())
        {
            let last = latest.entry((authors[index], &document.id)).or_insert(index);
            if age(index) > age(*last) {
                *last = index;
            }
        }
        let later = |index: usize| {
            let last = *latest.get(&(authors[index], documents[index].id.as_str()))?;
            (age(last) > age(index)).then_some(last)
        };
        let superseded = (0..documents.len()).map(later).collect();
        Self { documents, authors, versions, superseded }
    }

    /// The later version of a document, where there is one: then it says nothing any more.
    pub(crate) fn superseded(&self, document: usize) -> Option<usize> {
        self.superseded[document]
    }

    fn statement(&self, index: StatementIndex) -> &'a Statement {
        &self.documents[index.document].statements[index.statement]
    }

    fn age(&self, index: StatementIndex) -> Age {
        (instant(&self.statement(index).timestamp), self.versions[index.document].clone())
    }

    /// Decides between statements on one finding; `None` where there are none.
    pub(crate) fn decide(&self, candidates: &[StatementIndex]) -> Option<Outcome> {
        let mut newest: BTreeMap<usize, (Age, Vec<StatementIndex>)> = BTreeMap::new();
        for &index in candidates {
            let age = self.age(index);
            let (known, same) =
                newest.entry(self.authors[index.document]).or_insert_with(|| (age.clone(), Vec::new()));
            match age.cmp(known) {
                Ordering::Greater => (*known, *same) = (age, vec![index]),
                Ordering::Equal => same.push(index),
                Ordering::Less => {}
            }
        }
        let current: Vec<StatementIndex> = newest.into_values().flat_map(|(_, same)| same).collect();
        let holds = current
            .iter()
            .copied()
            .max_by_key(|&index| (self.statement(index).status.caution(), self.age(index), Reverse(index)))?;
        let settles = |index: StatementIndex| self.statement(index).status.settles();
        let sorted = |mut list: Vec<StatementIndex>| {
            list.sort_unstable();
            list.dedup();
            list
        };
        Some(Outcome {
            holds,
            overruled: sorted(candidates.iter().copied().filter(|&index| index != holds).collect()),
            contradicts: sorted(
                current.into_iter().filter(|&index| settles(index) != settles(holds)).collect(),
            ),
        })
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Numbers of a version; what is behind them is left out.
fn version(text: &str) -> Vec<u64> {
    let number = |part: &str| {
        let digits = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) }
    };
    let mut numbers: Vec<u64> = text.split('.').map(number).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Format, Status};

    fn status(word: &str) -> Status {
        match word {
            "not_affected" => Status::NotAffected { justification: None, impact: "x".to_owned() },
            "affected" => Status::Affected { action: String::new() },
            "fixed" => Status::Fixed,
            "under_investigation" => Status::UnderInvestigation,
            other => panic!("{other}"),
        }
    }

    /// Documents as `author/version status@day …`; the winner as `document.statement`, then what contradicts it.
    #[track_caller]
    fn check(documents: &[&str], expected: &str) {
        let documents: Vec<Document> = documents
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let mut words = text.split(' ');
                let (author, version) = words.next().unwrap().split_once('/').unwrap();
                let statements = words.map(|word| {
                    let (word, day) = word.split_once('@').unwrap();
                    Statement {
                        at: String::new(),
                        vulnerability: vec!["CVE-1".to_owned()],
                        products: Vec::new(),
                        status: status(word),
                        timestamp: if day.is_empty() {
                            String::new()
                        } else {
                            format!("2025-01-{day}T00:00:00Z")
                        },
                    }
                });
                Document {
                    name: String::new(),
                    format: Format::OpenVex,
                    id: format!("document-{number}"),
                    author: author.to_owned(),
                    timestamp: String::new(),
                    version: version.to_owned(),
                    statements: statements.collect(),
                    problems: Vec::new(),
                }
            })
            .collect();
        let all: Vec<StatementIndex> = documents
            .iter()
            .enumerate()
            .flat_map(|(document, d)| {
                (0..d.statements.len()).map(move |statement| StatementIndex { document, statement })
            })
            .collect();
        let outcome = Precedence::new(&documents).decide(&all).unwrap();
        let name = |index: &StatementIndex| format!("{}.{}", index.document, index.statement);
        let against: Vec<String> = outcome.contradicts.iter().map(name).collect();
        let found = format!("{} against [{}]", name(&outcome.holds), against.join(" "));
        assert_eq!(found, expected, "{documents:?}");
        assert_eq!(outcome.overruled.len(), all.len() - 1);
    }

    #[test]
    fn precedence() {
        // One document: the later statement.
        check(&["a/1 affected@01 not_affected@02"], "0.1 against []");
        check(&["a/1 not_affected@02 affected@01"], "0.0 against []");
        // At one time: the more cautious one, and that is a conflict.
        check(&["a/1 not_affected@01 affected@01"], "0.1 against [0.0]");
        check(&["a/1 affected@01 not_affected@01"], "0.0 against [0.1]");
        check(&["a/1 under_investigation@01 affected@01"], "0.1 against []");
        check(&["a/1 not_affected@01 fixed@01"], "0.1 against []");
        check(&["a/1 fixed@01 fixed@01"], "0.0 against []");
        // Documents of one author: the later statement, then the higher version.
        check(&["a/1 affected@01", "A\t/1 not_affected@02"], "1.0 against []");
        check(&["a/10 not_affected@01", "a/9 affected@01"], "0.0 against []");
        check(&["a/1.2 not_affected@01", "a/1.10.0 affected@01"], "1.0 against []");
        check(&["a/1 not_affected@", "a/1 affected@01"], "1.0 against []");
        // Two authors: the more cautious one, whatever its age.
        check(&["a/1 affected@01", "b/9 not_affected@20"], "0.0 against [1.0]");
        check(&["a/1 not_affected@01", "b/1 not_affected@02"], "1.0 against []");
        check(&["a/1 under_investigation@01", "b/1 fixed@02"], "0.0 against [1.0]");
        // What an author has taken back contradicts nobody.
        check(&["a/1 affected@01 not_affected@02", "b/1 not_affected@01"], "0.1 against []");
        // Nobody and nobody are two.
        check(&["/1 not_affected@02", "/1 affected@01"], "1.0 against [0.0]");
    }

    #[test]
    fn versions_are_numbers() {
        assert!(version("10") > version("9"));
        assert!(version("1.2.0") == version("1.2"));
        assert!(version("1.2.1-rc") > version("1.2"));
        assert_eq!(version("99999999999999999999"), [u64::MAX]);
        assert_eq!(version(""), [0u64; 0]);
    }
}
