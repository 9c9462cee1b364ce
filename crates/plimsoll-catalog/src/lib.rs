//! Catalogers: files of an image to packages, one file per ecosystem, behind one seam.
//!
//! A cataloger sees one file at a time and knows nothing of layers, whiteouts or other files; the fold in
//! `plimsoll-image` puts their results together. It never touches the disk or the network, never runs anything,
//! and never panics on foreign bytes: what it cannot read becomes a gap.

mod alpm;
mod apk;
mod dotnet;
mod dpkg;
mod executable;
mod go_binary;
mod java;
mod lock;
mod node;
mod os_release;
mod php;
mod python;
mod rpm;
mod ruby;
mod rust_binary;
mod seam;
#[cfg(test)]
mod testing;
mod tree;

pub use os_release::OS_RELEASE_PATHS;
pub use seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, OwnedFiles, ReadError};

/// Every cataloger there is. Help, the coverage table in the documents and the tests that hold for every
/// cataloger walk this list.
pub const CATALOGERS: &[&dyn Cataloger] = &[
    &os_release::OsReleaseFiles,
    &dpkg::DpkgStatus,
    &dpkg::DpkgFiles,
    &apk::ApkInstalled,
    &alpm::AlpmLocal,
    &rpm::RpmDatabase,
    &rpm::RpmManifest,
    &python::PythonDistribution,
    &node::NodePackage,
    &node::NodeApplication,
    &java::JavaArchive,
    &go_binary::GoBinary,
    &rust_binary::RustBinary,
    &php::ComposerInstalled,
    &ruby::GemSpecification,
    &dotnet::DotNetDeps,
    &lock::NpmLock,
    &lock::YarnLock,
    &lock::PnpmLock,
    &lock::PipRequirements,
    &lock::PipfileLock,
    &lock::PoetryLock,
    &lock::UvLock,
    &lock::PdmLock,
    &lock::PyLock,
    &lock::CargoLock,
    &lock::GoMod,
    &lock::MavenPom,
    &lock::GradleLock,
    &lock::GemfileLock,
    &lock::ComposerLock,
    &lock::NuGetLock,
    &lock::MixLock,
    &lock::PubspecLock,
    &lock::SwiftResolved,
];

/// Whether a path could be read by a cataloger of what is installed, whatever its mode and content.
pub(crate) fn could_be_wanted(path: &str) -> bool {
    let entry = Entry { path, size: None, executable: None };
    let mut installed = CATALOGERS.iter().filter(|cataloger| cataloger.evidence() == Evidence::Installed);
    installed.any(|cataloger| cataloger.wants(&entry))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Paths that the catalogers want, so that content is tried on each of them.
    const PATHS: &[&str] = &[
        "etc/os-release",
        "etc/debian_version",
        "etc/redhat-release",
        "etc/arch-release",
        "var/lib/dpkg/status",
        "var/lib/dpkg/status.d/base",
        "var/lib/dpkg/info/libc6:amd64.list",
        "var/lib/dpkg/status.d/base.md5sums",
        "lib/apk/db/installed",
        "var/lib/pacman/local/a-1-1/desc",
        "var/lib/pacman/local/a-1-1/files",
        "var/lib/rpm/rpmdb.sqlite",
        "var/lib/rpm/rpmdb.sqlite-wal",
        "var/lib/rpm/Packages",
        "var/lib/rpmmanifest/container-manifest-2",
        "lib/a-1.dist-info/METADATA",
        "lib/a-1.egg",
        "app/node_modules/a/package.json",
        "app/package.json",
        "usr/bin/program",
        "app/a-1.jar",
        "app/vendor/composer/installed.json",
        "usr/share/specifications/a-1.gemspec",
        "app/a.deps.json",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "requirements.txt",
        "Pipfile.lock",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "pylock.toml",
        "Cargo.lock",
        "go.mod",
        "pom.xml",
        "gradle.lockfile",
        "Gemfile.lock",
        "composer.lock",
        "packages.lock.json",
        "mix.lock",
        "pubspec.lock",
        "Package.resolved",
    ];

    /// Bytes that look like noise, and are the same on every run.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn names_are_unique_and_stable_words() {
        let mut names = BTreeSet::new();
        for cataloger in CATALOGERS {
            let name = cataloger.name();
            let is_word = |word: &str| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            };
            assert!(name.split('-').all(is_word), "{name}");
            assert!(names.insert(name), "{name} is there twice");
            assert!(cataloger.revision() >= 1, "{name}");
        }
    }

    #[test]
    fn no_cataloger_wants_a_path_that_is_none() {
        for cataloger in CATALOGERS {
            for path in ["", "/"] {
                let entry = Entry { path, size: Some(0), executable: Some(false) };
                assert!(!cataloger.wants(&entry), "{} wants `{path}`", cataloger.name());
            }
        }
    }

    #[test]
    fn no_content_makes_a_cataloger_panic() {
        for cataloger in CATALOGERS {
            let wants = |path: &&&str| cataloger.wants(&Entry { path, size: None, executable: None });
            let paths: Vec<_> = PATHS.iter().filter(wants).collect();
            assert!(!paths.is_empty(), "{} wants none of the paths", cataloger.name());
            for path in paths {
                for seed in 0..20 {
                    for length in [0, 1, 7, 64, 200, 4096] {
                        let bytes = noise(seed, length);
                        let mut out = Catalog::default();
                        let _ = cataloger.wants_content(&bytes[..length.min(64)]);
                        let _ = cataloger.catalog(&ImageFile::new(path, &bytes), &mut out);
                    }
                }
            }
        }
    }
}
