//! What is to change in a store: by source and scope, held as records that are ready to be merged.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use plimsoll_advisory::Document;
use plimsoll_model::{Advisory, Epss, KevEntry, VulnerabilityScore};

use crate::derive::newest;
use crate::manifest::SourceInfo;
use crate::record::{Kind, encode_epss, encode_kev, encode_score};
use crate::split::{self, split};

/// Changes of any number of sources and scopes, which are published as one generation.
///
/// Documents are held as the compact records they become, so give them one by one, as they are read.
#[derive(Debug, Default)]
pub struct Update {
    changes: BTreeMap<(String, String), Changes>,
    reports: BTreeMap<(String, String), SourceInfo>,
    everything: bool,
}

impl Update {
    /// One that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that all old records give way to, whatever their source.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// What this source holds now of this scope: all old records of it go. An empty scope is the whole source.
    pub fn replace(&mut self, source: &str, scope: &str) -> &mut Changes {
        let changes = self.changes(source, scope);
        changes.replaces = true;
        changes
    }

    /// What has changed in this source and scope: other records of it stay.
    pub fn patch(&mut self, source: &str, scope: &str) -> &mut Changes {
        self.changes(source, scope)
    }

    fn changes(&mut self, source: &str, scope: &str) -> &mut Changes {
        let key = (source.to_owned(), scope.to_owned());
        self.changes.entry(key).or_insert_with(|| Changes::new(source, scope))
    }

    /// What the reading came to: the manifest's entry of that source and scope. Of a scope that is patched without one
    /// the old entry stays.
    pub fn report(&mut self, info: SourceInfo) {
        self.reports.insert((info.source.clone(), info.scope.clone()), info);
    }

    /// Whether there is nothing to publish.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.reports.is_empty() && !self.everything
    }

    pub(crate) fn replaces_everything(&self) -> bool {
        self.everything
    }

    /// Each source and scope that changes.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Changes> {
        self.changes.values()
    }

    pub(crate) fn reports(&self) -> impl Iterator<Item = &SourceInfo> {
        self.reports.values()
    }

    /// Whether a record of the base goes.
    pub(crate) fn drops(&self, source: &str, scope: &str) -> Dropped<'_> {
        let of = |scope: &str| self.changes.get(&(source.to_owned(), scope.to_owned()));
        let whole = of("").is_some_and(|changes| changes.replaces);
        match of(scope) {
            _ if self.everything || whole => Dropped::All,
            Some(changes) if changes.replaces => Dropped::All,
            Some(changes) => Dropped::Some(changes),
            None => Dropped::None,
        }
    }
}

/// Which records of one source and scope go.
#[derive(Clone, Copy)]
pub(crate) enum Dropped<'a> {
    All,
    Some(&'a Changes),
    None,
}

impl Dropped<'_> {
    pub(crate) fn drops(self, kind: Kind, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(changes) => changes.touches(kind, id),
            Self::None => false,
        }
    }
}

/// What is new in one source and scope.
#[derive(Debug)]
pub struct Changes {
    pub(crate) source: String,
    pub(crate) scope: String,
    replaces: bool,
    /// Names of partitions, in the order they were met, and their numbers.
    partitions: Vec<String>,
    partition_numbers: HashMap<String, u32>,
    advisories: HashMap<Box<str>, Held>,
    kev: HashMap<Box<str>, KevEntry>,
    epss: HashMap<Box<str>, Epss>,
    /// Bodies of records, by CVE.
    scores: BTreeMap<Box<str>, BTreeSet<Box<[u8]>>>,
    removed: HashSet<Box<str>>,
    replaced: u64,
    whole: bool,
}

/// The newest that is known of an ID.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    modified: Box<str>,
    /// Partition and record; `None` for a record that counts no more since that instant.
    parts: Option<Box<[Part]>>,
}

/// Number of a partition, and a record for it.
type Part = (u32, Box<[u8]>);

impl Held {
    /// Which of two records of one ID counts: the newer. Of two from one instant the withdrawn one; then the one whose
    /// bytes are greater, which is as good as any and does not depend on the order they came in.
    fn rank(&self, other: &Self) -> Ordering {
        // In a form whose order is that of time: without the `Z`, a fraction is greater than none.
        let time = |held: &Self| held.modified.strip_suffix('Z').unwrap_or(&held.modified).to_owned();
        time(self).cmp(&time(other)).then_with(|| match (&self.parts, &other.parts) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => one.iter().map(|part| &part.1).cmp(two.iter().map(|part| &part.1)),
        })
    }
}

impl Changes {
    fn new(source: &str, scope: &str) -> Self {
        Self {
            source: source.to_owned(),
            scope: scope.to_owned(),
            replaces: false,
            partitions: Vec::new(),
            partition_numbers: HashMap::new(),
            advisories: HashMap::new(),
            kev: HashMap::new(),
            epss: HashMap::new(),
            scores: BTreeMap::new(),
            removed: HashSet::new(),
            replaced: 0,
            whole: false,
        }
    }

    /// Those that become one partition, [`split::EVERYTHING`].
    pub(crate) fn whole(source: &str) -> Self {
        Self { whole: true, ..Self::new(source, "") }
    }

