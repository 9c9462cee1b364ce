//! Open partitions, asked as one database.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use plimsoll_model::{
    Advisory, AdvisoryLookup, Candidate, DatabaseInfo, Digest, Ecosystem, Known, LookupError, Namespace,
    Texts,
};

use crate::database::MAX_IDENTITIES_BYTES;
use crate::generation::Generation;
use crate::info::Info;
use crate::manifest::Manifest;
use crate::split::texts_partition_of;
use crate::store::Store;
use crate::{Database, Entries, Error, filter};

/// Open partitions of one generation, or a single file. Any number of threads may ask it.
///
/// The numbers of a partition's documents follow those of the one before. A document that stands in several partitions
/// is found once by its names, in the first of them; one whose texts are kept for several releases comes with them.
#[derive(Debug)]
pub struct Snapshot {
    /// `None` for a single file.
    generation: Option<Generation>,
    /// Each with the number of its first document.
    databases: Vec<(u32, Database)>,
    /// By name, to its place.
    names: HashMap<String, usize>,
    namespaces: HashMap<Namespace, usize>,
}

/// Opens a database: a file, or a folder that is a store or has a file named [`crate::FILE_NAME`] in it.
///
/// Of a store the current generation is opened, or the one with that digest, and of this the partitions that these
/// namespaces need; `None` opens all.
///
/// # Errors
/// [`Error`] for what cannot be opened, and where `digest` is not that of the file or of one of the store's generations.
pub fn open(path: &Path, wanted: Option<&[Namespace]>, digest: Option<&Digest>) -> Result<Snapshot, Error> {
    if !Store::is_store(path) {
        let database = Database::open(path)?;
        if let Some(digest) = digest
            && database.content_digest() != *digest
        {
            let found = format!("a file with digest `{}`", database.content_digest());
            return Err(Error::NoGeneration { path: path.to_owned(), digest: digest.clone(), found });
        }
        return Snapshot::of_file(database);
    }
    let store = Store::at(path);
    let mut before = None;
    loop {
        let generation = match digest {
            Some(digest) => store.generation(digest)?.ok_or_else(|| {
                let found = match store.numbers() {
                    Ok(numbers) => format!("{} others", numbers.len()),
                    Err(_) => "others".to_owned(),
                };
                Error::NoGeneration { path: path.to_owned(), digest: digest.clone(), found }
            })?,
            None => store.current()?.ok_or_else(|| Error::Empty { path: path.to_owned() })?,
        };
        let opened = match wanted {
            Some(wanted) => generation.open(wanted),
            None => generation.open_all(),
        };
        match opened {
            // It may have been pruned since it was listed, if there is a newer one by now.
            Err(Error::Partition { .. }) if before != Some(generation.number()) => {
                before = Some(generation.number());
            }
            opened => return opened,
        }
    }
}

impl Snapshot {
    pub(crate) fn of_file(database: Database) -> Result<Self, Error> {
        Self::new(None, vec![database])
    }

    pub(crate) fn of_generation(generation: Generation, databases: Vec<Database>) -> Result<Self, Error> {
        Self::new(Some(generation), databases)
    }

    fn new(generation: Option<Generation>, opened: Vec<Database>) -> Result<Self, Error> {
        let mut databases = Vec::with_capacity(opened.len());
        let (mut names, mut namespaces) = (HashMap::new(), HashMap::new());
        let mut first = 0_u32;
        for (place, database) in opened.into_iter().enumerate() {
            names.insert(database.name().to_owned(), place);
            for namespace in database.namespaces() {
                namespaces.entry(namespace.clone()).or_insert(place);
            }
            let count = database.document_count();
            let next = first.checked_add(count).ok_or(Error::TooMuch {
                what: "advisories",
                limit: u64::from(u32::MAX),
                found: u64::from(first) + u64::from(count),
            })?;
            databases.push((first, database));
            first = next;
        }
        Ok(Self { generation, databases, names, namespaces })
    }

