//! Which of the severities that were said counts.
//!
//! An *order of trust* lists whom to believe, the first who has said anything wins: [`SeverityOrder`]. Within one step of
//! it what was said nearer to the package comes first (of the package, of the document that matched, of a collected
//! advisory, of the flaw's other documents, of a table), then the higher CVSS version, then the worse value.
//!
//! - The distribution's step takes words before vectors: its word is a judgement of its own build, its vector mostly that
//!   of the flaw at large. All other steps take vectors, then bare scores, then words.
//! - Vectors of a collected advisory with several flaws are of none of them and are left out. Its word is the word for
//!   each flaw it names.
//! - `UNKNOWN` as a word is kept among the ratings and never counts.
//! - Whom the order does not list comes after all that it lists, so that a short order hides nothing.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use plimsoll_cvss::{Band, CvssScore, CvssVersion, Scored};
use plimsoll_model::{Rating, RatingScale, Severity, SeverityChoice, SeveritySource};

/// One step of an order of trust: a source by its name, or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What the package's distribution says in the documents that matched.
    Distribution,
    /// What the ecosystem's own database says in the documents that matched: `RustSec`, `PyPA`, Go, Bitnami. Not the
    /// sources that speak of all ecosystems, which are steps of their own.
    Ecosystem,
    /// All documents that matched.
    Matched,
    /// One source, wherever it says it.
    Source(&'static str),
    /// Everybody.
    Any,
}

/// The words for groups.
const GROUPS: [(&str, Step); 4] = [
    ("distribution", Step::Distribution),
    ("ecosystem", Step::Ecosystem),
    ("matched", Step::Matched),
    ("any", Step::Any),
];

/// Sources that speak of flaws in all ecosystems: CNAs in their CVE records, NVD, CISA's ADP container, GitHub.
const OF_ALL: [&str; 4] = ["cve", "nvd", "cisa-adp", "ghsa"];

/// The other sources that can be named, as [`Rating::source`] has them.
const SOURCES: [&str; 12] = [
    "almalinux",
    "amazon",
    "bitnami",
    "debian",
    "govulndb",
    "oracle",
    "pypa",
    "redhat",
    "rocky",
    "rustsec",
    "suse",
    "ubuntu",
];

/// Whose severity is believed before whose.
///
/// The default: `distribution`, `ecosystem`, `cve`, `nvd`, `cisa-adp`, `ghsa`, `matched`, `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityOrder {
    steps: Vec<Step>,
}

impl Default for SeverityOrder {
    fn default() -> Self {
        let mut steps = vec![Step::Distribution, Step::Ecosystem];
        steps.extend(OF_ALL.map(Step::Source));
        steps.extend([Step::Matched, Step::Any]);
        Self { steps }
    }
}

/// A word that names no source of severities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSeverityOrder {
    /// What is wrong: the word as given, at most 100 characters of it.
    pub word: String,
    /// Whether the word is known and stands there twice.
    pub repeated: bool,
}

impl fmt::Display for InvalidSeverityOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = &self.word;
        if self.repeated {
            return write!(f, "cannot read severity order: expected each source once, found `{word}` twice");
        }
        write!(
            f,
            "cannot read severity order: expected {}, found `{word}`",
            SeverityOrder::words().join(", ")
        )
    }
}

impl std::error::Error for InvalidSeverityOrder {}

impl SeverityOrder {
    /// All words that an order may be made of: groups first, then sources.
    pub fn words() -> Vec<&'static str> {
        let groups = GROUPS.iter().map(|(word, _)| *word);
        groups.chain(OF_ALL).chain(SOURCES).collect()
    }

    /// Reads an order, most trusted first, in lower or upper case. An empty list is the default order.
    ///
    /// # Errors
    /// [`InvalidSeverityOrder`] for a word that is none of [`Self::words`], or stands there twice.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, InvalidSeverityOrder> {
        if words.is_empty() {
            return Ok(Self::default());
        }
        let mut steps = Vec::with_capacity(words.len());
        for given in words {
            let word = given.as_ref().trim().to_ascii_lowercase();
            let group = GROUPS.iter().find(|(name, _)| *name == word).map(|&(_, step)| step);
            let source = || OF_ALL.iter().chain(&SOURCES).find(|name| **name == word);
            let invalid = |repeated| InvalidSeverityOrder {
                word: given.as_ref().chars().take(100).collect(),
                repeated,
            };
            let step =
                group.or_else(|| source().map(|name| Step::Source(name))).ok_or_else(|| invalid(false))?;
            if steps.contains(&step) {
                return Err(invalid(true));
            }
            steps.push(step);
        }
        Ok(Self { steps })
    }
}

