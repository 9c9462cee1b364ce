//! Why one flaw matches a package, or does not: every comparison, and what counted in the end.

use plimsoll_model::{
    AdvisoryLookup, Affected, AffectedRange, AffectedStatus, Ecosystem, EventKind, Finding, Inventory,
    LookupError, Namespace, SeveritySource,
};
use plimsoll_version::{Affectedness, Scheme, Version, compare};

use crate::evaluation::{Judged, judge_all};
use crate::explained::{
    Comparison, EntryExplained, Explained, Explanation, Holds, Outcome, RangeExplained, RatingExplained,
    Speaks,
};
use crate::finding::Made;
use crate::flaw::canonical;
use crate::hit::{Earlier, denied_by, is_of_another_stream};
use crate::judge::{comparable, judge};
use crate::plan::{Plan, Term};
use crate::records::{Record, Records, own_names};
use crate::severity::{By, Said, worth};
use crate::{Options, rpm};

/// Everything the advisories that speak of the flaw `id` (a CVE, or any other name or advisory) say of the packages of
/// an inventory, also where it is "not affected".
///
/// For one question by a person: it asks the database of every package.
///
/// # Errors
/// [`LookupError`] where the database is damaged.
pub fn explain(
    inventory: &Inventory,
    database: &dyn AdvisoryLookup,
    id: &str,
    options: &Options,
) -> Result<Explained, LookupError> {
    let plan = Plan::new(inventory, database);
    let mut records = Records::new(database);
    let asked = Asked { id: id.to_owned(), canonical: canonical(id) };
    let mut explained = Explained {
        id: id.to_owned(),
        advisories: Vec::new(),
        findings: Vec::new(),
        severity_order: options.severity_order.to_string(),
        severity_steps: Vec::new(),
        not_affected: Vec::new(),
        undetermined: Vec::new(),
        gaps: Vec::new(),
        outcome: Outcome::NotAffected,
    };
    for (package, described) in inventory.packages.iter().enumerate() {
        let mut earlier = Earlier::default();
        for term in plan.terms(described) {
            let asking = Asking { asked: &asked, package, term: &term };
            asking.ask(&plan, database, &mut earlier, &mut records, &mut explained.advisories)?;
        }
    }

    let (judged, gaps) = judge_all(inventory, database, options)?;
    for judged in judged {
        asked.take(judged, &mut explained);
    }
    explained.gaps = gaps.into_iter().collect();
    let nobody_asked = explained.advisories.is_empty() && !plan.gaps.is_empty();
    explained.outcome = if !explained.findings.is_empty() {
        Outcome::Affected
    } else if !explained.undetermined.is_empty() || nobody_asked {
        Outcome::Undetermined
    } else {
        Outcome::NotAffected
    };
    Ok(explained)
}

/// The flaw that was asked for.
struct Asked {
    id: String,
    canonical: String,
}

impl Asked {
    fn is(&self, name: &str) -> bool {
        name == self.id || name == self.canonical
    }

    /// Keeps what was judged of this flaw.
    fn take(&self, judged: Judged, into: &mut Explained) {
        let is_any = |names: &[String]| names.iter().any(|name| self.is(name));
        match judged {
            Judged::Affected(made) => {
                let Made { finding, said, step } = *made;
                if self.is(&finding.id) || is_any(&finding.aliases) || is_any(&finding.advisories) {
                    let ratings = said.into_iter().map(|said| rating(said, &finding)).collect();
                    into.findings.push((finding, ratings));
                    into.severity_steps.push(step);
                }
            }
            Judged::NotAffected(not) => {
                if self.is(&not.id) || self.is(&not.advisory) || is_any(&not.overruled) {
                    into.not_affected.push(not);
                }
            }
            Judged::Undetermined(doubt) => {
                if self.is(&doubt.id) || self.is(&doubt.advisory) {
                    into.undetermined.push(doubt);
                }
            }
        }
    }
}

