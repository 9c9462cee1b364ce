//! Collects records for a single file; the newest of each ID and source counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_advisory::{Document, ReadReport, SOURCES};
use plimsoll_model::{Advisory, KevEntry, LookupError, VulnerabilityScore};

use crate::block::{BlockReader, Frame, unpack};
use crate::derive::{Built, build};
use crate::dictionary::Dictionary;
use crate::info::BuildReport;
use crate::manifest::SourceInfo;
use crate::merge::{Merged, NewRecord, merge, sort};
use crate::split::EVERYTHING;
use crate::update::{Changes, Update};
use crate::{Error, file};

/// Sources that facts are of where they are added one by one, without a name.
const KEV: &str = "kev";
const CVE_SEVERITY: &str = "cve-severity";
const EPSS: &str = "epss";
/// The source that repeats records by ecosystem, which is the scope in a store.
const OSV: &str = "osv";

/// Collects advisories, scores and exploited vulnerabilities, and writes them as one file, or as a store's generation.
///
/// The file is a function of what was added: neither the order nor how often a record was added changes a byte.
#[derive(Debug, Default)]
pub struct Builder {
    sources: BTreeMap<String, Changes>,
    read: ReadReport,
    by_source: BTreeMap<&'static str, ReadReport>,
}

impl Builder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn source(&mut self, name: &str) -> &mut Changes {
        self.sources.entry(name.to_owned()).or_insert_with(|| Changes::whole(name))
    }

    /// Adds an advisory. Of several with one ID and source the newest counts.
    pub fn add(&mut self, advisory: Advisory) {
        self.source(&advisory.source.clone()).advisory(advisory);
    }

    /// Notes that a record of that source was taken back at that instant: older copies of it do not count.
    pub fn withdraw(&mut self, source: &str, id: &str, modified: &str) {
        self.source(source).withdraw(id, modified);
    }

    /// Adds a known exploited vulnerability.
    pub fn add_kev(&mut self, entry: KevEntry) {
        self.source(KEV).kev(entry);
    }

    /// Adds a severity of a CVE by itself.
    pub fn add_score(&mut self, score: &VulnerabilityScore) {
        self.source(CVE_SEVERITY).score(score);
    }

    /// Adds whatever a source holds.
    pub fn add_document(&mut self, document: Document) {
        let source = match &document {
            Document::Advisory(advisory) => advisory.source.clone(),
            Document::Withdrawn { source, .. } => source.clone(),
            Document::Kev(_) => KEV.to_owned(),
            Document::Score(_) => CVE_SEVERITY.to_owned(),
            Document::Epss { .. } => EPSS.to_owned(),
        };
        self.source(&source).add(document);
    }

    /// Adds everything that is found below `paths`, see [`plimsoll_advisory::read`]. May be called once: the report
    /// of the last call is the one that is kept.
    pub fn read(&mut self, paths: &[PathBuf]) -> Result<&ReadReport, Error> {
        let readings = plimsoll_advisory::read_by_source(paths, &mut |document| self.add_document(document))?;
        self.read = readings.total();
        self.by_source = readings.sources;
        Ok(&self.read)
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(self.build()?.into_bytes())
    }

    /// Writes the file to `path`. Folders that are missing are made. A file that is there is replaced in one step: who
    /// has it open keeps the old one.
    ///
    /// Where `path` is a folder or ends in `/`, it becomes a store, or its next generation, which holds what was added
    /// here and nothing else.
    pub fn write(self, path: &Path) -> Result<BuildReport, Error> {
        if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return self.write_store(path);
        }
        let built = self.build()?;
        let parts: Vec<&[u8]> =
            std::iter::once(&built.header).chain(&built.sections).map(Vec::as_slice).collect();
        file::write(path, &parts).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        Ok(BuildReport {
            digest: plimsoll_model::Digest::sha256(&built.content).to_string(),
            size_bytes: built.size_bytes(),
            replaced: self.replaced(),
            info: built.info,
            read: self.read,
        })
    }

    fn replaced(&self) -> u64 {
        self.sources.values().map(Changes::replaced).sum()
    }

    fn build(&self) -> Result<Built, Error> {
        let mut records = Vec::new();
        for changes in self.sources.values() {
            changes.each_record(|_, body| {
                records.push(NewRecord { source: &changes.source, scope: "", body });
            });
        }
        sort(&mut records);
        let Merged { dictionary, frames } = merge(None, &Update::new(), &records)?;
        build(EVERYTHING, &dictionary, &frames, left_out(&self.read))
    }

    fn write_store(self, path: &Path) -> Result<BuildReport, Error> {
        let replaced = self.replaced();
        let mut update = Update::everything();
        for (source, changes) in &self.sources {
            changes.add_to(source, &mut update)?;
        }
        for (name, report) in &self.by_source {
            let about = SOURCES.iter().map(|source| source.about()).find(|about| about.name == *name);
            let licence = about.map_or("", |about| about.licence);
            update.report(SourceInfo::new(name, "", licence, report));
        }
        let generation = crate::Store::at(path).publish(&update)?;
        let snapshot = generation.open_all()?;
        let mut info = snapshot.info()?;
        info.left_out = left_out(&self.read);
        Ok(BuildReport {
            digest: generation.digest().to_string(),
            size_bytes: snapshot.size_bytes(),
            replaced,
            info,
            read: self.read,
        })
    }

    /// The bytes of the file of a partition with these packed blocks, in their order, byte for byte: what is derived from
    /// them is derived again. `dictionary` is what [`crate::Database::dictionary_bytes`] gives, which is empty where there is none.
    ///
    /// # Errors
    /// [`Error::Block`] for what is no block, not one of records in ascending order, or packed with another dictionary.
    pub fn from_blocks(
        name: &str,
        dictionary: &[u8],
        blocks: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Vec<u8>, Error> {
        let dictionary = read_dictionary(name, dictionary)?;
        let frames: Vec<Frame<'static>> =
            blocks.into_iter().map(|block| read_frame(name, &dictionary, block)).collect::<Result<_, _>>()?;
        Ok(build(name, &dictionary, &frames, BTreeMap::new())?.into_bytes())
    }
}

