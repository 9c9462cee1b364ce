//! Swift's `Package.resolved`, versions 1 to 3.
//!
//! Source: Swift package manager 6, `PackageGraph/ResolvedPackagesStore.swift`; OSV schema 1.7, `SwiftURL`.

use plimsoll_model::PackageKind;

use super::{Listing, is_own};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads pins. A package is named by its repository's address without the scheme, `github.com/apple/swift-nio`; one
/// that is pinned to a branch or a revision is listed without a version.
pub(crate) struct SwiftResolved;

const NAME: &str = "swift-resolved";

impl Cataloger for SwiftResolved {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_own(entry, "Package.resolved")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let lock = Tree::json(file)?;
        let pins = if lock.has("pins") { lock.get("pins") } else { lock.get("object").get("pins") };
        if !matches!(pins, Tree::List(_)) {
            return Err(ReadError::malformed("a list `pins`", pins.describe()));
        }
        let mut listing = Listing::new(PackageKind::Swift, NAME, out);
        for (index, pin) in pins.items().iter().enumerate() {
            // Version 1 said `repositoryURL`. A pin of a registry has no location, but an identity `scope.name`.
            let address = [pin.get("location"), pin.get("repositoryURL"), pin.get("identity")];
            let Some(address) = address.iter().find_map(|value| value.text()) else {
                listing.gap(format!("pin {}", index + 1), "expected the address of a repository, found none");
                continue;
            };
            let state = pin.get("state");
            match (pin.get("kind").text(), state.get("version").text()) {
                // A folder of this tree or machine.
                (Some("localSourceControl" | "fileSystem"), _) => {}
                (_, Some(version)) => listing.add(&name(address), version),
                (_, None) if state.has("revision") || state.has("branch") => listing.add(&name(address), ""),
                (_, None) => listing.no_version(&name(address), state.get("version")),
            }
        }
        Ok(())
    }
}

/// `github.com/apple/swift-nio` of `https://github.com/apple/swift-nio.git` and `git@github.com:apple/swift-nio.git`.
fn name(address: &str) -> String {
    let (rest, has_scheme) = match address.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (address, false),
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    // A user or a token before the host is nobody's business.
    let rest = rest[..host_end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
    let path = rest.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if has_scheme { path.to_owned() } else { path.replacen(':', "/", 1) }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing::{check, check_each, check_real};
    use expect_test::expect;

    #[test]
    fn pins_of_both_forms_are_read() {
        check_real(
            &SwiftResolved,
            "Package.resolved",
            include_str!("../../testdata/lock/swift/v1/Package.resolved"),
            &expect![[r#"
                swift github.com/apple/swift-nio 2.30.0
                swift host.example/quay 
            "#]],
        );
        check_real(
            &SwiftResolved,
            "App.xcodeproj/project.xcworkspace/xcshareddata/swiftpm/Package.resolved",
            include_str!("../../testdata/lock/swift/v2/Package.resolved"),
            &expect![[r#"
                swift github.com/apple/swift-nio-http2 1.19.1
                swift mona.linkedlist 1.2.0
            "#]],
        );
    }

    #[test]
    fn addresses_become_names() {
        for (address, expected) in [
            ("https://github.com/apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("https://user:secret@host.example/a/b/", "host.example/a/b"),
            ("git@github.com:apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("ssh://git@host.example/a/b", "host.example/a/b"),
            ("mona.LinkedList", "mona.LinkedList"),
            ("", ""),
        ] {
            assert_eq!(name(address), expected);
        }
    }

    #[test]
    fn damage_is_said() {
        check_each(
            &SwiftResolved,
            "Package.resolved",
            &["", "{}", r#"{"pins":{}}"#],
            &expect![[r#"
            -- 
            error: expected a JSON document, found EOF while parsing a value at line 1 column 0
            -- {}
            error: expected a list `pins`, found none
            -- {\"pins\":{}}
            error: expected a list `pins`, found a table
        "#]],
        );
        check(
            &SwiftResolved,
            "Package.resolved",
            r#"{"pins":[{},{"location":"https://host.example/a"},{"location":"https://host.example/b","state":{"branch":"main"}}]}"#,
            &expect![[r#"
                swift host.example/b 
                gap pin 1: expected the address of a repository, found none
                gap host.example/a: expected a version, found none
            "#]],
        );
    }
}
