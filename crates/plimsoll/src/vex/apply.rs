//! What documents say, taken into a scan: what they settle does not count, and the rest is remarked.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, Inventory, Notice, NoticeKind, Scan, Suppressed, SuppressionKind};
use plimsoll_vex::{Document, Judged, Ruling, Statement, StatementIndex, Status, Subject};
use plimsoll_vex_source::{Found, Place};

/// Statements of one document that matched nothing and are listed; further ones are counted.
const MAX_UNUSED: usize = 50;

/// What tells a finding from every other one of a scan.
type Key = (Vec<usize>, String);

/// What documents said of findings.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// What they settled, in the order of findings.
    pub(crate) suppressed: Vec<Suppressed>,
    /// What a person should look at in them.
    pub(crate) notices: Vec<Notice>,
    /// What they say of findings that count.
    remarks: BTreeMap<Key, Vec<String>>,
}

impl Said {
    /// Adds what documents say of findings that count to what the gate said of them.
    pub(crate) fn remark(mut self, scan: &mut Scan) {
        for (finding, ruling) in scan.findings.iter().zip(&mut scan.decision.rulings) {
            ruling.notes.extend(self.remarks.remove(&key(finding)).unwrap_or_default());
        }
    }
}

fn key(finding: &Finding) -> Key {
    (finding.packages.clone(), finding.id.clone())
}

/// Takes what the documents settle out of the findings. A malicious package stays: that it is the attack is no question
/// of how it is used.
pub(super) fn apply(found: Found, inventory: &Inventory, findings: &mut Vec<Finding>) -> Said {
    let mut said = Said::default();
    said.notices.extend(found.notices.into_iter().map(|notice| Notice {
        kind: if notice.is_about_trust { NoticeKind::VexUnverified } else { NoticeKind::VexProblem },
        origin: notice.origin,
        text: notice.text,
    }));
    if found.documents.is_empty() {
        return said;
    }
    let (documents, places): (Vec<Document>, Vec<Place>) =
        found.documents.into_iter().map(|found| (found.document, found.place)).unzip();
    let judged = plimsoll_vex::judge(&documents, &Subject::of(inventory), &inventory.packages, findings);
    let words = Words { documents: &documents, places: &places, inventory, judged: &judged };
    said.notices.extend(words.problems());
    said.notices.extend(words.conflicts(findings));
    said.notices.extend(words.unused());
    let mut left = Vec::with_capacity(findings.len());
    for (index, finding) in std::mem::take(findings).into_iter().enumerate() {
        let first = judged.rulings.partition_point(|ruling| ruling.finding < index);
        let rulings: Vec<&Ruling> =
            judged.rulings[first..].iter().take_while(|ruling| ruling.finding == index).collect();
        if !finding.malicious && judged.settles(index, &finding.packages) {
            said.suppressed.push(words.suppressed(finding, &rulings));
            continue;
        }
        if !rulings.is_empty() {
            let remarks = rulings.iter().map(|ruling| words.remark(ruling, &finding)).collect();
            said.remarks.insert(key(&finding), remarks);
        }
        left.push(finding);
    }
    *findings = left;
    said
}

struct Words<'a> {
    documents: &'a [Document],
    places: &'a [Place],
    inventory: &'a Inventory,
    judged: &'a Judged,
}

