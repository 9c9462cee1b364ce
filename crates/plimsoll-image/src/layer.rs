//! One layer, walked once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write as _};
use std::ops::Range;
use std::path::Path;

use plimsoll_archive::{CHUNK_BYTES, Decompressed, EntryKind, TarEntry, TarError, TarItem, TarReader};
use plimsoll_catalog::{Catalog, Cataloger, Entry, ImageFile};
use plimsoll_model::{DiffId, Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, tar_reason};
use crate::limits::Limits;
use crate::path_hash::PathHash;
use crate::spool::{Content, spool};
use crate::weight;

/// What the catalogers ask of a file's first bytes.
const HEAD_BYTES: usize = 64;
/// Characters of a path that a reason quotes.
const SHOWN_CHARS: usize = 100;

/// What one layer holds, as far as anybody asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerCatalog {
    /// Files that gave something, in the order of their paths.
    pub(crate) files: Vec<FileCatalog>,
    /// Paths that the layer removes from those below it.
    pub(crate) whiteouts: Vec<String>,
    /// Folders whose lower content the layer hides.
    pub(crate) opaque: Vec<String>,
    /// Symbolic links: path, and target as written.
    pub(crate) symlinks: Vec<(String, String)>,
    /// What could not be read.
    pub(crate) gaps: Vec<LayerGap>,
    /// Entries of the archive.
    pub(crate) entries: u64,
    /// Hashes of the paths of everything but folders, sorted. Stored apart from the rest.
    #[serde(skip)]
    pub(crate) covers: Vec<u64>,
    /// Hashes of the paths of folders, sorted. Stored apart from the rest.
    #[serde(skip)]
    pub(crate) folders: Vec<u64>,
}

/// What one cataloger read from one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileCatalog {
    pub(crate) path: String,
    pub(crate) cataloger: String,
    pub(crate) catalog: Catalog,
}

/// A gap of the layer's archive itself, or of one of its files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LayerGap {
    pub(crate) path: String,
    pub(crate) reporter: String,
    pub(crate) reason: String,
}

/// How a layer is read.
pub(crate) struct LayerReader<'a> {
    pub(crate) catalogers: &'a [&'a dyn Cataloger],
    pub(crate) limits: &'a Limits,
    /// Where files that are too large for memory are put aside.
    pub(crate) spool_folder: &'a Path,
}

/// What a walk gave.
pub(crate) struct Walked {
    pub(crate) catalog: LayerCatalog,
    /// The diff ID that the bytes have; `None` where the layer was not read to its end.
    pub(crate) diff_id: Option<DiffId>,
    /// Wanted hard links to files that nobody wanted under their own name: target, and the link's path. They need
    /// the targets to be read again.
    pub(crate) pending: Vec<(String, String)>,
}

/// Files to be read whatever their path, with the paths under which catalogers are asked.
pub(crate) type Wanted = HashMap<String, Vec<String>>;

impl LayerReader<'_> {
    /// Walks the stored bytes of a layer.
    ///
    /// # Errors
    /// The stream's own failure. Bytes that are no layer, or are too much, give a gap in the result.
    pub(crate) fn walk(&self, stored: &mut dyn Read) -> Result<Walked, Error> {
        self.walk_with(stored, &Wanted::new())
    }

    /// The same, for files that are wanted under another path: nothing but those is cataloged.
    pub(crate) fn walk_targets(
        &self,
        stored: &mut dyn Read,
        targets: &Wanted,
    ) -> Result<LayerCatalog, Error> {
        self.walk_with(stored, targets).map(|walked| walked.catalog)
    }

    fn walk_with(&self, stored: &mut dyn Read, targets: &Wanted) -> Result<Walked, Error> {
        let failure = RefCell::new(None);
        let tap = Tap { stored, failure: &failure, bytes: 0 };
        let mut walk = Walk {
            reader: self,
            targets,
            out: LayerCatalog::default(),
            seen: HashMap::new(),
            pending: Vec::new(),
            gaps_left_out: 0,
            held_bytes: 0,
        };
        let diff_id = walk.stream(tap)?;
        if let Some(source) = failure.into_inner() {
            return Err(Error::Source { what: "a layer".to_owned(), source });
        }
        Ok(walk.finish(diff_id))
    }
}

