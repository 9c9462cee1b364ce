//! The only place here that looks at the environment: where things lie, and whether they can be used.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The project's root.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package lies two folders below the root")
}

/// Where everything made here lies: `<target>/real`.
pub(crate) fn work_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // `setup.sh` goes by the same rule.
        let target = variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let folder = root().join(target).join("real");
        fs::create_dir_all(folder.join("home"))
            .unwrap_or_else(|error| panic!("cannot make folder `{}`: {error}", folder.display()));
        folder
    })
}

/// The program under test, built into the folder above the tests' own.
pub(crate) fn program() -> PathBuf {
    built("plimsoll")
}

/// Another program of ours, built beside it.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test.ancestors().nth(2).expect("tests lie in `deps` of their profile's folder");
    let program = folder.join(name);
    assert!(
        program.exists(),
        "cannot find the program `{}`\nhint: `cargo build --package {name}`, or `make test-real`, which does it",
        program.display()
    );
    program
}

/// The folder of real advisories that `ADVISORIES` names, laid out as the OSV export is; `None` where it names none.
pub fn advisories() -> Option<PathBuf> {
    variable("ADVISORIES").map(|folder| root().join(folder))
}

/// The folder of a home for programs that must not see, or change, that of the person.
pub(crate) fn home() -> PathBuf {
    work_folder().join("home")
}

/// `PATH`, with the folders where Debian keeps programs for administrators.
pub(crate) fn path() -> OsString {
    let mut path = variable("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}

/// Whether the person's `HOME` is there to be used.
pub(crate) fn has_home() -> bool {
    variable("HOME").is_some_and(|home| Path::new(&home).is_dir())
}

#[expect(clippy::disallowed_methods, reason = "this is the one module here that reads the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A folder of one test, gone when dropped. Its path is short enough for a socket's.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "it makes a folder; that should be seen")]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("plimsoll-{}-{number}", std::process::id()));
        // One of a process that was killed may have the same number.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder)
            .unwrap_or_else(|error| panic!("cannot make folder `{}`: {error}", folder.display()));
        Self(folder)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind does no harm.
        drop(fs::remove_dir_all(&self.0));
    }
}
