//! Which records a statement yields, and how they are written.

use super::*;
use crate::format::{CsvOutput, OutputFormat};

const RULES: &str = r#"{ "Rules": [ {"id": "1"}, {"expr": "y > x"}, {"id": "2", "expr": "z = DEBUG"} ]}
{ "created": "June 27", "modified": "July 6" }
"#;

#[test]
fn paths_of_from_yield_records() {
    for run in [lines, document] {
        for (statement, expected) in [
            ("SELECT id FROM S3Object[*].Rules[*].id", "{\"id\":\"1\"}\n{}\n{\"id\":\"2\"}\n{}\n"),
            (
                "SELECT id FROM S3Object[*].Rules[*].id WHERE id IS NOT MISSING",
                "{\"id\":\"1\"}\n{\"id\":\"2\"}\n",
            ),
            ("SELECT r.id FROM S3Object[*].Rules[*] r LIMIT 1", "{\"id\":\"1\"}\n"),
            ("SELECT _1.expr FROM S3Object[*].Rules[*] WHERE _1.id = '2'", "{\"expr\":\"z = DEBUG\"}\n"),
            ("SELECT COUNT(*) FROM S3Object[*].Rules[*]", "{\"_1\":3}\n"),
            ("SELECT COUNT(r.id), MAX(r.id) AS m FROM S3Object[*].Rules[*] r", "{\"_1\":2,\"m\":\"2\"}\n"),
            ("SELECT COUNT(*) FROM S3Object", "{\"_1\":2}\n"),
            ("SELECT * FROM S3Object[*].Rules[1]", "{\"expr\":\"y > x\"}\n{}\n"),
            ("SELECT s.created FROM S3Object s WHERE s.created LIKE 'June%'", "{\"created\":\"June 27\"}\n"),
            (
                "SELECT * FROM S3Object[*].* LIMIT 2",
                "{\"_1\":[{\"id\":\"1\"},{\"expr\":\"y > x\"},{\"id\":\"2\",\"expr\":\"z = DEBUG\"}]}\n{\"_1\":\"June 27\"}\n",
            ),
            ("SELECT * FROM S3Object LIMIT 0", ""),
        ] {
            assert_eq!(run(statement, RULES), expected, "{statement}");
        }
    }
}

#[test]
fn a_report_that_is_an_array_is_the_member_1() {
    let report = "[\n  {\n    \"Target\": \"app\",\n    \"Vulnerabilities\": [\n      {\"ID\": \"CVE-1\", \"Severity\": \"HIGH\", \"Score\": 7.50},\n      {\"ID\": \"CVE-2\", \"Severity\": \"LOW\", \"Score\": 1e1}\n    ]\n  },\n  {\"Target\": \"none\"}\n]\n";
    let dash =
        Options { output: OutputFormat::Json { record_delimiter: "-".to_owned() }, ..Options::default() };
    assert_eq!(
        run_with("select * from s3object", report, &dash),
        r#"{"_1":[{"Target":"app","Vulnerabilities":[{"ID":"CVE-1","Severity":"HIGH","Score":7.50},{"ID":"CVE-2","Severity":"LOW","Score":1e1}]},{"Target":"none"}]}-"#
    );
    for (statement, expected) in [
        (
            "select v.ID from s3object[*]._1[0].Vulnerabilities[*] v where v.Severity = 'HIGH'",
            "{\"ID\":\"CVE-1\"}\n",
        ),
        ("select v.ID from s3object[*][*].Vulnerabilities[*] v where v.Score > 7.5", "{\"ID\":\"CVE-2\"}\n"),
        ("select count(*) from s3object[*]._1[*].Vulnerabilities[*]", "{\"_1\":2}\n"),
        ("select s._1[0].Target from s3object s", "{\"Target\":\"app\"}\n"),
        ("select s[1].Target from s3object s", "{\"Target\":\"none\"}\n"),
        ("select 'LOW' in s._1[*].Vulnerabilities[*].Severity as low from s3object s", "{\"low\":true}\n"),
    ] {
        assert_eq!(document(statement, report), expected, "{statement}");
    }
    assert_eq!(document("select * from s3object", "{\"b\": 1.0, \"a\": [ ]}"), "{\"b\":1.0,\"a\":[]}\n");
}

