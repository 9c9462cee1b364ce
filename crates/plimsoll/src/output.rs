//! Where results go.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::exit::{Exit, Failure};

/// Most links that are followed from a name to its file; the kernel follows as many.
const MAX_LINKS: usize = 40;
/// Most names that are tried for a file that is not finished.
const MAX_NAMES: usize = 100;
/// Where the files lie that a process has open: `/dev/stdout` leads there.
const PROCESSES: &str = "/proc";

/// The file that a name means, where its links lead: what is written there is not put in place of the link.
pub(crate) fn place(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        // A name that ends in `/` is that of a folder, and nothing else may be made of it.
        if place.as_os_str().as_encoded_bytes().ends_with(b"/") {
            break;
        }
        let (Ok(absolute), Some(name)) = (std::path::absolute(&place), place.file_name()) else { break };
        let Some(Ok(folder)) = absolute.parent().map(Path::canonicalize) else { break };
        place = folder.join(name);
        if is_open_file(&place) {
            break;
        }
        match fs::read_link(&place) {
            Ok(link) => place = folder.join(link),
            Err(_) => break,
        }
    }
    place
}

/// Whether a file is this process's stdout: `/dev/stdout`, `/proc/self/fd/1`.
pub(crate) fn is_stdout(place: &Path) -> bool {
    let own = Path::new(PROCESSES).join(std::process::id().to_string()).join("fd/1");
    place == own
}

fn is_open_file(place: &Path) -> bool {
    place.starts_with(PROCESSES)
}

/// Writes a finished result to stdout, or into a file: under another name first, so that nobody ever reads half of it.
pub(crate) fn write(output: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let Some(path) = output else {
        return match io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()) {
            // The reader has seen enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::new(
                Exit::CouldNotScan,
                anyhow::Error::new(error).context("cannot write to stdout"),
            )),
            Ok(()) => Ok(()),
        };
    };
    let cannot = |error: io::Error| {
        let what = format!("cannot write the result to `{}`", path.display());
        Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(what))
    };
    let place = place(path);
    // A device, a pipe, or what is open already is written to as it is: what stands there stays.
    if is_open_file(&place)
        || fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    {
        return OpenOptions::new()
            .append(true)
            .open(&place)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(cannot);
    }
    if place.file_name().is_none() {
        let what = format!("cannot write the result to `{}`: expected a file's name", path.display());
        return Err(Failure::new(Exit::Usage, anyhow!(what)));
    }
    let (temporary, mut file) = unfinished(&place).map_err(cannot)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, &place));
    if let Err(error) = written {
        // Best effort: what is reported is the failure before.
        let _ = fs::remove_file(&temporary);
        return Err(cannot(error));
    }
    Ok(())
}

/// A new file beside another, under a name that nothing has: a process that was killed may have left one, and in a
/// container the next has the same number.
fn unfinished(place: &Path) -> io::Result<(PathBuf, File)> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0;
    loop {
        let path = place.with_file_name(format!(".{name}.{}.{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_NAMES => number += 1,
            result => return result.map(|file| (path, file)),
        }
    }
}
