//! CSV records and their fields, in Amazon's dialects of it.
//!
//! A field that begins with the quote ends at the next quote that is not escaped; what stands between that and the
//! delimiter is added as it is. Elsewhere a quote is a character like all others. Empty records are no records.

use std::borrow::Cow;

use memchr::memmem::Finder;

use crate::format::CsvInput;

/// How records are cut.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    record: Finder<'static>,
    field: Finder<'static>,
    /// The delimiters where they are one byte.
    record_byte: Option<u8>,
    field_byte: Option<u8>,
    quote: Option<u8>,
    escape: u8,
    comment: Option<u8>,
    quoted_records: bool,
}

/// A quote is open where the record ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OpenQuote;

fn one_byte(delimiter: &[u8]) -> Option<u8> {
    match delimiter {
        [byte] => Some(*byte),
        _ => None,
    }
}

impl Cutter {
    pub(crate) fn new(csv: &CsvInput) -> Cutter {
        let (record, field) = (csv.record_delimiter.as_bytes(), csv.field_delimiter.as_bytes());
        Cutter {
            record: Finder::new(record).into_owned(),
            field: Finder::new(field).into_owned(),
            record_byte: one_byte(record),
            field_byte: one_byte(field),
            quote: csv.quote,
            escape: csv.quote_escape,
            comment: csv.comments,
            quoted_records: csv.allow_quoted_record_delimiter,
        }
    }

    /// Lines, for JSON.
    pub(crate) fn lines() -> Cutter {
        Cutter::new(&CsvInput { quote: None, comments: None, ..CsvInput::default() })
    }

    #[inline]
    fn find_record_delimiter(&self, bytes: &[u8]) -> Option<usize> {
        match self.record_byte {
            Some(byte) => memchr::memchr(byte, bytes),
            None => self.record.find(bytes),
        }
    }

    #[inline]
    fn find_field_delimiter(&self, bytes: &[u8]) -> Option<usize> {
        match self.field_byte {
            Some(byte) => memchr::memchr(byte, bytes),
            None => self.field.find(bytes),
        }
    }

    /// Where the record that begins at `from` ends, and where the next one begins; `None` if its delimiter is not there.
    #[inline]
    pub(crate) fn record_end(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let end = match self.quote.filter(|_| self.quoted_records) {
            Some(quote) => self.quoted_record_end(bytes, from, quote)?,
            None => from + self.find_record_delimiter(&bytes[from..])?,
        };
        let next = end + self.record.needle().len();
        let carriage_return = self.record_byte == Some(b'\n') && end > from && bytes[end - 1] == b'\r';
        Some((end - usize::from(carriage_return), next))
    }

    fn quoted_record_end(&self, bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
        if self.is_comment(&bytes[from..]) {
            return Some(from + self.find_record_delimiter(&bytes[from..])?);
        }
        let mut at = from;
        loop {
            if bytes.get(at) == Some(&quote) {
                at = self.closing_quote(bytes, at + 1, quote)? + 1;
            }
            let rest = &bytes[at..];
            let end = self.find_record_delimiter(rest)?;
            match self.find_field_delimiter(&rest[..end]) {
                Some(field) => at += field + self.field.needle().len(),
                None => return Some(at + end),
            }
        }
    }

    /// The quote that ends a field; `from` is behind the one that begins it.
    fn closing_quote(&self, bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
        let mut at = from;
        loop {
            at += memchr::memchr2(quote, self.escape, &bytes[at..])?;
            let escapes = if self.escape == quote {
                bytes.get(at + 1) == Some(&quote)
            } else {
                bytes[at] == self.escape
            };
            if !escapes {
                return Some(at);
            }
            at += 2;
            if at > bytes.len() {
                return None;
            }
        }
    }

    /// Behind the last whole record of the bytes, which begin with a record.
    pub(crate) fn last_end(&self, bytes: &[u8]) -> Option<usize> {
        if !self.has_quoted_records() {
            let length = self.record.needle().len();
            return match self.record_byte {
                Some(byte) => memchr::memrchr(byte, bytes),
                None => memchr::memmem::rfind(bytes, self.record.needle()),
            }
            .map(|at| at + length);
        }
        let mut last = None;
        let mut from = 0;
        while let Some((_, next)) = self.record_end(bytes, from) {
            last = Some(next);
            from = next;
        }
        last
    }

    /// Whether a record's delimiter may stand within quotes.
    pub(crate) fn has_quoted_records(&self) -> bool {
        self.quote.is_some() && self.quoted_records
    }

    pub(crate) fn is_comment(&self, record: &[u8]) -> bool {
        self.comment.is_some() && record.first().copied() == self.comment
    }

