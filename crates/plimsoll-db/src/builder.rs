//! Collects records; the newest of each ID counts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use plimsoll_advisory::{Document, ReadReport};
use plimsoll_model::{Advisory, Digest, KevEntry, Rating, VulnerabilityScore};

use crate::Error;
use crate::info::{BuildReport, Info};
use crate::layout::{file_of, header};
use crate::write::sections;

/// Collects advisories, scores and exploited vulnerabilities, and writes them as one file.
///
/// The file is a function of what was added: neither the order nor how often a record was added changes a byte.
#[derive(Debug, Default)]
pub struct Builder {
    records: HashMap<String, Record>,
    kev: BTreeMap<String, KevEntry>,
    scores: BTreeMap<String, Vec<Rating>>,
    read: ReadReport,
    replaced: u64,
}

/// The newest that is known of an ID.
#[derive(Debug, PartialEq, Eq)]
enum Record {
    Advisory(Box<Advisory>),
    /// Counts no more since that instant.
    Withdrawn(String),
}

impl Record {
    /// When it was changed, in a form whose order is that of time: without the `Z`, a fraction is greater than none.
    fn modified(&self) -> &str {
        let text = match self {
            Self::Advisory(advisory) => &advisory.modified,
            Self::Withdrawn(modified) => modified,
        };
        text.strip_suffix('Z').unwrap_or(text)
    }

    /// Which of two records of one ID counts: the newer. Of two from one instant the withdrawn one; then the one whose
    /// text is greater, which is as good as any and does not depend on the order they came in.
    fn rank(&self, other: &Self) -> Ordering {
        self.modified().cmp(other.modified()).then_with(|| match (self, other) {
            (Self::Withdrawn(_), Self::Withdrawn(_)) => Ordering::Equal,
            (Self::Withdrawn(_), Self::Advisory(_)) => Ordering::Greater,
            (Self::Advisory(_), Self::Withdrawn(_)) => Ordering::Less,
            (Self::Advisory(one), Self::Advisory(two)) if one == two => Ordering::Equal,
            (Self::Advisory(one), Self::Advisory(two)) => format!("{one:?}").cmp(&format!("{two:?}")),
        })
    }
}

impl Builder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an advisory. Of several with one ID the newest counts.
    pub fn add(&mut self, advisory: Advisory) {
        self.insert(advisory.id.clone(), Record::Advisory(Box::new(advisory)));
    }

    /// Notes that a record was taken back at that instant: older copies of it do not count.
    pub fn withdraw(&mut self, id: String, modified: String) {
        self.insert(id, Record::Withdrawn(modified));
    }

    fn insert(&mut self, id: String, record: Record) {
        match self.records.get_mut(&id) {
            None => {
                self.records.insert(id, record);
            }
            Some(known) => {
                let order = record.rank(known);
                self.replaced += u64::from(order.is_ne());
                if order.is_gt() {
                    *known = record;
                }
            }
        }
    }

    /// Adds a known exploited vulnerability.
    pub fn add_kev(&mut self, entry: KevEntry) {
        // Of several for one CVE the greatest by day, then by all else, whatever the order they came in.
        let rank = |entry: &KevEntry| (entry.date_added.clone(), format!("{entry:?}"));
        let known = self.kev.get(&entry.id);
        if known.is_none_or(|known| rank(known) < rank(&entry)) {
            self.kev.insert(entry.id.clone(), entry);
        }
    }

    /// Adds a severity of a CVE by itself.
    pub fn add_score(&mut self, score: VulnerabilityScore) {
        let ratings = self.scores.entry(score.id).or_default();
        if !ratings.contains(&score.rating) {
            ratings.push(score.rating);
        }
    }

    /// Adds everything that is found below `paths`, see [`plimsoll_advisory::read`]. May be called once: the report
    /// of the last call is the one that is kept.
    pub fn read(&mut self, paths: &[PathBuf]) -> Result<&ReadReport, Error> {
        self.read = plimsoll_advisory::read(paths, &mut |document| match document {
            Document::Advisory(advisory) => self.insert(advisory.id.clone(), Record::Advisory(advisory)),
            Document::Withdrawn { id, modified, .. } => self.withdraw(id, modified),
            Document::Kev(entry) => self.add_kev(entry),
            Document::Score(score) => self.add_score(score),
            Document::Epss { .. } => {}
        })?;
        Ok(&self.read)
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let built = self.build()?;
        let mut file = built.header;
        built.sections.iter().for_each(|section| file.extend_from_slice(section));
        Ok(file)
    }

    /// Writes the file to `path`, or as [`crate::FILE_NAME`] into it where it is a folder or ends in `/`. Folders
    /// that are missing are made. A file that is there is replaced in one step: who has it open keeps the old one.
    pub fn write(self, path: &Path) -> Result<BuildReport, Error> {
        let built = self.build()?;
        let file = file_of(path);
        write_by_rename(&file, &built).map_err(|source| Error::Write { path: file, source })?;
        let size = built.header.len() + built.sections.iter().map(Vec::len).sum::<usize>();
        let digest = built.header.last_chunk().expect("a header ends in its digest");
        Ok(BuildReport {
            digest: Digest::sha256(digest).to_string(),
            size_bytes: size as u64,
            info: built.info,
            read: self.read,
            replaced: self.replaced,
        })
    }

    fn build(&self) -> Result<Built, Error> {
        let mut advisories: Vec<&Advisory> = self
            .records
            .values()
            .filter_map(|record| match record {
                Record::Advisory(advisory) => Some(&**advisory),
                Record::Withdrawn(_) => None,
            })
            .collect();
        advisories.sort_unstable_by(|one, two| one.id.cmp(&two.id));
        let (sections, info) = sections(&advisories, &self.kev, &self.scores, &self.read)?;
        Ok(Built { header: header(&sections), sections, info })
    }
}

/// The parts of the file.
struct Built {
    header: Vec<u8>,
    sections: [Vec<u8>; crate::layout::Section::ALL.len()],
    info: Info,
}

/// Writes beside the target, brings it to the disk, renames it. A folder's entry is brought to the disk as well.
fn write_by_rename(target: &Path, built: &Built) -> io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let temporary = folder.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let write = || {
        // A file of that name is left from a process that was ended, and had our number.
        fs::remove_file(&temporary).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(&built.header)?;
        for section in &built.sections {
            file.write_all(section)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, target)
    };
    if let Err(error) = write() {
        fs::remove_file(&temporary).ok();
        return Err(error);
    }
    File::open(folder)?.sync_all()
}
