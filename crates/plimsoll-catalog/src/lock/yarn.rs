//! `yarn.lock`: the form of Yarn 1, which is Yarn's own, and that of Yarn 2 and later, which is YAML.
//!
//! Source: Yarn 1.22 and 4.18; Yarn documentation, "Protocols".

use std::collections::HashSet;

use plimsoll_model::PackageKind;

use super::{Listing, MAX_TEXT_BYTES, Needed, at_first, at_last, is_own, line};
use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile, ReadError, excerpt};
use crate::tree::Tree;

/// Reads all packages but the workspaces.
pub(crate) struct YarnLock;

const NAME: &str = "yarn-lock";

/// The key that only the newer form has.
const METADATA: &str = "__metadata";

impl Cataloger for YarnLock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        2
    }

    fn evidence(&self) -> Evidence {
        Evidence::Declared
    }

    fn wants(&self, entry: &Entry<'_>) -> bool {
        is_own(entry, "yarn.lock")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        let text = file.text(MAX_TEXT_BYTES)?;
        let mut listing = Listing::new(PackageKind::Npm, NAME, out);
        if text.lines().any(|line| line.starts_with(METADATA)) {
            let lock = Tree::yaml(file)?;
            let named = named_by_own(&lock);
            for (key, package) in lock.entries().iter().filter(|(key, _)| key != METADATA) {
                listing.direct =
                    named.as_ref().map(|named| descriptors(key).any(|descriptor| named.contains(descriptor)));
                berry(key, package, &mut listing);
            }
        } else {
            classic(&text, &mut listing)?;
        }
        Ok(())
    }
}

/// Where a package of Yarn 1 is gathered from its lines.
struct Block<'a> {
    line: usize,
    descriptors: &'a str,
    version: Option<&'a str>,
    resolved: &'a str,
}

impl Block<'_> {
    fn list(&self, needed: &Needed, listing: &mut Listing<'_>) {
        let first = descriptors(self.descriptors).next().unwrap_or("");
        // Asked for in words that no package of the file uses.
        listing.direct = descriptors(self.descriptors).find_map(|descriptor| needed.direct(descriptor));
        let Some((name, range)) = at_first(first) else {
            let found = excerpt(first.as_bytes());
            return listing.gap(line(self.line), format!("expected `name@range`, found `{found}`"));
        };
        // An alias, `old@npm:name@range`, is the package that it stands for.
        let alias = range.strip_prefix("npm:").map(|real| at_last(real).map_or(real, |(name, _)| name));
        let name = alias.unwrap_or(name);
        match self.version {
            _ if is_elsewhere(range, self.resolved) => listing.add(name, ""),
            Some(version) => listing.add(name, version),
            None => {
                let name = excerpt(name.as_bytes());
                listing.gap(line(self.line), format!("expected a version of `{name}`, found none"));
            }
        }
    }
}

/// Blocks of `descriptor, descriptor:` without indentation, and fields below with two spaces.
fn classic(text: &str, listing: &mut Listing<'_>) -> Result<(), ReadError> {
    let needed = needed(text);
    let mut block: Option<Block<'_>> = None;
    for (index, raw) in text.lines().enumerate() {
        let content = raw.trim_end();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(field) = content.strip_prefix("  ") {
            let (key, value) = field.split_once(' ').unwrap_or((field, ""));
            match (&mut block, key) {
                (Some(block), "version") => block.version = Some(unquoted(value)).filter(|v| !v.is_empty()),
                (Some(block), "resolved") => block.resolved = unquoted(value),
                (Some(_), _) => {}
                (None, _) => listing.gap(line(index + 1), "expected a package before its fields, found none"),
            }
        } else if let Some(descriptors) = content.strip_suffix(':') {
            if let Some(block) = block.take() {
                block.list(&needed, listing);
            }
            block = Some(Block { line: index + 1, descriptors, version: None, resolved: "" });
        } else if block.is_none() {
            return Err(ReadError::malformed("a `yarn.lock`", format!("`{}`", excerpt(content.as_bytes()))));
        } else {
            let found = excerpt(content.as_bytes());
            listing.gap(line(index + 1), format!("expected a package or a field, found `{found}`"));
        }
    }
    if let Some(block) = block {
        block.list(&needed, listing);
    }
    Ok(())
}

/// The descriptors of a key: `a@^1.0.0, "@b/a@^1.1.0"`.
fn descriptors(key: &str) -> impl Iterator<Item = &str> {
    key.split(", ").map(unquoted)
}