fn bad_block(partition: &str) -> impl Fn(LookupError) -> Error {
    move |error| Error::Block { partition: partition.to_owned(), reason: error.reason }
}

/// A dictionary from anywhere.
pub(crate) fn read_dictionary(partition: &str, section: &[u8]) -> Result<Dictionary, Error> {
    Dictionary::read(section).map_err(bad_block(partition))
}

/// A packed block from anywhere, with its digest and number of records.
pub(crate) fn read_frame(
    partition: &str,
    dictionary: &Dictionary,
    block: Vec<u8>,
) -> Result<Frame<'static>, Error> {
    use sha2::{Digest as _, Sha256};
    let bad = bad_block(partition);
    let unpacked = unpack(&block, dictionary).map_err(&bad)?;
    let records = BlockReader::new(&unpacked).map_err(&bad)?.count_left();
    Ok(Frame {
        digest: Sha256::digest(&unpacked).into(),
        bytes: block.into(),
        records: u32::try_from(records).expect("no more records than bytes, which are 64 MiB at most"),
        unpacked_bytes: u32::try_from(unpacked.len()).expect("64 MiB at most"),
        unpacked: None,
    })
}

fn left_out(read: &ReadReport) -> BTreeMap<String, u64> {
    let mut left_out = BTreeMap::new();
    for (what, count) in [
        ("records that are withdrawn", read.withdrawn),
        ("records without a package that can be looked up", read.empty),
        ("records and rows that cannot be read", read.failed),
    ] {
        if count > 0 {
            left_out.insert(what.to_owned(), count);
        }
    }
    left_out.extend(read.skipped.iter().map(|(skip, &count)| (skip.to_string(), count)));
    left_out
}

impl Changes {
    /// The same, as changes of a store, where OSV's records are kept by ecosystem.
    fn add_to(&self, source: &str, update: &mut Update) -> Result<(), Error> {
        let mut failed = None;
        if source != OSV {
            update.replace(source, "");
        }
        self.each_record(|_, body| {
            let document = match crate::record::decode(&body, source) {
                Ok(document) => document,
                Err(error) => {
                    failed = Some(error);
                    return;
                }
            };
            match document {
                Document::Advisory(advisory) if source == OSV => {
                    let mut ecosystems: Vec<&'static str> = advisory
                        .affected
                        .iter()
                        .map(|affected| affected.namespace.ecosystem.name())
                        .collect();
                    ecosystems.sort_unstable();
                    ecosystems.dedup();
                    if ecosystems.is_empty() {
                        ecosystems.push("");
                    }
                    for scope in ecosystems {
                        update.replace(source, scope).advisory((*advisory).clone());
                    }
                }
                document => update.replace(source, "").add(document),
            }
        });
        match failed {
            None => Ok(()),
            Some(error) => Err(Error::Block { partition: EVERYTHING.to_owned(), reason: error.reason }),
        }
    }
}
