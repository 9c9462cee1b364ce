//! OVAL definitions, in which Oracle and SUSE tell which builds hold a fix.
//!
//! A definition is a tree of criteria over tests; a test says of an object (a package's name) that it is in a state (a
//! version, or lower). Definitions stand before the tests they refer to, so a document is read as a whole into a compact
//! form, without its XML, and resolved afterwards. What is meant is taken from tests, objects and states; the comments
//! for people serve only where those are missing.
//!
//! Source: OVAL Language 5.11, `oval-definitions-schema`, `linux-definitions-schema`, `independent-definitions-schema`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::InvalidRecord;
use crate::xml::{Element, Xml};

/// Definitions of one document; SUSE's longest has some 40,000.
const MAX_DEFINITIONS: usize = 1_000_000;

/// Criteria of one document; SUSE's longest has some ten million.
const MAX_NODES: usize = 40_000_000;

/// Distinct texts of one document: IDs, comments, names, versions.
const MAX_TEXTS: usize = 16_000_000;

/// Links, and severities, of one definition.
const MAX_LINKS: usize = 20_000;

/// One document.
#[derive(Default)]
pub(crate) struct Oval {
    /// The definitions, in the order of the document.
    pub(crate) definitions: Vec<Definition>,
    /// Criteria of all definitions, one after the other.
    pub(crate) nodes: Vec<Node>,
    /// Where a definition of that ID stands among the definitions.
    pub(crate) by_id: HashMap<TextId, usize>,
    texts: Texts,
    tests: HashMap<TextId, Test>,
    objects: HashMap<TextId, Object>,
    states: HashMap<TextId, State>,
}

/// One definition.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    /// `oval:com.oracle.elsa:def:20070057`.
    pub(crate) id: String,
    /// `patch`, `vulnerability`, `inventory`.
    pub(crate) class: String,
    /// One line for people, which begins with the advisory's ID.
    pub(crate) title: String,
    /// What it is about.
    pub(crate) description: String,
    /// The publisher's word.
    pub(crate) severity: String,
    /// When it was first published, as written.
    pub(crate) issued: String,
    /// When it was last changed, as written.
    pub(crate) updated: String,
    /// Links.
    pub(crate) references: Vec<Link>,
    /// Flaws it fixes or is about.
    pub(crate) cves: Vec<Cve>,
    /// Where its criteria stand in [`Oval::nodes`].
    pub(crate) criteria: std::ops::Range<usize>,
    /// What of it cannot be read, if anything: it is not to be used then.
    pub(crate) trouble: Option<String>,
}

/// A link of a definition.
#[derive(Debug)]
pub(crate) struct Link {
    /// `CVE`, `elsa`, `SUSE-SU`.
    pub(crate) source: String,
    /// The ID that the source gave.
    pub(crate) id: String,
    /// The address.
    pub(crate) url: String,
}

/// A flaw, with what was said of how severe it is.
#[derive(Debug)]
pub(crate) struct Cve {
    /// `CVE-2024-3094`, or `CVE-2024-3094 at NVD`.
    pub(crate) text: String,
    /// Score and vector: `7.5/CVSS:3.1/…`.
    pub(crate) cvss: Vec<String>,
}

/// Number of a text of the document.
pub(crate) type TextId = u32;

/// One piece of a definition's criteria. A node's children stand right behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    /// Several that hold together, or one of which holds.
    Criteria {
        /// Whether all must hold.
        all: bool,
        /// Whether the whole holds where it would not.
        negated: bool,
        /// Where its last child ends in [`Oval::nodes`].
        end: u32,
    },
    /// A test.
    Criterion {
        /// Its ID.
        test: TextId,
        /// What it says, for people.
        comment: TextId,
        /// Whether it holds where it would not.
        negated: bool,
    },
    /// The criteria of another definition.
    Extend {
        /// Its ID.
        definition: TextId,
        /// Whether it holds where it would not.
        negated: bool,
    },
}

