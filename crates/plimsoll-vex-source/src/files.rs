//! Documents in files and folders.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use plimsoll_attest::{MAX_ENVELOPE_BYTES, VerifyingKey};
use plimsoll_http::read_up_to;

use crate::open::{Opened, Rules, open};
use crate::{Error, Found, Place};

/// How deep folders may lie in a folder.
const MAX_DEPTH: usize = 16;
/// The most files and folders of a folder.
const MAX_ENTRIES: u64 = 100_000;
/// The most bytes of all documents of a folder.
const MAX_TOTAL_BYTES: u64 = 1 << 30;

/// Reads a file, or the `.json` files of a folder.
///
/// A file that was named is a document, or an error. In a folder JSON of another kind is passed over with a notice; what
/// is no JSON, or a document that cannot be read, is an error there too: nobody can tell what it should have said.
pub(crate) fn find(path: &Path, keys: &[VerifyingKey], found: &mut Found) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return take(path, &bytes(path)?, keys, found);
    }
    let mut files = Vec::new();
    let mut entries = 0;
    list(path, 0, &mut entries, &mut files)?;
    files.sort();
    let mut total = 0;
    for file in &files {
        let bytes = bytes(file)?;
        total += bytes.len() as u64;
        if total > MAX_TOTAL_BYTES {
            let place = path.display().to_string();
            return Err(Error::TooMuch { place, limit: MAX_TOTAL_BYTES, unit: "bytes" });
        }
        let is_json =
            bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'['));
        match take(file, &bytes, keys, found) {
            Err(Error::Document(plimsoll_vex::Error::UnknownFormat { found: what, .. })) if is_json => {
                found.notice(file.display().to_string(), format!("expected a VEX document, found {what}"));
            }
            Err(Error::Untrusted { name, expected, found: what }) => {
                found.unverified(name, format!("is not taken: expected {expected}, found {what}"));
            }
            done => done?,
        }
    }
    if files.is_empty() {
        found
            .notice(path.display().to_string(), "expected VEX documents, found no file that ends in `.json`");
    }
    Ok(())
}

/// Lists the files of a folder. Those whose names begin with a dot are left out: a mounted configuration keeps its older
/// copies in them. A link to a folder is not followed.
fn list(folder: &Path, depth: usize, entries: &mut u64, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::File { path: folder.to_owned(), source };
    let too_much = |limit, unit| Error::TooMuch { place: folder.display().to_string(), limit, unit };
    if depth > MAX_DEPTH {
        return Err(too_much(MAX_DEPTH as u64, "folders inside one another"));
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Err(too_much(MAX_ENTRIES, "files and folders"));
        }
        let path = entry.path();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            list(&path, depth + 1, entries, files)?;
        } else if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"))
            // Of a link that leads nowhere nothing can be read: an error, further on.
            && !fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir())
        {
            files.push(path);
        }
    }
    Ok(())
}

fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let limit = MAX_ENVELOPE_BYTES as u64;
    let bytes = read_up_to(File::open(path).map_err(failed)?, limit + 1).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooMuch { place: path.display().to_string(), limit, unit: "bytes" });
    }
    Ok(bytes)
}

fn take(path: &Path, bytes: &[u8], keys: &[VerifyingKey], found: &mut Found) -> Result<(), Error> {
    let name = path.display().to_string();
    // Who names a file without a signature has chosen it: there is nothing to check.
    match open(bytes, &name, &Rules { keys, must_be_signed: false, image: None })
        .map_err(|failed| failed.error)?
    {
        Opened::Document { document, is_verified, is_enveloped } => {
            if is_enveloped && !is_verified {
                found.unverified(
                    &name,
                    "its signature was not checked: `--vex-key FILE` says whom to believe",
                );
            }
            if document.statements.is_empty() && document.problems.is_empty() {
                found.notice(&name, "holds no statement");
            }
            found.take(*document, Place::File);
        }
        Opened::Other(kind) => {
            return Err(plimsoll_vex::Error::UnknownFormat {
                name,
                found: format!("an in-toto statement of `{}`", crate::open::clip(&kind)),
            }
            .into());
        }
        Opened::Refused { expected, found, .. } => return Err(Error::Untrusted { name, expected, found }),
    }
    Ok(())
}
