//! Records as they are written.

use std::borrow::Cow;

use crate::error::{Code, SelectError};
use crate::format::{CsvOutput, OutputFormat};
use crate::json::{write_compact, write_string};
use crate::record::Record;
use crate::value::{Value, for_each_member};

/// Writes records in one format.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    format: &'o OutputFormat,
    /// Names of columns as members of JSON: `"name":`.
    keys: Vec<Vec<u8>>,
    /// Longest record of a select list's values, in bytes.
    most: usize,
}

fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 3);
    write_string(name, &mut key);
    key.push(b':');
    key
}

impl<'o> Writer<'o> {
    /// `columns` are the names of the select list, or with `*` those of a CSV header.
    pub(crate) fn new(format: &'o OutputFormat, columns: &[String], most: usize) -> Writer<'o> {
        Writer { format, keys: columns.iter().map(|name| key(name)).collect(), most }
    }

    /// A record of the select list's values, in its order.
    ///
    /// # Errors
    ///
    /// That of the first value that has one, and a record that is too long, with what was written of it.
    pub(crate) fn values<'v>(
        &self,
        values: impl Iterator<Item = Result<Value<'v>, SelectError>>,
        out: &mut Vec<u8>,
    ) -> Result<(), SelectError> {
        let begin = out.len();
        let check = |out: &[u8]| {
            let written = out.len() - begin;
            if written > self.most { Err(too_long(self.most, written)) } else { Ok(()) }
        };
        match self.format {
            OutputFormat::Json { record_delimiter } => {
                let mut object = Object::begin(out);
                for (number, value) in values.enumerate() {
                    match value? {
                        Value::Missing => {}
                        value => {
                            self.write_key(number, object.member());
                            write_json(&value, object.out);
                            check(object.out)?;
                        }
                    }
                }
                object.end(record_delimiter);
            }
            OutputFormat::Csv(csv) => {
                for (number, value) in values.enumerate() {
                    begin_field(number, csv, out);
                    write_field(&text(&value?), csv, out);
                    check(out)?;
                }
                out.extend_from_slice(csv.record_delimiter.as_bytes());
            }
        }
        Ok(())
    }

    fn write_key(&self, number: usize, out: &mut Vec<u8>) {
        match self.keys.get(number) {
            Some(key) => out.extend_from_slice(key),
            None => out.extend_from_slice(format!("\"_{}\":", number + 1).as_bytes()),
        }
    }

    /// A whole record, for `*`. JSON that is no object is the one member `_1` of one.
    pub(crate) fn record(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        match (self.format, record) {
            (OutputFormat::Json { record_delimiter }, Record::Json { text, .. }) if text.starts_with('{') => {
                write_compact(text, out);
                out.extend_from_slice(record_delimiter.as_bytes());
            }
            (OutputFormat::Json { record_delimiter }, record) => {
                let mut object = Object::begin(out);
                match record {
                    Record::Missing => {}
                    Record::Json { text, .. } => {
                        object.member().extend_from_slice(b"\"_1\":");
                        write_compact(text, object.out);
                    }
                    Record::Csv { fields, .. } => {
                        for (number, field) in fields.iter().enumerate() {
                            self.write_key(number, object.member());
                            write_string(field, object.out);
                        }
                    }
                    Record::Row(row) => {
                        for number in 0..row.columns.len() {
                            self.write_key(number, object.member());
                            write_json(&row.value(number), object.out);
                        }
                    }
                }
                object.end(record_delimiter);
            }
            (OutputFormat::Csv(csv), record) => {
                match record {
                    Record::Missing => {}
                    Record::Csv { fields, .. } => {
                        for (number, field) in fields.iter().enumerate() {
                            begin_field(number, csv, out);
                            write_field(field, csv, out);
                        }
                    }
                    Record::Row(row) => {
                        for number in 0..row.columns.len() {
                            begin_field(number, csv, out);
                            write_field(&text(&row.value(number)), csv, out);
                        }
                    }
                    Record::Json { text: record, .. } if record.starts_with('{') => {
                        let mut number = 0;
                        let _: Result<(), std::convert::Infallible> = for_each_member(record, |_, value| {
                            begin_field(number, csv, out);
                            write_field(&text(&Value::from_json(value)), csv, out);
                            number += 1;
                            Ok(())
                        });
                    }
                    Record::Json { text: record, .. } => {
                        write_field(&text(&Value::from_json(record)), csv, out);
                    }
                }
                out.extend_from_slice(csv.record_delimiter.as_bytes());
            }
        }
    }
}

