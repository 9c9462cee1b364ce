//! Records of a JSON document that is read as a stream: what `FROM` does not lead to is checked and forgotten, and only one
//! record is held at a time.

use std::io::Read;

use crate::ast::{Name, Step};
use crate::error::{Code, Place, SelectError};
use crate::format::Compression;
use crate::json::{plain_run, unescape};
use crate::limits::{CHUNK_BYTES, Limits};
use crate::source::fill;

/// What ends a walk.
pub(crate) enum Halt {
    Error(SelectError),
    /// Enough records.
    Enough,
}

impl From<SelectError> for Halt {
    fn from(error: SelectError) -> Halt {
        Halt::Error(error)
    }
}

type Walked<T> = Result<T, Halt>;

/// Takes a record, which is `None` where `FROM` leads nowhere, and where in the object it begins.
pub(crate) type Visit<'v> = dyn FnMut(Option<&str>, u64) -> Walked<()> + 'v;

/// What is kept of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hold<'s> {
    /// That there is one.
    Nothing,
    /// The fields that these names mean, as an object of them.
    Fields(&'s [Name]),
    /// All of it.
    Whole,
}

/// A document that is read.
pub(crate) struct Document<'s> {
    input: &'s mut dyn Read,
    compression: Compression,
    limits: Limits,
    hold: Hold<'s>,
    /// The fields of the record that is read.
    fields: String,
    buffer: Vec<u8>,
    filled: usize,
    /// The next byte.
    at: usize,
    /// Up to here the bytes are UTF-8.
    checked: usize,
    /// From here on bytes must stay.
    mark: Option<usize>,
    /// Where the buffer begins in the object.
    offset: u64,
    ended: bool,
    records: u64,
}

