use std::fmt::Write as _;
use std::io::Write as _;

use super::*;
use crate::format::{Compression, CsvOutput, OutputFormat, ScanRange};
use crate::limits::{Limits, RECORDS_EVENT_BYTES};
use crate::timestamp::Timestamp;

fn options(input: InputFormat) -> Options {
    Options { input: Some(input), ..Options::default() }
}

fn csv(header: Header) -> Options {
    options(InputFormat::Csv(CsvInput { header, ..CsvInput::default() }))
}

/// All records, or the error with what came before it.
fn try_run(statement: &str, input: &[u8], options: &Options) -> Result<String, Box<(SelectError, String)>> {
    let query = Query::parse(statement).map_err(|error| Box::new((error, String::new())))?;
    let mut out = Vec::new();
    let mut ended = false;
    let done = query.run(&mut &*input, options, &mut |event| {
        match event {
            Event::Records(bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= RECORDS_EVENT_BYTES);
                out.extend_from_slice(bytes);
            }
            Event::End => ended = true,
            Event::Progress(_) | Event::Stats(_) => {}
        }
        Ok(())
    });
    let text = String::from_utf8(out).unwrap();
    match done {
        Ok(stats) => {
            assert!(ended && stats.bytes_returned == text.len() as u64, "{statement}");
            Ok(text)
        }
        Err(error) => Err(Box::new((error, text))),
    }
}

fn run_with(statement: &str, input: &str, options: &Options) -> String {
    try_run(statement, input.as_bytes(), options).unwrap_or_else(|failed| panic!("{statement}: {}", failed.0))
}

fn lines(statement: &str, input: &str) -> String {
    run_with(statement, input, &options(InputFormat::JsonLines))
}

fn document(statement: &str, input: &str) -> String {
    run_with(statement, input, &Options::default())
}

