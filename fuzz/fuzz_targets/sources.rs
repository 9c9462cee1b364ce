//! Any bytes as a file of every source of advisories: documents or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_advisory::{Document, FeedKind, MAX_HEAD_BYTES, SOURCES, read_bytes};

/// Names of files and members, by which some sources tell their own.
const PATHS: &[&str] =
    &["", "all.zip/A-1.json", "github-reviewed/GHSA-1.json", "kev.json", "updateinfo.xml", "a.csv"];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let path = PATHS[usize::from(choice) % PATHS.len()];
    for source in SOURCES {
        let about = source.about();
        source.claims(path, &bytes[..bytes.len().min(MAX_HEAD_BYTES)]);
        let feeds = source.feeds(None);
        // Without a scope it is a file that a person gave, with one it was fetched.
        let scopes = [Some(""), feeds.first().map(|feed| feed.scope.as_str())];
        for scope in scopes.into_iter().flatten() {
            let mut documents = 0_u64;
            let report = read_bytes(*source, scope, path, bytes, &mut |document| {
                documents += 1;
                match document {
                    Document::Advisory(advisory) => {
                        assert!(!advisory.id.is_empty() && advisory.source == about.name);
                        for affected in &advisory.affected {
                            assert!(!affected.name.is_empty() && affected.note.len() <= 200);
                        }
                    }
                    Document::Withdrawn { source, id, .. } => assert!(!id.is_empty() && source == about.name),
                    Document::Kev(entry) => assert!(!entry.id.is_empty()),
                    Document::Score(score) => assert!(!score.id.is_empty()),
                    Document::Epss { id, epss } => {
                        assert!(!id.is_empty() && epss.probability <= 100_000 && epss.percentile <= 100_000);
                    }
                }
            });
            if let Ok(report) = report {
                let counted = report.usable + report.withdrawn + report.empty + report.kev_entries;
                assert_eq!(documents, counted + report.scores + report.epss, "{}", about.name);
            }
        }
        if let Some(index) = feeds.iter().find(|feed| feed.kind == FeedKind::Index) {
            let _ = source.follow(index, bytes);
        }
    }
});
