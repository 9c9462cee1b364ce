//! What a distribution says does *not* affect its packages, and which hits that overrules.
//!
//! A document overrules what others say of a flaw where
//!
//! 1. it is of the same distribution, and its namespace is asked before theirs or with them (Ubuntu's own release before
//!    Pro's, and the other way round for a build of Pro's);
//! 2. such documents together name every CVE of the flaw: a document that joins two CVEs is overruled by words on both.
//!
//! That a fix is named elsewhere does not matter: a distribution that judged its own build knows more than a version.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use plimsoll_model::{LookupError, NotAffected};

use crate::NO_REASON;
use crate::flaw::{best_name, is_cve};
use crate::hit::{Denial, Hit};
use crate::records::{Record, Records, by_name};

/// The documents that say a package is not affected, read.
pub(crate) struct Denials {
    /// Sorted by document.
    all: Vec<(Denial, Rc<Record>)>,
    /// Those that name a flaw by this name, sorted.
    of_name: HashMap<String, Vec<usize>>,
}

/// Reads the documents.
pub(crate) fn read(denials: &[Denial], records: &mut Records<'_>) -> Result<Denials, LookupError> {
    let mut all: Vec<(Denial, Rc<Record>)> = denials
        .iter()
        .map(|denial| records.record(denial.number).map(|record| (denial.clone(), record)))
        .collect::<Result<_, _>>()?;
    all.sort_by(|(_, a), (_, b)| by_name(&a.advisory, &b.advisory));
    let mut of_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (_, record)) in all.iter().enumerate() {
        for name in record.flaws.names.iter().flatten() {
            of_name.entry(name.clone()).or_default().push(index);
        }
    }
    Ok(Denials { all, of_name })
}

impl Denials {
    /// Whether they overrule what this hit says of the flaw with these names.
    pub(crate) fn overrule(&self, names: &BTreeSet<String>, hit: &Hit) -> bool {
        let denied = |name: &String| self.naming(name, hit).next().is_some();
        names.iter().any(denied) && names.iter().filter(|name| is_cve(name)).all(denied)
    }

    /// Those that name a flaw so, and are near enough to the package to overrule the hit.
    fn naming(&self, name: &str, hit: &Hit) -> impl Iterator<Item = &(Denial, Rc<Record>)> {
        let all = self.of_name.get(name).into_iter().flatten().map(|&index| &self.all[index]);
        all.filter(|(denial, _)| {
            denial.namespace.ecosystem == hit.namespace.ecosystem && denial.position <= hit.position
        })
    }

    /// The note that the flaw with these names does not hold, which overruled these hits: at least one.
    pub(crate) fn not_affected(
        &self,
        names: &BTreeSet<String>,
        hits: &[&Hit],
        package: usize,
    ) -> NotAffected {
        let speaking = || names.iter().flat_map(|name| self.naming(name, hits[0]));
        // One that gives a reason says more than one that does not.
        let best = speaking().find(|(denial, _)| !denial.note.is_empty()).or_else(|| speaking().next());
        let (denial, record) = best.expect("a hit is overruled by a document that names its flaw");
        let id = best_name(names).unwrap_or(&record.advisory.id);
        let overruled: BTreeSet<&String> = hits.iter().map(|hit| &hit.record.advisory.id).collect();
        NotAffected {
            id: id.clone(),
            advisory: record.advisory.id.clone(),
            package,
            reason: if denial.note.is_empty() { NO_REASON.to_owned() } else { denial.note.clone() },
            overruled: overruled.into_iter().cloned().collect(),
        }
    }
}