/// The value of an expression, for a record `{"a": 1, …}`.
fn value(expr: &str) -> String {
    let record = r#"{"a":1,"t":"text","n":null,"f":1.50,"b":true,"l":[1,[2,"x"]],"o":{"k":"v"},"e":"\u00e9\"\n","d":"2017-01-02T03:04:05.006Z"}"#;
    let mut options = options(InputFormat::JsonLines);
    options.now = Timestamp::from_unix_millis(1_507_910_531_123);
    match try_run(&format!("SELECT {expr} AS v FROM S3Object s"), record.as_bytes(), &options) {
        Ok(text) => text
            .trim()
            .strip_prefix("{\"v\":")
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or("MISSING")
            .to_owned(),
        Err(failed) => failed.0.code().to_string(),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (expr, expected) in cases {
        assert_eq!(value(expr), *expected, "{expr}");
    }
}

#[test]
fn values_of_the_record_come_as_they_stand() {
    check(&[
        ("s.a", "1"),
        ("a", "1"),
        ("A", "1"),
        ("\"A\"", "MISSING"),
        ("s.f", "1.50"),
        ("s.l", "[1,[2,\"x\"]]"),
        ("s.l[1][1]", "\"x\""),
        ("s.l[1][2]", "MISSING"),
        ("s.l[*]", "[1,[2,\"x\"]]"),
        ("s.l[*][*]", "[2,\"x\"]"),
        ("s.o.k", "\"v\""),
        ("s['o'].k", "\"v\""),
        ("s.o.*", "[\"v\"]"),
        ("s.e", "\"é\\\"\\n\""),
        ("s.n", "null"),
        ("s.x", "MISSING"),
        ("s.x.y[0]", "MISSING"),
        ("_1.o.k", "\"v\""),
        ("1.50", "1.50"),
        ("'it''s'", "\"it's\""),
        ("[1, s.a, 'x']", "[1,1,\"x\"]"),
        ("`2007T`", "\"2007T\""),
    ]);
}

#[test]
fn null_and_missing_go_on() {
    check(&[
        ("NULL", "null"),
        ("MISSING", "MISSING"),
        ("s.n + 1", "null"),
        ("s.x + s.n", "MISSING"),
        ("s.n = NULL", "null"),
        ("s.x = 1", "MISSING"),
        ("s.n IS NULL", "true"),
        ("s.x IS NULL", "true"),
        ("s.n IS MISSING", "false"),
        ("s.x IS MISSING", "true"),
        ("s.x IS NOT MISSING", "false"),
        ("s.a IS NOT NULL", "true"),
        ("s.n AND FALSE", "false"),
        ("s.n AND TRUE", "null"),
        ("s.x OR TRUE", "true"),
        ("s.x OR FALSE", "null"),
        ("NOT s.n", "null"),
        ("NOT s.b", "false"),
        ("COALESCE(1)", "1"),
        ("COALESCE(missing, null)", "null"),
        ("COALESCE(null, missing, 'string')", "\"string\""),
        ("NULLIF(1, 1)", "null"),
        ("NULLIF(1, 2)", "1"),
        ("NULLIF(1.0, 1)", "null"),
        ("NULLIF(1, '1')", "1"),
        ("NULLIF([1], [1])", "null"),
        ("NULLIF(1, NULL)", "1"),
        ("NULLIF(NULL, 1)", "null"),
        ("NULLIF(missing, null)", "null"),
        ("LOWER(s.n)", "null"),
        ("SUBSTRING(s.x, 1)", "MISSING"),
    ]);
}

#[test]
fn comparisons_are_by_value_and_kind() {
    check(&[
        ("1 = 1.0", "true"),
        ("s.f = 1.5", "true"),
        ("1 <> '1'", "true"),
        ("1 < '2'", "MISSING"),
        ("'a' < 'b'", "true"),
        ("9223372036854775807 < 9223372036854775808", "true"),
        ("CAST(0.1 AS FLOAT) = 0.1", "true"),
        ("s.a BETWEEN 0 AND 1", "true"),
        ("s.a NOT BETWEEN 2 AND 3", "true"),
        ("s.a BETWEEN 2 AND s.n", "false"),
        ("s.a BETWEEN 0 AND s.n", "null"),
        ("s.a IN (3, 1.0)", "true"),
        ("s.a NOT IN (3, 2)", "true"),
        ("s.a IN (3, NULL)", "null"),
        ("'x' IN s.l[*][*]", "true"),
        ("1 IN s.l", "true"),
        ("[2, 'x'] IN s.l", "true"),
        ("(2, 'x') = s.l[1]", "true"),
        ("s.o = s.o", "true"),
        ("s.b = TRUE", "true"),
        ("s.t IS NOT ''", "true"),
        ("s.t LIKE 't__t'", "true"),
        ("s.t LIKE 'T%'", "false"),
        ("s.t LIKE '%' || 'ex' || '%'", "true"),
        ("'a_b' LIKE 'a\\_b' ESCAPE '\\'", "true"),
        ("s.t NOT LIKE 'x'", "true"),
        ("s.n LIKE 'x'", "null"),
        ("s.a LIKE '1'", "LikeInvalidInputs"),
        ("s.d > `2017T`", "true"),
        ("CASE s.a WHEN 2 THEN 'two' WHEN 1 THEN 'one' END", "\"one\""),
        ("CASE WHEN s.a > 1 THEN 'big' ELSE 'small' END", "\"small\""),
        ("CASE WHEN s.n THEN 1 END", "null"),
        ("s.t AND TRUE", "InvalidDataType"),
    ]);
}

#[test]
fn arithmetic_keeps_kinds_apart() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("-s.a", "-1"),
        ("5 / 2", "2"),
        ("-5 % 3", "-2"),
        ("5 / 2.0", "2.5"),
        ("1.0 / 2.0 * .3", "0.15"),
        ("s.f + s.a", "2.50"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807 + 1", "IntegerOverflow"),
        ("1 / 0", "EvaluatorInvalidArguments"),
        ("s.t + 1", "InvalidDataType"),
        ("'a' || 'b'", "\"ab\""),
        ("'a' || 1", "InvalidDataType"),
    ]);
}