impl Words<'_> {
    fn statement(&self, index: StatementIndex) -> (&Document, &Statement) {
        let document = &self.documents[index.document];
        (document, &document.statements[index.statement])
    }

    fn origin(&self, index: StatementIndex) -> String {
        let (document, statement) = self.statement(index);
        format!("{}: {}", document.name, statement.at)
    }

    fn by(&self, index: StatementIndex) -> String {
        let author = &self.statement(index).0.author;
        if author.is_empty() { "nobody in particular".to_owned() } else { author.clone() }
    }

    fn suppressed(&self, finding: Finding, rulings: &[&Ruling]) -> Suppressed {
        // A finding that is settled has one ruling at least.
        let first = rulings.first().map(|ruling| ruling.holds);
        let status = rulings.first().map(|ruling| &ruling.status);
        let mut origins: Vec<String> = rulings.iter().map(|ruling| self.origin(ruling.holds)).collect();
        origins.dedup();
        let (reason, remark) = status.map(reason_and_remark).unwrap_or_default();
        Suppressed {
            finding,
            kind: SuppressionKind::Vex,
            by: first.map(|index| self.statement(index).0.author.clone()).unwrap_or_default(),
            reason,
            remark,
            until: None,
            origin: origins.join(", "),
        }
    }

    fn remark(&self, ruling: &Ruling, finding: &Finding) -> String {
        let word = ruling.status.word();
        let mut text = format!("VEX says {word}");
        let (here, all) = (ruling.packages.len(), finding.packages.len());
        if here < all {
            text = format!("{text} at {here} of {all} places");
        }
        text = format!("{text}, by {} ({})", self.by(ruling.holds), self.origin(ruling.holds));
        let reason = ruling.status.reason();
        if !reason.is_empty() {
            text = format!("{text}: {reason}");
        }
        if finding.malicious && ruling.status.settles() {
            text.push_str("; it counts all the same, since the package is itself the attack");
        }
        text
    }

    /// What is not valid in documents that were named, or are of the image. A repository's are nobody's here to mend.
    fn problems(&self) -> impl Iterator<Item = Notice> {
        let own = self.documents.iter().zip(self.places).filter(|(_, place)| **place != Place::Repository);
        own.flat_map(|(document, _)| {
            document.problems.iter().map(|problem| Notice {
                kind: NoticeKind::VexProblem,
                origin: document.name.clone(),
                text: problem.to_string(),
            })
        })
    }

    fn conflicts(&self, findings: &[Finding]) -> impl Iterator<Item = Notice> {
        self.judged.conflicts.iter().map(|conflict| {
            let says = |index: StatementIndex| {
                let word = self.statement(index).1.status.word();
                format!("{} says {word} ({})", self.by(index), self.origin(index))
            };
            let others: Vec<String> = conflict.contradicts.iter().map(|&index| says(index)).collect();
            let finding = &findings[conflict.finding];
            let package = conflict.packages.first().and_then(|&place| self.inventory.packages.get(place));
            let package = package
                .map(|package| format!(" in `{}`", package.purl(self.inventory.os.as_ref())))
                .unwrap_or_default();
            Notice {
                kind: NoticeKind::VexConflict,
                origin: self.origin(conflict.holds),
                text: format!(
                    "of `{}`{package} {}, which is the more cautious and holds; {}",
                    finding.id,
                    says(conflict.holds),
                    others.join("; ")
                ),
            }
        })
    }

    /// Statements that matched nothing. Those of a repository speak of much that an image does not have.
    fn unused(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for used in &self.judged.uses {
            let index = used.statement;
            let Some(miss) =
                used.nearest_miss.as_ref().filter(|_| self.places[index.document] != Place::Repository)
            else {
                continue;
            };
            let count = counts.entry(index.document).or_default();
            *count += 1;
            if *count > MAX_UNUSED {
                continue;
            }
            let (_, statement) = self.statement(index);
            let name = statement.vulnerability.first().map_or("", String::as_str);
            notices.push(Notice {
                kind: NoticeKind::VexUnused,
                origin: self.origin(index),
                text: format!("`{name}`, {}, matched nothing: {miss}", statement.status.word()),
            });
        }
        notices.extend(counts.into_iter().filter(|(_, count)| *count > MAX_UNUSED).map(
            |(document, count)| Notice {
                kind: NoticeKind::VexUnused,
                origin: self.documents[document].name.clone(),
                text: format!("{} more statements matched nothing", count - MAX_UNUSED),
            },
        ));
        notices
    }
}

/// The fixed word, and the author's own.
fn reason_and_remark(status: &Status) -> (String, String) {
    let word = status.word();
    match status {
        Status::NotAffected { justification: Some(justification), impact } => {
            (format!("{word}: {}", justification.word()), impact.clone())
        }
        Status::NotAffected { justification: None, impact } => (word.to_owned(), impact.clone()),
        Status::Affected { .. } | Status::Fixed | Status::UnderInvestigation => {
            (word.to_owned(), status.reason())
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
