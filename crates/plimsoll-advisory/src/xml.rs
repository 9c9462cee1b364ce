//! As much of XML as the advisories of distributions need, pulled piece by piece: no tree is built, and no more is kept
//! than the caller asks for.
//!
//! Namespaces are passed over: an element is known by its local name. A document's own entities are never expanded, and
//! what uses them is in trouble.
//!
//! Source: Extensible Markup Language 1.0, fifth edition.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::error::InvalidRecord;

/// Deepest nesting of elements. Criteria of OVAL, the deepest there are, come to some 12.
const MAX_DEPTH: usize = 64;

/// Longest start of an element whose attributes are read, in bytes.
const MAX_TAG_BYTES: usize = 64 * 1024;

/// Text of one element that is kept, in bytes; what is longer is cut, as the changes of a kernel are.
pub(crate) const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Excerpts of a document in messages, in characters.
const MAX_EXCERPT_CHARS: usize = 60;

/// A document that is pulled from its start to its end.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    expected: &'static str,
    depth: usize,
    trouble: Option<String>,
}

/// The start of an element.
pub(crate) struct Element<'a> {
    start: BytesStart<'a>,
}

impl Element<'_> {
    /// Its name, without a namespace's prefix.
    pub(crate) fn name(&self) -> &[u8] {
        let name = self.start.name().0;
        name.rsplit(|&byte| byte == b':').next().unwrap_or(name)
    }
}

impl<'a> Xml<'a> {
    /// Opens a document whose outermost element bears `root`, and enters it. `expected` says in messages what the
    /// document should be.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what is no such document: HTML, JSON, nothing.
    pub(crate) fn open(bytes: &'a [u8], root: &str, expected: &'static str) -> Result<Self, InvalidRecord> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reader = Reader::from_reader(bytes);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        config.check_comments = false;
        // A lone `&` is text: it costs less to read it than to lose the file.
        config.allow_dangling_amp = true;
        let mut xml = Self { reader, expected, depth: 0, trouble: None };
        let first = xml.child()?;
        match first {
            Some(element) if element.name() == root.as_bytes() => Ok(xml),
            Some(element) => Err(xml.invalid(&format!("element `{}`", excerpt(element.name())))),
            None => Err(xml.invalid("no element")),
        }
    }

    /// The next element in the one that is open, which it opens: the caller reads it to its end with [`Self::child`],
    /// [`Self::text`] or [`Self::skip`]. `None` at the end of the open element, which it closes. Text between is passed
    /// over.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what is not well-formed, is cut short, or goes over the limits.
    pub(crate) fn child(&mut self) -> Result<Option<Element<'a>>, InvalidRecord> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Some(Element { start })),
                // The reader's end comes only before the first element: within one it is an error.
                Event::End(_) | Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    /// The text of the open element, trimmed, without that of elements in it, and closes it. At most
    /// [`MAX_TEXT_BYTES`] are kept.
    ///
    /// An entity that is not one of the five is left out and remembered as trouble.
    ///
    /// # Errors
    /// As [`Self::child`].
    pub(crate) fn text(&mut self) -> Result<String, InvalidRecord> {
        let mut text = String::new();
        let outer = self.depth;
        loop {
            match self.event()? {
                Event::End(_) if self.depth < outer => break,
                Event::Eof => break,
                Event::Text(piece) if self.depth == outer => append(&mut text, &piece),
                Event::CData(piece) if self.depth == outer => append(&mut text, &piece),
                Event::GeneralRef(name) => {
                    let character = match name.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        Ok(None) => predefined(&name),
                        Err(_) => None,
                    };
                    match character {
                        Some(character) if self.depth == outer => {
                            append(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        Some(_) => {}
                        None => self.set_trouble("an entity of the document's own".to_owned()),
                    }
                }
                _ => {}
            }
        }
        let trimmed = text.trim();
        if trimmed.len() != text.len() {
            text = trimmed.to_owned();
        }
        Ok(text)
    }

    /// Passes over the rest of the open element and closes it.
    ///
    /// # Errors
    /// As [`Self::child`].
    pub(crate) fn skip(&mut self) -> Result<(), InvalidRecord> {
        let outer = self.depth;
        while self.depth >= outer {
            if matches!(self.event()?, Event::Eof) {
                break;
            }
        }
        Ok(())
    }

    /// The value of an attribute, trimmed; empty where there is none. One that cannot be read is empty and remembered
    /// as trouble.
    pub(crate) fn attribute(&mut self, element: &Element<'_>, name: &str) -> String {
        let [value] = self.attributes(element, [name]);
        value
    }

    /// [`Self::attribute`] of several names at once. Of an attribute that is given twice the first counts.
    pub(crate) fn attributes<const N: usize>(
        &mut self,
        element: &Element<'_>,
        names: [&str; N],
    ) -> [String; N] {
        let mut values = [const { String::new() }; N];
        let length = element.start.len();
        if length > MAX_TAG_BYTES {
            self.set_trouble(format!("a tag of {length} bytes, at most {MAX_TAG_BYTES}"));
            return values;
        }
        for attribute in element.start.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                self.set_trouble("attributes that cannot be read".to_owned());
                break;
            };
            let key: &[u8] = attribute.key.0;
            let Some(index) = names.iter().position(|name| name.as_bytes() == key) else { continue };
            match unescape(&String::from_utf8_lossy(&attribute.value)) {
                Ok(_) if !values[index].is_empty() => {}
                Ok(value) => value.trim().clone_into(&mut values[index]),
                Err(_) => {
                    self.set_trouble(format!(
                        "attribute `{}` with an entity of the document's own",
                        names[index]
                    ));
                }
            }
        }
        values
    }

    /// Remembers what is wrong with the record that is being read; the first that is said counts.
    pub(crate) fn set_trouble(&mut self, found: String) {
        self.trouble.get_or_insert(found);
    }

    /// What was wrong since it was last asked.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn event(&mut self) -> Result<Event<'a>, InvalidRecord> {
        let event = match self.reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(self.invalid(&format!("text that is not well-formed: {error}"))),
        };
        match event {
            Event::Start(_) if self.depth == MAX_DEPTH => {
                Err(self.invalid(&format!("elements nested deeper than {MAX_DEPTH}")))
            }
            Event::Start(_) => {
                self.depth += 1;
                Ok(event)
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(event)
            }
            Event::Eof if self.depth > 0 => Err(self.invalid("its end too soon: the document is cut short")),
            _ => Ok(event),
        }
    }

    fn invalid(&self, found: &str) -> InvalidRecord {
        let position = self.reader.buffer_position();
        InvalidRecord { expected: self.expected, found: format!("{found}, at byte {position}") }
    }
}

/// The first characters of foreign bytes, for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(4 * MAX_EXCERPT_CHARS)];
    let text = String::from_utf8_lossy(head);
    text.chars().take(MAX_EXCERPT_CHARS).collect::<String>().escape_debug().to_string()
}

/// Appends as much as the limit leaves room for, in whole characters.
fn append(text: &mut String, piece: &[u8]) {
    let room = MAX_TEXT_BYTES - text.len();
    // A few bytes more, so that a character at the limit is seen whole.
    let piece = String::from_utf8_lossy(&piece[..piece.len().min(room + 4)]);
    text.push_str(&piece[..piece.floor_char_boundary(room)]);
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