#[test]
fn casts_make_what_they_can() {
    check(&[
        ("CAST('1' AS INT)", "1"),
        ("CAST(' -7 ' AS INTEGER)", "-7"),
        ("CAST('1.9' AS INT)", "1"),
        ("CAST(1.9 AS INT)", "1"),
        ("CAST(TRUE AS INT)", "1"),
        ("CAST('' AS INT)", "CastFailed"),
        ("CAST('x' AS INT)", "CastFailed"),
        ("CAST(s.l AS INT)", "CastFailed"),
        ("CAST(1 AS FLOAT)", "1"),
        ("CAST(0.456 AS FLOAT)", "0.456"),
        ("CAST('1e400' AS FLOAT)", "CastFailed"),
        ("CAST('1.230' AS DECIMAL(5, 2))", "1.230"),
        ("CAST(1 AS NUMERIC)", "1"),
        ("CAST('TRUE' AS BOOL)", "true"),
        ("CAST(0 AS BOOLEAN)", "false"),
        ("CAST('yes' AS BOOL)", "CastFailed"),
        ("CAST(s.f AS STRING)", "\"1.50\""),
        ("CAST(TRUE AS STRING)", "\"true\""),
        ("CAST('2007-04-05T14:30Z' AS TIMESTAMP)", "\"2007-04-05T14:30Z\""),
        ("CAST('soon' AS TIMESTAMP)", "CastFailed"),
        ("CAST(s.n AS INT)", "null"),
        ("CAST(s.x AS INT)", "MISSING"),
    ]);
}

#[test]
fn functions_of_text() {
    check(&[
        ("CHAR_LENGTH('')", "0"),
        ("CHARACTER_LENGTH('é𝄞a')", "3"),
        ("LOWER('AbCdEfG!@#$')", "\"abcdefg!@#$\""),
        ("UPPER('AbCdEfG!@#$')", "\"ABCDEFG!@#$\""),
        ("SUBSTRING('123456789', 0)", "\"123456789\""),
        ("SUBSTRING('123456789', 2)", "\"23456789\""),
        ("SUBSTRING('123456789', -4)", "\"123456789\""),
        ("SUBSTRING('123456789', 0, 999)", "\"123456789\""),
        ("SUBSTRING('123456789' FROM 1 FOR 5)", "\"12345\""),
        ("SUBSTRING('123456789', -2, 5)", "\"12\""),
        ("SUBSTRING('123456789', -9, 5)", "\"\""),
        ("SUBSTRING('é𝄞a', 2, 1)", "\"𝄞\""),
        ("SUBSTRING('a', 1, -1)", "EvaluatorInvalidArguments"),
        ("SUBSTRING('a', 9223372036854775807, 9223372036854775807)", "\"\""),
        ("TRIM('       foobar         ')", "\"foobar\""),
        ("TRIM('   \tfoobar\t ')", "\"\\tfoobar\\t\""),
        ("TRIM(LEADING FROM '  foobar ')", "\"foobar \""),
        ("TRIM(TRAILING FROM '  foobar ')", "\"  foobar\""),
        ("TRIM(BOTH '12' FROM '1112211foobar22211122')", "\"foobar\""),
        ("LOWER(1)", "IncorrectSqlFunctionArgumentType"),
        ("SIZE(s.l)", "2"),
        ("SIZE(s.o)", "1"),
        ("SIZE([1, 2, 3])", "3"),
        ("SIZE(1)", "IncorrectSqlFunctionArgumentType"),
    ]);
}