/// One question for one package.
struct Asking<'a> {
    asked: &'a Asked,
    package: usize,
    term: &'a Term,
}

impl Asking<'_> {
    fn ask(
        &self,
        plan: &Plan,
        database: &dyn AdvisoryLookup,
        earlier: &mut Earlier,
        records: &mut Records<'_>,
        out: &mut Vec<Explanation>,
    ) -> Result<(), LookupError> {
        let term = self.term;
        for namespace in &plan.places[term.place] {
            let mut candidates = database.candidates(namespace, &term.name)?;
            candidates.sort_by_key(|candidate| candidate.advisory);
            let mut spoken = Vec::new();
            for entries in candidates.chunk_by(|a, b| a.advisory == b.advisory) {
                let number = entries[0].advisory;
                let record = records.record(number)?;
                let mut names = record.flaws.names.iter().flatten().chain(own_names(&record));
                if !names.any(|name| self.asked.is(name)) {
                    continue;
                }
                spoken.push(number);
                let counts = !earlier.names(number, records)?;
                let entries: Vec<Affected> = entries.iter().map(|entry| entry.affected.clone()).collect();
                let ecosystem = namespace.ecosystem;
                out.push(Explanation {
                    package: self.package,
                    advisory: record.advisory.id.clone(),
                    source: record.advisory.source.clone(),
                    namespace: namespace.to_string(),
                    name: term.name.clone(),
                    version: term.version.clone(),
                    module: term.module.clone().unwrap_or_default(),
                    entries: self.entries(ecosystem, &entries),
                    holds: self.holds(namespace, entries, &record, records)?,
                    counts,
                });
            }
            earlier.extend(&spoken, true);
        }
        Ok(())
    }

    fn holds(
        &self,
        namespace: &Namespace,
        entries: Vec<Affected>,
        record: &Record,
        records: &Records<'_>,
    ) -> Result<Holds, LookupError> {
        let term = self.term;
        let entries = rpm::speaking(&term.version, term.module.as_deref(), entries);
        if entries.is_empty() {
            return Ok(Holds::OtherModuleStream);
        }
        let (denied, claimed): (Vec<Affected>, Vec<Affected>) =
            entries.into_iter().partition(|entry| entry.status == AffectedStatus::NotAffected);
        if let Some(reason) = denied_by(namespace, term, &denied, &claimed) {
            return Ok(Holds::NotAffected { reason });
        }
        let judged = judge(namespace.ecosystem, &term.version, term.module.as_deref(), &claimed);
        Ok(match judged {
            Affectedness::NotAffected => {
                let events = claimed.iter().flat_map(|entry| &entry.ranges).flat_map(|range| &range.events);
                Holds::No { bounds: events.map(|event| event.version.clone()).collect() }
            }
            _ if is_of_another_stream(term, &claimed, record, records)? => Holds::OtherModuleStream,
            Affectedness::Affected { fixed, range } => Holds::Yes { range, fixed },
            Affectedness::Undetermined { reason } => Holds::Undetermined { reason },
        })
    }

    fn entries(&self, ecosystem: Ecosystem, entries: &[Affected]) -> Vec<EntryExplained> {
        let (version, label) = (&self.term.version, self.term.module.as_deref());
        let speaking = rpm::speaking(version, label, entries.to_vec());
        let deciding = self.deciding(ecosystem, &speaking);
        let explained = |entry: &Affected| EntryExplained {
            speaks: if speaking.contains(entry) {
                Speaks::Yes
            } else if entry.module.is_empty() {
                Speaks::LessSpecific
            } else {
                Speaks::OtherStream
            },
            status: entry.status,
            note: entry.note.clone(),
            module: entry.module.clone(),
            ranges: entry.ranges.iter().map(|range| self.range(ecosystem, range, &deciding)).collect(),
            listed: entry.versions.len(),
            listed_match: self.listed(ecosystem, entry),
        };
        entries.iter().map(explained).collect()
    }

    /// The ranges that count among those of the entries.
    fn deciding<'e>(&self, ecosystem: Ecosystem, entries: &'e [Affected]) -> Vec<&'e AffectedRange> {
        let version = &self.term.version;
        let ranges = entries.iter().flat_map(|entry| &entry.ranges);
        let ranges = ranges.filter(|range| rpm::is_of_build(ecosystem, version, range));
        match Version::parse(Scheme::Rpm, version) {
            Ok(installed) if ecosystem.scheme() == Scheme::Rpm => {
                let labelled = self.term.module.as_ref().is_some_and(|label| !label.is_empty());
                rpm::deciding(&installed, rpm::is_modular(version) || labelled, ranges)
            }
            _ => ranges.collect(),
        }
    }

    fn range(
        &self,
        ecosystem: Ecosystem,
        range: &AffectedRange,
        deciding: &[&AffectedRange],
    ) -> RangeExplained {
        let scheme = ecosystem.scheme();
        let installed = comparable(ecosystem, &self.term.version);
        let comparisons = range.events.iter().filter(|event| event.version != "*").map(|event| {
            let (operator, bound) = match event.kind {
                EventKind::Introduced => (">=", &event.version),
                EventKind::Fixed | EventKind::Limit => ("<", &event.version),
                EventKind::LastAffected => ("<=", &event.version),
            };
            let order = match (event.kind, bound.as_str()) {
                (EventKind::Introduced, "0") => Ok(std::cmp::Ordering::Greater),
                _ => compare(scheme, &installed, bound),
            };
            let holds = order.map(|order| match operator {
                ">=" => order.is_ge(),
                "<" => order.is_lt(),
                _ => order.is_le(),
            });
            let holds = holds.map_err(|why| why.to_string());
            Comparison { operator, bound: bound.clone(), holds }
        });
        let alone = Affected {
            ranges: vec![range.clone()],
            ..Affected::new(Namespace::whole(ecosystem), self.term.name.clone())
        };
        let judged = judge(ecosystem, &self.term.version, self.term.module.as_deref(), &[alone]);
        RangeExplained {
            comparisons: comparisons.collect(),
            holds: match judged {
                Affectedness::Affected { .. } => Ok(true),
                Affectedness::NotAffected => Ok(false),
                Affectedness::Undetermined { reason } => Err(reason),
            },
            counts: deciding.contains(&range),
        }
    }

    fn listed(&self, ecosystem: Ecosystem, entry: &Affected) -> Option<String> {
        let installed = comparable(ecosystem, &self.term.version);
        let is_it = |listed: &&String| {
            **listed == *installed
                || compare(ecosystem.scheme(), listed, &installed).is_ok_and(std::cmp::Ordering::is_eq)
        };
        entry.versions.iter().find(is_it).cloned()
    }
}

fn rating(said: Said, finding: &Finding) -> RatingExplained {
    use plimsoll_model::RatingScale::{Cvss, Score, Word};
    let worth = worth(&said.rating.scale);
    let by_name = |source: &String| *source == said.rating.source;
    let used = match (&finding.severity.source, &said.rating.scale) {
        (SeveritySource::Word(source), Word(word)) => by_name(source) && *word == finding.severity.severity,
        (SeveritySource::Cvss { source, vector, .. }, Cvss(said)) => by_name(source) && vector == said,
        (SeveritySource::Score { source, score }, Score(said)) => by_name(source) && score == said,
        _ => false,
    };
    RatingExplained {
        severity: worth.map(|(severity, _)| severity),
        score: worth.and_then(|(_, score)| score),
        near: match said.by {
            By::Package => "of the package",
            By::Record => "of the flaw",
            By::Collected => "of an update",
            By::Alias => "elsewhere",
            By::Table => "in a table",
        },
        origin: said.origin,
        rating: said.rating,
        used,
    }
}
