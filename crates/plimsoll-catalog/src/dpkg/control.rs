//! Stanzas of a Debian control file, walked line by line without a copy.
//!
//! Source: `deb-control(5)`; Debian Policy 4.7, section 5.1, "Syntax of control files".

use std::ops::Range;

use memchr::memchr;

/// The fields that are kept; all others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Package,
    Status,
    Version,
    Source,
    Architecture,
    Maintainer,
}

const FIELDS: [(&[u8], Field); 6] = [
    (b"Package", Field::Package),
    (b"Status", Field::Status),
    (b"Version", Field::Version),
    (b"Source", Field::Source),
    (b"Architecture", Field::Architecture),
    (b"Maintainer", Field::Maintainer),
];

impl Field {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Package => "Package",
            Self::Status => "Status",
            Self::Version => "Version",
            Self::Source => "Source",
            Self::Architecture => "Architecture",
            Self::Maintainer => "Maintainer",
        }
    }

    /// Field names are compared without regard to case. Most lines of a file are refused by their first byte.
    fn from_name(name: &[u8]) -> Option<Self> {
        if !matches!(name.first()?.to_ascii_lowercase(), b'p' | b's' | b'v' | b'a' | b'm') {
            return None;
        }
        FIELDS.iter().find(|(text, _)| text.eq_ignore_ascii_case(name)).map(|&(_, field)| field)
    }
}

/// One paragraph between blank lines.
pub(super) struct Stanza<'a> {
    text: &'a [u8],
    /// Number of its first line, from 1.
    pub(super) first_line: usize,
    /// Number of its last line.
    pub(super) last_line: usize,
    /// What is wrong with single lines of it.
    pub(super) faults: Vec<(usize, Fault<'a>)>,
    values: [Option<Range<usize>>; FIELDS.len()],
    /// The field that the end of the file cut off before the line's end.
    pub(super) cut: Option<Field>,
}

/// What may be wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault<'a> {
    /// It has no colon, and does not continue a field.
    NoField(&'a [u8]),
    /// It continues a field, but there is none above it.
    NothingToContinue(&'a [u8]),
    /// A kept field stands in the stanza twice: the first counts.
    Repeated(Field),
}

impl<'a> Stanza<'a> {
    /// A field's value without the blanks around it, folded lines included; `None` where it is missing or empty.
    pub(super) fn value(&self, field: Field) -> Option<&'a [u8]> {
        let range = self.values[field as usize].clone()?;
        let value = self.text[range].trim_ascii();
        (!value.is_empty()).then_some(value)
    }

    /// Its place for a gap.
    pub(super) fn place(&self) -> String {
        if self.first_line == self.last_line {
            format!("line {}", self.first_line)
        } else {
            format!("lines {}-{}", self.first_line, self.last_line)
        }
    }
}

/// Most faults kept of one stanza: enough for any honest file, few enough for one that is not a control file.
const MAX_FAULTS: usize = 20;

/// Walks the stanzas of a file.
pub(super) struct Stanzas<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
}

pub(super) fn stanzas(text: &[u8]) -> Stanzas<'_> {
    let position = if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    Stanzas { text, position, line: 0 }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Stanza<'a>;

    fn next(&mut self) -> Option<Stanza<'a>> {
        let mut stanza: Option<Stanza<'a>> = None;
        // The field that a folded line continues: `Some(None)` for one that is not kept.
        let mut current: Option<Option<Field>> = None;
        while self.position < self.text.len() {
            let start = self.position;
            let rest = &self.text[start..];
            let (length, ended) = memchr(b'\n', rest).map_or((rest.len(), false), |at| (at, true));
            let line = &rest[..length];
            let end = start + length;
            if line.iter().all(u8::is_ascii_whitespace) {
                self.advance(end, ended);
                if stanza.is_some() {
                    break;
                }
                continue;
            }
            let colon = if matches!(line[0], b' ' | b'\t') { None } else { memchr(b':', line) };
            let field = colon.and_then(|colon| Field::from_name(line[..colon].trim_ascii_end()));
            let repeats = match (field, &stanza) {
                (Some(field), Some(stanza)) => stanza.values[field as usize].is_some(),
                _ => false,
            };
            if repeats && field == Some(Field::Package) {
                // A blank line was lost between two stanzas: both are read, and the loss is told once.
                let stanza = stanza.as_mut().expect("a field can only repeat inside a stanza");
                stanza.fault(self.line + 1, Fault::Repeated(Field::Package));
                break;
            }
            self.advance(end, ended);
            let stanza = stanza.get_or_insert_with(|| Stanza {
                text: self.text,
                first_line: self.line,
                last_line: self.line,
                faults: Vec::new(),
                values: Default::default(),
                cut: None,
            });
            stanza.last_line = self.line;
            match (line[0], colon) {
                (b' ' | b'\t', _) => match current {
                    Some(Some(field)) => {
                        if let Some(range) = &mut stanza.values[field as usize] {
                            range.end = end;
                        }
                    }
                    Some(None) => {}
                    None => stanza.fault(self.line, Fault::NothingToContinue(line)),
                },
                // A comment, as `deb-control(5)` allows in some control files.
                (b'#', None) => {}
                (_, None) => stanza.fault(self.line, Fault::NoField(line)),
                (_, Some(colon)) => {
                    current = Some(if repeats { None } else { field });
                    match field {
                        Some(field) if repeats => stanza.fault(self.line, Fault::Repeated(field)),
                        Some(field) => stanza.values[field as usize] = Some(start + colon + 1..end),
                        None => {}
                    }
                }
            }
            if !ended {
                stanza.cut = current.flatten();
            }
        }
        stanza
    }
}

