//! The records that speak of a package, and what each says.

use std::collections::HashMap;
use std::rc::Rc;

use plimsoll_model::{AdvisoryLookup, Affected, LookupError, Namespace};
use plimsoll_version::Affectedness;

use crate::judge::judge;
use crate::plan::{Plan, Term, is_made_by_pro, is_of_pro};
use crate::records::{Record, Records};
use crate::rpm;

/// A record that holds for a package, or may hold.
pub(crate) struct Hit {
    pub(crate) record: Rc<Record>,
    pub(crate) namespace: Namespace,
    /// The name that was looked up.
    pub(crate) name: String,
    /// The version that was compared.
    pub(crate) version: String,
    /// RPM modularity label.
    pub(crate) module: Option<String>,
    /// What the record says of the name.
    pub(crate) entries: Vec<Affected>,
    /// The range that holds the version; `Err` with the reason where it cannot be said.
    pub(crate) range: Result<String, String>,
    /// The fixed version that this record names.
    pub(crate) fixed: Option<String>,
    /// Whether the fix can be had without a subscription, or the image shows that it has one.
    pub(crate) fix_is_reachable: bool,
}

/// What a [`Term`] found.
#[derive(Default)]
pub(crate) struct Answer {
    /// Numbers of all records that speak of the name, whatever they say; sorted.
    pub(crate) spoken: Vec<u32>,
    /// Those that hold or may hold, with their numbers.
    pub(crate) hits: Vec<(u32, Rc<Hit>)>,
}

/// Answers terms, each once: many binary packages share one source package.
pub(crate) struct Answers<'a> {
    database: &'a dyn AdvisoryLookup,
    answers: HashMap<Term, Rc<Answer>>,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(database: &'a dyn AdvisoryLookup) -> Self {
        Self { database, answers: HashMap::new() }
    }

    pub(crate) fn answer(
        &mut self,
        plan: &Plan,
        term: &Term,
        records: &mut Records<'_>,
    ) -> Result<Rc<Answer>, LookupError> {
        if let Some(answer) = self.answers.get(term) {
            return Ok(Rc::clone(answer));
        }
        let answer = Rc::new(self.ask(&plan.places[term.place], term, records)?);
        self.answers.insert(term.clone(), Rc::clone(&answer));
        Ok(answer)
    }

    fn ask(
        &self,
        namespaces: &[Namespace],
        term: &Term,
        records: &mut Records<'_>,
    ) -> Result<Answer, LookupError> {
        let mut answer = Answer::default();
        for namespace in namespaces {
            let mut candidates = self.database.candidates(namespace, &term.name)?;
            candidates.retain(|candidate| answer.spoken.binary_search(&candidate.advisory).is_err());
            candidates.sort_by_key(|candidate| candidate.advisory);
            let mut rest = candidates.into_iter().peekable();
            while let Some(candidate) = rest.next() {
                let number = candidate.advisory;
                let mut entries = vec![candidate.affected];
                while let Some(next) = rest.next_if(|next| next.advisory == number) {
                    entries.push(next.affected);
                }
                answer.spoken.push(number);
                if let Some(hit) = hit(namespace, term, number, entries, records)? {
                    answer.hits.push((number, Rc::new(hit)));
                }
            }
            answer.spoken.sort_unstable();
        }
        Ok(answer)
    }
}

fn hit(
    namespace: &Namespace,
    term: &Term,
    number: u32,
    entries: Vec<Affected>,
    records: &mut Records<'_>,
) -> Result<Option<Hit>, LookupError> {
    let judged = judge(namespace.ecosystem, &term.version, term.module.as_deref(), &entries);
    let (range, fixed) = match judged {
        Affectedness::NotAffected => return Ok(None),
        Affectedness::Affected { fixed, range } => (Ok(range), fixed),
        Affectedness::Undetermined { reason } => (Err(reason), None),
    };
    let record = records.record(number)?;
    if let Some(label) = &term.module
        && rpm::names_another_stream(&record.advisory.summary, label)
    {
        return Ok(None);
    }
    Ok(Some(Hit {
        record,
        namespace: namespace.clone(),
        name: term.name.clone(),
        version: term.version.clone(),
        module: term.module.clone(),
        entries,
        range,
        fixed,
        fix_is_reachable: !is_of_pro(namespace) || is_made_by_pro(&term.version),
    }))
}
