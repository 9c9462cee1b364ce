//! The seam between the bytes of an image and what reads them.

use std::borrow::Cow;
use std::cmp::Ordering;

use plimsoll_archive::{ReadAt, ZipError};
use plimsoll_model::{OsRelease, Package, PackageKind};
use serde::{Deserialize, Serialize};

/// Packages kept of one file. A distribution with all there is has some 70,000.
const MAX_PACKAGES: usize = 200_000;

/// Longest path that a file list may give, in bytes: Linux allows 4,096 with the closing zero byte.
const MAX_PATH_BYTES: usize = 4095;

/// Bytes of one field of a package, and of what is said of a gap. Names and versions of real packages stay below 300.
const MAX_FIELD_BYTES: usize = 4096;

/// Gaps kept of one file; a damaged file may have as many as it has lines.
const MAX_GAPS: usize = 100;

/// Bytes of foreign text that a reason quotes.
const MAX_EXCERPT_BYTES: usize = 80;

/// Foreign bytes as a reason quotes them: on one line, without control characters, shortened.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    // No character takes more than four bytes, so what is shown comes from these.
    let head = &bytes[..bytes.len().min(4 * MAX_EXCERPT_BYTES)];
    let mut out = String::new();
    for c in String::from_utf8_lossy(head).chars() {
        if out.len() >= MAX_EXCERPT_BYTES {
            out.push('…');
            break;
        }
        if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() || c == char::REPLACEMENT_CHARACTER {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
    }
    out
}

/// Reads the packages that one kind of file records.
pub trait Cataloger: Sync {
    /// Its name, as in `dpkg-status`: lower case, stable, stored beside each result.
    fn name(&self) -> &'static str;

    /// Raised when the same bytes give other results, so that stored results are known to be stale.
    fn revision(&self) -> u32;

    /// What its files prove: that packages are installed, or only that they were asked for.
    fn evidence(&self) -> Evidence {
        Evidence::Installed
    }

    /// Whether it reads the file at this path. Sees every path of the image, so it neither allocates nor compiles
    /// a pattern.
    fn wants(&self, entry: &Entry<'_>) -> bool;

    /// Whether it reads a file that starts with these bytes (up to 64, fewer in a shorter file). Asked behind
    /// [`Cataloger::wants`], before the file is kept.
    fn wants_content(&self, head: &[u8]) -> bool {
        let _ = head;
        true
    }

    /// Reads the file. A part that cannot be read becomes a gap in `out`, and reading goes on.
    ///
    /// # Errors
    /// [`ReadError`] where nothing more of the file can be read; the caller makes it a gap. What is in `out` stays.
    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError>;
}

/// What it means that a file names a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// The package is there: the file came with it, or is the record of the tool that installed it.
    Installed,
    /// A lock file says what would be installed. Read only in source trees: in an image it says what was asked,
    /// which may never have been installed there, or have been deleted since.
    Declared,
}

/// A file as its archive announces it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Path from the image's root, without a leading `/`, without `.` and `..`: `var/lib/dpkg/status`.
    pub path: &'a str,
    /// Size in bytes; `None` where only the path is known, as in another package's file list.
    pub size: Option<u64>,
    /// Whether any execute bit is set; `None` where only the path is known (then: say yes if it could be).
    pub executable: Option<bool>,
}

impl<'a> Entry<'a> {
    /// The part behind the last `/`.
    pub fn file_name(&self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Whether the path is `tail`, or ends in `/` and `tail`.
    pub fn ends_with(&self, tail: &str) -> bool {
        self.path.strip_suffix(tail).is_some_and(|head| head.is_empty() || head.ends_with('/'))
    }
}

/// A file that a cataloger asked for.
pub struct ImageFile<'a> {
    /// Path from the image's root, as in [`Entry::path`].
    pub path: &'a str,
    content: &'a dyn ReadAt,
}

impl<'a> ImageFile<'a> {
    /// A file with this content.
    pub fn new(path: &'a str, content: &'a dyn ReadAt) -> Self {
        Self { path, content }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.content.size()
    }

