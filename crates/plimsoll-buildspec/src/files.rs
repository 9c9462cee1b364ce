//! Files read with a bound, and folders that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Reads at most `limit` bytes; `None` if there are more.
pub(crate) fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    let count = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((count as u64 <= limit).then_some(bytes))
}

/// Reads the text of a file of at most `limit` bytes; an answer of `None` means that it is longer or no text.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<Option<String>> {
    let bytes = read_bounded(File::open(path)?, limit)?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// A folder that is filled beside its place and moved there by [`Staging::publish`]. Left alone, it vanishes.
pub(crate) struct Staging {
    folder: PathBuf,
    place: PathBuf,
    is_published: bool,
}

impl Staging {
    /// Makes an empty folder beside `place`, whose parents are made.
    pub(crate) fn beside(place: &Path) -> Result<Self, Error> {
        let parent = place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut number = 0_u32;
        loop {
            let folder = parent.join(format!(".{name}.{}.{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self { folder, place: place.to_owned(), is_published: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                    number += 1;
                }
                Err(source) => return Err(Error::Disk { action: "make folder", path: folder, source }),
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the folder to its place; what was there before is put aside first, and then removed.
    pub(crate) fn publish(mut self) -> Result<(), Error> {
        let old = self.folder.with_extension("old");
        let had_one = match fs::rename(&self.place, &old) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(Error::Disk { action: "put aside", path: self.place.clone(), source }),
        };
        if let Err(source) = fs::rename(&self.folder, &self.place) {
            if had_one {
                let _ = fs::rename(&old, &self.place);
            }
            return Err(Error::Disk { action: "publish folder", path: self.place.clone(), source });
        }
        self.is_published = true;
        if had_one {
            fs::remove_dir_all(&old).map_err(Error::disk("remove folder", &old))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_published {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("out/primary");
        let staging = Staging::beside(&place).unwrap();
        fs::write(staging.folder().join("a"), "1").unwrap();
        drop(staging);
        assert!(!place.exists());
        for text in ["1", "2"] {
            let staging = Staging::beside(&place).unwrap();
            fs::write(staging.folder().join(text), text).unwrap();
            staging.publish().unwrap();
        }
        let names: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["2"]);
        assert_eq!(fs::read_dir(parent.path().join("out")).unwrap().count(), 1);
    }

    #[test]
    fn more_than_the_limit_is_not_read() {
        assert_eq!(read_bounded(&b"abc"[..], 3).unwrap(), Some(b"abc".to_vec()));
        assert_eq!(read_bounded(&b"abcd"[..], 3).unwrap(), None);
    }
}
