//! Which file is the buildspec of a folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files::read_bounded;

/// Names that are looked for when none is given, in this order. CodeBuild looks for the first alone.
///
/// Source: AWS CodeBuild User Guide, *Buildspec file name and storage location*.
pub const DEFAULT_NAMES: [&str; 2] = ["buildspec.yml", "buildspec.yaml"];

/// Largest buildspec, in bytes.
pub const MAX_BUILDSPEC_BYTES: u64 = 1 << 20;

/// A buildspec's file and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// Reads the buildspec `name` of the folder, or the one with a default name. `name` may be a path, taken from the
/// folder on.
///
/// # Errors
/// [`Error::Missing`] with everything that was looked for; [`Error::Read`] and [`Error::File`] of a file that is there
/// and is unreadable, no text, or larger than [`MAX_BUILDSPEC_BYTES`].
pub fn find(folder: &Path, name: Option<&Path>) -> Result<Found, Error> {
    let names: Vec<&Path> = match name {
        Some(name) => vec![name],
        None => DEFAULT_NAMES.iter().map(Path::new).collect(),
    };
    for name in &names {
        let path = folder.join(name);
        match File::open(&path) {
            Ok(file) => return read(&file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Read { path, source }),
        }
    }
    let looked_for = names.iter().map(|name| format!("`{}`", name.display())).collect();
    Err(Error::Missing { folder: folder.to_owned(), looked_for })
}

fn read(file: &File, path: PathBuf) -> Result<Found, Error> {
    let wrong = |path: PathBuf, expected: String, found: &str| {
        Err(Error::File { path, expected, found: found.to_owned() })
    };
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return wrong(path, "a file".to_owned(), "something else");
    }
    match read_bounded(file, MAX_BUILDSPEC_BYTES) {
        Ok(None) => wrong(path, format!("at most {MAX_BUILDSPEC_BYTES} bytes"), "more"),
        Ok(Some(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Found { path, text }),
            Err(_) => wrong(path, "text in UTF-8".to_owned(), "other bytes"),
        },
        Err(source) => Err(Error::Read { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_buildspec_names_what_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path(), None).unwrap_err().to_string();
        assert!(error.ends_with("expected `buildspec.yml` or `buildspec.yaml`"), "{error}");
        let error = find(folder.path(), Some(Path::new("ci/build.yml"))).unwrap_err().to_string();
        assert!(error.ends_with("expected `ci/build.yml`"), "{error}");
    }

    #[test]
    fn a_folder_other_bytes_and_too_many_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("buildspec.yml")).unwrap();
        assert!(matches!(find(folder.path(), None), Err(Error::File { .. })));
        std::fs::write(folder.path().join("a.yml"), [0xff, 0xfe]).unwrap();
        assert!(matches!(find(folder.path(), Some(Path::new("a.yml"))), Err(Error::File { .. })));
        std::fs::write(folder.path().join("b.yml"), vec![b'#'; (1 << 20) + 1]).unwrap();
        assert!(matches!(find(folder.path(), Some(Path::new("b.yml"))), Err(Error::File { .. })));
    }

    #[test]
    fn the_default_name_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("buildspec.yaml"), "b").unwrap();
        assert_eq!(find(folder.path(), None).unwrap().text, "b");
        std::fs::write(folder.path().join("buildspec.yml"), "a").unwrap();
        assert_eq!(find(folder.path(), None).unwrap().text, "a");
    }
}