    /// The partitions that are open.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.iter().map(|(_, database)| database)
    }

    /// The manifest; `None` for a single file.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.generation.as_ref().map(Generation::manifest)
    }

    /// The generation; `None` for a single file.
    pub fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// The file, or the folder of the store.
    pub fn path(&self) -> &Path {
        match (&self.generation, self.databases.first()) {
            (Some(generation), _) => generation.store().path(),
            (None, Some((_, database))) => database.path(),
            (None, None) => Path::new(""),
        }
    }

    /// Digest of the database: of the manifest, or of the file's content.
    pub fn digest(&self) -> Digest {
        match (&self.generation, self.databases.first()) {
            (None, Some((_, database))) => database.digest(),
            (Some(generation), _) => generation.digest().clone(),
            (None, None) => crate::manifest::digest_of(&[]),
        }
    }

    /// Bytes of the files that are open.
    pub fn size_bytes(&self) -> u64 {
        self.databases().map(Database::size_bytes).sum()
    }

    /// Checks every byte of the partitions that are open.
    pub fn verify(&self) -> Result<(), Error> {
        self.databases().try_for_each(Database::verify)
    }

    /// The namespaces that can be asked, sorted.
    pub fn namespaces(&self) -> Vec<&Namespace> {
        let mut namespaces: Vec<&Namespace> = self.namespaces.keys().collect();
        namespaces.sort_unstable();
        namespaces
    }

    /// What reports say of the database. When it was compared with its sources last is known to the updater alone.
    pub fn database_info(&self) -> Result<DatabaseInfo, Error> {
        match (self.manifest(), self.databases.first()) {
            (Some(manifest), _) => Ok(DatabaseInfo {
                digest: self.digest().to_string(),
                updated: String::new(),
                newest_advisory: manifest.newest_advisory.clone(),
                advisories: manifest.advisories,
            }),
            (None, Some((_, database))) => database.database_info(),
            (None, None) => Ok(DatabaseInfo::default()),
        }
    }

    /// Newest `modified` of what is open of an ecosystem, see [`Info::newest_advisory`]; empty where it holds none of it.
    pub fn newest_advisory(&self, ecosystem: Ecosystem) -> Result<String, Error> {
        let mut newest = String::new();
        for database in self.databases() {
            if database.namespaces().any(|namespace| namespace.ecosystem == ecosystem) {
                let info = database.info()?;
                let of_partition = info.ecosystems.get(ecosystem.name());
                let time = |text: &str| text.trim_end_matches('Z').to_owned();
                if let Some(more) = of_partition.filter(|more| time(&newest) < time(&more.newest_advisory)) {
                    newest.clone_from(&more.newest_advisory);
                }
            }
        }
        Ok(newest)
    }

    /// Entries of the catalogue of known exploited vulnerabilities in what is open; 0 where nobody brought it.
    pub fn kev_entries(&self) -> Result<u64, Error> {
        self.databases().try_fold(0, |sum, database| Ok(sum + database.info()?.kev_entries))
    }

    /// What is open, in numbers. The newest advisory is that of the whole generation. IDs are counted in each partition.
    pub fn info(&self) -> Result<Info, Error> {
        if let (None, [(_, database)]) = (&self.generation, &self.databases[..]) {
            return database.info();
        }
        let mut sum = Info::default();
        let mut origins: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut seen: HashMap<String, HashSet<u64>> = HashMap::new();
        let mut all: HashSet<u64> = HashSet::new();
        for database in self.databases() {
            let info = database.info()?;
            sum.tool_version = sum.tool_version.max(info.tool_version);
            for (sum, more) in [
                (&mut sum.records, info.records),
                (&mut sum.packages, info.packages),
                (&mut sum.entries, info.entries),
                (&mut sum.ranges, info.ranges),
                (&mut sum.ids, info.ids),
                (&mut sum.kev_entries, info.kev_entries),
                (&mut sum.scored, info.scored),
                (&mut sum.epss, info.epss),
                (&mut sum.blocks, info.blocks),
                (&mut sum.size_bytes, info.size_bytes),
                (&mut sum.unpacked_bytes, info.unpacked_bytes),
            ] {
                *sum += more;
            }
            sum.newest_kev = sum.newest_kev.max(info.newest_kev);
            for origin in info.origins {
                *origins.entry((origin.source, origin.scope)).or_default() += origin.records;
            }
            for (name, count) in info.databases {
                *sum.databases.entry(name).or_default() += count;
            }
            for (name, count) in info.namespaces {
                *sum.namespaces.entry(name).or_default() += count;
            }
            let identities: Vec<u64> = database
                .identities()
                .collect::<Result<_, _>>()
                .map_err(|error| Error::damaged(database.path(), error))?;
            all.extend(&identities);
            let is_one = info.ecosystems.len() == 1;
            for (name, more) in info.ecosystems {
                let ecosystem = sum.ecosystems.entry(name.clone()).or_default();
                ecosystem.packages += more.packages;
                ecosystem.entries += more.entries;
                ecosystem.advisories += more.advisories;
                let time = |text: &str| text.trim_end_matches('Z').to_owned();
                if time(&ecosystem.newest_advisory) < time(&more.newest_advisory) {
                    ecosystem.newest_advisory = more.newest_advisory;
                }
                if is_one {
                    let seen = seen.entry(name).or_default();
                    seen.extend(&identities);
                    ecosystem.advisories = seen.len() as u64;
                }
            }
        }
        sum.advisories = all.len() as u64;
        let as_origin = |((source, scope), records)| crate::info::Origin { source, scope, records };
        sum.origins = origins.into_iter().map(as_origin).collect();
        if let Some(manifest) = self.manifest() {
            sum.newest_advisory.clone_from(&manifest.newest_advisory);
            for source in &manifest.sources {
                for (what, count) in [
                    ("records that are withdrawn", source.withdrawn),
                    ("records without a package that can be looked up", source.empty),
                    ("records and rows that cannot be read", source.failed),
                ] {
                    if count > 0 {
                        *sum.left_out.entry(what.to_owned()).or_default() += count;
                    }
                }
                for (what, count) in &source.skipped {
                    *sum.left_out.entry(what.clone()).or_default() += count;
                }
            }
        }
        Ok(sum)
    }

    /// As [`AdvisoryLookup::candidates`], without an allocation. The numbers are those of the partition: `0` is the
    /// first advisory of [`Database`], which comes with them.
    pub fn entries(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<(&Database, Entries<'_>)>, LookupError> {
        match self.database_of(namespace)? {
            None => Ok(None),
            Some((_, database)) => Ok(Some((database, database.entries(namespace, name)?))),
        }
    }

    /// What the namespace's partition says, with the numbers of all.
    fn candidates_of(
        &self,
        namespace: &Namespace,
        ask: impl FnOnce(&Database) -> Result<Vec<Candidate>, LookupError>,
    ) -> Result<Vec<Candidate>, LookupError> {
        let Some((first, database)) = self.database_of(namespace)? else { return Ok(Vec::new()) };
        let mut candidates = ask(database)?;
        for candidate in &mut candidates {
            candidate.advisory = candidate.advisory.saturating_add(*first);
        }
        Ok(candidates)
    }

    fn database_of(&self, namespace: &Namespace) -> Result<Option<&(u32, Database)>, LookupError> {
        if let Some(&place) = self.namespaces.get(namespace) {
            return Ok(self.databases.get(place));
        }
        // A partition that is there and was not opened must not look like one without flaws.
        match self.manifest().filter(|manifest| manifest.covers(namespace)) {
            Some(_) if !self.names.contains_key(&crate::split::partition_of(namespace)) => {
                let reason = format!("expected partition `{namespace}` to be opened, found others");
                Err(LookupError { reason })
            }
            _ => Ok(None),
        }
    }

    /// The partition that a number belongs to, and the number in it.
    fn place_of(&self, number: u32) -> Result<(&Database, u32), LookupError> {
        let place = self.databases.partition_point(|(first, _)| *first <= number);
        let found = place.checked_sub(1).and_then(|place| self.databases.get(place));
        let (first, database) = found.ok_or_else(|| LookupError {
            reason: format!("expected an advisory of number {number}, found none"),
        })?;
        Ok((database, number - first))
    }
}