/// What the packages of Yarn 1 need, as descriptors: lines `    name range`, two spaces deeper than other fields.
fn needed(text: &str) -> Needed {
    let mut needed = Needed::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
        if let Some((name, range)) = line.trim().split_once(' ') {
            needed.insert("", format!("{}@{}", unquoted(name), unquoted(range)));
        }
    }
    needed
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Whether a package of Yarn 1 is from a repository, an archive somewhere, or a folder.
fn is_elsewhere(range: &str, resolved: &str) -> bool {
    let range_says = !range.starts_with("npm:") && range.contains([':', '/']);
    let resolved_says = !resolved.is_empty()
        && (!(resolved.starts_with("https://") || resolved.starts_with("http://"))
            || resolved.contains(".git#")
            || resolved.contains("://codeload.github.com/"));
    range_says || resolved_says
}

/// The descriptors by which the workspaces name packages; `None` where no workspace stands there.
///
/// A range has its protocol in the keys, and only since Yarn 4 in what needs it. A resolution of the project's own changes
/// the keys alone: then every key of the name is meant.
fn named_by_own(lock: &Tree) -> Option<HashSet<String>> {
    let packages = || lock.entries().iter().filter(|(key, _)| key != METADATA);
    let mut own = packages()
        .map(|(_, package)| package)
        .filter(|package| {
            let resolution = package.get("resolution").text().and_then(at_first);
            resolution.is_some_and(|(_, reference)| reference.starts_with("workspace:"))
        })
        .peekable();
    own.peek()?;
    let keys: HashSet<&str> = packages().flat_map(|(key, _)| descriptors(key)).collect();
    let mut named = HashSet::new();
    let mut resolved = HashSet::new();
    let tables = own.flat_map(|package| [package.get("dependencies"), package.get("optionalDependencies")]);
    for (name, range) in tables.flat_map(Tree::entries) {
        let range = range.text().unwrap_or("");
        let written = [format!("{name}@{range}"), format!("{name}@npm:{range}")];
        let known = written.into_iter().find(|descriptor| keys.contains(descriptor.as_str()));
        match known {
            Some(descriptor) => _ = named.insert(descriptor),
            None => _ = resolved.insert(name.as_str()),
        }
    }
    let renamed = keys.iter().filter(|key| at_first(key).is_some_and(|(name, _)| resolved.contains(name)));
    named.extend(renamed.map(|&key| key.to_owned()));
    Some(named)
}

