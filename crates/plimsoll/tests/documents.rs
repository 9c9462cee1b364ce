//! The documents say what the code has.
#![expect(clippy::disallowed_methods, reason = "tests read the project's own documents")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_catalog::CATALOGERS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The package names of the workspace, from the manifests themselves.
fn packages() -> BTreeSet<String> {
    let mut manifests: Vec<PathBuf> =
        ["benches", "fleet", "tests/real", "xtask"].iter().map(|folder| root().join(folder)).collect();
    manifests.extend(fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    manifests
        .iter()
        .map(|folder| {
            let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            text.lines()
                .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn the_architecture_lists_the_crates_of_the_workspace() {
    let text = read("ARCHITECTURE.md");
    let listed: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned()))
        .collect();
    assert_eq!(listed, packages());
}

#[test]
fn a_crate_depends_only_on_crates_above_it() {
    let text = read("ARCHITECTURE.md");
    let order: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect();
    for (place, name) in
        order.iter().enumerate().filter(|(_, name)| root().join("crates").join(name).is_dir())
    {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        // Tests may look up and down.
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies.lines().filter_map(|line| line.strip_suffix(".workspace = true")) {
            if let Some(other) = order.iter().position(|known| *known == line) {
                assert!(other < place, "`{name}` depends on `{line}`, which stands below it");
            }
        }
    }
}

#[test]
fn the_coverage_table_names_every_cataloger() {
    let text = read("docs/coverage.md");
    for cataloger in CATALOGERS {
        assert!(
            text.contains(&format!("`{}`", cataloger.name())),
            "docs/coverage.md lacks `{}`",
            cataloger.name()
        );
    }
}

#[test]
fn the_page_of_sources_holds_the_table_that_the_code_gives() {
    let text = read("docs/sources.md");
    assert!(
        text.contains(plimsoll_advisory::sources_table().trim()),
        "docs/sources.md lacks the table of today:\n{}",
        plimsoll_advisory::sources_table()
    );
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
            .iter()
            .map(|name| root().join(name))
            .collect();
    documents.extend(
        fs::read_dir(root().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file()),
    );
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            assert!(document.parent().unwrap().join(target).exists(), "{}: {link}", document.display());
        }
    }
}
