//! What a database says of a package name, as rows of a table: one for each advisory and flaw.
//!
//! A row holds for a version by its [`Statement::ranges`] alone: what a distribution denies of a flaw is already taken
//! out of what others claim, and further namespaces that a package is looked up in are already looked up. What is left
//! out: two advisories that give one flaw several CVEs, which [`crate::evaluate`] joins to one finding, are rows of each.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use plimsoll_model::{AdvisoryLookup, Affected, AffectedStatus, EventKind, LookupError, Namespace, Rating};
use plimsoll_version::{Scheme, compare};

use crate::flaw::{best_name, is_cve};
use crate::hit::is_narrow;
use crate::plan::is_of_pro;
use crate::ranges::{Entry, Strength, print};
use crate::records::{Identity, Record, Records, identity};
use crate::rpm;

/// Names after which what was read of the database is forgotten, so that memory stays bounded.
const MAX_NAMES_REMEMBERED: usize = 2048;

/// What one advisory says of one flaw in one package name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Number of the advisory, for [`AdvisoryLookup::texts`].
    pub number: u32,
    /// Its ID.
    pub id: String,
    /// Its source.
    pub source: String,
    /// The flaw, as in [`plimsoll_model::Finding::id`].
    pub vulnerability: String,
    /// The flaw's other names, sorted.
    pub aliases: Vec<String>,
    /// The namespace that the advisory itself names.
    pub published_in: Namespace,
    /// The versions it holds for: a text that [`crate::Ranges`] reads.
    pub ranges: String,
    /// What is to be expected of a fix; [`AffectedStatus::NotAffected`] where the advisory claims nothing.
    pub status: AffectedStatus,
    /// The newest fixed version.
    pub fixed: Option<String>,
    /// Severities said of the package, then of the document.
    pub ratings: Vec<Rating>,
    /// First published, RFC 3339; may be empty.
    pub published: String,
    /// Last changed, RFC 3339; may be empty.
    pub modified: String,
}

/// Asks a database for statements.
pub struct Statements<'a> {
    database: &'a dyn AdvisoryLookup,
    records: Records<'a>,
    remembered: usize,
}

/// What one record says of a name.
struct Said {
    number: u32,
    record: Rc<Record>,
    namespace: Namespace,
    position: usize,
    denied: Vec<Affected>,
    claimed: Vec<Affected>,
    /// Whether what it denies counts for the place.
    may_deny: bool,
}

impl<'a> Statements<'a> {
    /// Of this database.
    pub fn new(database: &'a dyn AdvisoryLookup) -> Self {
        Self { database, records: Records::new(database), remembered: 0 }
    }

