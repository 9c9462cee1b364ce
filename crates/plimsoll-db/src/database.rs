//! An open database.

use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_model::{
    Advisory, AdvisoryLookup, Candidate, DatabaseInfo, Digest, Ecosystem, Epss, KevEntry, LookupError,
    Namespace, Rating,
};
use sha2::{Digest as _, Sha256};

use crate::bytes::Reader;
use crate::documents::{BlockCache, Documents};
use crate::entries::{self, Entries};
use crate::ids::{self, IdRecord};
use crate::info::Info;
use crate::layout::{BadHeader, FORMAT, Header, Section, file_of, read_header};
use crate::map::Bytes;
use crate::strings::Strings;
use crate::{Error, index};

/// Namespaces that are accepted; OSV's export of 2026 has some 400.
const MAX_NAMESPACES: usize = 100_000;

/// An open advisory database. Any number of threads may ask it.
///
/// Opening reads the header and the list of namespaces; everything else is read when it is asked for. The digests of
/// the sections are checked by [`Self::verify`] alone.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    bytes: Bytes,
    header: Header,
    /// Sorted by namespace, with its number in the file.
    namespaces: Vec<(Namespace, u32)>,
    blocks: BlockCache,
}

impl Database {
    /// Opens a file, or [`crate::FILE_NAME`] in a folder.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = file_of(path);
        let unreadable = |source| Error::Open { path: path.clone(), source };
        let file = File::open(&path).map_err(unreadable)?;
        let bytes = Bytes::map(&file).map_err(unreadable)?;
        Self::new(path, bytes)
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
        let mut database =
            Self { path, bytes, header, namespaces: Vec::new(), blocks: BlockCache::default() };
        database.namespaces =
            database.read_namespaces().map_err(|error| Error::damaged(&database.path, error))?;
        Ok(database)
    }

    fn section(&self, section: Section) -> &[u8] {
        let place = &self.header.places[section as usize];
        // The header was checked against the length; a map cannot become shorter without ending the process.
        self.bytes.get(place.start..place.end).unwrap_or_default()
    }

    fn strings(&self) -> Strings<'_> {
        Strings(self.section(Section::Strings))
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

    /// Digest of the database: the SHA-256 of its header, which holds those of all sections.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.header.digest)
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

    /// Checks the digest of every section. Reads the whole file.
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

    fn id_record(&self, id: &str) -> Result<Option<IdRecord<'_>>, LookupError> {
        let ids = self.section(Section::Ids);
        index::find(self.section(Section::IdIndex), index::hash(0, id.as_bytes()), |offset| {
            let mut reader = Reader::at(ids, offset, ids::PART)?;
            Ok((reader.sized()? == id.as_bytes()).then_some(IdRecord(reader)))
        })
    }
}

impl AdvisoryLookup for Database {
    fn covers(&self, namespace: &Namespace) -> bool {
        self.namespace_number(namespace).is_some()
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        self.entries(namespace, name)?.map(|entry| entry?.to_candidate(namespace, name)).collect()
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        let documents =
            Documents { index: self.section(Section::Blocks), packed: self.section(Section::Documents) };
        documents.get(number, &self.blocks)
    }

    /// Found under an ID are: the advisory that bears it, those that have it as an alias, those that speak of it in a
    /// downstream's name (`upstream`), and enterprise Linux errata that fix it (`related`).
    fn advisories_of(&self, id: &str) -> Result<Vec<u32>, LookupError> {
        self.id_record(id)?.map_or(Ok(Vec::new()), IdRecord::advisories)
    }

    fn scores(&self, cve: &str) -> Result<Vec<Rating>, LookupError> {
        self.id_record(cve)?.map_or(Ok(Vec::new()), |record| record.scores(self.strings()))
    }

    fn epss(&self, _cve: &str) -> Result<Option<Epss>, LookupError> {
        Ok(None)
    }

    fn kev(&self, cve: &str) -> Result<Option<KevEntry>, LookupError> {
        self.id_record(cve)?.map_or(Ok(None), |record| record.kev(cve, self.strings()))
    }
}
