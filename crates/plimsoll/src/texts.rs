//! Texts that people write: policies, waivers, buildspecs, templates.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use anyhow::anyhow;

use crate::exit::{Exit, Failure};

/// The largest policy, list of waivers or ignore file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The text of a file.
///
/// # Errors
/// Of the file that is not there, is larger than [`MAX_BYTES`], or is no text.
pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    text_if_there(path).unwrap_or_else(|| {
        let error = anyhow!("no such file").context(format!("cannot read `{}`", path.display()));
        Err(Failure::new(Exit::Usage, error))
    })
}

/// The text of a file; `None` where there is none.
pub(crate) fn text_if_there(path: &Path) -> Option<Result<String, Failure>> {
    let cannot = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error.context(format!("cannot read `{}`", path.display())))
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(cannot(error.into()))),
    };
    let mut text = String::new();
    Some(match file.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(read) if read as u64 > MAX_BYTES => {
            Err(cannot(anyhow!("expected at most {MAX_BYTES} bytes, found more")))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(cannot(error.into())),
    })
}