    /// Cuts a record, which stands without its delimiter, into its fields; those after `most` only if they must be looked
    /// at for quotes.
    pub(crate) fn split<'t>(
        &self,
        record: &'t str,
        most: usize,
        fields: &mut Vec<Cow<'t, str>>,
    ) -> Result<(), OpenQuote> {
        fields.clear();
        let bytes = record.as_bytes();
        let mut at = 0;
        loop {
            let (field, end) = if let Some(quote) = self.quote.filter(|quote| bytes.get(at) == Some(quote)) {
                self.quoted_field(record, at, quote)?
            } else {
                let end = self.find_field_delimiter(&bytes[at..]).map_or(bytes.len(), |length| at + length);
                (Cow::Borrowed(&record[at..end]), end)
            };
            fields.push(field);
            if end == bytes.len() {
                return Ok(());
            }
            at = end + self.field.needle().len();
            if fields.len() >= most
                && self.quote.is_none_or(|quote| memchr::memchr(quote, &bytes[at..]).is_none())
            {
                return Ok(());
            }
        }
    }

    /// The field whose opening quote is at `at`, and where its delimiter is.
    fn quoted_field<'t>(
        &self,
        record: &'t str,
        at: usize,
        quote: u8,
    ) -> Result<(Cow<'t, str>, usize), OpenQuote> {
        let bytes = record.as_bytes();
        let close = self.closing_quote(bytes, at + 1, quote).ok_or(OpenQuote)?;
        let inner = &record[at + 1..close];
        let end =
            self.find_field_delimiter(&bytes[close + 1..]).map_or(bytes.len(), |length| close + 1 + length);
        let behind = &record[close + 1..end];
        if behind.is_empty() && memchr::memchr(self.escape, inner.as_bytes()).is_none() {
            return Ok((Cow::Borrowed(inner), end));
        }
        let mut text = String::with_capacity(inner.len() + behind.len());
        let mut rest = inner;
        while let Some(escape) = rest.find(char::from(self.escape)) {
            text.push_str(&rest[..escape]);
            let mut escaped = rest[escape + 1..].chars();
            text.extend(escaped.next());
            rest = escaped.as_str();
        }
        text.push_str(rest);
        text.push_str(behind);
        Ok((Cow::Owned(text), end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(csv: &CsvInput, record: &str) -> Result<Vec<String>, OpenQuote> {
        let mut fields = Vec::new();
        Cutter::new(csv).split(record, usize::MAX, &mut fields)?;
        Ok(fields.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn records_fall_into_fields() {
        let csv = CsvInput::default();
        for (record, expected) in [
            ("a,b", vec!["a", "b"]),
            ("", vec![""]),
            (",", vec!["", ""]),
            ("\"a,b\",c", vec!["a,b", "c"]),
            ("\"a \"\"b\"\"\",\"\"", vec!["a \"b\"", ""]),
            ("a\"b,c", vec!["a\"b", "c"]),
            ("\"a\"b,c", vec!["ab", "c"]),
            (" \"a\",é", vec![" \"a\"", "é"]),
        ] {
            assert_eq!(split(&csv, record).unwrap(), expected, "{record}");
        }
        for record in ["\"a", "a,\"b,c", "\"a\"\""] {
            assert_eq!(split(&csv, record), Err(OpenQuote), "{record}");
        }
        let other = CsvInput {
            quote: Some(b'\''),
            quote_escape: b'\\',
            field_delimiter: "||".to_owned(),
            ..CsvInput::default()
        };
        assert_eq!(split(&other, "'it\\'s||x'||a|b||\"").unwrap(), ["it's||x", "a|b", "\""]);
        assert_eq!(split(&other, "'a\\é\\\\'").unwrap(), ["aé\\"]);
        assert_eq!(split(&other, "'a\\'"), Err(OpenQuote));
        let none = CsvInput { quote: None, ..CsvInput::default() };
        assert_eq!(split(&none, "\"a,b").unwrap(), ["\"a", "b"]);
    }

    #[test]
    fn fields_behind_the_last_one_asked_for_are_looked_at_for_quotes() {
        let cutter = Cutter::new(&CsvInput::default());
        let mut fields = Vec::new();
        cutter.split("a,b,c", 1, &mut fields).unwrap();
        assert_eq!(fields.len(), 1);
        assert_eq!(cutter.split("a,b,\"c", 1, &mut fields), Err(OpenQuote));
    }

    #[test]
    fn records_end_at_their_delimiter() {
        let ends = |csv: &CsvInput, text: &str| {
            let cutter = Cutter::new(csv);
            let (mut from, mut records) = (0, Vec::new());
            while let Some((end, next)) = cutter.record_end(text.as_bytes(), from) {
                records.push(text[from..end].to_owned());
                from = next;
            }
            assert_eq!(cutter.last_end(text.as_bytes()).unwrap_or(0), from, "{text}");
            records
        };
        let plain = CsvInput::default();
        let quoted = CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() };
        let long = CsvInput { record_delimiter: "\r\n".to_owned(), ..quoted.clone() };
        assert_eq!(ends(&plain, "a,b\r\n\n\"c\nd\"\ne"), ["a,b", "", "\"c", "d\""]);
        assert_eq!(ends(&quoted, "a,b\r\n\n\"c\n\"\"d\"\ne"), ["a,b", "", "\"c\n\"\"d\""]);
        assert_eq!(ends(&quoted, "#\"\na\"\n\"b\nc"), ["#\"", "a\""]);
        assert_eq!(ends(&long, "a\nb\r\nx,\"c\r\n\"\r\n"), ["a\nb", "x,\"c\r\n\""]);
        assert_eq!(ends(&quoted, "\"a\"\""), [""; 0]);
    }
}
