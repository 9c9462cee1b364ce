//! An application's own `package.json`: which packages it names itself.
//!
//! It makes no package, and no gap: what it names is there only if its own record says so, and a file that cannot be
//! read leaves a question open that most scans do not ask.

use crate::seam::{Catalog, Cataloger, Entry, ImageFile, ReadError};
use crate::tree::Tree;

/// Reads the names of dependencies. Which installed package each means is found by the fold, as Node finds it.
pub(crate) struct NodeApplication;

const NAME: &str = "node-application";

/// Where a `package.json`, or a lock that repeats it, names packages.
pub(crate) const NAMED_IN: &[&str] =
    &["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/// Largest `package.json` of an application, in bytes. Those of large ones have some 30 KiB.
const MAX_BYTES: u64 = 1 << 20;

/// Names taken from one file.
const MAX_NAMES: usize = 5000;

/// Longest name, in bytes: what the registry allows.
const MAX_NAME_BYTES: usize = 214;

impl Cataloger for NodeApplication {
    fn name(&self) -> &'static str {
        NAME
    }

    fn revision(&self) -> u32 {
        1
    }

    /// A package's own, below a `node_modules`, says what the package needs.
    fn wants(&self, entry: &Entry<'_>) -> bool {
        entry.file_name() == "package.json"
            && entry.size.is_none_or(|size| size <= MAX_BYTES)
            && !entry.path.split('/').any(|folder| folder == "node_modules")
    }

    fn catalog(&self, file: &ImageFile<'_>, out: &mut Catalog) -> Result<(), ReadError> {
        if file.size() > MAX_BYTES {
            return Ok(());
        }
        let Ok(manifest) = Tree::json(file) else { return Ok(()) };
        let names = NAMED_IN.iter().flat_map(|key| manifest.get(key).entries()).map(|(name, _)| name);
        let names = names.filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES).cloned();
        out.named = names.take(MAX_NAMES).collect();
        out.named.sort();
        out.named.dedup();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> String {
        let mut out = Catalog::default();
        let content = text.as_bytes().to_vec();
        NodeApplication.catalog(&ImageFile::new("app/package.json", &content), &mut out).unwrap();
        assert_eq!((&out.packages, &out.gaps), (&Vec::new(), &Vec::new()));
        out.named.join(" ")
    }

    #[test]
    fn names_are_read_and_nothing_else() {
        let text = r#"{"name": "app", "dependencies": {"b": "^1", "@s/a": "npm:c@2"}, "devDependencies": {"b": "1", "d": 3},
            "peerDependencies": ["e"], "optionalDependencies": null, "bundledDependencies": ["f"]}"#;
        assert_eq!(named(text), "@s/a b d");
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        for text in ["", "{", "[]", "<html>", "{\"dependencies\": 1}", &"[".repeat(100_000)] {
            assert_eq!(named(text), "");
        }
        let many: Vec<String> = (0..=MAX_NAMES).map(|number| format!("\"n{number}\": \"1\"")).collect();
        let long = format!("\"{}\": \"1\"", "n".repeat(MAX_NAME_BYTES + 1));
        let found = named(&format!("{{\"dependencies\": {{{long}, {}}}}}", many.join(", ")));
        assert_eq!(found.split(' ').count(), MAX_NAMES);
        assert_eq!(named(&format!("{{\"dependencies\": {{\"a\": \"1\"}}}}{}", " ".repeat(1 << 20))), "");
    }

    #[test]
    fn packages_are_no_applications() {
        let wants = |path| NodeApplication.wants(&Entry { path, size: Some(10), executable: None });
        assert!(wants("package.json") && wants("app/packages/a/package.json"));
        assert!(!wants("app/node_modules/a/package.json") && !wants("node_modules/package.json"));
        assert!(!wants("app/package.json5") && !wants("app/mypackage.json"));
        assert!(!NodeApplication.wants(&Entry {
            path: "package.json",
            size: Some(MAX_BYTES + 1),
            executable: None
        }));
    }
}