impl<'s> Document<'s> {
    pub(crate) fn new(
        input: &'s mut dyn Read,
        compression: Compression,
        limits: Limits,
        hold: Hold<'s>,
    ) -> Document<'s> {
        Document::with_buffer(input, compression, limits, hold, CHUNK_BYTES)
    }

    fn with_buffer(
        input: &'s mut dyn Read,
        compression: Compression,
        limits: Limits,
        hold: Hold<'s>,
        buffer_bytes: usize,
    ) -> Document<'s> {
        Document {
            input,
            compression,
            limits,
            hold,
            fields: String::new(),
            buffer: vec![0; buffer_bytes],
            filled: 0,
            at: 0,
            checked: 0,
            mark: None,
            offset: 0,
            ended: false,
            records: 0,
        }
    }

    /// Where in the object the next byte is.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.at as u64
    }

    fn place(&self) -> Place {
        Place::Input { offset: self.position(), record: self.records + 1 }
    }

    fn flaw<T>(&mut self, expected: &str) -> Walked<T> {
        let found = match self.peek()? {
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(byte)),
            Some(byte) => format!("byte {byte:#04x}"),
            None => "the end of the object".to_owned(),
        };
        let message = format!("expected {expected}, found {found}");
        Err(SelectError::new(Code::JsonParsingError, "cannot read JSON", message).at(self.place()).into())
    }

    /// Reads on; whether there was something.
    fn refill(&mut self) -> Walked<bool> {
        if self.ended {
            return Ok(false);
        }
        // A character that is cut stays as a whole.
        let keep = self.mark.unwrap_or(self.at).min(self.checked);
        self.buffer.copy_within(keep..self.filled, 0);
        self.filled -= keep;
        self.at -= keep;
        self.checked -= keep;
        self.offset += keep as u64;
        self.mark = self.mark.map(|_| 0);
        if self.filled > self.limits.document_bytes {
            return Err(self.too_large(self.filled).into());
        }
        if self.filled == self.buffer.len() {
            let longer = self.buffer.len() * 2;
            self.buffer.resize(longer, 0);
        }
        let before = self.filled;
        self.ended = fill(self.input, self.compression, &mut self.buffer, &mut self.filled)?;
        match std::str::from_utf8(&self.buffer[self.checked..self.filled]) {
            Ok(_) => self.checked = self.filled,
            // A character that is cut by the buffer's end.
            Err(error) if error.error_len().is_none() && !self.ended => self.checked += error.valid_up_to(),
            Err(error) => {
                self.at = self.checked + error.valid_up_to();
                let byte = self.buffer[self.at];
                let message = format!("expected UTF-8, found byte {byte:#04x}");
                let error = SelectError::new(Code::InvalidTextEncoding, "cannot read JSON", message);
                return Err(error.at(self.place()).into());
            }
        }
        Ok(self.filled > before)
    }

    #[inline]
    fn peek(&mut self) -> Walked<Option<u8>> {
        if self.at < self.filled {
            return Ok(Some(self.buffer[self.at]));
        }
        Ok(if self.refill()? { Some(self.buffer[self.at]) } else { None })
    }

    fn peek_after_space(&mut self) -> Walked<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return Ok(other),
            }
        }
    }

    /// Reads the document to its end, or until `visit` has enough.
    ///
    /// # Errors
    ///
    /// What is no JSON, no UTF-8 or beyond the limits, and what `visit` answers with.
    pub(crate) fn walk(&mut self, steps: &[Step], visit: &mut Visit<'_>) -> Result<(), SelectError> {
        match self.walk_roots(steps, visit) {
            Ok(()) | Err(Halt::Enough) => Ok(()),
            Err(Halt::Error(error)) => Err(error),
        }
    }

    fn walk_roots(&mut self, steps: &[Step], visit: &mut Visit<'_>) -> Walked<()> {
        // A byte order mark.
        self.mark = Some(0);
        while self.filled < 3 && self.refill()? {}
        self.mark = None;
        if self.buffer[..self.filled].starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        while self.peek_after_space()?.is_some() {
            self.walk_value(steps, true, self.limits.depth, visit)?;
        }
        Ok(())
    }

    /// The value that comes next, of which the first byte was seen.
    fn walk_value(&mut self, steps: &[Step], root: bool, depth: usize, visit: &mut Visit<'_>) -> Walked<()> {
        let Some((step, rest)) = steps.split_first() else { return self.record(depth, visit) };
        match (step, self.peek()?) {
            (Step::Name(name), Some(b'{')) => {
                let mut found: Option<String> = None;
                let mut members = self.enter(depth)?;
                while let Some(key) = self.next_member(&mut members)? {
                    if !name.fits(&key) {
                        self.skip_value(members.depth)?;
                    } else if let Some(first) = &found {
                        if *first != key {
                            let message =
                                format!("expected one field `{}`, found `{first}` and `{key}`", name.text);
                            let error =
                                SelectError::evaluation(Code::AmbiguousFieldName, message).at(self.place());
                            return Err(error
                                .hint("put the name between double quotes, where case counts")
                                .into());
                        }
                        self.skip_value(members.depth)?;
                    } else {
                        found = Some(key);
                        self.walk_value(rest, false, members.depth, visit)?;
                    }
                }
                if found.is_some() { Ok(()) } else { self.missing(visit) }
            }
            (Step::Name(name), _) if root && name.text == "_1" => self.walk_value(rest, false, depth, visit),
            (Step::Members, Some(b'{')) => {
                let mut members = self.enter(depth)?;
                let mut any = false;
                while self.next_member(&mut members)?.is_some() {
                    any = true;
                    self.walk_value(rest, false, members.depth, visit)?;
                }
                if any { Ok(()) } else { self.missing(visit) }
            }
            (Step::Elements | Step::Index(_), Some(b'[')) => {
                let mut elements = self.enter(depth)?;
                let (mut number, mut any) = (0, false);
                while self.next_element(&mut elements)? {
                    if matches!(step, Step::Index(index) if *index != number) {
                        self.skip_value(elements.depth)?;
                    } else {
                        any = true;
                        self.walk_value(rest, false, elements.depth, visit)?;
                    }
                    number += 1;
                }
                if any { Ok(()) } else { self.missing(visit) }
            }
            _ => {
                self.skip_value(depth)?;
                self.missing(visit)
            }
        }
    }

    /// The record that comes next.
    fn record(&mut self, depth: usize, visit: &mut Visit<'_>) -> Walked<()> {
        let begin = self.position();
        let place = self.place();
        let placed = |halt| match halt {
            Halt::Error(error) => Halt::Error(error.at_least_at(place)),
            Halt::Enough => Halt::Enough,
        };
        let names = match self.hold {
            Hold::Nothing => {
                self.skip_value(depth)?;
                self.records += 1;
                return visit(Some("null"), begin).map_err(placed);
            }
            Hold::Fields(names) => Some(names),
            Hold::Whole => None,
        };
        if let (Some(names), Some(b'{')) = (names, self.peek()?) {
            self.keep_fields(names, depth)?;
            self.records += 1;
            return visit(Some(&self.fields), begin).map_err(placed);
        }
        self.mark = Some(self.at);
        self.skip_value(depth)?;
        self.records += 1;
        let from = self.mark.take().unwrap_or(self.at);
        visit(Some(checked(&self.buffer[from..self.at], place)?), begin).map_err(placed)
    }

    /// Reads an object and keeps the members that the names mean.
    fn keep_fields(&mut self, names: &[Name], depth: usize) -> Walked<()> {
        self.fields.clear();
        self.fields.push('{');
        let mut members = self.enter(depth)?;
        while self.next_of(&mut members, b'}', "`,` or `}`")? {
            let from = self.skip_key()?;
            let place = self.place();
            let key = checked(&self.buffer[from..self.at], place)?;
            let name = unescape(&key[1..key.len() - 1]);
            let wanted = names.iter().any(|wanted| wanted.fits(&name));
            if wanted {
                if self.fields.len() > 1 {
                    self.fields.push(',');
                }
                self.fields.push_str(key);
                self.fields.push(':');
            }
            self.expect_colon()?;
            if !wanted {
                self.skip_value(members.depth)?;
                continue;
            }
            self.mark = Some(self.at);
            self.skip_value(members.depth)?;
            let from = self.mark.take().unwrap_or(self.at);
            if self.fields.len() + (self.at - from) > self.limits.document_bytes {
                return Err(self.too_large(self.fields.len() + self.at - from).into());
            }
            self.fields.push_str(checked(&self.buffer[from..self.at], place)?);
        }
        self.fields.push('}');
        Ok(())
    }

    fn too_large(&self, found: usize) -> SelectError {
        let limit = self.limits.document_bytes;
        let message = format!("expected at most {limit} bytes in one record, found {found} or more");
        SelectError::new(Code::OverMaxRecordSize, "cannot hold record", message)
            .at(self.place())
            .hint("ask for what is below it: `FROM S3Object[*].Results[*]`")
    }

    fn missing(&mut self, visit: &mut Visit<'_>) -> Walked<()> {
        self.records += 1;
        visit(None, self.position())
    }

    /// Goes behind the bracket that opens an array or object.
    fn enter(&mut self, depth: usize) -> Walked<Inside> {
        let Some(depth) = depth.checked_sub(1) else {
            let message = format!("expected at most {} levels of nesting, found more", self.limits.depth);
            return Err(SelectError::new(Code::JsonParsingError, "cannot read JSON", message)
                .at(self.place())
                .into());
        };
        self.at += 1;
        Ok(Inside { first: true, depth })
    }

    /// Goes to the next value in an array; whether there is one.
    fn next_element(&mut self, inside: &mut Inside) -> Walked<bool> {
        self.next_of(inside, b']', "`,` or `]`")
    }

    fn next_of(&mut self, inside: &mut Inside, close: u8, expected: &str) -> Walked<bool> {
        match self.peek_after_space()? {
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !inside.first => {
                self.at += 1;
                self.peek_after_space()?;
            }
            Some(_) if inside.first => {}
            _ => return self.flaw(expected),
        }
        inside.first = false;
        Ok(true)
    }

    /// Goes to the next value in an object and gives its name.
    fn next_member(&mut self, inside: &mut Inside) -> Walked<Option<String>> {
        if !self.next_of(inside, b'}', "`,` or `}`")? {
            return Ok(None);
        }
        let from = self.skip_key()?;
        let name = unescape(&String::from_utf8_lossy(&self.buffer[from + 1..self.at - 1])).into_owned();
        self.expect_colon()?;
        Ok(Some(name))
    }

    /// Goes behind a member's name and says where it begins.
    fn skip_key(&mut self) -> Walked<usize> {
        if self.peek()? != Some(b'"') {
            return self.flaw("a member's name");
        }
        self.mark = Some(self.at);
        self.skip_string()?;
        Ok(self.mark.take().unwrap_or(self.at))
    }

    fn expect_colon(&mut self) -> Walked<()> {
        if self.peek_after_space()? != Some(b':') {
            return self.flaw("`:`");
        }
        self.at += 1;
        self.peek_after_space().map(|_| ())
    }

    /// Goes behind the value that comes next; recursion is bounded by `depth`.
    fn skip_value(&mut self, depth: usize) -> Walked<()> {
        match self.peek()? {
            Some(b'"') => self.skip_string(),
            Some(b'{') => {
                let mut members = self.enter(depth)?;
                while self.next_of(&mut members, b'}', "`,` or `}`")? {
                    if self.peek()? != Some(b'"') {
                        return self.flaw("a member's name");
                    }
                    self.skip_string()?;
                    self.expect_colon()?;
                    self.skip_value(members.depth)?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut elements = self.enter(depth)?;
                while self.next_element(&mut elements)? {
                    self.skip_value(elements.depth)?;
                }
                Ok(())
            }
            Some(b't') => self.skip_word(b"true"),
            Some(b'f') => self.skip_word(b"false"),
            Some(b'n') => self.skip_word(b"null"),
            _ => self.skip_number(),
        }
    }

    fn skip_word(&mut self, word: &[u8]) -> Walked<()> {
        for letter in word {
            if self.peek()? != Some(*letter) {
                return self.flaw("a value");
            }
            self.at += 1;
        }
        Ok(())
    }

    fn skip_string(&mut self) -> Walked<()> {
        self.at += 1;
        loop {
            self.at = plain_run(&self.buffer[..self.filled], self.at);
            match self.peek()? {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.skip_escape()?;
                }
                Some(0..0x20) => return self.flaw("an escaped control character"),
                // More was read meanwhile.
                Some(_) => {}
                None => return self.flaw("the end of a string"),
            }
        }
    }

    fn skip_escape(&mut self) -> Walked<()> {
        let letter = self.peek()?;
        if !matches!(letter, Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u')) {
            return self.flaw("an escape sequence");
        }
        self.at += 1;
        for _ in 0..if letter == Some(b'u') { 4 } else { 0 } {
            if !self.peek()?.is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return self.flaw("four hexadecimal digits after `\\u`");
            }
            self.at += 1;
        }
        Ok(())
    }

    fn skip_digits(&mut self, expected: &str) -> Walked<()> {
        if !self.peek()?.is_some_and(|byte| byte.is_ascii_digit()) {
            return self.flaw(expected);
        }
        while self.peek()?.is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn skip_number(&mut self) -> Walked<()> {
        if self.peek()? == Some(b'-') {
            self.at += 1;
        }
        if self.peek()? == Some(b'0') {
            self.at += 1;
        } else {
            self.skip_digits("a value")?;
        }
        if self.peek()? == Some(b'.') {
            self.at += 1;
            self.skip_digits("a digit after the point")?;
        }
        if matches!(self.peek()?, Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.skip_digits("a digit of the exponent")?;
        }
        Ok(())
    }
}

