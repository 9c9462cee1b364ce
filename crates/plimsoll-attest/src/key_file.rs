//! Files of keys.
//!
//! A private key that others can read is used all the same, and said: containers and build services mount secrets as
//! they like, and who cannot change that must not be kept from signing. What is written here only its owner can read.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::{Error, PrivateKey, PublicKey};

/// The most bytes of a file of keys.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// The permissions of group and others.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// A private key, and what is to be said of the file it came from.
#[derive(Debug)]
pub struct PrivateKeyFile {
    /// The key.
    pub key: PrivateKey,
    /// A sentence for the user where others can read the file.
    pub warning: Option<String>,
}

/// Reads a private key.
///
/// # Errors
/// [`Error::Read`] and [`Error::Key`].
pub fn read_private_key(path: &Path) -> Result<PrivateKeyFile, Error> {
    let (file, text) = read(path)?;
    let key = PrivateKey::from_pem(&text, &path.display().to_string())?;
    Ok(PrivateKeyFile { key, warning: exposed(&file, path) })
}

/// Reads the public keys of a file, of which any is to be trusted.
///
/// # Errors
/// [`Error::Read`] and [`Error::Key`].
pub fn read_public_keys(path: &Path) -> Result<Vec<PublicKey>, Error> {
    let (_, text) = read(path)?;
    PublicKey::all_from_pem(&text, &path.display().to_string())
}

/// Writes a private key to `path` and its public half to the same name with `.pub` behind it, which is given back.
/// Neither may exist; the private key is readable for its owner only.
///
/// # Errors
/// [`Error::Write`]. Where the second file cannot be written, the first one is removed.
pub fn write_key_pair(key: &PrivateKey, path: &Path) -> Result<PathBuf, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let public = PathBuf::from(name);
    write_new(path, key.to_pem().expose(), true)?;
    if let Err(error) = write_new(&public, &key.public().to_pem(), false) {
        // The error that matters is the one at hand.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(public)
}

pub(crate) fn read(path: &Path) -> Result<(File, String), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    (&file).take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::Key {
            subject: path.display().to_string(),
            expected: "a file of at most 64 KiB",
            found: "more".to_owned(),
        });
    }
    Ok((file, text))
}

fn write_new(path: &Path, text: &str, private: bool) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(unix)]
pub(crate) fn exposed(file: &File, path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = file.metadata().ok()?.mode() & 0o777;
    (mode & OTHERS != 0).then(|| {
        format!(
            "private key `{}` can be read by others (mode {mode:04o}): `chmod 600` keeps it to its owner",
            path.display()
        )
    })
}

#[cfg(not(unix))]
pub(crate) fn exposed(_: &File, _: &Path) -> Option<String> {
    None
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what they wrote")]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("plimsoll-attest-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_pair_is_written_once_and_read_back() {
        let folder = Folder::new("pair");
        let path = folder.0.join("db.pem");
        let key = PrivateKey::generate().unwrap();
        let public = write_key_pair(&key, &path).unwrap();
        assert_eq!(public, folder.0.join("db.pem.pub"));
        let read = read_private_key(&path).unwrap();
        assert_eq!((read.key.public(), read.warning), (key.public(), None));
        assert_eq!(read_public_keys(&public).unwrap(), [key.public()]);
        let before = std::fs::read(&path).unwrap();
        let error = write_key_pair(&PrivateKey::generate().unwrap(), &path).unwrap_err();
        assert!(error.to_string().contains("expected a file that does not exist yet"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
        // Half a pair is not left behind.
        let other = folder.0.join("other");
        std::fs::write(folder.0.join("other.pub"), "").unwrap();
        assert!(write_key_pair(&key, &other).is_err());
        assert!(!other.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_used_and_said() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("mode");
        let path = folder.0.join("k");
        write_key_pair(&PrivateKey::generate().unwrap(), &path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let warning = read_private_key(&path).unwrap().warning.unwrap();
        assert!(warning.contains("mode 0644"), "{warning}");
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused() {
        let folder = Folder::new("bad");
        let path = folder.0.join("large");
        std::fs::write(&path, "x".repeat(70_000)).unwrap();
        assert!(read_public_keys(&path).unwrap_err().to_string().contains("at most 64 KiB"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_private_key(&path), Err(Error::Read { .. })));
        assert!(matches!(read_private_key(&folder.0), Err(Error::Read { .. })));
        assert!(matches!(read_private_key(&folder.0.join("none")), Err(Error::Read { .. })));
    }
}
