//! JSON, TOML and YAML documents as one tree of texts, lists and tables, bounded in bytes, depth and values.
//!
//! Lists keep the order of the file, and so do the tables of JSON and YAML; those of TOML come sorted. Of a key that
//! stands twice the last counts, as for most tools that read these files; TOML forbids it.

mod yaml;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::seam::{ImageFile, ReadError, excerpt};

/// Largest document, in bytes. Lock files of large applications have some 5 MiB.
const MAX_DOCUMENT_BYTES: u64 = 32 << 20;

/// Deepest nesting of lists and tables. npm's first lock files nest two levels for each `node_modules` below another.
const MAX_DEPTH: usize = 100;

/// Values of one document: a lock file of 10,000 packages has some 300,000.
const MAX_VALUES: usize = 2_000_000;

/// A value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Nothing: JSON's `null`, and what is not there.
    Null,
    /// True or false; YAML's are texts.
    Bool(bool),
    /// A text.
    Text(String),
    /// A number as it is printed; YAML's are texts, so that `1.0` stays what it was.
    Number(String),
    /// Values in order.
    List(Vec<Tree>),
    /// Keys and values in the order of the file.
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads a JSON object or array.
    ///
    /// # Errors
    /// [`ReadError`] where it is too large or is none.
    pub(crate) fn json(file: &ImageFile<'_>) -> Result<Self, ReadError> {
        let text = file.text(MAX_DOCUMENT_BYTES)?;
        let mut deserializer = serde_json::Deserializer::from_str(without_mark(&text));
        let tree =
            Budget::of(MAX_VALUES).tree(&mut deserializer).and_then(|tree| deserializer.end().map(|()| tree));
        tree.map_err(|error| ReadError::malformed("a JSON document", error.to_string())).and_then(composed)
    }

    /// Reads a TOML document.
    ///
    /// # Errors
    /// As [`Tree::json`].
    pub(crate) fn toml(file: &ImageFile<'_>) -> Result<Self, ReadError> {
        let text = file.text(MAX_DOCUMENT_BYTES)?;
        let tree = toml::Deserializer::parse(without_mark(&text))
            .and_then(|parsed| Budget::of(MAX_VALUES).tree(parsed));
        // The first line says all; the others draw the place.
        tree.map_err(|error| ReadError::malformed("a TOML document", one_line(&error.to_string())))
    }

    /// Reads a YAML file, which may hold several documents; the last is what counts in the files that are read here,
    /// and only that is given. Tags are dropped, and an alias is [`Tree::Null`]: no lock file has one.
    ///
    /// # Errors
    /// As [`Tree::json`].
    pub(crate) fn yaml(file: &ImageFile<'_>) -> Result<Self, ReadError> {
        Self::yaml_documents(file)?.pop().ok_or_else(|| ReadError::malformed("a YAML document", "none"))
    }

    /// Reads every document of a YAML file that has something, as [`Tree::yaml`].
    ///
    /// # Errors
    /// As [`Tree::json`].
    pub(crate) fn yaml_documents(file: &ImageFile<'_>) -> Result<Vec<Self>, ReadError> {
        let text = file.text(MAX_DOCUMENT_BYTES)?;
        let documents = yaml::read(without_mark(&text), MAX_VALUES);
        let documents = documents.map_err(|found| ReadError::malformed("a YAML document", found))?;
        documents.into_iter().filter(|document| !document.is_null()).map(composed).collect()
    }

    /// The value under this key; [`Tree::Null`] where there is none, or where this is no table.
    pub(crate) fn get(&self, key: &str) -> &Self {
        self.entries().iter().rev().find(|(name, _)| name == key).map_or(&Self::Null, |(_, value)| value)
    }

    /// The text, without white space at its ends; `None` for what is none, or empty.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// Whether it is true.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || self.text() == Some("true")
    }

    /// Whether it is nothing.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this table has the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        !self.get(key).is_null()
    }

    /// The keys and values of a table, in the order of the file; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The values of a list, in order; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// A text, or the texts of a list: as most files give licences. At most `limit` of them.
    pub(crate) fn texts(&self, limit: usize) -> Vec<String> {
        let each = if let Self::List(items) = self { items.as_slice() } else { std::slice::from_ref(self) };
        each.iter().filter_map(Self::text).take(limit).map(str::to_owned).collect()
    }

    /// The value as a reason quotes it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "none".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Text(text) | Self::Number(text) => format!("`{}`", excerpt(text.as_bytes())),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The parser's message without the drawing of the place.
