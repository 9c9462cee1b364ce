//! What a VEX document says of product IDs beside their status: remediations, justifications and severities.

use std::collections::HashMap;

use plimsoll_model::{AffectedStatus, Rating};

use crate::csaf::{Csaf, Score, Threat, Vulnerability};
use crate::entry::note;
use crate::rating;

/// What is said of product IDs beside their status.
pub(crate) struct Facts<'v> {
    remediations: HashMap<&'v str, (AffectedStatus, &'v str)>,
    justifications: HashMap<&'v str, &'v str>,
    impacts: HashMap<&'v str, &'v str>,
    vectors: HashMap<&'v str, Vec<&'v str>>,
    /// The severities of the flaw itself.
    pub(crate) of_flaw: Vec<Rating>,
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
            let widest = |threat: &&&Threat<'_>| match threat.product_ids.len() {
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
