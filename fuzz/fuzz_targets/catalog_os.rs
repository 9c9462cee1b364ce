//! Feeds bytes to the catalogers of distributions. The first byte chooses the file they are said to come from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_catalog::{CATALOGERS, Catalog, Entry, ImageFile};

const PATHS: &[&str] = &[
    "etc/os-release",
    "etc/lsb-release",
    "etc/alpine-release",
    "etc/debian_version",
    "etc/redhat-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/base-files",
    "var/lib/dpkg/info/libc6:amd64.list",
    "var/lib/dpkg/status.d/base-files.md5sums",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/pacman/local/filesystem-2023.09.18-1/desc",
    "var/lib/pacman/local/filesystem-2023.09.18-1/files",
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, content)) = data.split_first() else { return };
    let path = PATHS[usize::from(choice) % PATHS.len()];
    let content = content.to_vec();
    let file = ImageFile::new(path, &content);
    let entry = Entry { path, size: Some(file.size()), executable: Some(false) };
    for cataloger in CATALOGERS.iter().filter(|cataloger| cataloger.wants(&entry)) {
        let mut out = Catalog::default();
        // An error is an answer; a panic is not.
        let _ = cataloger.catalog(&file, &mut out);
        let _ = out.packages.iter().map(|package| package.purl(out.os.as_ref()).to_string()).count();
    }
});
