//! An open database.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use plimsoll_advisory::Document;
use plimsoll_model::{
    Advisory, AdvisoryLookup, Candidate, DatabaseInfo, Digest, Ecosystem, Known, LookupError, Namespace,
    Texts,
};
use sha2::{Digest as _, Sha256};

use crate::block::{BlockReader, BlockRecord, unpack};
use crate::bytes::Reader;
use crate::derive::MAX_NAME_BYTES;
use crate::dictionary::Dictionary;
use crate::documents::{BlockCache, Documents, StoredBlock};
use crate::entries::{self, Entries};
use crate::heads::{Head, Heads};
use crate::ids::{self, IdRecord};
use crate::info::Info;
use crate::layout::{BadHeader, FORMAT, Header, Section, content_digest, file_of, read_header};
use crate::map::Bytes;
use crate::record;
use crate::strings::Strings;
use crate::{Error, filter, index};

/// Namespaces that are accepted; OSV's export of 2026 has some 400.
const MAX_NAMESPACES: usize = 100_000;

/// IDs and names of sources of documents that are gone through at once, in bytes: some 40 each, of a million or two.
pub(crate) const MAX_IDENTITIES_BYTES: usize = 1 << 30;

/// Records that room is reserved for before they were read: their number is foreign.
const MAX_RESERVED_RECORDS: u32 = 4096;

/// A block of records, as it lies in the file.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// SHA-256 of what it unpacks to.
    pub digest: Digest,
    /// It, packed with [`Database::dictionary_bytes`].
    pub frame: &'a [u8],
    /// How many records it holds.
    pub records: u32,
    /// Its length, unpacked.
    pub unpacked_bytes: u32,
}

/// One record of a block, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of its source; empty for one made by hand.
    pub source: String,
    /// What of the source it belongs to.
    pub scope: String,
    /// What it says. Of an advisory whose texts are kept for several releases, texts and packages are two records.
    pub document: Document,
}

/// An open advisory database. Any number of threads may ask it.
///
/// Opening reads the header and the list of namespaces; everything else is read when it is asked for. The digests of
/// the sections are checked by [`Self::verify`] alone.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    bytes: Bytes,
    header: Header,
    name: String,
    /// Sorted by namespace, with its number in the file.
    namespaces: Vec<(Namespace, u32)>,
    cache: BlockCache,
    /// Made ready when a block is unpacked first.
    dictionary: OnceLock<Result<Arc<Dictionary>, LookupError>>,
}