impl Stanzas<'_> {
    fn advance(&mut self, end: usize, ended: bool) {
        self.position = end + usize::from(ended);
        self.line += 1;
    }
}

impl<'a> Stanza<'a> {
    fn fault(&mut self, line: usize, fault: Fault<'a>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push((line, fault));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        stanzas(text.as_bytes())
            .map(|stanza| {
                let values: Vec<String> = FIELDS
                    .iter()
                    .filter_map(|&(_, field)| {
                        let value = String::from_utf8_lossy(stanza.value(field)?).into_owned();
                        Some(format!("{}={value}", field.name()))
                    })
                    .collect();
                (stanza.place(), values.join(" "), stanza.faults.len())
            })
            .collect()
    }

    #[test]
    fn stanzas_end_at_blank_lines_whatever_the_line_ends() {
        let unix = "Package: a\nVersion: 1\n\n\n \nPACKAGE: b\nversion:2\n";
        let expected = [
            ("lines 1-2".to_owned(), "Package=a Version=1".to_owned(), 0),
            ("lines 6-7".to_owned(), "Package=b Version=2".to_owned(), 0),
        ];
        assert_eq!(read(unix), expected);
        assert_eq!(read(&unix.replace('\n', "\r\n")), expected);
        assert_eq!(read(&format!("\u{feff}{unix}")), expected);
        assert_eq!(read(""), []);
        assert_eq!(read("\n\n"), []);
    }

    #[test]
    fn a_folded_line_belongs_to_the_field_above() {
        assert_eq!(
            read("Package: a\nDescription: x\n Version: 9\n .\nVersion:\n 1\nMaintainer: A\n B\n"),
            [("lines 1-8".to_owned(), "Package=a Version=1 Maintainer=A\n B".to_owned(), 0)]
        );
    }

    #[test]
    fn a_lost_blank_line_does_not_lose_a_package() {
        assert_eq!(
            read("Package: a\nVersion: 1\nPackage: b\nVersion: 2\nVersion: 3\n"),
            [
                ("lines 1-2".to_owned(), "Package=a Version=1".to_owned(), 1),
                ("lines 3-5".to_owned(), "Package=b Version=2".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn lines_that_are_no_fields_are_told() {
        assert_eq!(read("garbage\n\0\0\0\n"), [("lines 1-2".to_owned(), String::new(), 2)]);
        assert_eq!(read(" folded\nPackage: a\n"), [("lines 1-2".to_owned(), "Package=a".to_owned(), 1)]);
        assert_eq!(read(&"x\n".repeat(1000)), [("lines 1-1000".to_owned(), String::new(), MAX_FAULTS)]);
    }

    #[test]
    fn a_last_line_without_its_end_is_told() {
        let cut = |text: &str| stanzas(text.as_bytes()).last().and_then(|stanza| stanza.cut);
        assert_eq!(cut("Package: a\nVersion: 1.2"), Some(Field::Version));
        assert_eq!(cut("Package: a\nVersion: 1.2\n"), None);
        assert_eq!(cut("Package: a\nPriority: opt"), None);
    }
}
