//! From the statements of a VEX document to an advisory: what the sources of this format have in common.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use plimsoll_model::{Advisory, Affected, AffectedRange, AffectedStatus, Namespace, Rating, Reference};

use crate::csaf::{Csaf, Note, Score, Vulnerability};
use crate::entry::note;
use crate::rating;
use crate::rpm_fixes;
use crate::seam::Sink;
use crate::skip::Skip;
use crate::text::instant;

/// Longest name of a package or module, in bytes; a longer one is none.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// What a product ID is listed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// It holds the fix.
    Fixed,
    /// It is affected.
    Affected,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It is not affected.
    NotAffected,
}

/// All product IDs of a flaw, in the order of the lists.
pub(crate) fn listed<'v>(vulnerability: &'v Vulnerability<'_>) -> impl Iterator<Item = (Listed, &'v str)> {
    let status = &vulnerability.product_status;
    [
        (Listed::Fixed, &status.fixed),
        (Listed::Fixed, &status.first_fixed),
        (Listed::Fixed, &status.recommended),
        (Listed::Affected, &status.known_affected),
        (Listed::Affected, &status.first_affected),
        (Listed::Affected, &status.last_affected),
        (Listed::UnderInvestigation, &status.under_investigation),
        (Listed::NotAffected, &status.known_not_affected),
    ]
    .into_iter()
    .flat_map(|(listed, ids)| ids.iter().map(move |id| (listed, &**id)))
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The product's namespace.
    pub(crate) namespace: Namespace,
    /// The package.
    pub(crate) name: String,
    /// The module stream, `nodejs:18`; empty for none.
    pub(crate) module: String,
}

/// What a document says of one subject, put together from the statements on its architectures and repositories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Builds that hold the fix.
    pub(crate) fixes: BTreeSet<String>,
    /// What is said of it as a whole.
    pub(crate) unfixed: Option<(AffectedStatus, String)>,
    /// Severities that are not the document's own.
    pub(crate) ratings: Vec<Rating>,
}

impl Said {
    /// Takes a statement on all versions. Of several the one that asks for more counts, so that "not affected" holds
    /// only where nothing else is said.
    pub(crate) fn unfixed(&mut self, status: AffectedStatus, note: &str) {
        let weight = |status: &AffectedStatus| match status {
            AffectedStatus::Affected => 0,
            AffectedStatus::FixDeferred => 1,
            AffectedStatus::UnderInvestigation => 2,
            AffectedStatus::WillNotFix => 3,
            AffectedStatus::EndOfLife => 4,
            AffectedStatus::NotAffected => 5,
        };
        if self.unfixed.as_ref().is_none_or(|(said, _)| weight(&status) < weight(said)) {
            self.unfixed = Some((status, note.to_owned()));
        }
    }
}

/// All that a document says, by subject.
pub(crate) type Statements = BTreeMap<Subject, Said>;

/// What of a document is left out, and how often.
pub(crate) type Skips = BTreeMap<Skip, u64>;

/// What is said of product IDs beside their status.
pub(crate) struct Facts<'v> {
    remediations: HashMap<&'v str, (AffectedStatus, &'v str)>,
    justifications: HashMap<&'v str, &'v str>,
    impacts: HashMap<&'v str, &'v str>,
    vectors: HashMap<&'v str, Vec<&'v str>>,
    /// The severities of the flaw itself.
    of_flaw: Vec<Rating>,
    publisher: &'static str,
}

impl<'v> Facts<'v> {
    /// Of a flaw, by `publisher`, who gives the severities.
    pub(crate) fn of(
        csaf: &'v Csaf<'_>,
        vulnerability: &'v Vulnerability<'_>,
        publisher: &'static str,
    ) -> Self {
        let mut facts = Self {
            remediations: HashMap::new(),
            justifications: HashMap::new(),
            impacts: HashMap::new(),
            vectors: HashMap::new(),
            of_flaw: Vec::new(),
            publisher,
        };
        for remediation in vulnerability.remediations.iter() {
            if let Some(status) = unfixed_status(&remediation.category, &remediation.details) {
                let details = &*remediation.details;
                facts
                    .remediations
                    .extend(remediation.product_ids.iter().map(|id| (&**id, (status, details))));
            }
        }
        for flag in vulnerability.flags.iter() {
            facts.justifications.extend(flag.product_ids.iter().map(|id| (&**id, &*flag.label)));
        }
        facts.add_impacts(csaf, vulnerability);
        facts.add_vectors(vulnerability);
        facts
    }