#[test]
fn functions_of_time() {
    check(&[
        ("UTCNOW()", "\"2017-10-13T16:02:11.123Z\""),
        ("TO_TIMESTAMP('2007-02-23T12:14:33.079-08:00')", "\"2007-02-23T12:14:33.079-08:00\""),
        ("TO_TIMESTAMP('23/2/2007', 'd/M/y')", "\"2007-02-23T\""),
        ("TO_TIMESTAMP('x')", "ValueParseFailure"),
        ("TO_STRING(`1969-07-20T20:18Z`, 'MMMM d, y')", "\"July 20, 1969\""),
        ("TO_STRING(`1969-07-20T20:18+08:00`, 'y-MM-dd''T''H:m:ssXXXXX')", "\"1969-07-20T20:18:00+08:00\""),
        ("EXTRACT(YEAR FROM `2010-01-01T`)", "2010"),
        ("EXTRACT(MONTH FROM `2010T`)", "1"),
        ("EXTRACT(HOUR FROM `2017-01-02T03:04:05+07:08`)", "3"),
        ("EXTRACT(TIMEZONE_HOUR FROM `2017-01-02T03:04:05+07:08`)", "7"),
        ("EXTRACT(TIMEZONE_MINUTE FROM `2017-01-02T03:04:05-07:08`)", "-8"),
        ("EXTRACT(SECOND FROM s.d)", "5.006"),
        ("DATE_ADD(month, 13, `2010T`)", "\"2011-02T\""),
        ("DATE_ADD(day, 1.5, `2010T`)", "IncorrectSqlFunctionArgumentType"),
        ("DATE_ADD(year, 9999, `2010T`)", "EvaluatorInvalidArguments"),
        ("DATE_DIFF(month, '2019-10-20T', '2020-01-20T')", "3"),
        ("DATE_DIFF(day, `2010-01-01T23:00`, `2010-01-02T01:00`)", "0"),
        ("DATE_DIFF(hour, UTCNOW(), DATE_ADD(day, 1, UTCNOW()))", "24"),
    ]);
    let unknown = try_run("SELECT UTCNOW() FROM S3Object", b"{}", &Options::default()).unwrap_err().0;
    assert_eq!(unknown.code(), Code::ExternalEvalException);
}

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
fn what_was_found_before_an_error_is_given_away() {
    let input = "{\"a\":1}\n{\"a\":2}\n{\"a\":}\n";
    for options in [options(InputFormat::JsonLines), Options::default()] {
        let (error, before) = *try_run("SELECT a FROM S3Object", input.as_bytes(), &options).unwrap_err();
        assert_eq!(before, "{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(
            error.to_string(),
            "cannot read JSON in record 3, at byte 21: expected a value, found `}`"
        );
    }
    let (error, before) = *try_run(
        "SELECT a + 1 AS b FROM S3Object",
        b"{\"a\":1}\n{\"a\":\"x\"}\n",
        &options(InputFormat::JsonLines),
    )
    .unwrap_err();
    assert_eq!(before, "{\"b\":2}\n");
    assert_eq!(
        error.to_string(),
        "cannot evaluate expression in record 2, at byte 8: expected a number, found text `x`"
    );
    assert_eq!(error.advice(), "`CAST(… AS INT)` makes numbers of text");
}