fn one_line(message: &str) -> String {
    let lines = message.lines().filter(|line| !line.trim_start().starts_with('|') && !line.contains(" | "));
    excerpt(lines.collect::<Vec<_>>().join(": ").as_bytes())
}

/// A text alone is a document of JSON and YAML, and of nothing that is read here.
fn composed(tree: Tree) -> Result<Tree, ReadError> {
    match tree {
        Tree::Table(_) | Tree::List(_) => Ok(tree),
        other => Err(ReadError::malformed("a table or a list", other.describe())),
    }
}

/// How many values may still be read.
struct Budget(Cell<usize>);

impl Budget {
    fn of(values: usize) -> Self {
        Self(Cell::new(values))
    }

    fn tree<'de, D: serde::Deserializer<'de>>(&self, deserializer: D) -> Result<Tree, D::Error> {
        Seed { budget: self, depth: 0 }.deserialize(deserializer)
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    budget: &'a Budget,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let Some(left) = self.budget.0.get().checked_sub(1) else {
            return Err(D::Error::custom("more values than are read"));
        };
        self.budget.0.set(left);
        if self.depth > MAX_DEPTH {
            return Err(D::Error::custom(format!("nesting deeper than {MAX_DEPTH}")));
        }
        deserializer.deserialize_any(Values(Self { depth: self.depth + 1, ..self }))
    }
}