/// A test, resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact<'a> {
    /// What it says, for people.
    pub(crate) comment: &'a str,
    /// Name of the package, or the path of the file that it looks at; empty where that is not known.
    pub(crate) object: &'a str,
    /// The expression by which a part of a file is found: `\[nodejs\][\w\W]*`.
    pub(crate) pattern: &'a str,
    /// How it must be; `None` where that is not known, or it is only asked whether the object is there.
    pub(crate) state: Option<(Quality, Operation, &'a str)>,
    /// Whether it holds where *no* object is in that state.
    pub(crate) none: bool,
}

/// What a state tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quality {
    /// Epoch, version and release.
    Evr,
    /// Version alone.
    Version,
    /// Release alone.
    Release,
    /// Key that the package is signed with.
    Signature,
    /// Text of a file.
    Text,
    /// Architecture.
    Architecture,
    /// Anything else, or several.
    Other,
}

/// How a state's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// It is that.
    Equals,
    /// It is lower.
    LessThan,
    /// It is higher.
    GreaterThan,
    /// It is that or higher.
    GreaterThanOrEqual,
    /// It matches an expression.
    PatternMatch,
    /// Another way.
    Other,
}

#[derive(Clone, Copy)]
struct Test {
    object: TextId,
    state: Option<TextId>,
    none: bool,
    several: bool,
}

#[derive(Clone, Copy)]
struct Object {
    name: TextId,
    pattern: TextId,
}

#[derive(Clone, Copy)]
struct State {
    quality: Quality,
    operation: Operation,
    value: TextId,
}

/// Texts of a document, each once.
#[derive(Default)]
struct Texts {
    numbers: HashMap<Arc<str>, TextId>,
    texts: Vec<Arc<str>>,
}

impl Texts {
    fn number(&mut self, text: String) -> Result<TextId, InvalidRecord> {
        if let Some(&number) = self.numbers.get(text.as_str()) {
            return Ok(number);
        }
        let number = u32::try_from(self.texts.len()).ok().filter(|_| self.texts.len() < MAX_TEXTS);
        let Some(number) = number else { return Err(too_many("distinct texts", MAX_TEXTS)) };
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Ok(number)
    }

    fn get(&self, number: TextId) -> &str {
        usize::try_from(number).ok().and_then(|number| self.texts.get(number)).map_or("", |text| text)
    }
}

impl Oval {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what is no OVAL document, is not well-formed, is cut short, or goes over the limits.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, InvalidRecord> {
        let mut xml = Xml::open(bytes, "oval_definitions", "OVAL definitions")?;
        let mut oval = Self::default();
        while let Some(section) = xml.child()? {
            match section.name() {
                b"definitions" => {
                    while let Some(element) = xml.child()? {
                        match element.name() {
                            b"definition" => oval.definition(&mut xml, &element)?,
                            _ => xml.skip()?,
                        }
                    }
                }
                b"tests" => {
                    while let Some(element) = xml.child()? {
                        oval.test(&mut xml, &element)?;
                    }
                }
                b"objects" => {
                    while let Some(element) = xml.child()? {
                        oval.object(&mut xml, &element)?;
                    }
                }
                b"states" => {
                    while let Some(element) = xml.child()? {
                        oval.state(&mut xml, &element)?;
                    }
                }
                _ => xml.skip()?,
            }
        }
        Ok(oval)
    }