    /// The word of the whole document is the flaw's; without it that of most products.
    fn add_impacts(&mut self, csaf: &'v Csaf<'_>, vulnerability: &'v Vulnerability<'_>) {
        let impacts = || vulnerability.threats.iter().filter(|threat| &*threat.category == "impact");
        let mut whole = csaf.document.aggregate_severity.as_ref().map(|severity| &*severity.text);
        if whole.and_then(rating::scale).is_none() {
            let widest = |threat: &&&crate::csaf::Threat<'_>| match threat.product_ids.len() {
                0 => usize::MAX,
                products => products,
            };
            // Of equals the first: `max_by_key` would take the last.
            whole =
                impacts().collect::<Vec<_>>().iter().rev().max_by_key(widest).map(|threat| &*threat.details);
        }
        if let Some(scale) = whole.and_then(rating::scale) {
            rating::add(&mut self.of_flaw, self.publisher, scale);
        }
        for threat in impacts() {
            self.impacts.extend(threat.product_ids.iter().map(|id| (&**id, &*threat.details)));
        }
    }

    /// The vectors of most products are the flaw's.
    fn add_vectors(&mut self, vulnerability: &'v Vulnerability<'_>) {
        let scores: Vec<&'v Score<'_>> = vulnerability.scores.iter().collect();
        if let Some(widest) = scores.iter().rev().max_by_key(|score| score.products.len()) {
            for scale in widest.vectors().filter_map(rating::scale) {
                rating::add(&mut self.of_flaw, self.publisher, scale);
            }
        }
        if scores.len() > 1 {
            for score in scores {
                for id in score.products.iter() {
                    self.vectors.entry(&**id).or_default().extend(score.vectors());
                }
            }
        }
    }

    /// What the publisher means to do about an affected product, and its words for it.
    pub(crate) fn remediation(&self, id: &str) -> (AffectedStatus, &'v str) {
        self.remediations.get(id).copied().unwrap_or((AffectedStatus::Affected, ""))
    }

    /// Why a product is not affected, in words: `vulnerable code not present`.
    pub(crate) fn justification(&self, id: &str) -> String {
        note(&self.justifications.get(id).copied().unwrap_or_default().replace('_', " "))
    }

    /// Adds severities of a product that are not those of the flaw.
    pub(crate) fn add_ratings(&self, id: &str, ratings: &mut Vec<Rating>) {
        let impact = self.impacts.get(id).copied().into_iter();
        let vectors = self.vectors.get(id).map(Vec::as_slice).unwrap_or_default();
        for scale in impact.chain(vectors.iter().copied()).filter_map(rating::scale) {
            if !self.of_flaw.iter().any(|rating| rating.scale == scale) {
                rating::add(ratings, self.publisher, scale);
            }
        }
    }
}

/// The status that a remediation tells of the affected products it names; `None` for one that tells none.
///
/// Source: CSAF 2.0, 3.2.3.12.1, `remediations[].category`; Red Hat's words for `details`: "Will not fix", "Out of
/// support scope", "Affected", "Fix deferred" (once "Deferred").
fn unfixed_status(category: &str, details: &str) -> Option<AffectedStatus> {
    let says = |words: &str| details.to_ascii_lowercase().contains(words);
    match category {
        "no_fix_planned" if says("out of support") => Some(AffectedStatus::EndOfLife),
        "no_fix_planned" => Some(AffectedStatus::WillNotFix),
        "none_available" if says("deferred") => Some(AffectedStatus::FixDeferred),
        "none_available" => Some(AffectedStatus::Affected),
        _ => None,
    }
}

/// What tells one publisher from another when an advisory is made.
pub(crate) struct Publisher {
    /// Put before the CVE: `REDHAT-`.
    pub(crate) prefix: &'static str,
    /// Who gave the severities: `redhat`.
    pub(crate) name: &'static str,
    /// Whether it gives its documents titles that tell of the flaw.
    pub(crate) has_titles: bool,
    /// The range of a package from its fixed builds.
    pub(crate) range: fn(&BTreeSet<String>) -> Option<AffectedRange>,
}