/// A package of Yarn 2 and later: `resolution` is `name@protocol:reference`.
fn berry(key: &str, package: &Tree, listing: &mut Listing<'_>) {
    let Some((name, reference)) = package.get("resolution").text().and_then(at_first) else {
        let found = package.get("resolution").describe();
        return listing.gap(
            excerpt(key.as_bytes()),
            format!("expected a resolution `name@protocol:reference`, found {found}"),
        );
    };
    match reference.split_once(':').map_or("", |(protocol, _)| protocol) {
        // The tree's own.
        "workspace" | "link" | "portal" => {}
        // A patch, mostly Yarn's own small ones, changes a package of the registry.
        "npm" | "patch" => listing.add_at(name, package.get("version")),
        _ => listing.add(name, ""),
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]
mod tests {
    use super::*;
    use crate::lock::testing;
    use expect_test::{Expect, expect};

    fn check(text: &str, expect: &Expect) {
        testing::check(&YarnLock, "yarn.lock", text, expect);
    }

    #[test]
    fn both_forms_give_the_same_packages() {
        let read = |text| testing::read(&YarnLock, "yarn.lock", text);
        testing::check_real(
            &YarnLock,
            "web/yarn.lock",
            include_str!("../../testdata/lock/yarn/v1/yarn.lock"),
            &expect![[r#"
                npm @sindresorhus/is 4.0.0 (direct)
                npm debug 4.3.1 (direct)
                npm lodash 4.17.20 (direct)
                npm minimist 1.2.5 (direct)
                npm ms 2.1.2
                npm ms 2.0.0 (direct)
            "#]],
        );
        let berry = read(include_str!("../../testdata/lock/yarn/berry/yarn.lock"));
        // Only the newer form has the workspaces, which name packages.
        let berry = berry.replace("ms 2.1.2 (transitive)", "ms 2.1.2");
        assert_eq!(berry, read(include_str!("../../testdata/lock/yarn/v1/yarn.lock")));
    }

    #[test]
    fn what_is_from_elsewhere_has_no_version() {
        check(
            "# yarn lockfile v1\n\n\
             \"@s/a@^1.0.0\", \"@s/a@^1.2.0\":\n  version \"1.2.3\"\n  dependencies:\n    version \"9\"\n\n\
             b@x/b:\n  version \"1.0.0\"\n  resolved \"https://codeload.github.com/x/b/tar.gz/0f\"\n\n\
             \"c@git+https://host.example/c.git\":\n  version \"1.0.0\"\n\n\
             \"d@file:./d\":\n  version \"1.0.0\"\n\n\
             \"e@npm:@s/f@^1\":\n  version \"1.0.1\"\n\n\
             g@latest:\n  resolved \"https://registry.example/g-1.tgz\"\n\n\
             h:\n  version \"1\"\n",
            &expect![[r#"
                npm @s/a 1.2.3 (direct)
                npm b  (direct)
                npm c  (direct)
                npm d  (direct)
                npm @s/f 1.0.1 (direct)
                gap line 21: expected a version of `g`, found none
                gap line 24: expected `name@range`, found `h`
            "#]],
        );
        check(
            "__metadata:\n  version: 8\n\n\
             \"a@npm:^1\":\n  version: 1.0\n  resolution: \"a@npm:1.0\"\n\
             \"b@https://host.example/b.git\":\n  version: 1.0.0\n  resolution: \"b@https://host.example/b.git#commit=0f\"\n\
             \"c@patch:c@npm%3A1.0.0#~/p\":\n  version: 1.0.0\n  resolution: \"c@patch:c@npm%3A1.0.0#~/p::version=1.0.0\"\n\
             \"d@workspace:d\":\n  version: 0.0.0-use.local\n  resolution: \"d@workspace:d\"\n\
             \"e@npm:1\":\n  version: 1\n\
             \"f@npm:1\":\n  resolution: \"f@npm:1\"\n",
            &expect![[r#"
                npm a 1.0 (transitive)
                npm b  (transitive)
                npm c 1.0.0 (transitive)
                gap e@npm:1: expected a resolution `name@protocol:reference`, found none
                gap f: expected a version, found none
            "#]],
        );
    }

    #[test]
    fn damage_is_said() {
        check("", &expect![[""]]);
        check(
            "hello\n",
            &expect![[r#"
            error: expected a `yarn.lock`, found `hello`
        "#]],
        );
        check(
            "  version \"1\"\n",
            &expect![[r#"
            gap line 1: expected a package before its fields, found none
        "#]],
        );
        check(
            "a@1:\n  version \"1\nb@2:\n  vers",
            &expect![[r#"
                npm a "1 (direct)
                gap line 3: expected a version of `b`, found none
            "#]],
        );
        check(
            "a@1:\n  version \"1\"\nhello\n",
            &expect![[r#"
                npm a 1 (direct)
                gap line 3: expected a package or a field, found `hello`
            "#]],
        );
        check(
            "__metadata:\n  version: [",
            &expect![[r#"
            error: expected a YAML document, found while parsing a node, did not find expected node content at line 3
        "#]],
        );
    }

    #[test]
    fn what_no_package_asks_for_in_these_words_is_direct() {
        check(
            "# yarn lockfile v1\n\n\
             a@^1.0.0:\n  version \"1.0.0\"\n  dependencies:\n    b \"^2.0.0\"\n    \"@s/c\" \"^1\"\n  \
             optionalDependencies:\n    d \">=1 <2\"\n\n\
             b@^2.0.0, b@^2.1.0:\n  version \"2.1.0\"\n\n\"@s/c@^1\":\n  version \"1.5.0\"\n\n\
             \"d@>=1 <2\":\n  version \"1.0.0\"\n",
            &expect![[r#"
                npm a 1.0.0 (direct)
                npm b 2.1.0 (direct)
                npm @s/c 1.5.0
                npm d 1.0.0
            "#]],
        );
    }

    #[test]
    fn what_a_workspace_names_is_direct() {
        check(
            "__metadata:\n  version: 8\n\
             \"app@workspace:.\":\n  resolution: \"app@workspace:.\"\n  dependencies:\n    a: ^1.0.0\n    b: \"npm:^2.0.0\"\n    \
             c: \"npm:^3.0.0\"\n\
             \"a@npm:^1.0.0, a@npm:^1.0.1\":\n  version: 1.0.1\n  resolution: \"a@npm:1.0.1\"\n  dependencies:\n    b: \"npm:^1.0.0\"\n\
             \"b@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"b@npm:1.0.0\"\n\
             \"b@npm:^2.0.0\":\n  version: 2.0.0\n  resolution: \"b@npm:2.0.0\"\n\
             \"c@npm:3.1.0\":\n  version: 3.1.0\n  resolution: \"c@npm:3.1.0\"\n",
            &expect![[r#"
                npm a 1.0.1 (direct)
                npm b 1.0.0 (transitive)
                npm b 2.0.0 (direct)
                npm c 3.1.0 (direct)
            "#]],
        );
    }
}