#[test]
fn bad_input_is_refused() {
    let quoted = CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() };
    let quoted = options(InputFormat::Csv(quoted));
    let lines = options(InputFormat::JsonLines);
    for (input, options, code) in [
        (&b"<html></html>"[..], &lines, Code::JsonParsingError),
        (b"{\"a\":1", &lines, Code::JsonParsingError),
        (b"{\"a\":\n1}\n", &lines, Code::JsonParsingError),
        (b"{\"a\":\"\xff\"}\n", &lines, Code::InvalidTextEncoding),
        (b"a,\xff\n", &csv(Header::None), Code::InvalidTextEncoding),
        (b"a,\xff\n", &csv(Header::Use), Code::InvalidTextEncoding),
        (b"a,\"b\nc\"\n", &csv(Header::None), Code::CsvUnescapedQuote),
        (b"\"a", &csv(Header::Use), Code::CsvUnescapedQuote),
        (b"a\n\"b\nc", &quoted, Code::CsvParsingError),
    ] {
        let (error, _) = *try_run("SELECT * FROM S3Object", input, options).unwrap_err();
        assert_eq!(error.code(), code, "{input:?}: {error}");
    }
    // Records before the one that is no text are given away.
    for (input, options, offset, record) in [
        (&b"{\"a\":1}\n{\"a\":\"\xff\"}\n{}\n"[..], &lines, 14, 2),
        (b"a\n1\n2\xff\n3\n", &csv(Header::Use), 5, 2),
    ] {
        let failed = try_run("SELECT CAST(a AS INT) AS a FROM S3Object", input, options).unwrap_err();
        assert_eq!((failed.0.place(), failed.1.as_str()), (Place::Input { offset, record }, "{\"a\":1}\n"));
    }
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    for options in [&lines, &Options::default()] {
        let (error, _) = *try_run("SELECT * FROM S3Object", deep.as_bytes(), options).unwrap_err();
        assert_eq!(error.code(), Code::JsonParsingError);
    }
    // The deepest nesting that may be allowed is no trouble for a worker's stack.
    for (depth, code) in [(1_024, None), (1_025, Some(Code::InvalidRequestParameter))] {
        let limits = Limits { depth, ..Limits::default() };
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            for statement in ["SELECT * FROM S3Object", "SELECT s.a FROM S3Object s WHERE s = s"] {
                let options = Options { limits, threads: 2, ..options(input.clone()) };
                let done = try_run(statement, deep.as_bytes(), &options);
                assert_eq!(done.err().map(|failed| failed.0.code()), code);
            }
        }
    }
    let limits = Limits { record_bytes: 10, columns: 2, ..Limits::default() };
    let short = Options { limits, ..options(InputFormat::JsonLines) };
    let (error, _) = *try_run("SELECT * FROM S3Object", b"{}\n{\"a\":123456}\n", &short).unwrap_err();
    assert_eq!(error.code(), Code::OverMaxRecordSize);
    for header in [Header::None, Header::Use] {
        let short = Options { limits, ..csv(header) };
        let (error, _) = *try_run("SELECT * FROM S3Object", b"a,b,c\n", &short).unwrap_err();
        assert_eq!(error.code(), Code::OverMaxColumn);
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
fn ranges_take_records_that_begin_in_them() {
    let csv_text = "A,B\nC,D\nD,E\nE,F\nG,H\nI,J\n";
    let ranged = |options: Options, start, end| Options { range: Some(ScanRange { start, end }), ..options };
    let statement = "SELECT _1 x FROM S3Object";
    for (start, end, expected) in [
        (1, 4, "C"),
        (0, 3, "A"),
        (0, 0, "A"),
        (4, 7, "C"),
        (5, 8, "D"),
        (1, 3, ""),
        (20, 99, "I"),
        (21, 99, ""),
        (0, 99, "ACDEGI"),
    ] {
        let found = run_with(statement, csv_text, &ranged(csv(Header::None), start, end));
        let found: String = found.lines().map(|line| line[6..].chars().next().unwrap()).collect();
        assert_eq!(found, expected, "{start} to {end}");
    }
    let found = run_with("SELECT a FROM S3Object", "a,b\n1,2\n3,4\n", &ranged(csv(Header::Use), 5, 9));
    assert_eq!(found, "{\"a\":\"3\"}\n");
    let found = run_with(
        "SELECT a FROM S3Object",
        "{\"a\":1}\n{\"a\":2}\n",
        &ranged(options(InputFormat::JsonLines), 1, 8),
    );
    assert_eq!(found, "{\"a\":2}\n");

    let gzip = Options { compression: Compression::Gzip, ..csv(Header::None) };
    let quoted =
        options(InputFormat::Csv(CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() }));
    for options in [Options::default(), gzip, quoted] {
        let (error, _) = *try_run(statement, b"", &ranged(options, 0, 1)).unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedScanRangeInput);
    }
    assert_eq!(ScanRange::of_request(Some(5), None, 10).unwrap(), ScanRange { start: 5, end: 9 });
    assert_eq!(ScanRange::of_request(None, Some(3), 10).unwrap(), ScanRange { start: 7, end: 9 });
    assert_eq!(ScanRange::of_request(None, Some(30), 10).unwrap(), ScanRange { start: 0, end: 9 });
    assert_eq!(ScanRange::of_request(None, None, 10).unwrap_err().code(), Code::InvalidRequestParameter);
    assert_eq!(
        ScanRange::of_request(Some(5), Some(4), 10).unwrap_err().code(),
        Code::InvalidRequestParameter
    );
}

#[test]
fn a_range_is_all_that_is_read_of_an_object() {
    let mut text = String::new();
    for number in 0..40_000 {
        writeln!(text, "{number},é{number}").unwrap();
    }
    let header = "id,name\n".to_owned() + &text;
    let query = Query::parse("SELECT _1, _2 FROM S3Object").unwrap();
    for (text, kind) in [(&text, Header::None), (&header, Header::Use), (&header, Header::Ignore)] {
        let object: Arc<dyn RandomAccess> = Arc::new(text.clone().into_bytes());
        for start in [300_000, 300_001, 300_002, 300_003, 300_004, 500_000, 700_000] {
            let options =
                Options { range: Some(ScanRange { start, end: start + 50_000 }), threads: 2, ..csv(kind) };
            let mut found = Vec::new();
            let stats = query
                .run_at(&object, &options, &mut |event| {
                    if let Event::Records(bytes) = event {
                        found.extend_from_slice(bytes);
                    }
                    Ok(())
                })
                .unwrap();
            let whole = run_with("SELECT _1, _2 FROM S3Object", text, &options);
            assert!(String::from_utf8(found).unwrap() == whole, "{start}");
            assert!(stats.bytes_scanned < 200_000, "{}", stats.bytes_scanned);
        }
    }
}