    /// All that is said of a name in a place, one of [`crate::places`]; sorted by advisory, then flaw.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    pub fn of(&mut self, place: &[Namespace], name: &str) -> Result<Vec<Statement>, LookupError> {
        self.remembered += 1;
        if self.remembered > MAX_NAMES_REMEMBERED {
            self.remembered = 0;
            self.records = Records::new(self.database);
        }
        let said = self.said(place, name)?;
        let mut statements = Vec::new();
        for one in &said {
            for names in &one.record.flaws.names {
                statements.extend(self.statement(one, names, &said)?);
            }
        }
        statements
            .sort_by(|a, b| (&a.id, &a.source, &a.vulnerability).cmp(&(&b.id, &b.source, &b.vulnerability)));
        Ok(statements)
    }

    /// The records that speak of a name, each from the first namespace where it does.
    fn said(&mut self, place: &[Namespace], name: &str) -> Result<Vec<Said>, LookupError> {
        let of_pro = place.first().is_some_and(is_of_pro);
        let mut said: Vec<Said> = Vec::new();
        let mut earlier: HashSet<Identity> = HashSet::new();
        for (position, namespace) in place.iter().enumerate() {
            let mut of_namespace: BTreeMap<u32, (Vec<Affected>, Vec<Affected>)> = BTreeMap::new();
            for candidate in self.database.candidates(namespace, name)? {
                let (denied, claimed) = of_namespace.entry(candidate.advisory).or_default();
                let is_denial = candidate.affected.status == AffectedStatus::NotAffected;
                if is_denial { denied } else { claimed }.push(candidate.affected);
            }
            let first_new = said.len();
            for (number, (denied, claimed)) in of_namespace {
                let record = self.records.record(number)?;
                if earlier.contains(&identity(&record)) {
                    continue;
                }
                let may_deny = !denied.is_empty()
                    && crate::is_distribution(namespace.ecosystem)
                    && (of_pro || !is_of_pro(namespace));
                let namespace = namespace.clone();
                said.push(Said { number, record, namespace, position, denied, claimed, may_deny });
            }
            earlier.extend(said[first_new..].iter().map(|one| identity(&one.record)));
        }
        Ok(said)
    }

    fn statement(
        &mut self,
        one: &Said,
        names: &BTreeSet<String>,
        said: &[Said],
    ) -> Result<Option<Statement>, LookupError> {
        let mut names = names.clone();
        if !names.iter().any(|name| is_cve(name)) {
            names.extend(self.records.cve_of(&names)?);
        }
        let mut entries: Vec<Entry<'_>> = one.claimed.iter().map(Entry::claim).collect();
        let own = one.denied.iter().map(|affected| {
            let strength = if is_narrow(affected) { Strength::Always } else { Strength::UnlessNarrow };
            Entry { affected, denied: Some(strength) }
        });
        entries.extend(own.filter(|_| one.may_deny || one.claimed.is_empty()));
        if !one.claimed.is_empty() {
            let denying = denying(one, &names, said);
            let scheme = one.namespace.ecosystem.scheme();
            if scheme != Scheme::Rpm && denying.iter().any(|affected| !is_narrow(affected)) {
                return Ok(None);
            }
            let denied = |affected| Entry { affected, denied: Some(Strength::Always) };
            entries.extend(denying.into_iter().map(denied));
        }
        let title = self.streams_of_title(one)?;
        let title: Vec<&str> = title.iter().map(String::as_str).collect();
        let advisory = &one.record.advisory;
        let vulnerability = best_name(&names).unwrap_or(&advisory.id).clone();
        names.remove(&vulnerability);
        let spoken = one.claimed.iter().chain(one.denied.iter().filter(|_| one.claimed.is_empty()));
        let of_package = spoken.flat_map(|affected| &affected.ratings);
        Ok(Some(Statement {
            number: one.number,
            id: advisory.id.clone(),
            source: advisory.source.clone(),
            vulnerability,
            aliases: names.into_iter().collect(),
            published_in: one.namespace.clone(),
            ranges: print(entries, &title),
            status: one.claimed.first().map_or(AffectedStatus::NotAffected, |affected| affected.status),
            fixed: newest_fix(one.namespace.ecosystem.scheme(), &one.claimed),
            ratings: of_package.chain(&advisory.ratings).cloned().collect(),
            published: advisory.published.clone(),
            modified: advisory.modified.clone(),
        }))
    }

    /// The module streams that a record's title names, where its entries name none; see [`rpm::names_another_stream`].
    fn streams_of_title(&self, one: &Said) -> Result<Vec<String>, LookupError> {
        let is_modular = |affected: &Affected| {
            let mut events = affected.ranges.iter().flat_map(|range| &range.events);
            events.any(|event| event.kind == EventKind::Fixed && rpm::is_modular(&event.version))
        };
        if one.namespace.ecosystem.scheme() != Scheme::Rpm
            || !one.claimed.iter().all(|affected| affected.module.is_empty())
            || !one.claimed.iter().any(is_modular)
        {
            return Ok(Vec::new());
        }
        Ok(rpm::streams_in(&self.records.texts(&one.record)?.summary).map(str::to_owned).collect())
    }
}

/// What other documents of the distribution deny of the flaw with these names, so that it overrules `one`. Of a flaw with
/// several CVEs all must be denied, which is only said here where they are denied for every version.
fn denying<'s>(one: &Said, names: &BTreeSet<String>, said: &'s [Said]) -> Vec<&'s Affected> {
    let naming = |name: &String| {
        let near = said.iter().filter(move |other| {
            other.may_deny
                && other.number != one.number
                && other.namespace.ecosystem == one.namespace.ecosystem
                && other.position <= one.position
        });
        let name = name.clone();
        let speaking =
            near.filter(move |other| other.record.flaws.names.iter().any(|names| names.contains(&name)));
        // Its word on all versions yields to a narrower claim of its own.
        speaking.flat_map(|other| {
            let yields = other.claimed.iter().any(is_narrow);
            other.denied.iter().filter(move |denied| !yields || is_narrow(denied))
        })
    };
    let cves: Vec<&String> = names.iter().filter(|name| is_cve(name)).collect();
    match cves[..] {
        [] => names.iter().flat_map(naming).collect(),
        [cve] => naming(cve).collect(),
        _ => {
            let whole = |cve: &&String| naming(cve).find(|affected| !is_narrow(affected));
            let found: Option<Vec<&Affected>> = cves.iter().map(whole).collect();
            found.map(|found| found.into_iter().take(1).collect()).unwrap_or_default()
        }
    }
}

fn newest_fix(scheme: Scheme, claimed: &[Affected]) -> Option<String> {
    let events = claimed.iter().flat_map(|affected| &affected.ranges).flat_map(|range| &range.events);
    let fixes = events.filter(|event| event.kind == EventKind::Fixed).map(|event| event.version.as_str());
    let newer = |a: &str, b: &str| compare(scheme, a, b).is_ok_and(std::cmp::Ordering::is_gt);
    fixes.reduce(|newest, fix| if newer(fix, newest) { fix } else { newest }).map(str::to_owned)
}