impl Publisher {
    /// Hands a flaw and all that is said of it to the sink.
    pub(crate) fn hand_over(
        &self,
        (csaf, vulnerability): (&Csaf<'_>, &Vulnerability<'_>),
        facts: Facts<'_>,
        statements: Statements,
        skips: &Skips,
        sink: &mut Sink<'_>,
    ) {
        for (skip, &count) in skips {
            for _ in 0..count {
                sink.skip(skip.clone());
            }
        }
        let id = format!("{}{}", self.prefix, cve(csaf, vulnerability).unwrap_or_default());
        let modified = instant(&csaf.document.tracking.current_release_date);
        let title =
            [&*vulnerability.title, &*csaf.document.title].into_iter().find(|title| !title.is_empty());
        let affected: Vec<Affected> =
            statements.into_iter().filter_map(|(subject, said)| self.affected(subject, said)).collect();
        if affected.is_empty() {
            sink.empty(id, modified);
            return;
        }
        sink.advisory(Advisory {
            upstream: cve(csaf, vulnerability).map(str::to_owned).into_iter().collect(),
            summary: title.filter(|_| self.has_titles).unwrap_or_default().to_owned(),
            details: description(csaf, vulnerability).to_owned(),
            published: instant(&csaf.document.tracking.initial_release_date),
            references: references(csaf, vulnerability),
            ratings: facts.of_flaw,
            cwes: vulnerability
                .cwe
                .iter()
                .filter(|cwe| cwe.id.starts_with("CWE-"))
                .map(|cwe| cwe.id.to_string())
                .collect(),
            affected,
            modified,
            id,
            ..Advisory::default()
        });
    }

    /// A fix counts more than what is said of the package as a whole: such a statement stays behind in a document
    /// after the fix has come.
    fn affected(&self, subject: Subject, said: Said) -> Option<Affected> {
        let mut affected = Affected::new(subject.namespace, subject.name);
        affected.module = subject.module;
        affected.ratings = said.ratings;
        if let Some(range) = (self.range)(&said.fixes) {
            affected.ranges.push(range);
            return Some(affected);
        }
        (affected.status, affected.note) = said.unfixed?;
        affected.ranges.push(rpm_fixes::unfixed());
        Some(affected)
    }
}

/// The CVE that a flaw is; the document's own name where the flaw bears none. `None` for what is no CVE.
pub(crate) fn cve<'c>(csaf: &'c Csaf<'_>, vulnerability: &'c Vulnerability<'_>) -> Option<&'c str> {
    const MAX_CVE_BYTES: usize = 32;
    let names = [&*vulnerability.cve, &*csaf.document.tracking.id];
    names.into_iter().find(|name| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = name.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
        name.len() <= MAX_CVE_BYTES && number.is_some_and(|(year, number)| digits(year) && digits(number))
    })
}

/// The flaw's description, wherever the publisher puts it.
pub(crate) fn description<'c>(csaf: &'c Csaf<'_>, vulnerability: &'c Vulnerability<'_>) -> &'c str {
    let notes = vulnerability.notes.iter().chain(csaf.document.notes.iter());
    let is_description = |note: &&Note<'_>| &*note.category == "description" && !note.text.is_empty();
    notes.into_iter().find(is_description).map_or("", |note| note.text.trim())
}

/// The links, each once: the publisher's own page first, then the updates that fix the flaw, then all else.
fn references(csaf: &Csaf<'_>, vulnerability: &Vulnerability<'_>) -> Vec<Reference> {
    let links = vulnerability.references.iter().chain(csaf.document.references.iter());
    let is_own = |category: &str| category == "self";
    // The document's own address is no page for people, and what SUSE's words mean tells nothing of the flaw.
    let links = links.filter(|link| !link.url.ends_with(".json") && !link.url.ends_with("/security/rating/"));
    let own = links.clone().filter(|link| is_own(&link.category)).map(|link| ("ADVISORY", &*link.url));
    let fixes = vulnerability.remediations.iter().filter(|fix| &*fix.category == "vendor_fix");
    let fixes = fixes.map(|fix| ("ADVISORY", &*fix.url));
    let others = links
        .filter(|link| !is_own(&link.category))
        .map(|link| (if link.summary.starts_with("Advisory link") { "ADVISORY" } else { "WEB" }, &*link.url));
    let mut seen = HashSet::new();
    own.chain(fixes)
        .chain(others)
        .filter(|(_, url)| url.contains("://") && seen.insert(*url))
        .map(|(kind, url)| Reference { kind: kind.to_owned(), url: url.to_owned() })
        .collect()
}

/// Whether a name can be one of a package.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}
