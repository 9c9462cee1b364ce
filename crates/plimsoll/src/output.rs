//! Where results go.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::anyhow;

use crate::exit::{Exit, Failure};

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
    // A device or a pipe is written to as it is.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(cannot);
    }
    let name = path.file_name().ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            anyhow!("cannot write the result to `{}`: expected a file's name", path.display()),
        )
    })?;
    let temporary = path.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // Best effort: what is reported is the failure before.
        let _ = fs::remove_file(&temporary);
        return Err(cannot(error));
    }
    Ok(())
}