fn too_long(most: usize, written: usize) -> SelectError {
    let message = format!("expected a record of at most {most} bytes, found one of {written} or more");
    SelectError::new(Code::OverMaxRecordSize, "cannot write record", message).hint("select fewer columns")
}

/// An object that is being written.
struct Object<'b> {
    out: &'b mut Vec<u8>,
    empty: bool,
}

impl<'b> Object<'b> {
    fn begin(out: &'b mut Vec<u8>) -> Object<'b> {
        out.push(b'{');
        Object { out, empty: true }
    }

    fn member(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out
    }

    fn end(self, record_delimiter: &str) {
        self.out.push(b'}');
        self.out.extend_from_slice(record_delimiter.as_bytes());
    }
}

/// A value as JSON; lists are as deep as the statement makes them.
pub(crate) fn write_json(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Missing | Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Digits(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Text(text) | Value::Field(text) => write_string(text, out),
        Value::Time(time) => write_string(&time.to_string(), out),
        Value::Json(text) => write_compact(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                write_json(item, out);
            }
            out.push(b']');
        }
    }
}

/// A value as the text of a field.
fn text<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Missing | Value::Null => Cow::Borrowed(""),
        Value::Text(text) | Value::Field(text) => Cow::Borrowed(text),
        Value::Digits(digits) => Cow::Borrowed(digits),
        Value::Time(time) => Cow::Owned(time.to_string()),
        value => {
            let mut out = Vec::new();
            write_json(value, &mut out);
            Cow::Owned(String::from_utf8_lossy(&out).into_owned())
        }
    }
}

fn begin_field(number: usize, csv: &CsvOutput, out: &mut Vec<u8>) {
    if number > 0 {
        out.extend_from_slice(csv.field_delimiter.as_bytes());
    }
}

fn write_field(text: &str, csv: &CsvOutput, out: &mut Vec<u8>) {
    let needs_quotes = || {
        text.contains(csv.field_delimiter.as_str())
            || (!csv.record_delimiter.is_empty() && text.contains(csv.record_delimiter.as_str()))
            || memchr::memchr3(csv.quote, b'\n', b'\r', text.as_bytes()).is_some()
    };
    if !csv.quote_always && !needs_quotes() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(csv.quote);
    for byte in text.bytes() {
        if byte == csv.quote || byte == csv.quote_escape {
            out.push(csv.quote_escape);
        }
        out.push(byte);
    }
    out.push(csv.quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: &OutputFormat, record: &Record<'_>) -> String {
        let mut out = Vec::new();
        Writer::new(format, &["a\"b".to_owned()], 1_000).record(record, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn json(text: &str) -> Record<'_> {
        Record::Json { text, names: &[], fields: &[] }
    }

    #[test]
    fn whole_records_are_written() {
        let format = OutputFormat::Json { record_delimiter: "-".to_owned() };
        let fields = [Cow::Borrowed("x,\"y\""), Cow::Borrowed("")];
        let csv = Record::Csv { fields: &fields, columns: &[] };
        for (record, expected) in [
            (json("[ 1.0, {} ]"), r#"{"_1":[1.0,{}]}-"#),
            (json("{\"b\": 1, \"a\": 2}"), r#"{"b":1,"a":2}-"#),
            (json("null"), r#"{"_1":null}-"#),
            (Record::Missing, "{}-"),
            (csv, r#"{"a\"b":"x,\"y\"","_2":""}-"#),
        ] {
            assert_eq!(written(&format, &record), expected);
        }
        let format = OutputFormat::Csv(CsvOutput::default());
        for (record, expected) in [
            (json("[1, \"a\"]"), "\"[1,\"\"a\"\"]\"\n"),
            (json("{\"b\": 1.50, \"a\": \"x\\ny\", \"c\": null, \"d\": true}"), "1.50,\"x\ny\",,true\n"),
            (json("\"a\""), "a\n"),
            (Record::Missing, "\n"),
            (csv, "\"x,\"\"y\"\"\",\n"),
        ] {
            assert_eq!(written(&format, &record), expected);
        }
        let always = CsvOutput {
            quote_always: true,
            quote: b'\'',
            quote_escape: b'\\',
            field_delimiter: ";".to_owned(),
            ..CsvOutput::default()
        };
        assert_eq!(
            written(&OutputFormat::Csv(always), &json("{\"a\":\"it's\\\\\",\"b\":1}")),
            "'it\\'s\\\\';'1'\n"
        );
    }
}