    /// What a test is about.
    pub(crate) fn fact(&self, test: TextId, comment: TextId) -> Fact<'_> {
        let comment = self.texts.get(comment);
        let unknown = Fact { comment, object: "", pattern: "", state: None, none: false };
        let Some(test) = self.tests.get(&test) else { return unknown };
        let Some(object) = self.objects.get(&test.object) else { return unknown };
        let state = match test.state {
            None => None,
            Some(state) => match self.states.get(&state) {
                Some(state) => Some((state.quality, state.operation, self.texts.get(state.value))),
                None => return unknown,
            },
        };
        let state = if test.several { Some((Quality::Other, Operation::Other, "")) } else { state };
        Fact {
            object: self.texts.get(object.name),
            pattern: self.texts.get(object.pattern),
            none: test.none,
            state,
            ..unknown
        }
    }

    fn definition(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), InvalidRecord> {
        if self.definitions.len() == MAX_DEFINITIONS {
            return Err(too_many("definitions", MAX_DEFINITIONS));
        }
        let [id, class] = xml.attributes(element, ["id", "class"]);
        let mut definition =
            Definition { id, class, criteria: self.nodes.len()..self.nodes.len(), ..Definition::default() };
        while let Some(child) = xml.child()? {
            match child.name() {
                b"metadata" => metadata(xml, &mut definition)?,
                // A definition has one tree; of a second, which the schema does not have, nothing is known.
                b"criteria" if definition.criteria.is_empty() => {
                    let start = self.nodes.len();
                    self.criteria(xml, &child)?;
                    definition.criteria = start..self.nodes.len();
                }
                b"criteria" => {
                    xml.set_trouble("criteria twice".to_owned());
                    xml.skip()?;
                }
                _ => xml.skip()?,
            }
        }
        definition.trouble = xml.take_trouble();
        let id = self.texts.number(definition.id.clone())?;
        self.by_id.entry(id).or_insert(self.definitions.len());
        self.definitions.push(definition);
        Ok(())
    }

    /// Reads one `criteria` with all in it. The depth is bounded by that of the document's elements.
    fn criteria(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), InvalidRecord> {
        let [operator, negate] = xml.attributes(element, ["operator", "negate"]);
        let all = !matches!(operator.as_str(), "OR" | "ONE" | "XOR");
        let negated = is_true(&negate);
        let start = self.nodes.len();
        self.push(Node::Criteria { all, negated, end: 0 })?;
        while let Some(child) = xml.child()? {
            match child.name() {
                b"criteria" => {
                    self.criteria(xml, &child)?;
                    continue;
                }
                b"criterion" => {
                    let [test, comment, negate] = xml.attributes(&child, ["test_ref", "comment", "negate"]);
                    let (test, comment) = (self.texts.number(test)?, self.texts.number(comment)?);
                    self.push(Node::Criterion { test, comment, negated: is_true(&negate) })?;
                }
                b"extend_definition" => {
                    let [definition, negate] = xml.attributes(&child, ["definition_ref", "negate"]);
                    let definition = self.texts.number(definition)?;
                    self.push(Node::Extend { definition, negated: is_true(&negate) })?;
                }
                _ => {}
            }
            xml.skip()?;
        }
        let end = u32::try_from(self.nodes.len()).map_err(|_| too_many("criteria", MAX_NODES))?;
        self.nodes[start] = Node::Criteria { all, negated, end };
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), InvalidRecord> {
        if self.nodes.len() == MAX_NODES {
            return Err(too_many("criteria", MAX_NODES));
        }
        self.nodes.push(node);
        Ok(())
    }

    fn test(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), InvalidRecord> {
        let [id, check, existence] = xml.attributes(element, ["id", "check", "check_existence"]);
        let none = check.starts_with("none") || existence.starts_with("none");
        let (mut object, mut state, mut several) = (String::new(), None, false);
        while let Some(child) = xml.child()? {
            match child.name() {
                b"object" => object = xml.attribute(&child, "object_ref"),
                b"state" => {
                    several |= state.is_some();
                    state = Some(xml.attribute(&child, "state_ref"));
                }
                _ => {}
            }
            xml.skip()?;
        }
        // A test that cannot be read is as if it were not there: its comment serves.
        if xml.take_trouble().is_none() {
            let state = state.map(|state| self.texts.number(state)).transpose()?;
            let test = Test { object: self.texts.number(object)?, state, none, several };
            let id = self.texts.number(id)?;
            self.tests.entry(id).or_insert(test);
        }
        Ok(())
    }

    fn object(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), InvalidRecord> {
        let id = xml.attribute(element, "id");
        let (mut name, mut pattern) = (String::new(), String::new());
        while let Some(child) = xml.child()? {
            match child.name() {
                b"name" | b"filepath" | b"path" => name = xml.text()?,
                b"pattern" => pattern = xml.text()?,
                _ => xml.skip()?,
            }
        }
        if xml.take_trouble().is_none() {
            let object = Object { name: self.texts.number(name)?, pattern: self.texts.number(pattern)? };
            let id = self.texts.number(id)?;
            self.objects.entry(id).or_insert(object);
        }
        Ok(())
    }

    /// SUSE's states may tell the architecture beside the version; the version is what counts.
    fn state(&mut self, xml: &mut Xml<'_>, element: &Element<'_>) -> Result<(), InvalidRecord> {
        let id = xml.attribute(element, "id");
        let mut state: Option<(Quality, Operation, String)> = None;
        while let Some(child) = xml.child()? {
            let quality = match child.name() {
                b"evr" => Quality::Evr,
                b"version" => Quality::Version,
                b"release" => Quality::Release,
                b"signature_keyid" => Quality::Signature,
                b"text" => Quality::Text,
                b"arch" => Quality::Architecture,
                _ => Quality::Other,
            };
            let operation = operation(&xml.attribute(&child, "operation"));
            let value = xml.text()?;
            state = match state {
                None | Some((Quality::Architecture, ..)) => Some((quality, operation, value)),
                Some(first) if quality == Quality::Architecture => Some(first),
                Some(_) => Some((Quality::Other, Operation::Other, String::new())),
            };
        }
        if xml.take_trouble().is_none()
            && let Some((quality, operation, value)) = state
        {
            let state = State { quality, operation, value: self.texts.number(value)? };
            let id = self.texts.number(id)?;
            self.states.entry(id).or_insert(state);
        }
        Ok(())
    }
}