impl fmt::Display for SeverityOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, step.word())?;
        }
        Ok(())
    }
}

impl Step {
    fn word(self) -> &'static str {
        match self {
            Self::Source(name) => name,
            group => GROUPS.iter().find(|(_, step)| *step == group).map_or("", |(word, _)| *word),
        }
    }

    /// Whether what was said counts in this step.
    fn takes(self, said: &Said) -> bool {
        match self {
            Self::Distribution => said.of_distribution,
            Self::Ecosystem => {
                said.by.is_match() && !said.of_distribution && !OF_ALL.contains(&said.rating.source.as_str())
            }
            Self::Matched => said.by.is_match(),
            Self::Source(name) => said.rating.source == name,
            Self::Any => true,
        }
    }
}

/// A rating, and how near to the package it was given.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) rating: Rating,
    pub(crate) by: By,
    /// Whether it stands in a document of the package's distribution that matched.
    pub(crate) of_distribution: bool,
    /// The document or table that says it.
    pub(crate) origin: String,
    /// What its vector comes to, where it is one; the reason where that cannot be read.
    pub(crate) scored: Option<Result<Scored, String>>,
}

/// What vectors come to, each read once: a few hundred different ones are said over and over.
#[derive(Default)]
pub(crate) struct Scores(HashMap<String, Result<Scored, String>>);

impl Scores {
    pub(crate) fn score(&mut self, vector: &str) -> Result<Scored, String> {
        if let Some(scored) = self.0.get(vector) {
            return scored.clone();
        }
        let scored = plimsoll_cvss::score(vector).map_err(|why| why.to_string());
        self.0.insert(vector.to_owned(), scored.clone());
        scored
    }
}

/// Who said it, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// A record that matched, of this package.
    Package,
    /// A record that matched, of the flaw as a whole.
    Record,
    /// A collected advisory that matched.
    Collected,
    /// Another record of the same flaw.
    Alias,
    /// A table of scores.
    Table,
}

impl By {
    const MATCHED: [Self; 3] = [Self::Package, Self::Record, Self::Collected];
    const ELSEWHERE: [Self; 2] = [Self::Alias, Self::Table];

    fn is_match(self) -> bool {
        Self::MATCHED.contains(&self)
    }
}

/// Chooses among `said`; with it the word of the step of the order that decided.
pub(crate) fn choose(said: &[Said], order: &SeverityOrder) -> (SeverityChoice, Option<&'static str>) {
    let rest = (!order.steps.contains(&Step::Any)).then_some(Step::Any);
    for step in order.steps.iter().copied().chain(rest) {
        let heard: Vec<&Said> = said.iter().filter(|said| step.takes(said)).collect();
        let reads: [Read; 3] =
            if step == Step::Distribution { [word, vector, score] } else { [vector, score, word] };
        // What did not match comes after all that did.
        for group in [&By::MATCHED[..], &By::ELSEWHERE[..]] {
            for read in reads {
                if let Some(choice) = group.iter().find_map(|&by| read(&heard, by)) {
                    return (choice, Some(step.word()));
                }
            }
        }
    }
    (SeverityChoice { severity: Severity::Unknown, source: SeveritySource::Nobody }, None)
}

