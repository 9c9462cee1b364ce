//! The advisory database, built by the program from real advisories, or from the project's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::image::stamp;
use crate::surroundings::{advisories, program, root, work_folder};
use crate::tool::{make_folder, run, tool};

/// A database, kept below the target folder until program or advisories change.
#[derive(Debug)]
pub struct Database {
    /// The file.
    pub path: PathBuf,
    /// Whether it holds the real advisories that `ADVISORIES` names.
    pub real: bool,
}

/// As one file. Built by whoever asks first.
///
/// # Panics
///
/// Where `ADVISORIES` names what is no folder, or the program cannot build one.
pub fn database() -> &'static Database {
    static DATABASE: OnceLock<Database> = OnceLock::new();
    DATABASE.get_or_init(|| build("db", advisories().as_deref()))
}

/// As a store of partitions.
///
/// # Panics
///
/// As [`database`].
pub fn database_store() -> &'static Database {
    static DATABASE: OnceLock<Database> = OnceLock::new();
    DATABASE.get_or_init(|| build("store", advisories().as_deref()))
}

/// As one file, of the project's own advisories alone: for what must find something in the Debian base, of which the real
/// ones may know nothing that is not fixed in it.
///
/// # Panics
///
/// Where the program cannot build it.
pub fn own_database() -> &'static Database {
    static DATABASE: OnceLock<Database> = OnceLock::new();
    DATABASE.get_or_init(|| build("own", None))
}

/// A file, or a folder where `form` is `store`.
fn build(form: &str, real: Option<&Path>) -> Database {
    let from = real.map_or_else(|| root().join("examples/advisories"), Path::to_owned);
    if real.is_none() && form != "own" {
        println!("no real advisories were given (`ADVISORIES=DIR`): the project's own are used");
    }
    assert!(from.is_dir(), "cannot read advisories `{}`: expected a folder", from.display());
    let folder = work_folder().join("database");
    make_folder(&folder);
    // Another program may write another form; other folders hold other advisories.
    let program = program();
    let built = fs::metadata(&program).expect("it is there");
    let modified = built.modified().expect("Linux knows it");
    let key = stamp(&[&format!("{} {modified:?} {}", built.len(), from.display()), &newest(&from)]);
    let path = folder.join(format!("{key}.{form}"));
    let lock = fs::File::create(folder.join("lock")).expect("the folder is ours");
    lock.lock().expect("the file system of the target folder has locks");
    if !path.exists() {
        for entry in fs::read_dir(&folder).expect("the folder is ours") {
            let old = entry.expect("the folder is ours").path();
            if old.extension().is_some_and(|extension| extension == form) {
                // A test of another process may have it open: that keeps what it has.
                fs::remove_file(&old).or_else(|_| fs::remove_dir_all(&old)).expect("it is ours");
            }
        }
        // A folder is told by the slash at its end; one of a run that was ended may be left.
        let part = folder.join(if form == "store" { "part-store/" } else { "part" });
        drop(fs::remove_dir_all(&part));
        run(tool(program).args(["db", "build", "--from"]).arg(&from).arg("--output").arg(&part));
        fs::rename(part, &path).expect("both are in a folder of ours");
    }
    Database { path, real: real.is_some() }
}

/// The latest change of any file in a folder of advisories.
fn newest(folder: &Path) -> String {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let folders = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = folders.flat_map(|path| {
        let inner: Vec<PathBuf> =
            fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        inner.into_iter().chain([path])
    });
    format!("{:?}", files.filter_map(|path| modified(&path)).max())
}