fn metadata(xml: &mut Xml<'_>, definition: &mut Definition) -> Result<(), InvalidRecord> {
    while let Some(child) = xml.child()? {
        match child.name() {
            b"title" => definition.title = xml.text()?,
            b"description" => definition.description = xml.text()?,
            b"reference" => {
                if definition.references.len() == MAX_LINKS {
                    xml.set_trouble(format!("more than {MAX_LINKS} references"));
                } else {
                    let [source, id, url] = xml.attributes(&child, ["source", "ref_id", "ref_url"]);
                    definition.references.push(Link { source, id, url });
                }
                xml.skip()?;
            }
            b"advisory" => advisory(xml, definition)?,
            _ => xml.skip()?,
        }
    }
    Ok(())
}

fn advisory(xml: &mut Xml<'_>, definition: &mut Definition) -> Result<(), InvalidRecord> {
    while let Some(child) = xml.child()? {
        match child.name() {
            b"severity" => definition.severity = xml.text()?,
            b"issued" => {
                definition.issued = xml.attribute(&child, "date");
                xml.skip()?;
            }
            b"updated" => {
                definition.updated = xml.attribute(&child, "date");
                xml.skip()?;
            }
            b"cve" if definition.cves.len() == MAX_LINKS => {
                xml.set_trouble(format!("more than {MAX_LINKS} CVEs"));
                xml.skip()?;
            }
            b"cve" => {
                let cvss = xml.attributes(&child, ["cvss4", "cvss3", "cvss2"]);
                let cvss = cvss.into_iter().filter(|text| !text.is_empty()).collect();
                definition.cves.push(Cve { cvss, text: xml.text()? });
            }
            _ => xml.skip()?,
        }
    }
    Ok(())
}

/// `xsd:boolean`.
fn is_true(text: &str) -> bool {
    matches!(text, "true" | "1")
}

/// Source: OVAL Language 5.11, `OperationEnumeration`; `equals` where none is given.
fn operation(text: &str) -> Operation {
    match text {
        "" | "equals" => Operation::Equals,
        "less than" => Operation::LessThan,
        "greater than" => Operation::GreaterThan,
        "greater than or equal" => Operation::GreaterThanOrEqual,
        "pattern match" => Operation::PatternMatch,
        _ => Operation::Other,
    }
}

fn too_many(what: &str, limit: usize) -> InvalidRecord {
    InvalidRecord { expected: "OVAL definitions", found: format!("more than {limit} {what}") }
}

#[cfg(test)]
#[path = "oval_tests.rs"]
mod tests;