    /// Its content, for readers that jump: binaries and archives, which may be too large for memory.
    pub fn content(&self) -> &'a dyn ReadAt {
        self.content
    }

    /// All of it; borrowed where it is in memory.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] above `limit` bytes, [`ReadError::Io`] where the medium fails.
    pub fn bytes(&self, limit: u64) -> Result<Cow<'a, [u8]>, ReadError> {
        let size = self.size();
        if size > limit {
            return Err(ReadError::TooLarge { size, limit });
        }
        if let Some(slice) = self.content.as_slice() {
            return Ok(Cow::Borrowed(slice));
        }
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| ReadError::TooLarge { size, limit })?];
        let length = self.content.read_at(&mut bytes, 0).map_err(|error| ReadError::Io(error.to_string()))?;
        bytes.truncate(length);
        Ok(Cow::Owned(bytes))
    }

    /// Its first bytes, at most `limit` of them; borrowed where they are in memory. Never too large.
    ///
    /// # Errors
    /// [`ReadError::Io`] where the medium fails.
    pub fn head(&self, limit: usize) -> Result<Cow<'a, [u8]>, ReadError> {
        if let Some(slice) = self.content.as_slice() {
            return Ok(Cow::Borrowed(&slice[..slice.len().min(limit)]));
        }
        let mut bytes = vec![0; usize::try_from(self.size()).unwrap_or(limit).min(limit)];
        let length = self.content.read_at(&mut bytes, 0).map_err(|error| ReadError::Io(error.to_string()))?;
        bytes.truncate(length);
        Ok(Cow::Owned(bytes))
    }

    /// All of it as text; bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// As [`ImageFile::bytes`].
    pub fn text(&self, limit: u64) -> Result<Cow<'a, str>, ReadError> {
        Ok(match self.bytes(limit)? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Cow::Owned(text),
                Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
            },
        })
    }
}

/// Why a file could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is larger than what this cataloger holds in memory.
    #[error("expected at most {limit} bytes, found {size}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes, inclusive.
        limit: u64,
    },
    /// It is not what its name says, or is damaged.
    #[error("expected {expected}, found {found}")]
    Malformed {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The medium failed.
    #[error("cannot read the file's bytes: {0}")]
    Io(String),
}

impl ReadError {
    /// A [`ReadError::Malformed`].
    pub fn malformed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Malformed { expected: expected.into(), found: found.into() }
    }
}

impl From<ZipError> for ReadError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Malformed { expected, found } => Self::Malformed { expected, found },
            ZipError::Limit { unit, limit, found } => {
                Self::malformed(format!("at most {limit} {unit}"), found.to_string())
            }
            ZipError::Entry { name, expected, found } => {
                Self::malformed(format!("{expected} as entry `{name}`"), found)
            }
            ZipError::Io(error) => Self::Io(error.to_string()),
        }
    }
}

/// What was read from one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// The packages, in the order of the file.
    pub packages: Vec<Package>,
    /// The distribution release, where the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsRelease>,
    /// The files that OS packages installed, as far as any cataloger could want them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<OwnedFiles>,
    /// Node packages that the application in the file's folder names itself. Other files record them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<String>,
    /// What could not be read: where in the file, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<(String, String)>,
}

/// The files of one OS package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedFiles {
    /// `deb`, `apk` or `rpm`.
    pub kind: PackageKind,
    /// The binary package's name.
    pub name: String,
    /// Its architecture, where the file list says it: two architectures of one package may be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Paths from the image's root, without a leading `/`.
    pub paths: Vec<String>,
}

impl Catalog {
    /// Adds a package. Behind [`MAX_PACKAGES`] no more are taken, and a gap says so. So does one for a field of more
    /// than [`MAX_FIELD_BYTES`], which could be a hundred megabytes on one line and would stand in every report.
    pub fn package(&mut self, mut package: Package) {
        for (field, text) in [("name", &package.name), ("version", &package.version)] {
            if text.len() > MAX_FIELD_BYTES {
                let (name, found) = (excerpt(package.name.as_bytes()), text.len());
                let reason = format!(
                    "expected a {field} of at most {MAX_FIELD_BYTES} bytes, found {found} in package `{name}`: not listed"
                );
                return self.gap("", reason);
            }
        }
        for fault in drop_long_fields(&mut package) {
            self.gap("", fault);
        }
        if self.packages.len() < MAX_PACKAGES {
            self.packages.push(package);
            if self.packages.len() == MAX_PACKAGES {
                let reason = format!("expected fewer than {MAX_PACKAGES} packages, found more: not listed");
                self.gap("", reason);
            }
        }
    }

