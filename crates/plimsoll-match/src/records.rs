//! The advisories of one evaluation, each read from the database once.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use plimsoll_model::{Advisory, AdvisoryLookup, Known, LookupError, Texts};

use crate::flaw::{self, Flaws};

/// Other records of one flaw that are read for its names, severities and text.
const MAX_ALIAS_RECORDS: usize = 32;
/// Names of one flaw that other records are looked up by.
const MAX_ALIAS_NAMES: usize = 32;

/// An advisory with the flaws it names.
pub(crate) struct Record {
    number: u32,
    /// Without its texts.
    pub(crate) advisory: Advisory,
    pub(crate) flaws: Flaws,
    texts: OnceCell<Texts>,
}

pub(crate) struct Records<'a> {
    database: &'a dyn AdvisoryLookup,
    by_number: HashMap<u32, Rc<Record>>,
    by_name: HashMap<String, Rc<Known>>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(database: &'a dyn AdvisoryLookup) -> Self {
        Self { database, by_number: HashMap::new(), by_name: HashMap::new() }
    }

    pub(crate) fn record(&mut self, number: u32) -> Result<Rc<Record>, LookupError> {
        if let Some(record) = self.by_number.get(&number) {
            return Ok(Rc::clone(record));
        }
        let advisory = self.database.advisory(number)?;
        let flaws = flaw::flaws(&advisory);
        let record = Rc::new(Record { number, advisory, flaws, texts: OnceCell::new() });
        self.by_number.insert(number, Rc::clone(&record));
        Ok(record)
    }

    /// The texts of a record, read from the database once.
    pub(crate) fn texts<'r>(&self, record: &'r Record) -> Result<&'r Texts, LookupError> {
        if let Some(texts) = record.texts.get() {
            return Ok(texts);
        }
        let texts = self.database.texts(record.number)?;
        Ok(record.texts.get_or_init(|| texts))
    }

    /// IDs and sources of these documents. A document that names a package in two namespaces may have a number for
    /// each, where the database keeps them apart.
    pub(crate) fn identities(&mut self, numbers: &BTreeSet<u32>) -> Result<HashSet<Identity>, LookupError> {
        numbers.iter().map(|&number| self.record(number).map(|record| identity(&record))).collect()
    }

    /// The records that have one of `names` as ID or alias and speak of that flaw alone, sorted by ID. One that also
    /// names a CVE that is not among `names` is left out: it takes several flaws for one.
    pub(crate) fn of_flaw(&mut self, names: &BTreeSet<String>) -> Result<Vec<Rc<Record>>, LookupError> {
        let has_cve = names.iter().any(|name| flaw::is_cve(name));
        let mut records = self.named(names)?;
        records.retain(|record| {
            !has_cve || own_names(record).filter(|name| flaw::is_cve(name)).all(|cve| names.contains(cve))
        });
        records.truncate(MAX_ALIAS_RECORDS);
        Ok(records)
    }

    /// The CVE that other records give a flaw without one: `GHSA-…` in the one database, with its CVE in another.
    /// The earliest where they disagree.
    pub(crate) fn cve_of(&mut self, names: &BTreeSet<String>) -> Result<Option<String>, LookupError> {
        let records = self.named(names)?;
        let cves: BTreeSet<&String> =
            records.iter().flat_map(|record| own_names(record)).filter(|name| flaw::is_cve(name)).collect();
        Ok(flaw::best_name(cves).cloned())
    }

    fn named(&mut self, names: &BTreeSet<String>) -> Result<Vec<Rc<Record>>, LookupError> {
        let mut numbers = BTreeSet::new();
        for name in names.iter().take(MAX_ALIAS_NAMES) {
            numbers.extend(self.known(name)?.advisories.iter().copied());
        }
        let mut records = Vec::new();
        for number in numbers {
            let record = self.record(number)?;
            if !flaw::is_collected(&record.advisory.id) && own_names(&record).any(|name| names.contains(name))
            {
                records.push(record);
            }
        }
        records.sort_by(|a, b| by_name(&a.advisory, &b.advisory));
        Ok(records)
    }

    /// What is known under a name.
    pub(crate) fn known(&mut self, name: &str) -> Result<Rc<Known>, LookupError> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(Rc::clone(known));
        }
        let known = Rc::new(self.database.known(name)?);
        self.by_name.insert(name.to_owned(), Rc::clone(&known));
        Ok(known)
    }
}

/// ID and source: what makes two documents the same.
pub(crate) type Identity = (String, String);

pub(crate) fn identity(record: &Record) -> Identity {
    (record.advisory.id.clone(), record.advisory.source.clone())
}

/// The order of documents: by ID, then by source, then by their last change.
pub(crate) fn by_name(a: &Advisory, b: &Advisory) -> Ordering {
    (&a.id, &a.source, &a.modified).cmp(&(&b.id, &b.source, &b.modified))
}

/// ID and aliases: what a record says are names of its flaw.
pub(crate) fn own_names(record: &Record) -> impl Iterator<Item = &String> {
    std::iter::once(&record.advisory.id).chain(&record.advisory.aliases)
}