const TABLE: &str = "id,Name,time\n1,\"a, b\",2010-01-01T\n# remark\n\n2,,2017-01-02T03:04Z\n3\n";

#[test]
fn csv_is_asked_by_number_and_header() {
    for (header, statement, expected) in [
        (
            Header::Use,
            "SELECT * FROM S3Object WHERE id = '1'",
            "{\"id\":\"1\",\"Name\":\"a, b\",\"time\":\"2010-01-01T\"}\n",
        ),
        (Header::Use, "SELECT id FROM S3Object WHERE id > 1", "{\"id\":\"2\"}\n{\"id\":\"3\"}\n"),
        (
            Header::Use,
            "SELECT s.name, _1 FROM S3Object s WHERE s.id IN (1, 7)",
            "{\"name\":\"a, b\",\"_1\":\"1\"}\n",
        ),
        (Header::Use, "SELECT id FROM S3Object WHERE \"Name\" = ''", "{\"id\":\"2\"}\n"),
        (Header::Use, "SELECT id FROM S3Object WHERE Name IS NULL", "{\"id\":\"3\"}\n"),
        (Header::Use, "SELECT id FROM S3Object WHERE time < `2011T`", "{\"id\":\"1\"}\n"),
        (
            Header::Use,
            "SELECT SUM(id), AVG(CAST(id AS INT)), MIN(id), COUNT(time) FROM S3Object",
            "{\"_1\":6,\"_2\":2,\"_3\":1,\"_4\":2}\n",
        ),
        (Header::Ignore, "SELECT _1 + 1 FROM S3Object LIMIT 1", "{\"_1\":2}\n"),
        (
            Header::None,
            "SELECT _2 x, _9 FROM S3Object LIMIT 2",
            "{\"x\":\"Name\",\"_9\":null}\n{\"x\":\"a, b\",\"_9\":null}\n",
        ),
        (Header::None, "SELECT * FROM S3Object LIMIT 1", "{\"_1\":\"id\",\"_2\":\"Name\",\"_3\":\"time\"}\n"),
        (Header::None, "SELECT COUNT(*) FROM S3Object", "{\"_1\":4}\n"),
    ] {
        assert_eq!(run_with(statement, TABLE, &csv(header)), expected, "{statement}");
    }
    for (header, statement, code) in [
        (Header::Use, "SELECT x FROM S3Object", Code::MissingHeaders),
        (Header::Use, "SELECT \"ID\" FROM S3Object", Code::MissingHeaders),
        (Header::None, "SELECT id FROM S3Object", Code::MissingHeaders),
        (Header::None, "SELECT _0 FROM S3Object", Code::InvalidColumnIndex),
        (Header::None, "SELECT s FROM S3Object s", Code::UnsupportedSyntax),
        (Header::None, "SELECT a FROM S3Object[*].a", Code::UnsupportedSyntax),
        (Header::None, "SELECT _1 FROM S3Object[*].a x", Code::InvalidKeyPath),
        (Header::None, "SELECT _2 + 1 FROM S3Object", Code::InvalidDataType),
        (Header::None, "SELECT CAST(_1 AS INT) FROM S3Object", Code::CastFailed),
    ] {
        let (error, _) = *try_run(statement, TABLE.as_bytes(), &csv(header)).unwrap_err();
        assert_eq!(error.code(), code, "{statement}: {error}");
    }
    let (error, _) =
        *try_run("SELECT id FROM S3Object WHERE Name = \"it's\"", TABLE.as_bytes(), &csv(Header::Use))
            .unwrap_err();
    assert_eq!(
        error.advice(),
        "columns are id, Name, time; between double quotes stands a name, text is `'it''s'`"
    );
    let (error, _) = *try_run("SELECT a FROM S3Object", b"a,A\n1,2\n", &csv(Header::Use)).unwrap_err();
    assert_eq!(error.code(), Code::AmbiguousFieldName);
    assert_eq!(run_with("SELECT \"A\" FROM S3Object", "a,A\n1,2\n", &csv(Header::Use)), "{\"A\":\"2\"}\n");
    assert_eq!(run_with("SELECT * FROM S3Object", "", &csv(Header::Use)), "");
    assert_eq!(
        run_with("SELECT \"a.b\" FROM S3Object", "\u{feff}a.b,c\r\n1,2\r\n", &csv(Header::Use)),
        "{\"a.b\":\"1\"}\n"
    );
}