    /// Records what could not be read: `place` is `lines 12-15` or `entry a.jar`, empty for the whole file. Behind
    /// [`MAX_GAPS`] one last gap says that there are more.
    #[expect(clippy::needless_pass_by_value, reason = "errors and texts alike, given away")]
    pub fn gap(&mut self, place: impl Into<String>, reason: impl ToString) {
        match self.gaps.len().cmp(&MAX_GAPS) {
            Ordering::Less => {
                let (mut place, mut reason) = (place.into(), reason.to_string());
                cut(&mut place);
                cut(&mut reason);
                self.gaps.push((place, reason));
            }
            Ordering::Equal => {
                let reason = format!("expected at most {MAX_GAPS} unreadable places, found more: not listed");
                self.gaps.push((String::new(), reason));
            }
            Ordering::Greater => {}
        }
    }

    /// Records which files an OS package installed; paths that no cataloger could want are dropped, since only
    /// the owner of a package's own file is ever asked for.
    pub fn owns<'a>(
        &mut self,
        kind: PackageKind,
        name: &str,
        architecture: Option<&str>,
        paths: impl Iterator<Item = &'a str>,
    ) {
        let paths: Vec<String> = paths
            .map(|path| path.trim_start_matches('/'))
            .filter(|path| crate::could_be_wanted(path))
            .map(str::to_owned)
            .collect();
        self.own(kind, name, architecture, paths);
    }

    /// As [`Catalog::owns`], for file lists that name folder and file apart; the folder with or without `/` at
    /// either end.
    pub fn owns_in_folders<'a>(
        &mut self,
        kind: PackageKind,
        name: &str,
        architecture: Option<&str>,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        let mut path = String::new();
        let mut paths = Vec::new();
        for (folder, file) in files {
            let folder = folder.trim_matches('/');
            if folder.len() + file.len() >= MAX_PATH_BYTES {
                continue;
            }
            path.clear();
            path.push_str(folder);
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(file);
            if crate::could_be_wanted(&path) {
                paths.push(path.clone());
            }
        }
        self.own(kind, name, architecture, paths);
    }

    fn own(&mut self, kind: PackageKind, name: &str, architecture: Option<&str>, paths: Vec<String>) {
        if !paths.is_empty() {
            let architecture = architecture.map(str::to_owned);
            self.owned.push(OwnedFiles { kind, name: name.to_owned(), architecture, paths });
        }
    }
}

/// Drops what a package could do without where it is too long, and says so; what only people read is cut.
fn drop_long_fields(package: &mut Package) -> Vec<String> {
    let mut faults = Vec::new();
    let name = excerpt(package.name.as_bytes());
    let mut too_long = |field: &str, found: usize| {
        if found > MAX_FIELD_BYTES {
            faults.push(format!(
                "expected {field} of at most {MAX_FIELD_BYTES} bytes, found {found} in package `{name}`: left out"
            ));
        }
        found > MAX_FIELD_BYTES
    };
    package.architecture.take_if(|text| too_long("an architecture", text.len()));
    package.module.take_if(|text| too_long("a module", text.len()));
    package
        .source
        .take_if(|source| too_long("a source package", source.name.len().max(source.version.len())));
    package.vendor.iter_mut().chain(&mut package.licenses).for_each(cut);
    faults
}

/// Shortens a text that is only read by people.
fn cut(text: &mut String) {
    if text.len() > MAX_FIELD_BYTES {
        text.truncate(text.floor_char_boundary(MAX_FIELD_BYTES));
        text.push('…');
        text.shrink_to_fit();
    }
}