impl Database {
    /// Opens a file, or [`crate::FILE_NAME`] in a folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_file(&file_of(path))
    }

    pub(crate) fn open_file(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let bytes = Bytes::map(&file).map_err(unreadable)?;
        Self::new(path.to_owned(), bytes)
    }

    /// Opens bytes in memory, named `memory` in errors.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::new(PathBuf::from("memory"), Bytes::Owned(bytes))
    }

    fn new(path: PathBuf, bytes: Bytes) -> Result<Self, Error> {
        let header = match read_header(&bytes) {
            Ok(header) => header,
            Err(BadHeader::Magic) => {
                let start = &bytes[..bytes.len().min(8)];
                let found = if start.is_empty() {
                    "an empty file".to_owned()
                } else {
                    format!("`{}`", start.escape_ascii())
                };
                return Err(Error::NotADatabase { path, found });
            }
            Err(BadHeader::Format(found)) => return Err(Error::OtherFormat { path, found, known: FORMAT }),
            Err(BadHeader::Damaged(reason)) => return Err(Error::Damaged { path, reason }),
        };
        let mut database = Self {
            path,
            bytes,
            header,
            name: String::new(),
            namespaces: Vec::new(),
            cache: BlockCache::default(),
            dictionary: OnceLock::new(),
        };
        database.name = database.read_name().map_err(|error| database.damaged(error))?;
        database.namespaces = database.read_namespaces().map_err(|error| database.damaged(error))?;
        Ok(database)
    }

    fn damaged(&self, error: LookupError) -> Error {
        Error::Damaged { path: self.path.clone(), reason: error.reason }
    }

    fn section(&self, section: Section) -> &[u8] {
        let place = &self.header.places[section as usize];
        // The header was checked against the length; a map cannot become shorter without ending the process.
        self.bytes.get(place.start..place.end).unwrap_or_default()
    }

    fn strings(&self) -> Strings<'_> {
        Strings(self.section(Section::Strings))
    }

    fn documents(&self) -> Documents<'_> {
        Documents { index: self.section(Section::Blocks), packed: self.section(Section::Documents) }
    }

    /// What the blocks are packed with: bytes to be given to [`crate::Builder::from_blocks`] and
    /// [`crate::Store::partition_writer`] with them. Empty where there is no dictionary.
    pub fn dictionary_bytes(&self) -> &[u8] {
        self.section(Section::Dictionary)
    }

    pub(crate) fn dictionary(&self) -> Result<&Arc<Dictionary>, LookupError> {
        let read = || Dictionary::read(self.dictionary_bytes()).map(Arc::new);
        self.dictionary.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    pub(crate) fn unpack(&self, packed: &[u8]) -> Result<Vec<u8>, Error> {
        self.dictionary()
            .and_then(|dictionary| unpack(packed, dictionary))
            .map_err(|error| self.damaged(error))
    }

    fn read_name(&self) -> Result<String, LookupError> {
        let bytes = self.section(Section::Name);
        let text = std::str::from_utf8(bytes).ok().filter(|_| (1..=MAX_NAME_BYTES).contains(&bytes.len()));
        let bad = || crate::bytes::damaged(Section::Name.name(), "1 to 1024 bytes of UTF-8");
        text.map(str::to_owned).ok_or_else(bad)
    }

    fn read_namespaces(&self) -> Result<Vec<(Namespace, u32)>, LookupError> {
        let mut reader = Reader::new(self.section(Section::Namespaces), Section::Namespaces.name());
        let mut namespaces = Vec::new();
        let mut number = 0;
        while !reader.is_empty() {
            let (ecosystem, release) = (reader.text()?, reader.text()?.to_owned());
            // A newer program of the same format may know more ecosystems than this one.
            if let Some(ecosystem) = Ecosystem::from_name(ecosystem) {
                namespaces.push((Namespace { ecosystem, release }, number));
            }
            number += 1;
            if namespaces.len() > MAX_NAMESPACES {
                return Err(reader.damaged("at most 100000 namespaces"));
            }
        }
        namespaces.sort_unstable();
        Ok(namespaces)
    }

    fn namespace_number(&self, namespace: &Namespace) -> Option<u32> {
        let place = self.namespaces.binary_search_by(|(known, _)| known.cmp(namespace)).ok()?;
        Some(self.namespaces[place].1)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Name of the partition: `Debian:12`, `PyPI`, `cve`; `*` where the file holds everything.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of the content: SHA-256 of the name, and of the digests of the blocks in their order. It depends neither
    /// on what is derived from the blocks nor on how they are compressed.
    pub fn content_digest(&self) -> Digest {
        Digest::sha256(&self.header.content)
    }

    /// Digest of the database, which for a single file is that of its content.
    pub fn digest(&self) -> Digest {
        self.content_digest()
    }

    /// The blocks of records, in their order.
    ///
    /// Cheap: nothing is unpacked. Digests are those that the file names; [`Self::verify`] checks them.
    pub fn blocks(&self) -> impl Iterator<Item = Result<Block<'_>, Error>> {
        self.stored_blocks().map(|block| {
            let StoredBlock { digest, frame, records, unpacked_bytes } = block?;
            Ok(Block { digest: Digest::sha256(&digest), frame, records, unpacked_bytes })
        })
    }

    pub(crate) fn stored_blocks(&self) -> impl Iterator<Item = Result<StoredBlock<'_>, Error>> {
        let documents = self.documents();
        (0..documents.blocks()).map(move |block| documents.block(block).map_err(|error| self.damaged(error)))
    }

    pub(crate) fn stored_block(&self, number: usize) -> Result<StoredBlock<'_>, LookupError> {
        self.documents().block(number)
    }

    /// The records of a block, decoded.
    pub fn records(&self, block: &Block<'_>) -> Result<Vec<Record>, Error> {
        let mut records = Vec::with_capacity(block.records.min(MAX_RESERVED_RECORDS) as usize);
        self.each_record(block.frame, |record| {
            let document = record::decode(record.body, record.source)?;
            records.push(Record {
                source: record.source.to_owned(),
                scope: record.scope.to_owned(),
                document,
            });
            Ok(())
        })?;
        Ok(records)
    }

    pub(crate) fn each_record(
        &self,
        frame: &[u8],
        mut visit: impl FnMut(BlockRecord<'_>) -> Result<(), LookupError>,
    ) -> Result<(), Error> {
        let unpacked = self.unpack(frame)?;
        let mut records = BlockReader::new(&unpacked).map_err(|error| self.damaged(error))?;
        records.try_for_each(|record| visit(record?)).map_err(|error| self.damaged(error))
    }

    fn heads(&self) -> Heads<'_> {
        Heads {
            section: self.section(Section::Heads),
            ids: self.section(Section::Ids),
            strings: self.strings(),
        }
    }

    /// Of each advisory what tells which are the same in several partitions.
    pub(crate) fn identities(&self) -> impl Iterator<Item = Result<u64, LookupError>> {
        let heads = self.heads();
        let heads = heads.each(0..heads.count()).filter(|head| !head.as_ref().is_ok_and(Head::is_texts));
        let mut room = MAX_IDENTITIES_BYTES;
        heads.map(move |head| head.and_then(|head| head.identity(&mut room)))
    }

    /// The same of one document. What it is made of is taken from `room`, in bytes.
    pub(crate) fn identity(&self, number: u32, room: &mut usize) -> Result<u64, LookupError> {
        self.heads().get(number)?.identity(room)
    }

    /// How many documents have a number.
    pub(crate) fn document_count(&self) -> u32 {
        self.heads().count()
    }

    /// Whether any record bears this ID, or names it.
    pub(crate) fn knows(&self, id: &str) -> Result<bool, LookupError> {
        Ok(self.id_record(id, filter::hash(id))?.is_some())
    }

    /// The namespaces, sorted.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.iter().map(|(namespace, _)| namespace)
    }

    /// What the database holds, in numbers.
    pub fn info(&self) -> Result<Info, Error> {
        serde_json::from_slice(self.section(Section::Meta)).map_err(|error| Error::Damaged {
            path: self.path.clone(),
            reason: format!("expected its description in section `meta`, found {error}"),
        })
    }

    /// What reports say of the database.
    pub fn database_info(&self) -> Result<DatabaseInfo, Error> {
        let info = self.info()?;
        Ok(DatabaseInfo {
            digest: self.digest().to_string(),
            updated: String::new(),
            newest_advisory: info.newest_advisory,
            advisories: info.advisories,
        })
    }

    /// Checks the digest of every section, and of what every block unpacks to. Reads the whole file.
    pub fn verify(&self) -> Result<(), Error> {
        for section in Section::ALL {
            if Sha256::digest(self.section(section)).as_slice() != self.header.places[section as usize].digest
            {
                let reason = format!(
                    "expected section `{}` of the digest that the header names, found another",
                    section.name()
                );
                return Err(Error::Damaged { path: self.path.clone(), reason });
            }
        }
        let mut digests = Vec::with_capacity(self.documents().blocks());
        for block in self.stored_blocks() {
            let block = block?;
            let unpacked = self.unpack(block.frame)?;
            if Sha256::digest(&unpacked).as_slice() != block.digest {
                let reason = "expected a block of the digest that the file names, found another".to_owned();
                return Err(Error::Damaged { path: self.path.clone(), reason });
            }
            digests.push(block.digest);
        }
        if content_digest(&self.name, digests.into_iter()) != self.header.content {
            let reason = "expected blocks of the digest that the header names, found others".to_owned();
            return Err(Error::Damaged { path: self.path.clone(), reason });
        }
        Ok(())
    }

    /// As [`AdvisoryLookup::candidates`], without an allocation: entries are decoded as they are asked for.
    pub fn entries(&self, namespace: &Namespace, name: &str) -> Result<Entries<'_>, LookupError> {
        let Some(number) = self.namespace_number(namespace) else {
            return Ok(Entries::none(self.strings()));
        };
        let packages = self.section(Section::Packages);
        let hash = index::hash(number, name.as_bytes());
        let found = index::find(self.section(Section::PackageIndex), hash, |offset| {
            let mut reader = Reader::at(packages, offset, entries::PART)?;
            let same = reader.varint()? == u64::from(number) && reader.sized()? == name.as_bytes();
            Ok(same.then_some(reader))
        })?;
        match found {
            Some(reader) => Entries::read(reader, self.strings()),
            None => Ok(Entries::none(self.strings())),
        }
    }

    /// Calls `visit` for each package, sorted by namespace and name, until it says `false`.
    pub fn each_package(
        &self,
        mut visit: impl FnMut(&Namespace, &str, Entries<'_>) -> bool,
    ) -> Result<(), LookupError> {
        let mut reader = Reader::new(self.section(Section::Packages), entries::PART);
        while !reader.is_empty() {
            let (number, name) = (reader.number()?, reader.text()?);
            let entries = Entries::read(reader, self.strings())?;
            reader = entries.clone().behind()?;
            let namespace = self.namespaces.iter().find(|(_, known)| *known == number);
            if let Some((namespace, _)) = namespace
                && !visit(namespace, name, entries)
            {
                break;
            }
        }
        Ok(())
    }

    /// The texts of the document of that number; `None` where they stand elsewhere.
    pub(crate) fn own_texts(&self, number: u32) -> Result<Option<Texts>, LookupError> {
        if self.heads().get(number)?.has_texts_elsewhere() {
            return Ok(None);
        }
        let with_texts = |numbers| {
            let heads = self.heads().each(numbers);
            heads.map(|head| head.map(|head| usize::from(!head.has_texts_elsewhere()))).sum()
        };
        self.documents().texts(number, &self.cache, self.dictionary()?, with_texts).map(Some)
    }

    /// The texts of the document with this ID and source, where this partition keeps those of others.
    pub(crate) fn texts_of(&self, id: &str, source: &str) -> Result<Option<Texts>, LookupError> {
        let Some(record) = self.id_record(id, filter::hash(id))? else { return Ok(None) };
        let advisories = record.known(id, self.strings())?.advisories;
        let mut room = MAX_IDENTITIES_BYTES;
        for number in record.texts()?.into_iter().chain(advisories) {
            let head = self.heads().get(number)?;
            if head.source()? == source
                && head.id(&mut room)? == id
                && let Some(texts) = self.own_texts(number)?
            {
                return Ok(Some(texts));
            }
        }
        Ok(None)
    }

    /// As [`AdvisoryLookup::known`], for an ID that was hashed before.
    pub(crate) fn known_by_hash(&self, id: &str, hash: u64) -> Result<Known, LookupError> {
        let record = self.id_record(id, hash)?;
        record.map_or_else(|| Ok(Known::default()), |record| record.known(id, self.strings()))
    }

    fn id_record(&self, id: &str, hash: u64) -> Result<Option<IdRecord<'_>>, LookupError> {
        if !filter::may_have(self.section(Section::Filter), hash) {
            return Ok(None);
        }
        ids::find(self.section(Section::Ids), id)
    }
}

impl AdvisoryLookup for Database {
    fn covers(&self, namespace: &Namespace) -> bool {
        self.namespace_number(namespace).is_some()
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        self.entries(namespace, name)?.map(|entry| entry?.to_candidate(namespace, name, None)).collect()
    }

    fn candidates_for(
        &self,
        namespace: &Namespace,
        name: &str,
        version: &str,
    ) -> Result<Vec<Candidate>, LookupError> {
        let entries = self.entries(namespace, name)?;
        entries.map(|entry| entry?.to_candidate(namespace, name, Some(version))).collect()
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        self.heads().get(number)?.advisory()
    }

    /// Empty where they stand in another partition.
    fn texts(&self, number: u32) -> Result<Texts, LookupError> {
        Ok(self.own_texts(number)?.unwrap_or_default())
    }

    /// Found under an ID are: the advisory that bears it, those that have it as an alias, those that speak of it in a
    /// downstream's name (`upstream`), and enterprise Linux errata that fix it (`related`).
    fn known(&self, id: &str) -> Result<Known, LookupError> {
        self.known_by_hash(id, filter::hash(id))
    }
}