impl AdvisoryLookup for Snapshot {
    fn covers(&self, namespace: &Namespace) -> bool {
        self.namespaces.contains_key(namespace)
            || self.manifest().is_some_and(|manifest| manifest.covers(namespace))
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        self.candidates_of(namespace, |database| database.candidates(namespace, name))
    }

    fn candidates_for(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<Vec<Candidate>, LookupError> {
        self.candidates_of(namespace, |database| database.candidates_for(namespace, name, version))
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        let (database, number) = self.place_of(number)?;
        database.advisory(number)
    }

    fn texts(&self, number: u32) -> Result<Texts, LookupError> {
        let (database, number) = self.place_of(number)?;
        if let Some(texts) = database.own_texts(number)? {
            return Ok(texts);
        }
        let place = texts_partition_of(database.name()).and_then(|name| self.names.get(name));
        let Some((_, elsewhere)) = place.and_then(|&place| self.databases.get(place)) else {
            return Ok(Texts::default());
        };
        let Advisory { id, source, .. } = database.advisory(number)?;
        Ok(elsewhere.texts_of(&id, &source)?.unwrap_or_default())
    }

    fn known(&self, id: &str) -> Result<Known, LookupError> {
        let hash = filter::hash(id);
        let mut sum = Known::default();
        let mut seen = HashSet::new();
        let mut room = MAX_IDENTITIES_BYTES;
        for (first, database) in &self.databases {
            let known = database.known_by_hash(id, hash)?;
            for number in known.advisories {
                if seen.insert(database.identity(number, &mut room)?) {
                    sum.advisories.push(first.saturating_add(number));
                }
            }
            for rating in known.scores {
                if !sum.scores.contains(&rating) {
                    sum.scores.push(rating);
                }
            }
            sum.kev = sum.kev.or(known.kev);
            sum.epss = sum.epss.or(known.epss);
        }
        Ok(sum)
    }
}
