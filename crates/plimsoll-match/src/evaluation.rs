//! One evaluation: groups of packages that are the same, judged flaw by flaw.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use plimsoll_model::{
    AdvisoryLookup, Gap, Inventory, LookupError, NotAffected, Package, PackageKind, Undetermined,
};

use crate::Options;
use crate::denials;
use crate::finding::{self, Made};
use crate::flaw::{best_name, is_cve};
use crate::hit::{Answers, Denial, Earlier, Hit};
use crate::plan::Plan;
use crate::records::{Records, by_name};
use crate::severity::Scores;

/// Threads that judge.
const MAX_THREADS: usize = 16;
/// Groups of packages for each of which there is a thread: fewer are judged before another one has begun.
const GROUPS_OF_THREAD: usize = 64;
/// Groups that a thread takes at once.
const GROUPS_AT_ONCE: usize = 16;

/// What becomes of one flaw in one group of packages.
pub(crate) enum Judged {
    Affected(Box<Made>),
    NotAffected(NotAffected),
    Undetermined(Undetermined),
}

/// What one thread judged, each with the place of its first group, and its gaps; or the place where it failed.
type OfThread = Result<(Vec<(usize, Vec<Judged>)>, BTreeSet<Gap>), (usize, LookupError)>;

/// Judges all packages of an inventory, on all processors: what becomes of each flaw, in the order of packages, and the
/// packages that nobody could judge and ratings that could not be read.
pub(crate) fn judge_all(
    inventory: &Inventory,
    database: &dyn AdvisoryLookup,
    options: &Options,
) -> Result<(Vec<Judged>, BTreeSet<Gap>), LookupError> {
    let plan = Plan::new(inventory, database);
    let groups = groups(inventory);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS).min(groups.len() / GROUPS_OF_THREAD);
    // Neighbours share sources and records, so they are judged together.
    let next = AtomicUsize::new(0);
    let judge = || -> OfThread {
        let mut evaluation = Evaluation::new(inventory, database, options, &plan);
        let mut judged = Vec::new();
        loop {
            let start = next.fetch_add(GROUPS_AT_ONCE, Relaxed).min(groups.len());
            let of_thread = &groups[start..groups.len().min(start + GROUPS_AT_ONCE)];
            if of_thread.is_empty() {
                return Ok((judged, evaluation.gaps));
            }
            let mut of_groups = Vec::new();
            for packages in of_thread {
                evaluation.judge(packages, &mut |one| of_groups.push(one)).map_err(|error| (start, error))?;
            }
            judged.push((start, of_groups));
        }
    };
    let mut gaps: BTreeSet<Gap> = plan.gaps.iter().cloned().collect();
    let mut judged = Vec::new();
    let done: Vec<OfThread> = if threads <= 1 {
        vec![judge()]
    } else {
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(judge)).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().map(join).collect()
        })
    };
    let mut failed: Option<(usize, LookupError)> = None;
    for done in done {
        match done {
            Ok((mut more, more_gaps)) => {
                judged.append(&mut more);
                gaps.extend(more_gaps);
            }
            // Of several the first in the order of packages: groups are taken in order, so that it was met.
            Err(error) if failed.as_ref().is_none_or(|(start, _)| error.0 < *start) => failed = Some(error),
            Err(_) => {}
        }
    }
    if let Some((_, error)) = failed {
        return Err(error);
    }
    judged.sort_unstable_by_key(|(start, _)| *start);
    Ok((judged.into_iter().flat_map(|(_, of_groups)| of_groups).collect(), gaps))
}

/// The state of one thread's evaluation.
struct Evaluation<'a> {
    inventory: &'a Inventory,
    options: &'a Options,
    plan: &'a Plan,
    answers: Answers<'a>,
    records: Records<'a>,
    scores: Scores,
    gaps: BTreeSet<Gap>,
}

impl<'a> Evaluation<'a> {
    fn new(
        inventory: &'a Inventory,
        database: &'a dyn AdvisoryLookup,
        options: &'a Options,
        plan: &'a Plan,
    ) -> Self {
        let (answers, records) = (Answers::new(database), Records::new(database));
        let (scores, gaps) = (Scores::default(), BTreeSet::new());
        Self { inventory, options, plan, answers, records, scores, gaps }
    }

    fn judge(&mut self, packages: &[usize], take: &mut impl FnMut(Judged)) -> Result<(), LookupError> {
        let (hits, denials) = self.said_of(packages)?;
        if hits.is_empty() {
            return Ok(());
        }
        let denials = denials::read(&denials, &mut self.records)?;
        for (names, of_flaw) in flaws(&hits, &mut self.records)? {
            let (overruled, of_flaw): (Vec<&Hit>, Vec<&Hit>) =
                of_flaw.into_iter().partition(|hit| denials.overrule(&names, hit));
            if of_flaw.is_empty() {
                take(Judged::NotAffected(denials.not_affected(&names, &overruled, packages[0])));
                continue;
            }
            let holding: Vec<&Hit> = of_flaw.iter().copied().filter(|hit| hit.range.is_ok()).collect();
            take(if holding.is_empty() {
                Judged::Undetermined(undetermined(&names, of_flaw[0], packages[0]))
            } else {
                let (records, scores, gaps) = (&mut self.records, &mut self.scores, &mut self.gaps);
                let packages = packages.to_owned();
                let made = finding::finding(&names, &holding, packages, self.options, records, scores, gaps)?;
                Judged::Affected(Box::new(made))
            });
        }
        Ok(())
    }

