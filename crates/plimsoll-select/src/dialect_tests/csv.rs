//! CSV in and out: headers, quotes, delimiters, comments, lines that are too short or too long.

use super::{check, run_with};
use crate::format::{
    Compression, CsvInput, CsvOutput, Header, InputFormat, Options, OutputFormat, ScanRange,
};

fn input(change: impl FnOnce(&mut CsvInput)) -> InputFormat {
    let mut csv = CsvInput::default();
    change(&mut csv);
    InputFormat::Csv(csv)
}

fn with(header: Header) -> InputFormat {
    input(|csv| csv.header = header)
}

/// Lighthouses.
const LIGHTS: &str = "id,Light Name,height,Lit,range.nm\n1,Horn,32.5,1858-01-01T,21\n2,\"Cape, North\",,1910-06-30T12:00Z,\n3,Skerry, 48 ,,18\n";

#[test]
fn columns_by_header_and_number() {
    check(
        LIGHTS,
        &with(Header::Use),
        false,
        &[
            ("SELECT id FROM S3Object WHERE id = 1", r#"{"id":"1"}|"#),
            ("SELECT id FROM S3Object WHERE id = '1'", r#"{"id":"1"}|"#),
            ("SELECT id FROM S3Object WHERE id > 1", r#"{"id":"2"}|{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE NOT id = 1", r#"{"id":"2"}|{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE id <> 1", r#"{"id":"2"}|{"id":"3"}|"#),
            ("SELECT ID, s.iD FROM S3Object AS s LIMIT 1", r#"{"ID":"1","iD":"1"}|"#),
            ("SELECT s._1, _5 FROM S3Object s LIMIT 1", r#"{"_1":"1","_5":"21"}|"#),
            ("SELECT _1 AS first, s._100 FROM s3object s LIMIT 1", r#"{"first":"1","_100":null}|"#),
            ("SELECT \"range.nm\" FROM S3Object LIMIT 1", r#"{"range.nm":"21"}|"#),
            ("SELECT COUNT(S3Object.\"range.nm\") FROM S3Object", r#"{"_1":3}|"#),
            ("SELECT \"Light Name\" n FROM S3Object WHERE id = 2", r#"{"n":"Cape, North"}|"#),
            ("SELECT S3Object.height FROM S3Object LIMIT 1", r#"{"height":"32.5"}|"#),
            ("SELECT s3OBJECT.height FROM \"S3Object\" LIMIT 1", r#"{"height":"32.5"}|"#),
            // An empty field is text without characters, and neither NULL nor MISSING.
            ("SELECT id FROM S3Object WHERE height IS NULL", ""),
            ("SELECT id FROM S3Object WHERE height = ''", r#"{"id":"2"}|"#),
            ("SELECT id FROM S3Object WHERE height IS NOT ''", r#"{"id":"1"}|{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE _9 IS NULL", r#"{"id":"1"}|{"id":"2"}|{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE _9 IS NOT NULL", ""),
            ("SELECT id FROM S3Object WHERE height <> '' AND height > 40", r#"{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE height = 48", r#"{"id":"3"}|"#),
            ("SELECT height FROM S3Object WHERE id = 3", r#"{"height":" 48 "}|"#),
            ("SELECT id FROM S3Object WHERE id IN [1, 4]", r#"{"id":"1"}|"#),
            ("SELECT id FROM S3Object WHERE id IN (4, '3')", r#"{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE id BETWEEN 2 AND 3", r#"{"id":"2"}|{"id":"3"}|"#),
            ("SELECT id FROM S3Object WHERE \"Light Name\" LIKE '%North'", r#"{"id":"2"}|"#),
            ("SELECT id FROM S3Object WHERE Lit > `1900T`", r#"{"id":"2"}|"#),
            (
                "SELECT id FROM S3Object s WHERE (case s._4 when '' then null else CAST(s._4 AS TIMESTAMP) end = `1858-01-01`)",
                r#"{"id":"1"}|"#,
            ),
            (
                "SELECT s._1 FROM S3Object s WHERE ((case s._3 when '' then null else CAST(s._3 AS DECIMAL(20,2)) end >= 32.50 AND case s._3 when '' then null else CAST(s._3 AS DECIMAL(20,2)) end <= 40.00))",
                r#"{"_1":"1"}|"#,
            ),
            (
                "SELECT s._1 FROM S3Object s WHERE ((case s._1 when '' then null else CAST(s._1 AS INT) end < 2) OR s._1 IS NULL)",
                r#"{"_1":"1"}|"#,
            ),
            ("SELECT ' ' FROM S3Object s", r#"{"_1":" "}|{"_1":" "}|{"_1":" "}|"#),
            ("SELECT id + 1, id * 2.0, -id FROM S3Object LIMIT 1", r#"{"_1":2,"_2":2.0,"_3":-1}|"#),
            ("SELECT _1 + _5 FROM S3Object LIMIT 1", r#"{"_1":22}|"#),
            ("SELECT CAST(height AS INT) FROM S3Object LIMIT 1", r#"{"_1":32}|"#),
            ("SELECT CAST(height AS DECIMAL) FROM S3Object", r#"{"_1":32.5}|CastFailed"#),
            ("SELECT height + 1 FROM S3Object", r#"{"_1":33.5}|InvalidDataType"#),
            (
                "SELECT EXTRACT(YEAR FROM Lit), DATE_ADD(year, 1, Lit) FROM S3Object LIMIT 1",
                r#"{"_1":1858,"_2":"1859-01-01T"}|"#,
            ),
            ("SELECT TRIM(height) FROM S3Object WHERE id = 3", r#"{"_1":"48"}|"#),
            (
                "SELECT SUM(id), AVG(id), MIN(id), MAX(id), COUNT(id), COUNT(*) FROM S3Object",
                r#"{"_1":6,"_2":2,"_3":1,"_4":3,"_5":3,"_6":3}|"#,
            ),
            ("SELECT SUM(CAST(NULLIF(height, '') AS DECIMAL)) FROM S3Object", r#"{"_1":80.5}|"#),
            (
                "SELECT MIN(\"Light Name\"), MAX(\"Light Name\") FROM S3Object",
                r#"{"_1":"Cape, North","_2":"Skerry"}|"#,
            ),
            ("SELECT SUM(height) FROM S3Object", "IncorrectSqlFunctionArgumentType"),
            ("SELECT depth FROM S3Object", "MissingHeaders"),
            ("SELECT \"ID\" FROM S3Object", "MissingHeaders"),
            ("SELECT t.id FROM S3Object s", "MissingHeaders"),
            ("SELECT _0 FROM S3Object", "InvalidColumnIndex"),
            ("SELECT id.x FROM S3Object LIMIT 1", "{}|"),
            ("SELECT * FROM S3Object[*].id", "InvalidKeyPath"),
        ],
    );
    check(
        LIGHTS,
        &with(Header::Ignore),
        true,
        &[
            ("SELECT _1, _3 FROM S3Object", "1,32.5|2,|3, 48 |"),
            ("SELECT id FROM S3Object", "MissingHeaders"),
        ],
    );
    check(
        LIGHTS,
        &with(Header::None),
        true,
        &[
            ("SELECT _1 FROM S3Object LIMIT 2", "id|1|"),
            ("SELECT COUNT(*) FROM S3Object", "4|"),
            ("SELECT * FROM S3Object LIMIT 1", "id,Light Name,height,Lit,range.nm|"),
            // Between double quotes stands a name, and no column has one.
            ("SELECT _1 FROM S3Object WHERE _2 = \"Horn\"", "MissingHeaders"),
        ],
    );
}

#[test]
fn headers_that_are_alike() {
    check(
        "NAME,name,Size\n1,2,3\n",
        &with(Header::Use),
        false,
        &[
            ("SELECT s.name FROM S3Object s", "AmbiguousFieldName"),
            ("SELECT s.\"NAME\", s.\"name\" FROM S3Object s", r#"{"NAME":"1","name":"2"}|"#),
            ("SELECT s._2 FROM S3Object s", r#"{"_2":"2"}|"#),
            ("SELECT s.size FROM S3Object s", "ParseUnexpectedKeyword"),
            ("SELECT s.\"Size\" FROM S3Object s", r#"{"Size":"3"}|"#),
            ("SELECT * FROM S3Object", r#"{"NAME":"1","name":"2","Size":"3"}|"#),
        ],
    );
}

#[test]
fn quotes() {
    // A backslash before a quote, and a doubled quote.
    let slash = |csv: &mut CsvInput| csv.quote_escape = b'\\';
    for (text, format, expected) in [
        ("\"a\",b\n", with(Header::None), r#"{"_1":"a","_2":"b"}|"#),
        ("\"a,b\"\n", with(Header::None), r#"{"_1":"a,b"}|"#),
        ("\"\"\"\"\"\"\n", with(Header::None), r#"{"_1":"\"\""}|"#),
        ("\"\"\"a\"\"\",\"\"\n", with(Header::None), r#"{"_1":"\"a\"","_2":""}|"#),
        ("a\",b\n", with(Header::None), r#"{"_1":"a\"","_2":"b"}|"#),
        ("a\"\",b\n", with(Header::None), r#"{"_1":"a\"\"","_2":"b"}|"#),
        ("a\"b\"c\n", with(Header::None), r#"{"_1":"a\"b\"c"}|"#),
        (" \"a\"\n", with(Header::None), r#"{"_1":" \"a\""}|"#),
        ("a\\b,c\n", input(slash), r#"{"_1":"a\\b","_2":"c"}|"#),
        ("\"a\\b\",\"c\"\n", input(slash), r#"{"_1":"ab","_2":"c"}|"#),
        ("\"a\\,\",\"c\"\n", input(slash), r#"{"_1":"a,","_2":"c"}|"#),
        ("\"a\\\"b\",\"c\"\n", input(slash), r#"{"_1":"a\"b","_2":"c"}|"#),
        ("\"a\\\"\\\"\",\"\\\"b\"\n", input(slash), r#"{"_1":"a\"\"","_2":"\"b"}|"#),
        ("\"a\\\\\"\n", input(slash), r#"{"_1":"a\\"}|"#),
        (
            "'it''s','x'\n",
            input(|csv| (csv.quote, csv.quote_escape) = (Some(b'\''), b'\'')),
            r#"{"_1":"it's","_2":"x"}|"#,
        ),
        ("\"a\",b\n", input(|csv| csv.quote = Some(b'\'')), r#"{"_1":"\"a\"","_2":"b"}|"#),
        ("\"a\",\"b\n", input(|csv| csv.quote = None), r#"{"_1":"\"a\"","_2":"\"b"}|"#),
        ("\"a\nb\",c\n", input(|csv| csv.allow_quoted_record_delimiter = true), r#"{"_1":"a\nb","_2":"c"}|"#),
        (
            "\"a\r\nb\",c\r\nd\r\n",
            input(|csv| csv.allow_quoted_record_delimiter = true),
            r#"{"_1":"a\r\nb","_2":"c"}|{"_1":"d"}|"#,
        ),
        ("\"a\nb\",c\n", with(Header::None), "CSVUnescapedQuote"),
        ("\"a\n", input(|csv| csv.allow_quoted_record_delimiter = true), "CSVParsingError"),
    ] {
        check(text, &format, false, &[("SELECT * FROM S3Object", expected)]);
    }
}

#[test]
fn delimiters_and_comments() {
    for (text, format, expected) in [
        ("a,b\r\nc,d\r\n", with(Header::None), "a,b|c,d|"),
        ("a,b\n\n\r\nc,d", with(Header::None), "a,b|c,d|"),
        ("a,b\rc,d\r", input(|csv| csv.record_delimiter = "\r".to_owned()), "a,b|c,d|"),
        ("a,b\tc,d\t", input(|csv| csv.record_delimiter = "\t".to_owned()), "a,b|c,d|"),
        ("a,b::c,d", input(|csv| csv.record_delimiter = "::".to_owned()), "a,b|c,d|"),
        ("a,b^c\n,d^", input(|csv| csv.record_delimiter = "^".to_owned()), "a,b|\"c\n\",d|"),
        ("a\tb\nc\td\n", input(|csv| csv.field_delimiter = "\t".to_owned()), "a,b|c,d|"),
        ("a;b\n'c;d'\n", input(|csv| csv.field_delimiter = ";".to_owned()), "a,b|'c,d'|"),
        ("a::b\nc::d\n", input(|csv| csv.field_delimiter = "::".to_owned()), "a,b|c,d|"),
        ("aéb\ncéd\n", input(|csv| csv.field_delimiter = "é".to_owned()), "a,b|c,d|"),
        ("# one\na\n #two\n#\n", with(Header::None), "a| #two|"),
        ("!x\n#a\n", input(|csv| csv.comments = Some(b'!')), "#a|"),
        ("#a\n", input(|csv| csv.comments = None), "#a|"),
        ("# note\n\nh\n# more\n1\n", with(Header::Use), "1|"),
        ("\u{feff}a,b\n", with(Header::None), "a,b|"),
        ("a,\n,b\n,\n", with(Header::None), "a,|,b|,|"),
        ("a\nb,c,d\n", with(Header::None), "a|b,c,d|"),
        ("", with(Header::None), ""),
        ("\n\n", with(Header::Use), ""),
    ] {
        check(text, &format, true, &[("SELECT * FROM S3Object", expected)]);
    }
    // A line that is longer than the header has columns without names.
    check(
        "a,b\n1\n2,3,4\n",
        &with(Header::Use),
        false,
        &[("SELECT * FROM S3Object", r#"{"a":"1"}|{"a":"2","b":"3","_3":"4"}|"#)],
    );
}

#[test]
fn output() {
    fn written(text: &str, change: fn(&mut CsvOutput)) -> String {
        let mut csv = CsvOutput::default();
        change(&mut csv);
        let options =
            Options { input: Some(with(Header::None)), output: OutputFormat::Csv(csv), ..Options::default() };
        run_with("SELECT * FROM S3Object", text.as_bytes(), &options)
    }
    for (text, change, expected) in [
        ("a,b c\n", (|_| {}) as fn(&mut CsvOutput), "a,b c\n"),
        ("a,\"b,c\"\n", |_| {}, "a,\"b,c\"\n"),
        ("a;b\n", |csv| csv.field_delimiter = ";".to_owned(), "\"a;b\"\n"),
        ("a,b\n", |csv| csv.quote_always = true, "\"a\",\"b\"\n"),
        ("a\"1,b\n", |csv| csv.quote_always = true, "\"a\"\"1\",\"b\"\n"),
        (
            "a'1,b\n",
            |csv| (csv.quote_always, csv.quote, csv.quote_escape) = (true, b'\'', b'\\'),
            "'a\\'1','b'\n",
        ),
        (
            "a\"\"1\n",
            |csv| (csv.quote_always, csv.quote, csv.quote_escape) = (true, b'\'', b'\\'),
            "'a\"\"1'\n",
        ),
        ("a,b\nc\n", |csv| csv.record_delimiter = ";;".to_owned(), "a,b;;c;;"),
        ("a,b\n", |csv| csv.field_delimiter = " | ".to_owned(), "a | b\n"),
    ] {
        assert_eq!(written(text, change), expected, "{text:?}");
    }
}

#[test]
fn ranges() {
    let text = "aa,1\nbb,2\ncc,3\ndd,4\n";
    for (start, end, expected) in [
        (0, 0, "aa|"),
        (0, 4, "aa|"),
        (0, 5, "aa|bb|"),
        (1, 4, ""),
        (1, 5, "bb|"),
        (4, 8, "bb|"),
        (5, 14, "bb|cc|"),
        (16, 99, ""),
        (15, 99, "dd|"),
    ] {
        let options = Options {
            input: Some(with(Header::None)),
            output: OutputFormat::Csv(CsvOutput { record_delimiter: "|".to_owned(), ..CsvOutput::default() }),
            range: Some(ScanRange { start, end }),
            compression: Compression::None,
            ..Options::default()
        };
        assert_eq!(run_with("SELECT _1 FROM S3Object", text.as_bytes(), &options), expected, "{start}-{end}");
    }
}
