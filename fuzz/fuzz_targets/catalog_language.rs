//! Feeds bytes to the catalogers of languages. The first byte chooses the file they are said to come from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_catalog::{CATALOGERS, Catalog, Entry, ImageFile};

const PATHS: &[&str] = &[
    "usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA",
    "usr/lib/python3/dist-packages/six.egg-info",
    "opt/lib/six-1.16.0-py3.9.egg",
    "app/node_modules/@scope/name/package.json",
    "opt/yarn-v1.22.19/package.json",
    "app/name-1.2.3.jar",
    "app/name.war",
    "usr/bin/program",
    "app/Harbour.deps.json",
    "app/vendor/composer/installed.json",
    "usr/lib/ruby/gems/3.1.0/specifications/quay-0.2.0.gemspec",
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let path = PATHS[usize::from(choice) % PATHS.len()];
    let content = content.to_vec();
    let file = ImageFile::new(path, &content);
    let entry = Entry { path, size: None, executable: None };
    for cataloger in CATALOGERS.iter().filter(|cataloger| cataloger.wants(&entry)) {
        let mut out = Catalog::default();
        // An error is an answer; a panic is not.
        let _ = cataloger.wants_content(&content[..content.len().min(64)]);
        let _ = cataloger.catalog(&file, &mut out);
        let _ = out.packages.iter().map(|package| package.purl(None).to_string()).count();
    }
});