/// Text that is UTF-8, since the buffer's was looked at when it was read.
fn checked(bytes: &[u8], place: Place) -> Result<&str, SelectError> {
    std::str::from_utf8(bytes).map_err(|_| {
        SelectError::new(Code::InvalidTextEncoding, "cannot read JSON", "expected UTF-8").at(place)
    })
}

/// An array or object that is being read.
struct Inside {
    first: bool,
    depth: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        input: &[u8],
        steps: &[Step],
        limits: Limits,
        buffer_bytes: usize,
    ) -> Result<Vec<String>, SelectError> {
        read_holding(input, steps, limits, buffer_bytes, Hold::Whole)
    }

    fn read_holding(
        input: &[u8],
        steps: &[Step],
        limits: Limits,
        buffer_bytes: usize,
        hold: Hold<'_>,
    ) -> Result<Vec<String>, SelectError> {
        let (mut records, mut input) = (Vec::new(), input);
        let mut document = Document::with_buffer(&mut input, Compression::None, limits, hold, buffer_bytes);
        document.walk(steps, &mut |record, _| {
            records.push(record.map_or_else(|| "MISSING".to_owned(), str::to_owned));
            Ok(())
        })?;
        Ok(records)
    }

    fn name(text: &str) -> Step {
        Step::Name(Name::new(text, false))
    }

    #[test]
    fn records_are_what_the_path_leads_to() {
        let rules = "{ \"Rules\": [ {\"id\": \"1\"}, {\"x\": [1, {}]}, {\"id\" : \"\\u0032é\"}]} {\"created\": 1.5e+3}";
        for (text, steps, expected) in [
            (
                rules,
                vec![name("rules"), Step::Elements, name("id")],
                vec!["\"1\"", "MISSING", "\"\\u0032é\"", "MISSING"],
            ),
            (rules, vec![name("created")], vec!["MISSING", "1.5e+3"]),
            (rules, vec![Step::Members, Step::Index(1)], vec!["{\"x\": [1, {}]}", "MISSING"]),
            ("[[1, 2], [], 3]", vec![Step::Elements, Step::Elements], vec!["1", "2", "MISSING", "MISSING"]),
            ("[{\"a\": 1}]", vec![name("_1"), Step::Index(0), name("a")], vec!["1"]),
            ("[ 1 ]  true\n\"x\" -0", vec![], vec!["[ 1 ]", "true", "\"x\"", "-0"]),
            ("\u{feff}{}", vec![Step::Members], vec!["MISSING"]),
            ("{\"a\": 1, \"a\": 2}", vec![name("A")], vec!["1"]),
            ("", vec![], vec![]),
        ] {
            for bytes in [1, 2, 3, 5, 8, 13, 4_096] {
                assert_eq!(
                    read(text.as_bytes(), &steps, Limits::default(), bytes).unwrap(),
                    expected,
                    "{text}"
                );
            }
            // The same in memory, as JSON lines are walked.
            if let Ok(end) = crate::json::skip_value(text.as_bytes(), 0, 9) {
                let mut records = Vec::new();
                crate::record::walk(&text[..end], &steps, true, &mut |found| {
                    records.push(match found {
                        crate::record::Yield::Missing => "MISSING".to_owned(),
                        crate::record::Yield::Value(text) => text.to_owned(),
                    });
                    Ok(())
                })
                .unwrap();
                assert_eq!(records, expected[..records.len()], "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_is() {
        for (text, code, offset) in [
            ("{\"a\": [1, 2", Code::JsonParsingError, 11),
            ("<html>", Code::JsonParsingError, 0),
            ("[1 2]", Code::JsonParsingError, 3),
            ("{\"a\" 1}", Code::JsonParsingError, 5),
            ("{\"a\": tru}", Code::JsonParsingError, 9),
            ("[\"\\x\"]", Code::JsonParsingError, 3),
            ("[\"\\u00g0\"]", Code::JsonParsingError, 6),
            ("[\"\n\"]", Code::JsonParsingError, 2),
            ("[01]", Code::JsonParsingError, 2),
            ("[1.]", Code::JsonParsingError, 3),
            ("[1,]", Code::JsonParsingError, 3),
            ("{\"a\": 1, \"A\": 2}", Code::AmbiguousFieldName, 14),
            ("[[[[[]]]]]", Code::JsonParsingError, 4),
        ] {
            for steps in [vec![], vec![name("a")]] {
                if code == Code::AmbiguousFieldName && steps.is_empty() {
                    continue;
                }
                for bytes in [1, 4_096] {
                    let limits = Limits { depth: 4, ..Limits::default() };
                    let error = read(text.as_bytes(), &steps, limits, bytes).unwrap_err();
                    assert_eq!(error.code(), code, "{text}: {error}");
                    let Place::Input { offset: found, .. } = error.place() else { panic!("{text}: {error}") };
                    assert_eq!(found, offset, "{text}: {error}");
                }
            }
        }
        for bytes in [&b"[\"\xff\"]"[..], b"[\"\xe2\x28\"]", b"[1, \"\xe2\x82"] {
            for buffer_bytes in [1, 2, 3, 4_096] {
                let error = read(bytes, &[], Limits::default(), buffer_bytes).unwrap_err();
                assert_eq!(error.code(), Code::InvalidTextEncoding, "{bytes:?}");
            }
        }
    }

    #[test]
    fn only_fields_that_are_asked_for_are_held() {
        let names = [Name::new("b", false), Name::new("É", true)];
        let text = r#"{"a": 1, "B" : [2,  "b"], "c": {"b": 3}, "\u00c9": "\u00c9é"} [1] "x" {}"#;
        let expected = [r#"{"B":[2,  "b"],"\u00c9":"\u00c9é"}"#, "[1]", "\"x\"", "{}"];
        for bytes in [1, 3, 7, 4_096] {
            let found = read_holding(text.as_bytes(), &[], Limits::default(), bytes, Hold::Fields(&names));
            assert_eq!(found.unwrap(), expected);
        }
        let large = format!("{{\"a\": \"{}\", \"b\": 1}}", "x".repeat(10_000));
        let limits = Limits { document_bytes: 1_000, ..Limits::default() };
        let found = read_holding(large.as_bytes(), &[], limits, 64, Hold::Fields(&names));
        assert_eq!(found.unwrap(), ["{\"b\":1}"]);
        let found = read_holding(large.as_bytes(), &[], limits, 64, Hold::Fields(&[Name::new("a", false)]));
        assert_eq!(found.unwrap_err().code(), Code::OverMaxRecordSize);
        let found = read_holding(large.as_bytes(), &[], limits, 64, Hold::Nothing);
        assert_eq!(found.unwrap(), ["null"]);
    }

    #[test]
    fn only_one_record_is_held() {
        let element = format!("{{\"skipped\": \"{}\", \"kept\": 1}},", "é".repeat(5_000));
        let text = format!("[{}{{}}]", element.repeat(400));
        let limits = Limits { document_bytes: 100_000, ..Limits::default() };
        let kept = read(text.as_bytes(), &[Step::Elements, name("kept")], limits, 512).unwrap();
        assert_eq!(kept.iter().filter(|record| *record == "1").count(), 400);
        assert_eq!(read(text.as_bytes(), &[Step::Elements], limits, 512).unwrap().len(), 401);
        let error = read(text.as_bytes(), &[], limits, 512).unwrap_err();
        assert_eq!(error.code(), Code::OverMaxRecordSize);
        assert!(error.advice().contains("Results[*]"));
    }
}