/// Keeps the failures of the stored stream apart from those of what decodes it.
struct Tap<'a> {
    stored: &'a mut dyn Read,
    failure: &'a RefCell<Option<io::Error>>,
    bytes: u64,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stored.read(buffer) {
            Ok(length) => {
                self.bytes += length as u64;
                Ok(length)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let copy = io::Error::new(error.kind(), error.to_string());
                self.failure.borrow_mut().get_or_insert(error);
                Err(copy)
            }
        }
    }
}

/// The uncompressed stream in large pieces, each hashed once, with an eye on its size.
struct Hashed<'t, 'l> {
    stream: Decompressed<Tap<'t>>,
    hash: Sha256,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    bytes: u64,
    limits: &'l Limits,
    /// Why the stream ends behind the buffer.
    damage: Option<io::Error>,
}

impl Hashed<'_, '_> {
    fn stored_bytes(&self) -> u64 {
        match &self.stream {
            Decompressed::None(stored) => stored.get_ref().get_ref().1.bytes,
            Decompressed::Gzip(decoder) => decoder.get_ref().get_ref().get_ref().1.bytes,
            Decompressed::Zstd(decoder) => decoder.get_ref().get_ref().get_ref().1.bytes,
        }
    }
}

impl BufRead for Hashed<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            if let Some(error) = self.damage.take() {
                return Err(error);
            }
            self.start = 0;
            self.end = 0;
            // Decoders give what they have; a full buffer costs fewer turns of everything behind it.
            while self.end < self.buffer.len() {
                match self.stream.read(&mut self.buffer[self.end..]) {
                    Ok(0) => break,
                    Ok(length) => self.end += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        // What came before the damage is still good.
                        self.damage = Some(error);
                        break;
                    }
                }
            }
            if self.end == 0
                && let Some(error) = self.damage.take()
            {
                return Err(error);
            }
            self.hash.update(&self.buffer[..self.end]);
            self.bytes += self.end as u64;
            let ratio = self.bytes / self.stored_bytes().max(1);
            if self.bytes > self.limits.layer_bytes {
                return Err(io::Error::other(format!("more than {} bytes", self.limits.layer_bytes)));
            }
            if self.bytes > self.limits.ratio_from_bytes && ratio > self.limits.ratio {
                return Err(io::Error::other(format!(
                    "{} bytes out of {}: more than {}-fold",
                    self.bytes,
                    self.stored_bytes(),
                    self.limits.ratio
                )));
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

impl Read for Hashed<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

struct Walk<'a> {
    reader: &'a LayerReader<'a>,
    targets: &'a Wanted,
    out: LayerCatalog,
    /// Paths of files that somebody wanted under their own name, and where in `out.files` their results stand.
    seen: HashMap<String, Range<usize>>,
    pending: Vec<(String, String)>,
    gaps_left_out: usize,
    /// What the result takes so far, about.
    held_bytes: u64,
}