/// Takes any value; what is inside it is read with the seed.
struct Values<'a>(Seed<'a>);

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = values.next_element_seed(self.0)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value_seed(self.0)?));
        }
        Ok(Tree::Table(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    type Reader = fn(&ImageFile<'_>) -> Result<Tree, ReadError>;

    fn check(read: Reader, text: &str, expect: &Expect) {
        let content = text.as_bytes().to_vec();
        let found = match read(&ImageFile::new("a.lock", &content)) {
            Ok(tree) => printed(&tree),
            Err(error) => format!("error: {error}"),
        };
        expect.assert_eq(&found);
    }

    fn printed(tree: &Tree) -> String {
        match tree {
            Tree::List(items) => {
                format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(", "))
            }
            Tree::Table(entries) => {
                let each = entries.iter().map(|(key, value)| format!("{key}: {}", printed(value)));
                format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
            }
            Tree::Text(text) => format!("{text:?}"),
            other => other.describe(),
        }
    }

    #[test]
    fn json_is_read_in_its_order() {
        let text = "\u{feff}{\"b\": [1, -2, 2.5, true, null], \"a\": {\"c\": \"x\"}, \"a\": 3}";
        check(Tree::json, text, &expect!["{b: [`1`, `-2`, `2.5`, `true`, none], a: {c: \"x\"}, a: `3`}"]);
        let content = text.as_bytes().to_vec();
        let tree = Tree::json(&ImageFile::new("a", &content)).unwrap();
        assert_eq!(tree.get("a"), &Tree::Number("3".to_owned()));
        assert!(tree.get("b").get("c").is_null());
    }

    #[test]
    fn toml_is_read_in_its_tables() {
        check(
            Tree::toml,
            "b = 1\n[[package]]\ndate = 2021-05-05T14:18:18Z\nname = 'x'\n[package.source]\ngit = \"u\"\n",
            &expect![[
                r#"{b: `1`, package: [{date: {$__toml_private_datetime: "2021-05-05T14:18:18Z"}, name: "x", source: {git: "u"}}]}"#
            ]],
        );
    }

    #[test]
    fn yaml_keeps_texts_as_they_are() {
        let text =
            "a: 1.0\nb: {c: 'x', d: [1, \"2\"]}\ne:\n  - f: >-\n      two\n      lines\n  - ~\n? long\n: v\n";
        check(
            Tree::yaml,
            text,
            &expect![[r#"{a: "1.0", b: {c: "x", d: ["1", "2"]}, e: [{f: "two lines"}, none], long: "v"}"#]],
        );
        check(Tree::yaml, "a: &x [1]\nb: *x\n", &expect![[r#"{a: ["1"], b: none}"#]]);
        check(Tree::yaml, "a: 1\n---\nb: 2\n", &expect![[r#"{b: "2"}"#]]);
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        check(
            Tree::json,
            "",
            &expect!["error: expected a JSON document, found EOF while parsing a value at line 1 column 0"],
        );
        check(
            Tree::json,
            "{\"a\": 1",
            &expect!["error: expected a JSON document, found EOF while parsing an object at line 1 column 7"],
        );
        check(Tree::json, "\"a\"", &expect!["error: expected a table or a list, found `a`"]);
        check(
            Tree::json,
            "{} x",
            &expect!["error: expected a JSON document, found trailing characters at line 1 column 4"],
        );
        check(
            Tree::toml,
            "a = [1",
            &expect![
                "error: expected a TOML document, found TOML parse error at line 1, column 7: unclosed array, expected `]`"
            ],
        );
        check(
            Tree::toml,
            "a = 1\na = 2",
            &expect![
                "error: expected a TOML document, found TOML parse error at line 2, column 1: duplicate key"
            ],
        );
        check(Tree::yaml, "", &expect!["error: expected a YAML document, found none"]);
        check(
            Tree::yaml,
            "a: [1",
            &expect![
                "error: expected a YAML document, found while parsing a flow sequence, expected ',' or ']' at line 2"
            ],
        );
        check(Tree::yaml, "hello", &expect!["error: expected a table or a list, found `hello`"]);
        check(
            Tree::yaml,
            "a: b: c",
            &expect![
                "error: expected a YAML document, found mapping values are not allowed in this context at line 1"
            ],
        );
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = 50_000;
        check(
            Tree::json,
            &format!("{{\"a\":{}", "[".repeat(deep)),
            &expect!["error: expected a JSON document, found nesting deeper than 100 at line 1 column 105"],
        );
        check(
            Tree::toml,
            &format!("a = {}", "[".repeat(deep)),
            &expect![
                "error: expected a TOML document, found TOML parse error at line 1, column 85: cannot recurse further; max recursion dep…"
            ],
        );
        check(
            Tree::toml,
            &format!("{}a = 1", "a.".repeat(deep)),
            &expect!["error: expected a TOML document, found recursion limit"],
        );
        check(
            Tree::toml,
            &format!("[{}a]", "a.".repeat(deep)),
            &expect!["error: expected a TOML document, found recursion limit"],
        );
        check(
            Tree::yaml,
            &"[".repeat(deep),
            &expect!["error: expected a YAML document, found recursion limit exceeded at line 1"],
        );
        check(
            Tree::yaml,
            &"{a: ".repeat(deep),
            &expect!["error: expected a YAML document, found recursion limit exceeded at line 1"],
        );
        check(
            Tree::yaml,
            &"- ".repeat(deep),
            &expect!["error: expected a YAML document, found nesting deeper than 100 at line 1"],
        );
        check(
            Tree::yaml,
            &"? ".repeat(deep),
            &expect!["error: expected a YAML document, found nesting deeper than 100 at line 1"],
        );
        check(
            Tree::yaml,
            &format!("{}x", "!a &b ".repeat(deep)),
            &expect![
                "error: expected a YAML document, found did not find expected <document start> at line 1"
            ],
        );
    }

    #[test]
    fn values_have_an_end() {
        let read = |text: &str, values| {
            let json = Budget::of(values).tree(&mut serde_json::Deserializer::from_str(text)).is_ok();
            assert_eq!(json, yaml::read(text, values).is_ok(), "{text}");
            json
        };
        assert!(read("[1, 2, 3]", 4) && !read("[1, 2, 3]", 3));
        assert!(read("{\"a\": [[]]}", 3) && !read("{\"a\": [[]]}", 2));
    }
}