#[test]
fn csv_is_written() {
    let output = OutputFormat::Csv(CsvOutput::default());
    let options = Options { output, ..options(InputFormat::JsonLines) };
    let input = r#"{"a":[1,"x"],"b":null,"c":"q\"r","d":1.50}"#;
    assert_eq!(
        run_with("SELECT a, b, c, d, x FROM S3Object", input, &options),
        "\"[1,\"\"x\"\"]\",,\"q\"\"r\",1.50,\n"
    );
    assert_eq!(run_with("SELECT * FROM S3Object", input, &options), "\"[1,\"\"x\"\"]\",,\"q\"\"r\",1.50\n");
    assert_eq!(run_with("SELECT COUNT(*), SUM(d) FROM S3Object", input, &options), "1,1.50\n");
}

#[test]
fn aggregates_of_nothing_and_of_many() {
    for (statement, input, expected) in [
        (
            "SELECT COUNT(*), SUM(a), AVG(a), MIN(a), MAX(a) FROM S3Object",
            "",
            "{\"_1\":0,\"_2\":null,\"_3\":null,\"_4\":null,\"_5\":null}\n",
        ),
        (
            "SELECT SUM(a), AVG(a) FROM S3Object",
            "{\"a\":1}\n{\"a\":2}\n{\"a\":null}\n{}",
            "{\"_1\":3,\"_2\":1.5}\n",
        ),
        ("SELECT SUM(a) FROM S3Object", "{\"a\":0.1}\n{\"a\":0.2}", "{\"_1\":0.3}\n"),
        (
            "SELECT SUM(a) FROM S3Object",
            "{\"a\":9223372036854775807}\n{\"a\":1}\n{\"a\":-1}",
            "{\"_1\":9223372036854775807}\n",
        ),
        (
            "SELECT MAX(a) - MIN(a) AS d, 'x' FROM S3Object",
            "{\"a\":1}\n{\"a\":2.5}",
            "{\"d\":1.5,\"_2\":\"x\"}\n",
        ),
        ("SELECT AVG(CAST(a AS FLOAT)) FROM S3Object", "{\"a\":1}\n{\"a\":2}", "{\"_1\":1.5}\n"),
        (
            "SELECT MAX(TO_TIMESTAMP(a)) FROM S3Object",
            "{\"a\":\"2010T\"}\n{\"a\":\"2011T\"}",
            "{\"_1\":\"2011T\"}\n",
        ),
        (
            "SELECT COUNT(*) FROM S3Object WHERE a > 1 LIMIT 1",
            "{\"a\":1}\n{\"a\":2}\n{\"a\":3}",
            "{\"_1\":2}\n",
        ),
        ("SELECT COUNT(*) FROM S3Object LIMIT 0", "{\"a\":1}", ""),
    ] {
        assert_eq!(lines(statement, input), expected, "{statement}");
    }
    for (statement, input, code) in [
        ("SELECT SUM(a) FROM S3Object", "{\"a\":\"1\"}", Code::IncorrectSqlFunctionArgumentType),
        ("SELECT MAX(a) FROM S3Object", "{\"a\":1}\n{\"a\":\"x\"}", Code::IncorrectSqlFunctionArgumentType),
        ("SELECT SUM(a) FROM S3Object", "{\"a\":9223372036854775807}\n{\"a\":1}", Code::IntegerOverflow),
    ] {
        let (error, _) = *try_run(statement, input.as_bytes(), &options(InputFormat::JsonLines)).unwrap_err();
        assert_eq!(error.code(), code, "{statement}: {error}");
    }
}

