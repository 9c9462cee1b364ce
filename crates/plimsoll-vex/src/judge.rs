//! Which statement holds for which finding.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Finding, Package};

use crate::document::{Document, Status};
use crate::image::Subject;
use crate::json::short;
use crate::precedence::{Outcome, Precedence};
use crate::scene::{Match, Scene};

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementIndex {
    /// Index into the documents that were given to [`judge`].
    pub document: usize,
    /// Index into [`Document::statements`].
    pub statement: usize,
}

/// What documents say of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What holds, sorted by finding. A finding that stands at several places may have several.
    pub rulings: Vec<Ruling>,
    /// Where current statements say the contrary of one that holds, sorted by finding.
    pub conflicts: Vec<Conflict>,
    /// What became of each statement, in the order of documents and statements.
    pub uses: Vec<Use>,
}

/// A statement that holds for a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Index into the findings.
    pub finding: usize,
    /// Indexes into the packages: those of the finding that it holds for, sorted.
    pub packages: Vec<usize>,
    /// The statement.
    pub holds: StatementIndex,
    /// What it says.
    pub status: Status,
    /// By which of its names it matched: ``image `pkg:oci/app` ``, ``package `pkg:npm/a` in `pkg:oci/app` ``.
    pub because: String,
    /// Statements that matched as well and do not hold, since this one is later or more cautious; sorted.
    pub overruled: Vec<StatementIndex>,
}

/// Statements that contradict one that holds, and are not merely older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Index into the findings.
    pub finding: usize,
    /// Indexes into the packages, sorted.
    pub packages: Vec<usize>,
    /// The more cautious statement, which holds.
    pub holds: StatementIndex,
    /// The others, sorted.
    pub contradicts: Vec<StatementIndex>,
}

/// What became of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The statement.
    pub statement: StatementIndex,
    /// Number of findings that it holds for, at one place at least.
    pub held: usize,
    /// Number of findings that it matched without holding anywhere.
    pub overruled: usize,
    /// Where it matched none: what came nearest, and why that is not it.
    pub nearest_miss: Option<String>,
}

impl Judged {
    /// Whether statements say of every place of a finding that it is not affected or fixed. Of a finding that is settled
    /// at some places only, nothing may be dropped.
    pub fn settles(&self, finding: usize, packages: &[usize]) -> bool {
        let first = self.rulings.partition_point(|ruling| ruling.finding < finding);
        let settled: BTreeSet<usize> = self.rulings[first..]
            .iter()
            .take_while(|ruling| ruling.finding == finding)
            .filter(|ruling| ruling.status.settles())
            .flat_map(|ruling| ruling.packages.iter().copied())
            .collect();
        !packages.is_empty() && packages.iter().all(|package| settled.contains(package))
    }
}

/// Says which statement holds for which finding.
///
/// **A statement matches** a finding at a package if one of its names is the finding's ID or alias (case aside), and one
/// of its products is what was scanned, or is the package. A product names an image by digest, by a `pkg:oci` or
/// `pkg:docker` URL, or by reference; a CPE names the distribution release, for its own packages; a package by its URL,
/// with or without a version. A qualifier that the URL has must be equal, one that it has not does not matter. Versions
/// are compared by their text, and ranges (`vers:…`) by the order of the ecosystem. Where a product has subcomponents, one
/// of them must be the package, inside that product: in the image, or in a package that the package lies in (a file that
/// it installed, an archive in its archive, its `node_modules`).
///
/// **Which holds:**
///
/// 1. Of two documents of one author with one ID, the one with the higher version, then the later one, replaces the other
///    as a whole.
/// 2. Of one author's statements, in one document or in several, the latest holds: by the statement's time (its own, or its
///    document's), then by its document's version. A document without an author is an author of its own.
/// 3. Where one author contradicts itself at one time, and between authors, the most cautious holds: affected, under
///    investigation, fixed, not affected. A conflict is reported where one side says that nothing is to be done.
///
/// Authors are taken at their word, and so are times: who may speak for a product is decided before, by signatures or by
/// choosing the files.
///
/// Cost: a look-up for each statement; each product of statements on flaws that were found is compared with the packages
/// of these findings.
pub fn judge(
    documents: &[Document],
    subject: &Subject,
    packages: &[Package],
    findings: &[Finding],
) -> Judged {
    let scene = Scene::new(subject, packages, findings);
    let precedence = Precedence::new(documents);
    let mut matches: BTreeMap<(usize, usize), Vec<Match>> = BTreeMap::new();
    let mut uses = Vec::new();
    for (document, parent) in documents.iter().enumerate() {
        let later = precedence.superseded(document).map(|later| {
            let later = &documents[later];
            format!(
                "version {} of the document, `{}`, replaces this one",
                short(&later.version),
                short(&later.name)
            )
        });
        for (index, statement) in parent.statements.iter().enumerate() {
            let index = StatementIndex { document, statement: index };
            let nearest_miss = match &later {
                Some(later) => Some(later.clone()),
                None => scene.apply(index, statement, &mut matches).err(),
            };
            uses.push(Use { statement: index, held: 0, overruled: 0, nearest_miss });
        }
    }
    let mut judged = Judged { uses, ..Judged::default() };
    let mut by_outcome: BTreeMap<(usize, Outcome), Vec<(usize, Match)>> = BTreeMap::new();
    for (&(finding, package), matches) in &matches {
        let candidates: Vec<StatementIndex> = matches.iter().map(|found| found.statement).collect();
        let outcome = precedence.decide(&candidates).expect("an entry is made with its first match");
        let found = *matches
            .iter()
            .find(|found| found.statement == outcome.holds)
            .expect("what holds is one of the candidates");
        by_outcome.entry((finding, outcome)).or_default().push((package, found));
    }
    for ((finding, outcome), places) in by_outcome {
        let statement = &documents[outcome.holds.document].statements[outcome.holds.statement];
        let packages: Vec<usize> = places.iter().map(|&(package, _)| package).collect();
        if !outcome.contradicts.is_empty() {
            judged.conflicts.push(Conflict {
                finding,
                packages: packages.clone(),
                holds: outcome.holds,
                contradicts: outcome.contradicts,
            });
        }
        judged.rulings.push(Ruling {
            finding,
            packages,
            holds: outcome.holds,
            status: statement.status.clone(),
            because: places.first().map(|(_, found)| found.because(statement)).unwrap_or_default(),
            overruled: outcome.overruled,
        });
    }
    count(&mut judged);
    judged
}

fn count(judged: &mut Judged) {
    let mut held: BTreeMap<StatementIndex, BTreeSet<usize>> = BTreeMap::new();
    let mut overruled: BTreeMap<StatementIndex, BTreeSet<usize>> = BTreeMap::new();
    for ruling in &judged.rulings {
        held.entry(ruling.holds).or_default().insert(ruling.finding);
        for &other in &ruling.overruled {
            overruled.entry(other).or_default().insert(ruling.finding);
        }
    }
    let none = BTreeSet::new();
    for entry in &mut judged.uses {
        let held = held.get(&entry.statement).unwrap_or(&none);
        let overruled = overruled.get(&entry.statement).unwrap_or(&none);
        entry.held = held.len();
        entry.overruled = overruled.difference(held).count();
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
