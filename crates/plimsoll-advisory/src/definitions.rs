//! From the definitions of an OVAL document to advisories: what the sources of this format have in common.

use plimsoll_model::{Advisory, Affected};

use crate::criteria::{Criteria, Leaf, Statement};
use crate::erratum::moment;
use crate::error::InvalidRecord;
use crate::oval::{Definition, Fact, Oval};
use crate::seam::{FeedFile, Sink};
use crate::skip::Skip;

/// Whether the beginning of a file is that of OVAL definitions whose IDs are of this publisher: `com.oracle.elsa:`.
pub(crate) fn is_oval_of(head: &[u8], publisher: &str) -> bool {
    let head = String::from_utf8_lossy(head);
    head.contains("oval_definitions") && head.contains(publisher)
}

/// What tells one publisher's definitions from another's.
pub(crate) struct Publisher {
    /// The class of the definitions that become advisories: `patch`.
    pub(crate) class: &'static str,
    /// Under which name all others are counted.
    pub(crate) others: &'static str,
    /// The name of what a definition is about, `ELSA-2024-1234`.
    pub(crate) name: fn(&Definition) -> Result<String, Unnamed>,
    /// What a test means.
    pub(crate) leaf: fn(&Fact<'_>) -> Leaf,
    /// The entries of an advisory, from what its criteria say.
    pub(crate) affected: fn(Vec<Statement>) -> Vec<Affected>,
    /// The advisory of the definition of that name in a file of that scope, without its dates and entries.
    pub(crate) advisory: fn(&Definition, &str, &str) -> Advisory,
}

/// Why a definition has no name.
pub(crate) struct Unnamed {
    /// What it is called instead, for people.
    pub(crate) place: String,
    /// What was expected, and what was found.
    pub(crate) why: &'static str,
}

impl Publisher {
    /// Hands all definitions of a file to the sink. `scope` is that of the file.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what is no OVAL document, or one beyond the limits.
    pub(crate) fn read(
        &self,
        file: &FeedFile<'_>,
        scope: &str,
        sink: &mut Sink<'_>,
    ) -> Result<(), InvalidRecord> {
        let oval = Oval::read(file.bytes)?;
        let mut criteria = Criteria::new(&oval, &self.leaf);
        for definition in &oval.definitions {
            if definition.class != self.class {
                sink.skip(Skip::Other(self.others.to_owned()));
                continue;
            }
            let (place, result) = match (self.name)(definition) {
                Ok(name) => (name.clone(), self.hand_over(definition, &name, scope, &mut criteria, sink)),
                Err(Unnamed { place, why }) => (place, Err(why.to_owned())),
            };
            if let Err(why) = result {
                sink.fail(format!("{}: {place}", file.path), why);
            }
        }
        Ok(())
    }

    fn hand_over(
        &self,
        definition: &Definition,
        name: &str,
        scope: &str,
        criteria: &mut Criteria<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), String> {
        if let Some(trouble) = &definition.trouble {
            return Err(format!("expected a definition, found {trouble}"));
        }
        let (statements, unknown) = criteria
            .of(definition)
            .map_err(|found| format!("expected criteria of packages, found {found}"))?;
        for (why, count) in unknown {
            (0..count).for_each(|_| sink.skip(Skip::Other(why.to_owned())));
        }
        let published = moment(&definition.issued);
        let modified = match moment(&definition.updated) {
            updated if updated.is_empty() => published.clone(),
            updated => updated,
        };
        let affected = (self.affected)(statements);
        let advisory = (self.advisory)(definition, name, scope);
        if affected.is_empty() {
            sink.empty(advisory.id, modified);
        } else {
            sink.advisory(Advisory { published, modified, affected, ..advisory });
        }
        Ok(())
    }
}
