//! All sources there are, and what documents tell of them.

use std::fmt::Write as _;

use crate::seam::Source;

/// All sources. A file that a person gave is read by the first that claims it, so one with a narrow claim stands before
/// one with a wide one: the OSV records' stand last, since they claim every JSON file.
pub const SOURCES: &[&dyn Source] = &[
    &crate::debian_tracker::DebianTracker,
    &crate::secdb::WOLFI,
    &crate::secdb::CHAINGUARD,
    &crate::secdb::ALPINE,
    &crate::arch::Arch,
    &crate::photon::Photon,
    &crate::errata::AlmaErrata,
    &crate::amazon::Amazon,
    &crate::rocky::Rocky,
    &crate::oracle::Oracle,
    &crate::suse_oval::SuseOval,
    &crate::redhat_vex::RedHatVex,
    &crate::suse_vex::SuseVex,
    &crate::kev::Kev,
    &crate::epss::EpssScores,
    &crate::cve_severity::CveSeverity,
    &crate::nvd::Nvd,
    &crate::osv_source::Ghsa,
    &crate::osv_source::Osv,
];

/// The source of that name.
pub fn source(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|source| source.about().name == name)
}

/// A Markdown table of all sources, in the order of their names, as `docs/sources.md` holds it.
pub fn sources_table() -> String {
    let mut sources: Vec<_> = SOURCES.iter().map(|source| source.about()).collect();
    sources.sort_unstable_by_key(|about| about.name);
    let mut table = "| source | whose | licence | what it brings | ecosystems | updated by default |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for about in sources {
        let ecosystems: Vec<&str> = about.ecosystems.iter().map(|ecosystem| ecosystem.name()).collect();
        let ecosystems = if ecosystems.is_empty() { "–".to_owned() } else { ecosystems.join(", ") };
        let default = match (about.base.is_empty(), about.by_default) {
            (true, _) => "files only",
            (false, true) => "yes",
            (false, false) => "no",
        };
        writeln!(
            table,
            "| `{}` | [{}]({}) | {} | {} | {ecosystems} | {default} |",
            about.name,
            cell(about.title),
            about.home,
            cell(about.licence),
            cell(about.brings.trim_end_matches('.'))
        )
        .expect("a text takes all that is written to it");
    }
    table
}

/// A text that ends no cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plimsoll_model::Ecosystem;

    use super::*;
    use crate::seam::FeedKind;

    #[test]
    fn each_source_is_described_and_named_once() {
        let mut names = BTreeSet::new();
        for source in SOURCES {
            let about = source.about();
            let name = about.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(
                !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(about.home.starts_with("https://"), "{name}");
            assert!(
                about.base.is_empty() || (about.base.starts_with("https://") && about.base.ends_with('/')),
                "{name}"
            );
            assert!(
                about.max_file_bytes > 0 && !about.title.is_empty() && !about.licence.is_empty(),
                "{name}"
            );
            assert!(!about.brings.is_empty() && !about.brings.contains('\n'), "{name}");
            assert!(super::source(name).is_some());
            assert!(sources_table().contains(&format!("| `{name}` |")));
        }
        assert!(super::source("").is_none());
    }

    #[test]
    fn feeds_are_told_apart_and_belong_to_their_source() {
        for source in SOURCES {
            let about = source.about();
            let feeds = source.feeds(None);
            let unique: BTreeSet<_> = feeds.iter().collect();
            assert_eq!(unique.len(), feeds.len(), "{}", about.name);
            for feed in &feeds {
                assert_eq!(feed.source, about.name);
                assert!(!about.base.is_empty() || feed.path.contains("://"), "{}", about.name);
                assert!(!feed.path.contains(' ') && !feed.path.starts_with('/'), "{}", feed.path);
                if feed.kind == FeedKind::OsvEcosystem {
                    assert!(feed.path.ends_with("/all.zip"), "{}", feed.path);
                }
            }
            // Of one that is only a folder nothing is fetched; one of no ecosystem is fetched whichever is asked for.
            let is_whole = feeds.is_empty() || about.ecosystems.is_empty();
            for ecosystem in Ecosystem::ALL.iter().filter(|_| !is_whole) {
                let has_feeds = !source.feeds(Some(&[*ecosystem])).is_empty();
                assert_eq!(has_feeds, about.ecosystems.contains(ecosystem), "{} {ecosystem:?}", about.name);
            }
        }
    }

    /// A folder of everybody's files: each is read by the source that it is of, and by no other before it.
    #[test]
    fn each_fixture_is_claimed_by_its_own_source() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        let mut claimed = std::collections::BTreeMap::<String, BTreeSet<&str>>::new();
        for name in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let readings = crate::read_by_source(std::slice::from_ref(&name), &mut |_| {}).unwrap();
            let name = name.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(readings.rest.failed, 0, "{name}: {:?}", readings.rest.failures);
            claimed.entry(name).or_default().extend(readings.sources.keys());
        }
        let mut text = String::new();
        for (name, sources) in claimed {
            writeln!(text, "{name}: {}", sources.into_iter().collect::<Vec<_>>().join(", ")).unwrap();
        }
        expect_test::expect![[r"
            amazon: amazon
            arch: arch
            debian-tracker: debian-tracker
            errata: almalinux-errata
            nvd: nvd
            oracle: oracle
            photon: photon
            redhat-vex: redhat-vex
            rocky: rocky
            secdb: alpine-secdb, wolfi-secdb
            suse-oval: suse-oval
            suse-vex: suse-vex
        "]]
        .assert_eq(&text);
    }

    /// Every source meets what is nobody's: it refuses it or finds nothing in it, and never panics.
    #[test]
    fn no_source_panics_on_what_is_not_its_own() {
        let deep_json = "[".repeat(100_000);
        let deep_object = "{\"a\":".repeat(100_000);
        let deep_xml = "<a>".repeat(100_000);
        for bytes in [
            &b""[..],
            b"<!DOCTYPE html><html><body>Sign in</body></html>",
            b"{}",
            b"[]",
            b"null",
            b"\xff\xfe\x00",
            b"<?xml version=\"1.0\"?>",
            deep_json.as_bytes(),
            deep_object.as_bytes(),
            deep_xml.as_bytes(),
        ] {
            for source in SOURCES {
                for path in ["a.json", "a/b.xml", "", "c.csv"] {
                    source.claims(path, &bytes[..bytes.len().min(crate::MAX_HEAD_BYTES)]);
                }
                if let Ok((documents, _)) = crate::testing::read(*source, "a.json", bytes) {
                    assert_eq!(documents, Vec::<String>::new(), "{}", source.about().name);
                }
            }
        }
    }
}