impl Walk<'_> {
    /// Walks to the end of the stream; gives the diff ID if it got there.
    fn stream(&mut self, tap: Tap<'_>) -> Result<Option<DiffId>, Error> {
        let stream = match Decompressed::new(tap) {
            Ok(stream) => stream,
            Err(error) => {
                self.gap("", format!("cannot read the layer: {error}"));
                return Ok(None);
            }
        };
        let mut hashed = Hashed {
            stream,
            hash: Sha256::new(),
            buffer: vec![0; CHUNK_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            bytes: 0,
            limits: self.reader.limits,
            damage: None,
        };
        let mut complete = self.entries(&mut hashed)?;
        // The rest behind the archive's end belongs to the layer's bytes, and to its digests.
        while complete {
            match hashed.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => {
                    let length = buffer.len();
                    hashed.consume(length);
                }
                Err(source) => {
                    self.gap("", tar_reason(&TarError::Io { offset: hashed.bytes, source }));
                    complete = false;
                }
            }
        }
        let digest: [u8; 32] = hashed.hash.finalize().into();
        // Whatever became of the content, the stored bytes are read to their end: only there their digest is judged.
        drain(&mut hashed.stream.into_stored());
        Ok(complete.then(|| DiffId(Digest::sha256(&digest))))
    }

    /// Walks the entries; `false` where their bytes ended the walk early.
    fn entries(&mut self, hashed: &mut Hashed<'_, '_>) -> Result<bool, Error> {
        let mut tar = TarReader::new(hashed);
        loop {
            let item = match tar.next_entry() {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(true),
                Err(error) => {
                    self.gap("", tar_reason(&error));
                    return Ok(false);
                }
            };
            self.out.entries += 1;
            if self.out.entries > self.reader.limits.entries {
                let most = self.reader.limits.entries;
                self.gap("", format!("expected at most {most} entries in a layer, found more; the rest of the layer was not read"));
                return Ok(false);
            }
            match item {
                TarItem::Escape(path) => {
                    let shown = shown(&path);
                    self.gap(
                        "",
                        format!(
                            "expected a path inside the image, found `{shown}`; the entry was passed over"
                        ),
                    );
                }
                TarItem::Entry(entry) if entry.path.len() > self.reader.limits.path_bytes => {
                    let shown = shown(&entry.path);
                    let most = self.reader.limits.path_bytes;
                    self.gap("", format!("expected a path of at most {most} bytes, found {} in `{shown}`; the entry was passed over", entry.path.len()));
                }
                TarItem::Entry(entry) => {
                    if let Err(error) = self.entry(&entry, &mut tar)? {
                        self.gap(&entry.path, tar_reason(&error));
                        return Ok(false);
                    }
                    if self.is_full() {
                        let most = self.reader.limits.layer_result_bytes;
                        self.gap("", format!("expected results of a layer of at most {most} bytes, found more; the rest of the layer was not read"));
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn entry<R: BufRead>(
        &mut self,
        entry: &TarEntry,
        tar: &mut TarReader<R>,
    ) -> Result<Result<(), TarError>, Error> {
        if self.targets.is_empty() && self.whiteout(&entry.path) {
            return Ok(Ok(()));
        }
        if entry.path.is_empty() {
            return Ok(Ok(()));
        }
        let hash = PathHash::of(&entry.path).0;
        self.held_bytes += size_of::<u64>() as u64;
        if entry.kind == EntryKind::Directory {
            self.out.folders.push(hash);
            return Ok(Ok(()));
        }
        self.out.covers.push(hash);
        match entry.kind {
            EntryKind::File => return self.file(entry, tar),
            EntryKind::HardLink if self.targets.is_empty() => self.hard_link(entry),
            EntryKind::Symlink if self.targets.is_empty() => {
                let most = self.reader.limits.path_bytes;
                if entry.link.len() > most {
                    let found = entry.link.len();
                    self.gap(&entry.path, format!("expected a symbolic link's target of at most {most} bytes, found {found}; it is not followed"));
                    return Ok(Ok(()));
                }
                self.held_bytes += weight::of_text(&entry.path) + weight::of_text(&entry.link);
                if self.out.symlinks.len() < self.reader.limits.symlinks {
                    self.out.symlinks.push((entry.path.clone(), entry.link.clone()));
                } else if self.out.symlinks.len() == self.reader.limits.symlinks {
                    let most = self.reader.limits.symlinks;
                    self.gap(&entry.path, format!("expected at most {most} symbolic links in a layer, found more; the others are not followed"));
                    self.out.symlinks.push((entry.path.clone(), entry.link.clone()));
                }
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    /// Source: OCI image-spec 1.1.0, `layer.md`, "Whiteouts".
    fn whiteout(&mut self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(hidden) = name.strip_prefix(".wh.") else { return false };
        self.held_bytes += weight::of_text(path);
        if hidden == ".wh..opq" {
            self.out.opaque.push(folder.to_owned());
        } else if hidden.starts_with(".wh.") {
            // Other marks of the old AUFS driver (`.wh..wh.plnk`, `.wh..wh.aufs`) say nothing of the content.
        } else if hidden.is_empty() || hidden == "." || hidden == ".." {
            self.gap(path, "expected a whiteout of a name, found none".to_owned());
        } else {
            let hidden = if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") };
            self.out.whiteouts.push(hidden);
        }
        true
    }

    fn file<R: BufRead>(
        &mut self,
        entry: &TarEntry,
        tar: &mut TarReader<R>,
    ) -> Result<Result<(), TarError>, Error> {
        let own = [entry.path.clone()];
        let paths: &[String] = if self.targets.is_empty() {
            &own
        } else {
            match self.targets.get(&entry.path) {
                Some(paths) => paths,
                None => return Ok(Ok(())),
            }
        };
        let executable = Some(entry.mode & 0o111 != 0);
        let mut wanted: Vec<(&dyn Cataloger, &str)> = Vec::new();
        for path in paths {
            let announced = Entry { path, size: Some(entry.size), executable };
            wanted.extend(
                self.reader.catalogers.iter().filter(|c| c.wants(&announced)).map(|c| (*c, path.as_str())),
            );
        }
        if wanted.is_empty() {
            return Ok(Ok(()));
        }
        let first = self.out.files.len();
        self.held_bytes += weight::of_text(&entry.path);
        if let Some(earlier) = self.seen.insert(entry.path.clone(), first..first) {
            // A later entry of the same path replaces the earlier one.
            for file in &mut self.out.files[earlier] {
                file.catalog = Catalog::default();
            }
        }
        if entry.sparse {
            self.gap(
                &entry.path,
                "expected a plain file, found a sparse one, whose bytes are not put together".to_owned(),
            );
            return Ok(Ok(()));
        }
        let content = match self.content(entry, tar, &mut wanted)? {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        for (cataloger, path) in wanted {
            // Many links may lead to one file.
            if self.is_full() {
                break;
            }
            let mut catalog = Catalog::default();
            let file = ImageFile::new(path, content.as_read_at());
            if let Err(error) = cataloger.catalog(&file, &mut catalog) {
                catalog.gap("", error);
            }
            if catalog != Catalog::default() {
                catalog.packages.shrink_to_fit();
                catalog.owned.shrink_to_fit();
                catalog.named.shrink_to_fit();
                catalog.gaps.shrink_to_fit();
                let cataloger = cataloger.name().to_owned();
                self.keep(FileCatalog { path: path.to_owned(), cataloger, catalog });
            }
        }
        self.seen.insert(entry.path.clone(), first..self.out.files.len());
        Ok(Ok(()))
    }

    /// The content of the file at hand, if one of the catalogers still wants it after its first bytes.
    fn content<R: BufRead>(
        &mut self,
        entry: &TarEntry,
        tar: &mut TarReader<R>,
        wanted: &mut Vec<(&dyn Cataloger, &str)>,
    ) -> Result<Result<Option<Content>, TarError>, Error> {
        let io = |tar: &TarReader<R>, source| TarError::Io { offset: tar.offset(), source };
        let head_length = HEAD_BYTES.min(usize::try_from(entry.size).unwrap_or(HEAD_BYTES));
        let mut head = vec![0; head_length];
        if let Err(source) = tar.read_exact(&mut head) {
            return Ok(Err(io(tar, source)));
        }
        wanted.retain(|(cataloger, _)| cataloger.wants_content(&head));
        if wanted.is_empty() {
            return Ok(Ok(None));
        }
        if entry.size > self.reader.limits.file_bytes {
            let most = self.reader.limits.file_bytes;
            self.gap(&entry.path, format!("expected at most {most} bytes, found {}", entry.size));
            return Ok(Ok(None));
        }
        if entry.size <= self.reader.limits.memory_file_bytes {
            let size = usize::try_from(entry.size).expect("bounded by what is held in memory");
            head.resize(size, 0);
            return Ok(match tar.read_exact(&mut head[head_length..]) {
                Ok(()) => Ok(Some(Content::Memory(head))),
                Err(source) => Err(io(tar, source)),
            });
        }
        let disk =
            |source| Error::Disk { action: "write", path: self.reader.spool_folder.to_owned(), source };
        let mut file = spool(self.reader.spool_folder, &head).map_err(disk)?;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match tar.read(&mut buffer) {
                Ok(0) => return Ok(Ok(Some(Content::Spooled(file)))),
                Ok(length) => file.write_all(&buffer[..length]).map_err(disk)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Ok(Err(io(tar, source))),
            }
        }
    }

    fn hard_link(&mut self, entry: &TarEntry) {
        let announced = Entry { path: &entry.path, size: None, executable: Some(entry.mode & 0o111 != 0) };
        if !self.reader.catalogers.iter().any(|cataloger| cataloger.wants(&announced)) {
            return;
        }
        self.held_bytes += weight::of_text(&entry.path) + weight::of_text(&entry.link);
        let Some(original) = self.seen.get(&entry.link).cloned() else {
            self.pending.push((entry.link.clone(), entry.path.clone()));
            return;
        };
        let first = self.out.files.len();
        for index in original {
            let twin = FileCatalog { path: entry.path.clone(), ..self.out.files[index].clone() };
            self.keep(twin);
        }
        self.seen.insert(entry.path.clone(), first..self.out.files.len());
    }

    fn keep(&mut self, file: FileCatalog) {
        self.held_bytes += weight::of_file(&file);
        self.out.files.push(file);
    }

    fn is_full(&self) -> bool {
        self.held_bytes > self.reader.limits.layer_result_bytes
    }

    fn gap(&mut self, path: &str, reason: String) {
        if self.out.gaps.len() < self.reader.limits.gaps {
            let path = path.to_owned();
            self.out.gaps.push(LayerGap { path, reporter: "layers".to_owned(), reason });
        } else {
            self.gaps_left_out += 1;
        }
    }

    fn finish(mut self, diff_id: Option<DiffId>) -> Walked {
        if self.gaps_left_out > 0 {
            let reason = format!("{} more gaps of this layer are not listed", self.gaps_left_out);
            self.out.gaps.push(LayerGap { path: String::new(), reporter: "layers".to_owned(), reason });
        }
        self.out.files.retain(|file| file.catalog != Catalog::default());
        self.out.files.sort_by(|a, b| (&a.path, &a.cataloger).cmp(&(&b.path, &b.cataloger)));
        self.out.gaps.sort();
        // Stable: of two links at one path the later one stays last, and is the one that counts.
        self.out.symlinks.sort_by(|(a, _), (b, _)| a.cmp(b));
        for hashes in [&mut self.out.covers, &mut self.out.folders] {
            hashes.sort_unstable();
            hashes.dedup();
            hashes.shrink_to_fit();
        }
        Walked { catalog: self.out, diff_id, pending: self.pending }
    }
}

/// A path of an archive as a reason quotes it: on one line, without control characters, shortened.
fn shown(path: &str) -> String {
    let mut shown: String = path.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if path.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn drain(stream: &mut dyn BufRead) {
    loop {
        match stream.fill_buf() {
            Ok([]) => return,
            Ok(buffer) => {
                let length = buffer.len();
                stream.consume(length);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The tap has kept it.
            Err(_) => return,
        }
    }
}
