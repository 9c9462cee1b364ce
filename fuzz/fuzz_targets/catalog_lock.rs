//! Feeds bytes to the catalogers of lock files and manifests. The first byte chooses the file they are said to be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_catalog::{CATALOGERS, Catalog, Entry, Evidence, ImageFile};

const PATHS: &[&str] = &[
    "Cargo.lock",
    "composer.lock",
    "Gemfile.lock",
    "go.mod",
    "gradle.lockfile",
    "mix.lock",
    "package-lock.json",
    "packages.lock.json",
    "Pipfile.lock",
    "pdm.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pom.xml",
    "pubspec.lock",
    "pylock.toml",
    "requirements.txt",
    "Package.resolved",
    "uv.lock",
    "yarn.lock",
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let path = PATHS[usize::from(choice) % PATHS.len()];
    let content = content.to_vec();
    let file = ImageFile::new(path, &content);
    let entry = Entry { path, size: Some(file.size()), executable: Some(false) };
    let declared = CATALOGERS.iter().filter(|cataloger| cataloger.evidence() == Evidence::Declared);
    for cataloger in declared.filter(|cataloger| cataloger.wants(&entry)) {
        let mut out = Catalog::default();
        // An error is an answer; a panic is not.
        let _ = cataloger.catalog(&file, &mut out);
        let _ = out.packages.iter().map(|package| package.purl(None).to_string()).count();
    }
});
