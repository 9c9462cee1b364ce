//! YAML and JSON as a tree whose nodes know their line, column and tag.
//!
//! Scalars keep their written text: `0755`, `2012-10-17` and `1.10` come back as they stand in the file. A key that
//! stands twice in one map is refused, and so are keys that are lists or maps, a second document, and what is longer,
//! deeper or more than [`Limits`] allows, aliases unfolded. Aliases (`*name`) are replaced by what they name, and
//! `<<` merges maps. A text that begins with `{` or `[` is read as JSON first.
//!
//! ```
//! use plimsoll_template::document::{Limits, parse};
//!
//! let node = parse("Name: !Ref Parameter\n", &Limits::default())?;
//! let name = node.get("Name").expect("the map has it");
//! assert_eq!((name.tag.as_deref(), name.scalar()), (Some("!Ref"), Some("Parameter")));
//! assert_eq!(name.place.line, 1);
//! # Ok::<(), plimsoll_template::document::DocumentError>(())
//! ```

mod json;
mod yaml;

use std::fmt;

/// Where something stands: line and column in characters, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// A place from counts; a file is bounded, so that they fit.
    fn counted(line: usize, column: usize) -> Self {
        let fit = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Self { line: fit(line), column: fit(column) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// How much is read. The default is what CloudFormation takes, and more than any file in use has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest text, in bytes. Default 1 MiB, the most that CloudFormation takes from S3.
    pub max_bytes: usize,
    /// Deepest nesting of lists and maps. Default 64.
    pub max_depth: usize,
    /// Most nodes, keys and what aliases stand for included. Default 200,000.
    pub max_nodes: usize,
    /// Most bytes of scalars, what aliases stand for included. Default 8 MiB.
    pub max_scalar_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_depth: 64, max_nodes: 200_000, max_scalar_bytes: 8 << 20 }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins: its tag or anchor if it has one, of a block scalar (`|`) its first line. Of an alias, where the alias stands; what is inside it stands where it was written.
    pub place: Place,
    /// The tag as written, `!Ref` or `!GetAtt`; none of YAML's own (`!!str`), which are applied.
    pub tag: Option<String>,
    /// What it is.
    pub value: Value,
}

/// What a node is. Scalars keep their written text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`, unquoted.
    Null,
    /// `true` or `false`, unquoted, in the letter cases of YAML 1.2. `yes`, `no`, `on` and `off` are texts.
    Bool(bool),
    /// A number, unquoted, as it is written: `0755`, `1.10`.
    Number(String),
    /// Any other scalar, and what is quoted.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; no key stands twice, and each is a scalar.
    Map(Vec<(Node, Node)>),
}

/// A text that is no document: where, what was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Where.
    pub place: Place,
    /// What was expected, and what was found.
    pub reason: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl DocumentError {
    fn new(place: Place, reason: impl Into<String>) -> Self {
        Self { place, reason: reason.into(), hint: None }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for DocumentError {}

/// Reads one document, JSON or YAML. An empty text is [`Value::Null`].
///
/// # Errors
/// [`DocumentError`] with the place where reading stopped.
pub fn parse(text: &str, limits: &Limits) -> Result<Node, DocumentError> {
    if text.len() > limits.max_bytes {
        let reason = format!("expected at most {} bytes, found {}", limits.max_bytes, text.len());
        return Err(DocumentError::new(Place::START, reason));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with(['{', '[']) {
        return yaml::parse(text, limits);
    }
    match json::parse(text, limits) {
        Ok(node) => Ok(node),
        // A map in YAML's flow style begins like JSON; a quote behind the bracket says that JSON was meant.
        Err(json::Failure { error, is_limit: false }) => {
            let inside = text.trim_start().trim_start_matches(['{', '[', ' ', '\t', '\r', '\n']);
            yaml::parse(text, limits).map_err(|yaml| if inside.starts_with('"') { error } else { yaml })
        }
        Err(json::Failure { error, .. }) => Err(error),
    }
}

impl Node {
    /// A node without a tag.
    pub fn new(place: Place, value: Value) -> Self {
        Self { place, tag: None, value }
    }

    /// A text without a tag.
    pub fn text(place: Place, text: impl Into<String>) -> Self {
        Self::new(place, Value::Text(text.into()))
    }

    /// The written text of a scalar that is not nothing; of a truth value `true` or `false`.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value of this key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value, if this is a map that has the key.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let found = self.entries()?.iter().find(|(name, _)| name.scalar() == Some(key));
        found.map(|(name, value)| (name, value))
    }

    /// The entries, if this is a map.
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// What it is, for an error: `a map`, `the text`, ….
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// What is counted while a document is read.
struct Budget<'l> {
    limits: &'l Limits,
    nodes: usize,
    scalar_bytes: usize,
}

/// How large a node is, with all that is inside it.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    scalar_bytes: usize,
    depth: usize,
}

impl<'l> Budget<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { limits, nodes: 0, scalar_bytes: 0 }
    }

    /// Counts a node that stands inside `depth` lists and maps.
    fn take(&mut self, size: Size, depth: usize, place: Place) -> Result<(), DocumentError> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.scalar_bytes = self.scalar_bytes.saturating_add(size.scalar_bytes);
        let limits = self.limits;
        let excess = if depth + size.depth > limits.max_depth {
            format!("{} levels", limits.max_depth)
        } else if self.nodes > limits.max_nodes {
            format!("{} values, aliases unfolded", limits.max_nodes)
        } else if self.scalar_bytes > limits.max_scalar_bytes {
            format!("{} bytes of values, aliases unfolded", limits.max_scalar_bytes)
        } else {
            return Ok(());
        };
        Err(DocumentError::new(place, format!("expected at most {excess}, found more")))
    }
}

/// Most characters of foreign text that an error repeats.
const MAX_QUOTED_CHARS: usize = 100;

/// Foreign text for an error: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String =
        text.chars().take(MAX_QUOTED_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_QUOTED_CHARS).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
