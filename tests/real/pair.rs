//! Two images, the second of which has one package more, and two databases, the second of which has one advisory more.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::base::Base;
use crate::image::{part_of, put_back, stamp};
use crate::surroundings::{advisories, program, root, work_folder};
use crate::tool::{make_folder, policy, run, skopeo, tool, write_file};

/// The flaw of the package that the second image adds, and the package.
pub const ADDED: (&str, &str) = ("CVE-2021-44228", "liblog4j2-java");
/// The flaw whose advisory the older database does not have, and its package, which both images have.
pub const LEARNT: (&str, &str) = ("CVE-2022-1271", "gzip");
/// The advisory of that flaw.
const LEARNT_ADVISORY: &str = "DSA-5122-1";
/// The advisory of the package that is added.
const ADDED_ADVISORY: &str = "DSA-5020-1";
/// The same, written for those who have no real ones.
const ADDED_RECORD: &str = r#"{"id": "DSA-5020-1", "modified": "2023-06-28T06:24:14Z", "published": "2021-12-11T00:00:00Z",
    "summary": "apache-log4j2 - security update", "upstream": ["CVE-2020-9488", "CVE-2021-44228"], "affected": [{"package":
    {"ecosystem": "Debian:11", "name": "apache-log4j2"}, "ranges": [{"type": "ECOSYSTEM",
    "events": [{"introduced": "0"}, {"fixed": "2.15.0-1~deb11u1"}]}]}]}"#;
/// Packages at the versions of Debian 11.0, of which those advisories speak.
const OLDER: &[(&str, &str)] = &[("gzip", "1.10-4"), ("liblog4j2-java", "2.13.3-1")];

/// The images, and the databases.
#[derive(Debug)]
pub struct Pair {
    folder: PathBuf,
}

impl Pair {
    /// An OCI layout.
    pub fn before(&self) -> PathBuf {
        self.folder.join("before")
    }

    /// An OCI layout; its layers begin with those of [`Pair::before`].
    pub fn after(&self) -> PathBuf {
        self.folder.join("after")
    }

    /// A database without the advisory of [`LEARNT`].
    pub fn older_database(&self) -> PathBuf {
        self.folder.join("older.db")
    }

    /// A database with it.
    pub fn newer_database(&self) -> PathBuf {
        self.folder.join("newer.db")
    }
}

/// Both, made by whoever asks first.
///
/// # Panics
///
/// Where they cannot be made, which needs root.
pub fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let recipe = [include_str!("pair.rs"), include_str!("image.rs"), include_str!("base.rs")];
        let from = advisories().map(|folder| folder.display().to_string()).unwrap_or_default();
        let folder = work_folder().join(format!("pair-{}", stamp(&[&recipe[..], &[&from]].concat())));
        let lock = File::create(work_folder().join("lock")).expect("the folder is ours");
        lock.lock().expect("the file system of the target folder has locks");
        if !folder.exists() {
            let base = Base::get();
            let part = part_of(&folder);
            images(&base, &part);
            fs::rename(&part, &folder).expect("the folder beside it is ours");
        }
        // The program's own form of a database may have changed.
        databases(&folder);
        Pair { folder }
    })
}

fn images(base: &Base, folder: &Path) {
    let (store, runtime, context) = (folder.join("store"), folder.join("runtime"), folder.join("context"));
    make_folder(&context);
    for (package, version) in OLDER {
        put_back(base, package, version, &context);
    }
    let buildah = || -> Command {
        let mut command = tool("buildah");
        command.args(["--storage-driver", "vfs", "--root"]).arg(&store).arg("--runroot").arg(&runtime);
        command
    };
    let line = |output: Vec<u8>| String::from_utf8(output).expect("buildah writes names").trim().to_owned();
    let container = line(run(buildah().args(["from", "scratch"])));
    run(buildah().args(["add", "--quiet", &container]).arg(base.root_file_system()).arg("/"));
    run(buildah()
        .args(["commit", "--quiet", "--rm", "--signature-policy"])
        .arg(policy())
        .args([&container, "localhost/base:1"]));
    // The packages that one depends on are not there, which matters to nobody here.
    for (name, from, package) in [("before", "base", "gzip"), ("after", "before", "liblog4j2-java")] {
        let recipe = format!(
            "FROM localhost/{from}:1\nCOPY {package}.deb /tmp/\nRUN dpkg --install --force-depends /tmp/{package}.deb && rm /tmp/{package}.deb\n"
        );
        write_file(&context.join("Dockerfile"), recipe.as_bytes());
        run(buildah()
            .args(["bud", "--quiet", "--layers", "--isolation", "chroot", "--signature-policy"])
            .arg(policy())
            .args(["--tag", &format!("localhost/{name}:1")])
            .arg(&context));
        let stored =
            format!("containers-storage:[vfs@{}+{}]localhost/{name}:1", store.display(), runtime.display());
        run(skopeo().args(["copy", "--quiet", &stored, &format!("oci:{}:1", folder.join(name).display())]));
    }
    for done in [store, runtime, context] {
        fs::remove_dir_all(done).expect("the folder is ours");
    }
}

/// Debian's records, with and without the one.
fn databases(folder: &Path) {
    let records = folder.join("records");
    drop(fs::remove_dir_all(&records));
    make_folder(&records);
    if let Some(real) = advisories() {
        run(tool("python3")
            .args(["-m", "zipfile", "--extract"])
            .arg(real.join("Debian/all.zip"))
            .arg(&records));
    } else {
        let own = root().join("examples/advisories/Debian").join(format!("{LEARNT_ADVISORY}.json"));
        fs::copy(own, records.join(format!("{LEARNT_ADVISORY}.json"))).expect("it is there");
        write_file(&records.join(format!("{ADDED_ADVISORY}.json")), ADDED_RECORD.as_bytes());
    }
    let build = |name: &str| {
        run(tool(program())
            .args(["db", "build", "--from"])
            .arg(&records)
            .arg("--output")
            .arg(folder.join(name)));
    };
    build("newer.db");
    // One flaw stands in several records: Debian's own, and each CVE's.
    for entry in fs::read_dir(&records).expect("the folder is ours") {
        let path = entry.expect("the folder is ours").path();
        let is_gone = [LEARNT_ADVISORY, LEARNT.0]
            .iter()
            .any(|id| path.file_name().is_some_and(|name| name.to_string_lossy().contains(id)));
        if is_gone {
            fs::remove_file(path).expect("the file is ours");
        }
    }
    build("older.db");
    fs::remove_dir_all(records).expect("the folder is ours");
}
