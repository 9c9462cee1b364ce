//! Debian 11 by `mmdebstrap`, and files of its packages: what the image is built from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::image::{part_of, stamp};
use crate::surroundings::work_folder;
use crate::tool::{fetching_tool, make_folder, run};

/// The release. Its mirror is the one `mmdebstrap` goes to by itself.
const SUITE: &str = "bullseye";
/// Packages besides the least there is: Python packages that the distribution owns, and two that a later layer
/// removes, one of them with configuration files.
const INCLUDE: &str = "python3-minimal,python3-urllib3,ed,netbase";
/// Package files that are fetched and not installed: Java archives, and two packages that are put back to what
/// Debian 11.0 had.
const FILES: &str = "libcommons-text-java libjackson2-databind-java libyaml-snake-java liblog4j2-java \
                     libcommons-collections3-java gzip zlib1g";
/// Nothing but the release itself, though the mirror has its security updates too: those are moved away one day, and
/// what is never updated gives the same image on every machine.
const RELEASE_ONLY: &str = "APT::Default-Release \"bullseye\"";
/// No manuals and translations: they make layers large and hold no package.
const LEFT_OUT: &str = "path-exclude=/usr/share/{man,locale,doc,info}/*";

/// A root file system and package files.
pub(crate) struct Base {
    folder: PathBuf,
}

impl Base {
    /// Makes it where it does not exist. Only one process at a time may.
    pub(crate) fn get() -> Self {
        let folder = work_folder().join(format!("base-{}", stamp(&[include_str!("base.rs")])));
        if !folder.exists() {
            eprintln!("making Debian 11 with `mmdebstrap`: some minutes, once");
            let part = part_of(&folder);
            bootstrap(&part);
            fs::rename(&part, &folder).expect("the folder beside it is ours");
        }
        Self { folder }
    }

    /// The root file system, a tar file.
    pub(crate) fn root_file_system(&self) -> PathBuf {
        self.folder.join("root.tar")
    }

    /// The file of a package.
    pub(crate) fn package_file(&self, name: &str) -> PathBuf {
        let prefix = format!("{name}_");
        let entries = fs::read_dir(self.folder.join("files")).expect("made together with the base");
        entries
            .map(|entry| entry.expect("a folder of ours").path())
            .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)))
            .unwrap_or_else(|| {
                panic!("cannot find a file of package `{name}` in `{}`", self.folder.display())
            })
    }
}

fn bootstrap(folder: &Path) {
    make_folder(&folder.join("files"));
    // The hooks' words are split by mmdebstrap as a shell does.
    let files = folder.join("files").display().to_string();
    assert!(
        !files.contains([' ', '\'', '"']),
        "expected a target folder without blanks and quotes, found `{files}`"
    );
    run(fetching_tool("mmdebstrap")
        .args(["--quiet", "--variant=minbase"])
        .arg(format!("--include={INCLUDE}"))
        .arg(format!("--dpkgopt={LEFT_OUT}"))
        .arg(format!("--aptopt={RELEASE_ONLY}"))
        // Inside, `apt-get` knows the release; outside, the machine may be of another.
        .arg(format!(
            "--customize-hook=chroot \"$1\" sh -c 'mkdir /files && cd /files && apt-get -qq download {FILES}'"
        ))
        .arg(format!("--customize-hook=cp \"$1\"/files/*.deb {files}/"))
        .arg("--customize-hook=rm -r \"$1\"/files")
        .arg(SUITE)
        .arg(folder.join("root.tar")));
}
