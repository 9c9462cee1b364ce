//! As much of XML as a `pom.xml` needs: elements and their texts. Attributes, namespaces and entities of the
//! document's own are not read.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::seam::excerpt;

/// Deepest nesting of elements; a build plugin's configuration may have some 20.
const MAX_DEPTH: usize = 100;

/// Elements of one document.
const MAX_ELEMENTS: usize = 500_000;

/// An element with what it contains.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Its name, without a namespace's prefix.
    pub(super) name: String,
    /// Its own text, put together.
    pub(super) text: String,
    /// The elements in it, in order.
    pub(super) children: Vec<Element>,
}

impl Element {
    fn new(name: &[u8]) -> Self {
        Self { name: String::from_utf8_lossy(name).into_owned(), ..Self::default() }
    }

    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of the first child of this name; empty where there is none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// Every element at the end of this way of names.
    pub(super) fn children_at(&self, names: &[&str]) -> Vec<&Self> {
        let mut found = vec![self];
        for name in names {
            found = found
                .into_iter()
                .flat_map(|element| element.children.iter().filter(|child| child.name == *name))
                .collect();
        }
        found
    }
}

/// Reads the document's element; the error says what was found.
pub(super) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let position = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|error| format!("at byte {position}: {}", excerpt(error.to_string().as_bytes())))?;
        let complete = match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() == MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err(format!(
                        "more than {MAX_ELEMENTS} elements, or nesting deeper than {MAX_DEPTH}, at byte {position}"
                    ));
                }
                open.push(Element::new(start.local_name().as_ref()));
                continue;
            }
            Event::Empty(start) => {
                elements += 1;
                Element::new(start.local_name().as_ref())
            }
            // That start and end bear one name is checked by the reader.
            Event::End(_) => match open.pop() {
                Some(element) => element,
                None => return Err(format!("an end without a start at byte {position}")),
            },
            Event::Text(text) => {
                append(&mut open, &String::from_utf8_lossy(&text));
                continue;
            }
            Event::CData(text) => {
                append(&mut open, &String::from_utf8_lossy(&text));
                continue;
            }
            Event::GeneralRef(name) => {
                let character = name.resolve_char_ref().ok().flatten();
                let character = character.or_else(|| predefined(&name));
                match character {
                    Some(character) => append(&mut open, character.encode_utf8(&mut [0; 4])),
                    None => return Err(format!("an entity of its own at byte {position}")),
                }
                continue;
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(complete),
            None if root.is_none() => root = Some(complete),
            None => return Err(format!("a second element at byte {position}")),
        }
    }
    match (root, open.last()) {
        (_, Some(element)) => Err(format!("no end of `{}`", excerpt(element.name.as_bytes()))),
        (Some(root), None) => Ok(root),
        (None, None) => Err("no element".to_owned()),
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn predefined(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}