/// What a cataloger makes of a file, one line a thing, for snapshots in tests.
#[cfg(test)]
pub(crate) fn read_to_text(cataloger: &dyn Cataloger, path: &str, content: &[u8]) -> String {
    use std::fmt::Write as _;

    assert!(
        cataloger.wants(&Entry { path, size: Some(content.len() as u64), executable: Some(false) }),
        "{path}"
    );
    let mut out = Catalog::default();
    let content = content.to_vec();
    let result = cataloger.catalog(&ImageFile::new(path, &content), &mut out);
    let mut text = String::new();
    let mut line =
        |line: String| writeln!(text, "{}", line.trim_end()).expect("writing to a string cannot fail");
    if let Some(os) = &out.os {
        let parents = os.id_like.join("+");
        line(format!(
            "os {} {} like={parents} name={} codename={}",
            os.id, os.version_id, os.pretty_name, os.codename
        ));
        assert_eq!(os.path, path);
    }
    for package in &out.packages {
        assert_eq!((package.cataloger.as_str(), package.path.as_str()), (cataloger.name(), ""));
        let mut parts = vec![package.kind.to_string(), package.name.clone(), package.version.clone()];
        let fields = [
            ("arch", package.architecture.clone()),
            ("source", package.source.as_ref().map(|source| format!("{} {}", source.name, source.version))),
            ("licenses", (!package.licenses.is_empty()).then(|| package.licenses.join("|"))),
            ("module", package.module.clone()),
            ("vendor", package.vendor.clone()),
            ("direct", package.direct.map(|direct| direct.to_string())),
            ("inner", package.inner_path.clone()),
        ];
        parts.extend(fields.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?))));
        line(parts.join(" "));
    }
    for owned in &out.owned {
        let architecture = owned.architecture.as_deref().map(|text| format!(":{text}")).unwrap_or_default();
        // Which paths are kept depends on all catalogers there are; these are wanted by one that never leaves.
        let paths = owned.paths.iter().map(String::as_str);
        let releases: Vec<_> = paths.filter(|path| crate::OS_RELEASE_PATHS.contains(path)).collect();
        if !releases.is_empty() {
            line(format!("owned by {} {}{architecture}: {}", owned.kind, owned.name, releases.join(" ")));
        }
    }
    if !out.named.is_empty() {
        line(format!("names {}", out.named.join(" ")));
    }
    for (place, reason) in &out.gaps {
        line(format!("gap [{place}] {reason}"));
    }
    if let Err(error) = result {
        line(format!("error {error}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use plimsoll_model::SourcePackage;

    use super::*;

    fn added(change: impl FnOnce(&mut Package)) -> Catalog {
        let mut package = Package::new(PackageKind::Deb, "a", "1", "x");
        change(&mut package);
        let mut out = Catalog::default();
        out.package(package);
        out
    }

    #[test]
    fn a_name_or_version_of_megabytes_is_a_gap_and_no_package() {
        let long = "9".repeat(MAX_FIELD_BYTES + 1);
        let out = added(|package| package.version.clone_from(&long));
        assert_eq!(out.packages, []);
        assert_eq!(
            out.gaps[0].1,
            "expected a version of at most 4096 bytes, found 4097 in package `a`: not listed"
        );
        let out = added(|package| package.name.clone_from(&long));
        assert!(out.packages.is_empty() && out.gaps[0].1.len() < 300, "{:?}", out.gaps);
        let out = added(|package| package.version = "9".repeat(MAX_FIELD_BYTES));
        assert_eq!((out.packages.len(), out.gaps.len()), (1, 0));
    }

    #[test]
    fn other_fields_of_megabytes_are_left_out_or_cut() {
        let long = "ä".repeat(MAX_FIELD_BYTES);
        let source = SourcePackage { name: long.clone(), version: String::new() };
        let out = added(|package| {
            package.architecture = Some(long.clone());
            package.module = Some(long.clone());
            package.source = Some(source);
            package.vendor = Some(long.clone());
            package.licenses = vec![long.clone(), "MIT".to_owned()];
        });
        let package = &out.packages[0];
        assert_eq!((&package.architecture, &package.module, &package.source), (&None, &None, &None));
        let is_cut = |text: &str| text.len() == MAX_FIELD_BYTES + '…'.len_utf8();
        assert!(is_cut(package.vendor.as_deref().unwrap()) && is_cut(&package.licenses[0]));
        assert_eq!((package.licenses[1].as_str(), out.gaps.len()), ("MIT", 3));
    }

    #[test]
    fn a_gap_that_quotes_megabytes_is_cut() {
        let mut out = Catalog::default();
        out.gap("p".repeat(1 << 20), "r".repeat(1 << 20));
        assert!(out.gaps[0].0.len() < 5000 && out.gaps[0].1.len() < 5000);
    }
}