#[test]
fn compressed_objects_are_read() {
    let text = "{\"a\":1}\n".repeat(1_000);
    let (first, second) = text.split_at(4_000);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let bzip2 = |text: &str| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
    for (compression, whole, parts) in [
        (Compression::Gzip, gzip(&text), [gzip(first), gzip(second)].concat()),
        (Compression::Bzip2, bzip2(&text), [bzip2(first), bzip2(second)].concat()),
        (Compression::Zstd, zstd(&text), [zstd(first), zstd(second)].concat()),
    ] {
        for input in [InputFormat::JsonLines, InputFormat::JsonDocument] {
            let options = Options { compression, input: Some(input), ..Options::default() };
            for bytes in [&whole, &parts] {
                let found = try_run("SELECT SUM(a) FROM S3Object", bytes, &options).unwrap();
                assert_eq!(found, "{\"_1\":1000}\n", "{compression:?}");
            }
            let query = Query::parse("SELECT COUNT(*) FROM S3Object").unwrap();
            let stats = query.run(&mut whole.as_slice(), &options, &mut |_| Ok(())).unwrap();
            assert_eq!((stats.bytes_scanned, stats.bytes_processed), (whole.len() as u64, 8_000));
            for bytes in [&whole[..whole.len() - 9], text.as_bytes()] {
                let (error, _) = *try_run("SELECT a FROM S3Object", bytes, &options).unwrap_err();
                assert_eq!(error.code(), Code::TruncatedInput, "{compression:?}: {error}");
            }
        }
    }
}

/// Some megabytes of lines.
fn many(count: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let severity = ["LOW", "MEDIUM", "HIGH", "CRITICAL"][(number % 7 % 4) as usize];
        writeln!(text, "{{\"id\": {number}, \"severity\": \"{severity}\", \"score\": {}.{}, \"tags\": [\"a\", {{\"b\": null}}]}}", number % 10, number % 3).unwrap();
    }
    text
}

#[test]
fn any_number_of_workers_gives_the_same() {
    let text = many(6_000);
    assert!(text.len() > 4 * CHUNK_BYTES);
    for statement in [
        "SELECT s.id FROM S3Object s WHERE s.severity = 'HIGH' AND s.score >= 7",
        "SELECT * FROM S3Object s",
        "SELECT id FROM S3Object LIMIT 3000",
        "SELECT COUNT(*), SUM(CAST(score AS FLOAT)), AVG(score), MAX(id) FROM S3Object WHERE severity <> 'LOW'",
        "SELECT t.b FROM S3Object[*].tags[1] t WHERE t.b IS NULL LIMIT 7",
    ] {
        let with = |threads| {
            let options = Options { threads, ..options(InputFormat::JsonLines) };
            try_run(statement, text.as_bytes(), &options).unwrap()
        };
        let one = with(1);
        assert!(!one.is_empty());
        for threads in [0, 2, 3, 1_000] {
            assert!(with(threads) == one, "{statement} with {threads} threads");
        }
        // A sum of floats depends on where it is put together.
        if !statement.contains("FLOAT") {
            assert!(run_with(statement, &text, &Options::default()) == one, "{statement} as a document");
        }
    }
    let broken = text.clone() + "{\"id\": oops}\n" + &text;
    for threads in [1, 4] {
        let options = Options { threads, ..options(InputFormat::JsonLines) };
        let (error, before) = *try_run("SELECT id FROM S3Object", broken.as_bytes(), &options).unwrap_err();
        assert_eq!(error.place(), Place::Input { offset: text.len() as u64 + 7, record: 6_001 });
        assert_eq!(before.lines().count(), 6_000);
    }
}

#[test]
fn progress_comes_and_a_receiver_may_go() {
    let text = format!("{{\"a\":\"{}\"}}\n", "x".repeat(100_000)).repeat(500);
    let query = Query::parse("SELECT * FROM S3Object").unwrap();
    let options = Options { threads: 2, ..options(InputFormat::JsonLines) };
    let mut progress = Vec::new();
    query
        .run(&mut text.as_bytes(), &options, &mut |event| {
            if let Event::Progress(stats) = event {
                progress.push(stats);
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(progress.len(), 2);
    assert!(progress.iter().all(|stats| stats.bytes_returned > 0 && stats.bytes_processed > 0));
    let gone = query
        .run(&mut text.as_bytes(), &options, &mut |event| match event {
            Event::Progress(_) => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        })
        .unwrap_err();
    assert_eq!(gone.code(), Code::ConnectionClosedByRequester);
}