    /// What the documents say of a group of packages: those that hold or may hold, sorted by advisory, and those that say
    /// it is not affected.
    fn said_of(&mut self, packages: &[usize]) -> Result<(Vec<Rc<Hit>>, Vec<Denial>), LookupError> {
        let mut hits: BTreeMap<u32, Rc<Hit>> = BTreeMap::new();
        let mut denials: BTreeMap<u32, (usize, Denial)> = BTreeMap::new();
        let mut asked = BTreeSet::new();
        for &index in packages {
            let mut spoken = Earlier::default();
            let terms = self.plan.terms(&self.inventory.packages[index]);
            if !asked.insert(terms.clone()) {
                continue;
            }
            for term in &terms {
                let answer = self.answers.answer(self.plan, term, &mut self.records)?;
                for (number, hit) in &answer.hits {
                    if !spoken.names(*number, &mut self.records)? {
                        hits.entry(*number).or_insert_with(|| Rc::clone(hit));
                    }
                }
                for denial in &answer.denials {
                    if !spoken.names(denial.number, &mut self.records)? {
                        denials.entry(denial.number).or_insert_with(|| (0, denial.clone())).0 += 1;
                    }
                }
                if terms.len() > 1 {
                    spoken.extend(&answer.spoken, self.plan.places[term.place].len() > 1);
                }
            }
        }
        let mut hits: Vec<Rc<Hit>> = hits.into_values().collect();
        hits.sort_by(|a, b| by_name(&a.record.advisory, &b.record.advisory));
        // Of packages that are the same in name and version but not in source or module, it must be said of each.
        let said_of_all = |(times, denial): (usize, Denial)| (times == asked.len()).then_some(denial);
        Ok((hits, denials.into_values().filter_map(said_of_all).collect()))
    }
}

/// A package as it is judged: the same in every path and architecture.
type Key = (PackageKind, String, String);

/// Indexes of the packages that are the same, in the order of kind, normalized name and version.
fn groups(inventory: &Inventory) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, package) in inventory.packages.iter().enumerate() {
        // What a distribution installed is judged apart from the same thing installed beside it.
        if package.kind.is_os() || package.owner.is_none() {
            groups.entry(key(package)).or_default().push(index);
        }
    }
    groups.into_values().collect()
}

fn key(package: &Package) -> Key {
    let name = match package.kind.ecosystem() {
        Some(ecosystem) => ecosystem.normalize_name(&package.name).into_owned(),
        None => package.name.clone(),
    };
    (package.kind, name, package.version.clone())
}

/// All names of a flaw, and the hits that name it.
type Flaw<'h> = (BTreeSet<String>, Vec<&'h Hit>);

/// The flaws that hits speak of, each once: all its names, and the hits that name it, sorted by advisory.
///
/// Two records speak of the same flaw if they share a name of it. A flaw that no record here gives a CVE gets the
/// one that other records of the database give it.
fn flaws<'h>(hits: &'h [Rc<Hit>], records: &mut Records<'_>) -> Result<Vec<Flaw<'h>>, LookupError> {
    let mut clusters: Vec<Option<(BTreeSet<String>, BTreeSet<usize>)>> = Vec::new();
    let mut cluster_of: HashMap<String, usize> = HashMap::new();
    for (index, hit) in hits.iter().enumerate() {
        for names in &hit.record.flaws.names {
            let mut names = names.clone();
            if !names.iter().any(|name| is_cve(name)) {
                names.extend(records.cve_of(&names)?);
            }
            let mut members = BTreeSet::from([index]);
            let met: BTreeSet<usize> =
                names.iter().filter_map(|name| cluster_of.get(name).copied()).collect();
            for old in met {
                if let Some((other_names, other_members)) = clusters[old].take() {
                    names.extend(other_names);
                    members.extend(other_members);
                }
            }
            for name in &names {
                cluster_of.insert(name.clone(), clusters.len());
            }
            clusters.push(Some((names, members)));
        }
    }
    let with_hits = |(names, members): (BTreeSet<String>, BTreeSet<usize>)| {
        (names, members.into_iter().map(|index| &*hits[index]).collect())
    };
    Ok(clusters.into_iter().flatten().map(with_hits).collect())
}

fn undetermined(names: &BTreeSet<String>, hit: &Hit, package: usize) -> Undetermined {
    Undetermined {
        id: best_name(names).cloned().unwrap_or_else(|| hit.record.advisory.id.clone()),
        advisory: hit.record.advisory.id.clone(),
        package,
        reason: hit.range.clone().err().unwrap_or_default(),
    }
}
