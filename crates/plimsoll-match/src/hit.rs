//! The records that speak of a package, and what each says.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use plimsoll_model::{
    AdvisoryLookup, Affected, AffectedEvent, AffectedStatus, Candidate, EventKind, LookupError, Namespace,
};
use plimsoll_version::Affectedness;

use crate::judge::judge;
use crate::plan::{Plan, Term, is_made_by_pro, is_of_pro};
use crate::records::{Identity, Record, Records, identity};
use crate::rpm;

/// A record that holds for a package, or may hold.
pub(crate) struct Hit {
    pub(crate) record: Rc<Record>,
    pub(crate) namespace: Namespace,
    /// Place of the namespace among those that are asked for the package; the first is the nearest.
    pub(crate) position: usize,
    /// The name that was looked up.
    pub(crate) name: String,
    /// The version that was compared.
    pub(crate) version: String,
    /// RPM modularity label.
    pub(crate) module: Option<String>,
    /// What the record says of the name, without what it says is not affected.
    pub(crate) entries: Vec<Affected>,
    /// The range that holds the version; `Err` with the reason where it cannot be said.
    pub(crate) range: Result<String, String>,
    /// The fixed version that this record names.
    pub(crate) fixed: Option<String>,
    /// Whether the fix can be had without a subscription, or the image shows that it has one.
    pub(crate) fix_is_reachable: bool,
}

/// A distribution's word that a package of its own is not affected.
#[derive(Clone)]
pub(crate) struct Denial {
    /// Number of the record.
    pub(crate) number: u32,
    pub(crate) namespace: Namespace,
    /// As in [`Hit::position`].
    pub(crate) position: usize,
    /// Its reason; empty where it gives none.
    pub(crate) note: String,
}

/// What a [`Term`] found.
#[derive(Default)]
pub(crate) struct Answer {
    /// Numbers of all records that speak of the name, whatever they say; sorted.
    pub(crate) spoken: Vec<u32>,
    /// Those that hold or may hold, with their numbers.
    pub(crate) hits: Vec<(u32, Rc<Hit>)>,
    /// Those that say the name is not affected.
    pub(crate) denials: Vec<Denial>,
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
        let mut earlier = Earlier::default();
        for (position, namespace) in namespaces.iter().enumerate() {
            let mut candidates = self.database.candidates_for(namespace, &term.name, &term.version)?;
            // A fix must be outside of all that is listed, also of what is far from the version.
            let mut whole: Option<Vec<Candidate>> = None;
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
                let entries = rpm::speaking(&term.version, term.module.as_deref(), entries);
                let (denied, claimed): (Vec<Affected>, Vec<Affected>) =
                    entries.into_iter().partition(|entry| entry.status == AffectedStatus::NotAffected);
                if let Some(note) = denied_by(namespace, term, &denied, &claimed)
                    && !earlier.names(number, records)?
                {
                    let namespace = namespace.clone();
                    answer.denials.push(Denial { number, namespace, position, note });
                }
                if let Some(mut hit) = hit(namespace, position, term, number, claimed, records)?
                    && !earlier.names(number, records)?
                {
                    let whole = match &whole {
                        Some(whole) => whole,
                        None => whole.insert(self.database.candidates(namespace, &term.name)?),
                    };
                    let of_record = whole.iter().filter(|candidate| candidate.advisory == number);
                    let entries = of_record.map(|candidate| candidate.affected.clone()).collect();
                    hit.entries = rpm::speaking(&term.version, term.module.as_deref(), entries);
                    hit.entries.retain(|entry| entry.status != AffectedStatus::NotAffected);
                    answer.hits.push((number, Rc::new(hit)));
                }
            }
            answer.spoken.sort_unstable();
            earlier = Earlier::of(answer.spoken.iter().copied(), true);
        }
        Ok(answer)
    }
}

/// Documents that have spoken already, in another namespace or under another name.
#[derive(Default)]
pub(crate) struct Earlier {
    numbers: BTreeSet<u32>,
    /// Whether one document may have several numbers; then it is told by ID and source, which reads each of them.
    several_numbers: bool,
    identities: Option<HashSet<Identity>>,
}