#[test]
fn quoted_delimiters_and_other_dialects() {
    let input = InputFormat::Csv(CsvInput {
        record_delimiter: "\r\n".to_owned(),
        field_delimiter: "||".to_owned(),
        quote: Some(b'\''),
        quote_escape: b'\\',
        comments: Some(b';'),
        allow_quoted_record_delimiter: true,
        ..CsvInput::default()
    });
    let text = "; it's\r\na||'b\r\n\\'||'||c\r\n#||2||3\r\n";
    assert_eq!(
        run_with("SELECT _2 FROM S3Object", text, &options(input)),
        "{\"_2\":\"b\\r\\n'||\"}\n{\"_2\":\"2\"}\n"
    );
}

#[test]
fn a_header_may_stand_behind_many_comments() {
    let comments = "# not yet\n\n".repeat(CHUNK_BYTES / 4);
    let text = format!("{comments}id,name\n1,a\n2,b\n");
    for threads in [1, 2] {
        for (header, statement, expected) in [
            (Header::Use, "SELECT name FROM S3Object", "{\"name\":\"a\"}\n{\"name\":\"b\"}\n"),
            (Header::Use, "SELECT COUNT(*) FROM S3Object", "{\"_1\":2}\n"),
            (Header::Ignore, "SELECT _2 FROM S3Object", "{\"_2\":\"a\"}\n{\"_2\":\"b\"}\n"),
            (Header::None, "SELECT COUNT(*) FROM S3Object", "{\"_1\":3}\n"),
        ] {
            let options = Options { threads, ..csv(header) };
            assert_eq!(run_with(statement, &text, &options), expected, "{statement}");
        }
    }
    for header in [Header::Use, Header::Ignore] {
        assert_eq!(run_with("SELECT COUNT(*) FROM S3Object", &comments, &csv(header)), "{\"_1\":0}\n");
    }
    // The same where a range leaves out all between.
    let long = format!("{text}{}", "3,c\n".repeat(CHUNK_BYTES));
    let start = (long.len() - 6) as u64;
    let range = Some(crate::format::ScanRange { start, end: u64::MAX });
    let object: Arc<dyn RandomAccess> = Arc::new(long.into_bytes());
    let mut found = Vec::new();
    let options = Options { range, ..csv(Header::Use) };
    Query::parse("SELECT name FROM S3Object")
        .unwrap()
        .run_at(&object, &options, &mut |event| {
            if let Event::Records(bytes) = event {
                found.extend_from_slice(bytes);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(found, b"{\"name\":\"c\"}\n");
}

#[test]
fn names_that_no_record_has_are_known() {
    let records = "{\"a\":1,\"b\":null}\n{\"c\":{\"d\":2}}\n";
    for (statement, expected) in [
        ("SELECT s.a, b FROM S3Object s WHERE s.c IS MISSING", vec![]),
        ("SELECT a FROM S3Object WHERE b = \"HIGH\"", vec!["\"HIGH\""]),
        ("SELECT s.A, s.\"A\", s.x.y, _1 FROM S3Object s", vec!["\"A\"", "x"]),
        ("SELECT d, a FROM S3Object[*].c", vec!["a"]),
        ("SELECT COUNT(*) FROM S3Object", vec![]),
    ] {
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            let query = Query::parse(statement).unwrap();
            query.run(&mut records.as_bytes(), &options(input), &mut |_| Ok(())).unwrap();
            assert_eq!(query.unseen(), expected, "{statement}");
        }
    }
}