/// The word and the score that a rating comes to; `None` for a vector that cannot be read.
pub(crate) fn worth(scale: &RatingScale) -> Option<(Severity, Option<u8>)> {
    match scale {
        RatingScale::Word(word) => Some((*word, None)),
        RatingScale::Cvss(vector) => {
            let scored = plimsoll_cvss::score(vector).ok()?;
            Some((word_of(scored.band()), Some(scored.score.tenths())))
        }
        RatingScale::Score(tenths) => Some((of_score(*tenths), Some(*tenths))),
    }
}

/// Reads one scale of what was said by one of them.
type Read = fn(&[&Said], By) -> Option<SeverityChoice>;

fn of<'s>(said: &'s [&Said], by: By) -> impl Iterator<Item = &'s Said> {
    said.iter().copied().filter(move |said| said.by == by)
}

fn word(said: &[&Said], by: By) -> Option<SeverityChoice> {
    let words = of(said, by).map(|said| &said.rating).filter_map(|rating| match rating.scale {
        RatingScale::Word(word) if word != Severity::Unknown => Some((word, &rating.source)),
        _ => None,
    });
    let (severity, source) = words.max_by_key(|&(word, source)| (word, Reverse(source)))?;
    Some(SeverityChoice { severity, source: SeveritySource::Word(source.clone()) })
}

fn vector(said: &[&Said], by: By) -> Option<SeverityChoice> {
    let vectors = of(said, by).filter_map(|said| match (&said.rating.scale, &said.scored) {
        (RatingScale::Cvss(vector), Some(Ok(scored))) => Some((*scored, &said.rating.source, vector)),
        _ => None,
    });
    let (scored, source, vector) = vectors.max_by_key(|&(scored, source, vector)| {
        (scored.version, scored.score, Reverse(source), Reverse(vector))
    })?;
    let score = scored.score.tenths();
    Some(SeverityChoice {
        severity: word_of(scored.band()),
        source: SeveritySource::Cvss { source: source.clone(), vector: vector.clone(), score },
    })
}

fn score(said: &[&Said], by: By) -> Option<SeverityChoice> {
    let scores = of(said, by).map(|said| &said.rating).filter_map(|rating| match rating.scale {
        RatingScale::Score(tenths) => Some((tenths, &rating.source)),
        _ => None,
    });
    let (score, source) = scores.max_by_key(|&(tenths, source)| (tenths, Reverse(source)))?;
    Some(SeverityChoice {
        severity: of_score(score),
        source: SeveritySource::Score { source: source.clone(), score },
    })
}

/// The word for a score of which only the tenths are known: that of the versions from 3.0 on.
fn of_score(tenths: u8) -> Severity {
    word_of(CvssScore::from_tenths(tenths).unwrap_or(CvssScore::MAX).band(CvssVersion::V3_1))
}

fn word_of(band: Band) -> Severity {
    match band {
        Band::None => Severity::Negligible,
        Band::Low => Severity::Low,
        Band::Medium => Severity::Medium,
        Band::High => Severity::High,
        Band::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_made_of_known_words() {
        let default = "distribution, ecosystem, cve, nvd, cisa-adp, ghsa, matched, any";
        assert_eq!(SeverityOrder::default().to_string(), default);
        assert_eq!(SeverityOrder::parse::<&str>(&[]).unwrap(), SeverityOrder::default());
        let all = SeverityOrder::words();
        assert_eq!(SeverityOrder::parse(&all).unwrap().to_string(), all.join(", "));
        let short = SeverityOrder::parse(&["distribution", "NVD ", "ghsa"]).unwrap();
        assert_eq!(short.to_string(), "distribution, nvd, ghsa");

        let error = SeverityOrder::parse(&["nvd", "vendor"]).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "cannot read severity order: expected distribution, ecosystem, matched, any, cve, nvd"
            ),
            "{error}"
        );
        assert!(error.ends_with("found `vendor`"), "{error}");
        let error = SeverityOrder::parse(&["nvd", "Nvd"]).unwrap_err().to_string();
        assert_eq!(error, "cannot read severity order: expected each source once, found `Nvd` twice");
        assert_eq!(SeverityOrder::parse(&["x".repeat(1000)]).unwrap_err().word.len(), 100);
    }
}
