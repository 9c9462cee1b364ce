//! Why one flaw matches a package, or does not.

use plimsoll_model::{AdvisoryLookup, Inventory, LookupError};
use plimsoll_version::Affectedness;

use crate::flaw::canonical;
use crate::judge::judge;
use crate::plan::Plan;
use crate::records::{Records, own_names};
use crate::rpm::names_another_stream;

/// What one advisory that speaks of a flaw says of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Index into the inventory's packages.
    pub package: usize,
    /// The advisory.
    pub advisory: String,
    /// Where it was looked up: `Debian:11`.
    pub namespace: String,
    /// Under which name.
    pub name: String,
    /// The version that was compared.
    pub version: String,
    /// What it says.
    pub holds: Holds,
}

/// What an advisory says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It is affected.
    Yes {
        /// The range that holds it.
        range: String,
        /// The fixed version that the advisory names.
        fixed: Option<String>,
    },
    /// It is not.
    No {
        /// The fixed versions and limits that the advisory names, in its order: what the version was held against.
        bounds: Vec<String>,
    },
    /// It speaks of another stream of the module that the package is of.
    OtherModuleStream,
    /// It cannot be said.
    Undetermined {
        /// Why.
        reason: String,
    },
}

/// Everything the advisories that speak of the flaw `id` (a CVE, or any other name or advisory) say of the
/// packages of an inventory, also where it is "not affected". Empty where none of them names a package.
///
/// Where an advisory answers to the binary package and to its source, both answers are listed, the one that counts
/// first. For one question by a person: it asks the database of every package.
///
/// # Errors
/// [`LookupError`] where the database is damaged.
pub fn explain(
    inventory: &Inventory,
    database: &dyn AdvisoryLookup,
    id: &str,
) -> Result<Vec<Explanation>, LookupError> {
    let plan = Plan::new(inventory, database);
    let mut records = Records::new(database);
    let wanted = canonical(id);
    let mut explanations = Vec::new();
    for (package, described) in inventory.packages.iter().enumerate() {
        for term in plan.terms(described) {
            for namespace in &plan.places[term.place] {
                let mut candidates = database.candidates(namespace, &term.name)?;
                candidates.sort_by_key(|candidate| candidate.advisory);
                for entries in candidates.chunk_by(|a, b| a.advisory == b.advisory) {
                    let record = records.record(entries[0].advisory)?;
                    let mut names = record.flaws.names.iter().flatten().chain(own_names(&record));
                    if !names.any(|name| *name == wanted || *name == id) {
                        continue;
                    }
                    let entries: Vec<_> = entries.iter().map(|entry| entry.affected.clone()).collect();
                    let judged = judge(namespace.ecosystem, &term.version, term.module.as_deref(), &entries);
                    let another_stream = term
                        .module
                        .as_deref()
                        .is_some_and(|label| names_another_stream(&record.advisory.summary, label));
                    let bounds = entries.iter().flat_map(|entry| &entry.ranges).flat_map(|r| &r.events);
                    explanations.push(Explanation {
                        package,
                        advisory: record.advisory.id.clone(),
                        namespace: namespace.to_string(),
                        name: term.name.clone(),
                        version: term.version.clone(),
                        holds: match judged {
                            Affectedness::NotAffected => {
                                Holds::No { bounds: bounds.map(|event| event.version.clone()).collect() }
                            }
                            _ if another_stream => Holds::OtherModuleStream,
                            Affectedness::Affected { fixed, range } => Holds::Yes { range, fixed },
                            Affectedness::Undetermined { reason } => Holds::Undetermined { reason },
                        },
                    });
                }
            }
        }
    }
    Ok(explanations)
}