impl Earlier {
    pub(crate) fn of(numbers: impl Iterator<Item = u32>, several_numbers: bool) -> Self {
        Self { numbers: numbers.collect(), several_numbers, identities: None }
    }

    pub(crate) fn extend(&mut self, numbers: &[u32], several_numbers: bool) {
        self.numbers.extend(numbers);
        self.several_numbers |= several_numbers;
        self.identities = None;
    }

    /// Whether the document is one of them.
    pub(crate) fn names(&mut self, number: u32, records: &mut Records<'_>) -> Result<bool, LookupError> {
        if self.numbers.contains(&number) {
            return Ok(true);
        }
        if self.numbers.is_empty() || !self.several_numbers {
            return Ok(false);
        }
        let identities = match self.identities.take() {
            Some(identities) => identities,
            None => records.identities(&self.numbers)?,
        };
        let found = identities.contains(&identity(&*records.record(number)?));
        self.identities = Some(identities);
        Ok(found)
    }
}

/// The reason of a record's entries that say the package is not affected, where one of them holds its version. Only a
/// distribution's own documents can say so of its packages; Ubuntu Pro's speak of Pro's builds.
///
/// Where the same record claims the version too, the narrower range is meant: a fix that it names outweighs its word
/// on all versions there are.
pub(crate) fn denied_by(
    namespace: &Namespace,
    term: &Term,
    denied: &[Affected],
    claimed: &[Affected],
) -> Option<String> {
    if denied.is_empty()
        || !crate::is_distribution(namespace.ecosystem)
        || (is_of_pro(namespace) && !is_made_by_pro(&term.version))
    {
        return None;
    }
    let module = term.module.as_deref();
    let holds = |entry: &&Affected| {
        let judged = judge(namespace.ecosystem, &term.version, module, std::slice::from_ref(entry));
        matches!(judged, Affectedness::Affected { .. })
    };
    let may_deny = |entry: &&Affected| rpm::may_deny(entry, &term.version, module);
    let claimed_narrowly = || claimed.iter().filter(holds).any(is_narrow);
    let holding = denied.iter().filter(may_deny).filter(holds);
    holding
        .max_by_key(|entry| (is_narrow(entry), !entry.note.is_empty()))
        .filter(|entry| is_narrow(entry) || !claimed_narrowly())
        .map(|entry| entry.note.clone())
}

/// Whether an entry speaks of some versions only, by a bound or a list.
pub(crate) fn is_narrow(entry: &Affected) -> bool {
    let is_bound = |event: &AffectedEvent| event.kind != EventKind::Introduced || event.version != "0";
    entry.ranges.is_empty() || entry.ranges.iter().any(|range| range.events.iter().any(is_bound))
}

fn hit(
    namespace: &Namespace,
    position: usize,
    term: &Term,
    number: u32,
    entries: Vec<Affected>,
    records: &mut Records<'_>,
) -> Result<Option<Hit>, LookupError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let judged = judge(namespace.ecosystem, &term.version, term.module.as_deref(), &entries);
    let (range, fixed) = match judged {
        Affectedness::NotAffected => return Ok(None),
        Affectedness::Affected { fixed, range } => (Ok(range), fixed),
        Affectedness::Undetermined { reason } => (Err(reason), None),
    };
    let record = records.record(number)?;
    if is_of_another_stream(term, &entries, &record, records)? {
        return Ok(None);
    }
    Ok(Some(Hit {
        record,
        namespace: namespace.clone(),
        position,
        name: term.name.clone(),
        version: term.version.clone(),
        module: term.module.clone(),
        entries,
        range,
        fixed,
        fix_is_reachable: !is_of_pro(namespace) || is_made_by_pro(&term.version),
    }))
}

/// Whether a record whose entries name no stream names another one in its title than that of the package.
pub(crate) fn is_of_another_stream(
    term: &Term,
    entries: &[Affected],
    record: &Record,
    records: &Records<'_>,
) -> Result<bool, LookupError> {
    match &term.module {
        Some(label) if entries.iter().all(|entry| entry.module.is_empty()) => {
            Ok(rpm::names_another_stream(&records.texts(record)?.summary, label))
        }
        _ => Ok(false),
    }
}