    /// Adds a document. Of several advisories with one ID the newest counts; one that is withdrawn takes its ID away.
    pub fn add(&mut self, document: Document) {
        match document {
            Document::Advisory(advisory) => self.advisory(*advisory),
            Document::Withdrawn { id, modified, .. } => self.withdraw(&id, &modified),
            Document::Kev(entry) => self.kev(entry),
            Document::Score(score) => self.score(&score),
            Document::Epss { id, epss } => {
                let known = self.epss.entry(id.into()).or_insert(epss);
                if (known.probability, known.percentile) < (epss.probability, epss.percentile) {
                    *known = epss;
                }
            }
        }
    }

    /// Takes away what bears this ID.
    pub fn remove(&mut self, id: &str) {
        self.removed.insert(id.into());
    }

    pub(crate) fn advisory(&mut self, mut advisory: Advisory) {
        advisory.source.clone_from(&self.source);
        let records = if self.whole {
            let body = crate::record::encode_advisory(&advisory, advisory.affected.iter(), false);
            vec![(split::EVERYTHING.to_owned(), body)]
        } else {
            split(&advisory, &self.scope)
        };
        let parts = records
            .into_iter()
            .map(|(partition, body)| (self.partition_number(partition), body.into_boxed_slice()))
            .collect();
        self.hold(&advisory.id, Held { modified: advisory.modified.into(), parts: Some(parts) });
    }

    fn partition_number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.partition_numbers.get(&name) {
            return number;
        }
        let number = u32::try_from(self.partitions.len()).expect("there are fewer names of releases");
        self.partitions.push(name.clone());
        self.partition_numbers.insert(name, number);
        number
    }

    pub(crate) fn withdraw(&mut self, id: &str, modified: &str) {
        self.hold(id, Held { modified: modified.into(), parts: None });
    }

    fn hold(&mut self, id: &str, held: Held) {
        match self.advisories.get_mut(id) {
            None => {
                self.advisories.insert(id.into(), held);
            }
            Some(known) => {
                let order = held.rank(known);
                self.replaced += u64::from(order.is_ne());
                if order.is_gt() {
                    *known = held;
                }
            }
        }
    }

    pub(crate) fn kev(&mut self, entry: KevEntry) {
        // Of several for one CVE the greatest by day, then by all else, whatever the order they came in.
        let rank = |entry: &KevEntry| (entry.date_added.clone(), format!("{entry:?}"));
        let known = self.kev.get(&*entry.id);
        if known.is_none_or(|known| rank(known) < rank(&entry)) {
            self.kev.insert(entry.id.clone().into(), entry);
        }
    }

    pub(crate) fn score(&mut self, score: &VulnerabilityScore) {
        let of_id = self.scores.entry(score.id.as_str().into()).or_default();
        of_id.insert(encode_score(score).into());
    }

    /// How often an ID was met again with another content.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    pub(crate) fn replaces(&self) -> bool {
        self.replaces
    }

    /// Whether an old record of this source and scope goes, where these are a patch.
    fn touches(&self, kind: Kind, id: &str) -> bool {
        self.removed.contains(id)
            || match kind {
                Kind::Advisory | Kind::Texts => self.advisories.contains_key(id),
                Kind::Kev => self.kev.contains_key(id),
                Kind::Score => self.scores.contains_key(id),
                Kind::Epss => self.epss.contains_key(id),
            }
    }

    /// The IDs of which old records go, where these are a patch.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &str> {
        self.removed
            .iter()
            .chain(self.advisories.keys())
            .chain(self.kev.keys())
            .chain(self.scores.keys())
            .chain(self.epss.keys())
            .map(|id| &**id)
    }

    /// Calls `visit` with the partition and the body of each record, in no order.
    pub(crate) fn each_record<'a>(&'a self, mut visit: impl FnMut(&'a str, std::borrow::Cow<'a, [u8]>)) {
        let name = |own: &'static str| if self.whole { split::EVERYTHING } else { own };
        for (id, held) in &self.advisories {
            if self.removed.contains(id) {
                continue;
            }
            for (partition, body) in held.parts.iter().flatten() {
                visit(&self.partitions[*partition as usize], (&**body).into());
            }
        }
        for entry in self.kev.values() {
            visit(name(split::FLAWS), encode_kev(entry).into());
        }
        for body in self.scores.values().flatten() {
            visit(name(split::FLAWS), (&**body).into());
        }
        for (id, epss) in &self.epss {
            visit(name(split::EPSS), encode_epss(id, *epss).into());
        }
    }

    /// Newest `modified` of its advisories, see [`crate::Info::newest_advisory`]; of a catalogue its newest day.
    pub(crate) fn newest(&self) -> String {
        let instants = self.advisories.values().map(|held| &*held.modified);
        let newest = newest(instants.filter(|instant| !instant.is_empty()).collect());
        if !newest.is_empty() {
            return newest;
        }
        self.kev.values().map(|entry| &entry.date_added).max().cloned().unwrap_or_default()
    }

    /// How many advisories and facts it adds.
    pub(crate) fn usable(&self) -> u64 {
        let advisories = self.advisories.values().filter(|held| held.parts.is_some()).count();
        // A document of NVD is an advisory and a score.
        let scores = self.scores.keys().filter(|id| !self.advisories.contains_key(*id)).count();
        (advisories + self.kev.len() + scores + self.epss.len()) as u64
    }
}
