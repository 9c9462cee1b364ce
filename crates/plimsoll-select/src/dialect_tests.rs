//! Statements as people and programs write them, with the answers that Amazon documents: one table a kind of object. What
//! the tests of other servers of this dialect ask, and where they disagree, is in the tables below it.

mod conversions;
mod csv;
mod functions;
mod json;
mod operators;
mod statements;

use crate::Query;
use crate::format::{CsvInput, CsvOutput, Header, InputFormat, Options, OutputFormat};
use crate::run::Event;
use crate::timestamp::Timestamp;

/// Records, each ended by `|`, or the code of the error; a field of CSV that holds nothing is nothing.
fn answer(statement: &str, object: &str, input: InputFormat, csv: bool) -> String {
    let output = if csv {
        OutputFormat::Csv(CsvOutput { record_delimiter: "|".to_owned(), ..CsvOutput::default() })
    } else {
        OutputFormat::Json { record_delimiter: "|".to_owned() }
    };
    let options = Options {
        input: Some(input),
        output,
        now: Timestamp::from_unix_millis(1_507_910_531_123),
        ..Options::default()
    };
    run_with(statement, object.as_bytes(), &options)
}

/// Records, and behind them the code of the error if there is one.
fn run_with(statement: &str, object: &[u8], options: &Options) -> String {
    let query = match Query::parse(statement) {
        Ok(query) => query,
        Err(error) => return error.code().to_string(),
    };
    let mut out = Vec::new();
    let done = query.run(&mut &*object, options, &mut |event| {
        if let Event::Records(bytes) = event {
            out.extend_from_slice(bytes);
        }
        Ok(())
    });
    match done {
        Ok(_) => String::from_utf8(out).unwrap(),
        Err(error) => format!("{}{}", String::from_utf8(out).unwrap(), error.code()),
    }
}

fn check(object: &str, input: &InputFormat, csv: bool, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(statement, expected)| {
            let found = answer(statement, object, input.clone(), csv);
            (found != *expected).then(|| format!("{statement}\n  expected {expected}\n  found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A ship. Expressions are asked of it.
const SHIP: &str = r#"{"ship":"Aurora","crew":12,"draft":7.25,"laden":true,"cargo":["tea","rope","salt"],"holds":[[1,2.0],[3,4.5]],"port":{"name":"Bergen","Flag":"NO"},"note":null,"sailed":"2019-05-17T06:45:30.25+02:00","tag":"  a_b%c ","tiny":1e-40,"huge":123456789012345678901234567890123456789012345}"#;

/// The value of each expression, or the code of the error.
fn expressions(cases: &[(&str, &str)]) {
    let cases: Vec<(String, String)> = cases
        .iter()
        .map(|(expr, expected)| {
            let is_code = expected.starts_with(|letter: char| letter.is_ascii_uppercase());
            let expected = match *expected {
                "MISSING" => "{}|".to_owned(),
                code if is_code => code.to_owned(),
                value => format!("{{\"v\":{value}}}|"),
            };
            (format!("SELECT {expr} AS v FROM S3Object s"), expected)
        })
        .collect();
    let cases: Vec<(&str, &str)> =
        cases.iter().map(|(statement, expected)| (statement.as_str(), expected.as_str())).collect();
    check(SHIP, &InputFormat::JsonLines, false, &cases);
}

fn table(header: Header) -> InputFormat {
    InputFormat::Csv(CsvInput { header, ..CsvInput::default() })
}

/// A report as an array of results, as older versions of Trivy write it.
const REPORT: &str = r#"[
  {"Target": "app (debian 12)", "Type": "debian", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-1", "Severity": "CRITICAL", "CVSS": {"nvd": {"V3Score": 9.8}}, "Fixed Version": "1.2"},
    {"VulnerabilityID": "CVE-2026-2", "Severity": "LOW", "CVSS": {"nvd": {"V3Score": 3}}},
    {"VulnerabilityID": "CVE-2026-3", "Severity": "HIGH", "Title": null}]},
  {"Target": "requirements.txt", "Type": "pip", "Vulnerabilities": null},
  {"Target": "package-lock.json", "Type": "npm", "Vulnerabilities": [
    {"VulnerabilityID": "CVE-2026-1", "Severity": "CRITICAL", "References": ["https://a.example", "https://b.example"]}]}
]"#;

#[test]
fn a_report_that_is_an_array() {
    check(
        REPORT,
        &InputFormat::JsonDocument,
        false,
        &[
            ("select count(*) from s3object", r#"{"_1":1}|"#),
            ("select count(*) from s3object[*]", r#"{"_1":1}|"#),
            ("select count(*) from s3object[*][*]", r#"{"_1":3}|"#),
            ("select count(*) from s3object[*]._1[*]", r#"{"_1":3}|"#),
            ("SELECT COUNT(*) AS n FROM S3Object[*]._1[*].Vulnerabilities[*] v", r#"{"n":4}|"#),
            (
                "SELECT COUNT(*) n FROM S3Object[*][*].Vulnerabilities[*] v WHERE v.Severity IN ('HIGH', 'CRITICAL')",
                r#"{"n":3}|"#,
            ),
            ("SELECT s._1[0].Target FROM S3Object s", r#"{"Target":"app (debian 12)"}|"#),
            (
                "SELECT _1[0].Target, _1[2].Type FROM S3Object",
                r#"{"Target":"app (debian 12)","Type":"npm"}|"#,
            ),
            ("SELECT s[2].\"Type\" AS t FROM S3Object[*] s", r#"{"t":"npm"}|"#),
            (
                "SELECT r.Target FROM S3Object[*][*] r WHERE r.Vulnerabilities IS NULL",
                r#"{"Target":"requirements.txt"}|"#,
            ),
            ("SELECT r.Target FROM S3Object[*][*] r WHERE r.Vulnerabilities IS MISSING", ""),
            (
                "SELECT r.Target FROM S3Object[*][*] r WHERE 'https://b.example' IN r.Vulnerabilities[*].References[*]",
                r#"{"Target":"package-lock.json"}|"#,
            ),
            (
                "SELECT r.Target FROM S3Object[*][*] r WHERE 'LOW' IN r.Vulnerabilities[*].Severity",
                r#"{"Target":"app (debian 12)"}|"#,
            ),
            (
                "SELECT v.VulnerabilityID FROM S3Object[*]._1[0].Vulnerabilities[*] v WHERE v.CVSS.nvd.V3Score >= 3.0",
                r#"{"VulnerabilityID":"CVE-2026-1"}|{"VulnerabilityID":"CVE-2026-2"}|"#,
            ),
            (
                "SELECT v.\"Fixed Version\" FROM S3Object[*]._1[*].Vulnerabilities[*] v WHERE v.\"Fixed Version\" IS NOT MISSING",
                r#"{"Fixed Version":"1.2"}|"#,
            ),
            (
                "SELECT v['Fixed Version'] FROM S3Object[*]._1[*].Vulnerabilities[0] v WHERE v['Fixed Version'] <> ''",
                r#"{"Fixed Version":"1.2"}|"#,
            ),
            (
                "SELECT v.VulnerabilityID, v.Title FROM S3Object[*]._1[*].Vulnerabilities[*] v WHERE v.Title IS NULL AND v.Title IS NOT MISSING",
                r#"{"VulnerabilityID":"CVE-2026-3","Title":null}|"#,
            ),
            (
                "SELECT VulnerabilityID FROM S3Object[*]._1[*].Vulnerabilities[*] WHERE Severity = 'LOW'",
                r#"{"VulnerabilityID":"CVE-2026-2"}|"#,
            ),
            (
                "SELECT MAX(v.CVSS.nvd.V3Score), MIN(v.CVSS.nvd.V3Score), AVG(v.CVSS.nvd.V3Score) FROM S3Object[*]._1[*].Vulnerabilities[*] v",
                r#"{"_1":9.8,"_2":3,"_3":6.4}|"#,
            ),
            (
                "SELECT * FROM S3Object[*]._1[*].Vulnerabilities[*].References",
                r#"{}|{}|{}|{}|{"_1":["https://a.example","https://b.example"]}|"#,
            ),
            (
                "SELECT x FROM S3Object[*]._1[*].Vulnerabilities[*].References[*] x WHERE x IS NOT MISSING LIMIT 1",
                r#"{"x":"https://a.example"}|"#,
            ),
            ("SELECT * FROM S3Object[*]._1[9]", "{}|"),
            (
                "SELECT LOWER(r.\"Type\") || ':' || r.Target AS k FROM S3Object[*][*] AS r WHERE r.Target LIKE '%.json'",
                r#"{"k":"npm:package-lock.json"}|"#,
            ),
        ],
    );
}

/// People, one a line.
const PEOPLE: &str = r#"{"name":"Ann","age":31,"city":"Köln","Tags":["a","b"],"joined":"2019-03-31T","pay":1234.50,"on":true}
{"name":"Bob","age":"31","city":"Oslo","Tags":[],"joined":"2020-02-29T10:15:30.5+01:00","pay":-7,"on":false}

{"name":"Cy%l","age":null,"NAME":"CYRIL","o":{"p":{"q":[10,20,{"r":"deep"}]}},"pay":1e3}
"#;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn lines_of_json() {
    check(
        PEOPLE,
        &InputFormat::JsonLines,
        false,
        &[
            ("SELECT s.city FROM S3Object s WHERE s.age = 31", r#"{"city":"Köln"}|"#),
            (
                "SELECT s.city FROM S3Object s WHERE CAST(s.age AS INT) = 31",
                r#"{"city":"Köln"}|{"city":"Oslo"}|"#,
            ),
            ("SELECT s.\"name\" FROM S3Object s WHERE s.age IS NULL", r#"{"name":"Cy%l"}|"#),
            ("SELECT s.name FROM S3Object s LIMIT 2", r#"{"name":"Ann"}|{"name":"Bob"}|"#),
            ("SELECT s.name FROM S3Object s", r#"{"name":"Ann"}|{"name":"Bob"}|AmbiguousFieldName"#),
            ("SELECT s.\"NAME\" FROM S3Object s", r#"{}|{}|{"NAME":"CYRIL"}|"#),
            (
                "SELECT s.\"name\" FROM S3Object s WHERE s.\"name\" LIKE '%!%%' ESCAPE '!'",
                r#"{"name":"Cy%l"}|"#,
            ),
            (
                "SELECT s.\"name\" FROM S3Object s WHERE s.\"name\" LIKE '_nn' OR s.\"name\" LIKE 'B%'",
                r#"{"name":"Ann"}|{"name":"Bob"}|"#,
            ),
            (
                "SELECT s.\"name\" FROM S3Object s WHERE NOT s.\"name\" LIKE 'A%'",
                r#"{"name":"Bob"}|{"name":"Cy%l"}|"#,
            ),
            ("SELECT s.o.p.q[2].r FROM S3Object s WHERE s.o IS NOT MISSING", r#"{"r":"deep"}|"#),
            (
                "SELECT s.o.p.q[0] + 1, s.o['p'].q[1] AS b FROM S3Object s WHERE s.o IS NOT MISSING",
                r#"{"_1":11,"b":20}|"#,
            ),
            ("SELECT s.city FROM S3Object s WHERE s.city BETWEEN 'K' AND 'L'", r#"{"city":"Köln"}|"#),
            ("SELECT CHAR_LENGTH(s.city) n FROM S3Object s WHERE s.\"on\"", r#"{"n":4}|"#),
            ("SELECT UPPER(s.city) c FROM S3Object s WHERE s.\"on\" = false", r#"{"c":"OSLO"}|"#),
            ("SELECT SIZE(s.Tags) n FROM S3Object s WHERE s.Tags IS NOT MISSING", r#"{"n":2}|{"n":0}|"#),
            ("SELECT s.pay FROM S3Object s WHERE s.pay > 0", r#"{"pay":1234.50}|{"pay":1e3}|"#),
            (
                "SELECT SUM(s.pay) t, COUNT(s.age) c, COUNT(*) n FROM S3Object s",
                r#"{"t":2227.50,"c":2,"n":3}|"#,
            ),
            ("SELECT COUNT(0) FROM S3Object", r#"{"_1":3}|"#),
            (
                "SELECT EXTRACT(YEAR FROM TO_TIMESTAMP(s.joined)) y FROM S3Object s WHERE s.joined IS NOT MISSING",
                r#"{"y":2019}|{"y":2020}|"#,
            ),
            (
                "SELECT DATE_DIFF(day, TO_TIMESTAMP(s.joined), `2020-03-31T`) d FROM S3Object s WHERE s.city = 'Köln'",
                r#"{"d":366}|"#,
            ),
            (
                "SELECT DATE_ADD(month, 1, TO_TIMESTAMP(s.joined)) d FROM S3Object s LIMIT 1",
                r#"{"d":"2019-04-30T"}|"#,
            ),
            (
                "SELECT TO_STRING(TO_TIMESTAMP(s.joined), 'dd.MM.yyyy HH:mm:ss.SSS XXX') t FROM S3Object s WHERE s.city = 'Oslo'",
                r#"{"t":"29.02.2020 10:15:30.500 +01:00"}|"#,
            ),
            (
                "SELECT CASE WHEN s.pay > 1000 THEN 'much' WHEN s.pay > 0 THEN 'some' ELSE 'none' END c FROM S3Object s",
                r#"{"c":"much"}|{"c":"none"}|{"c":"some"}|"#,
            ),
            (
                "SELECT COALESCE(s.city, 'nowhere') c FROM S3Object s WHERE s.city IS MISSING",
                r#"{"c":"nowhere"}|"#,
            ),
            ("SELECT NULLIF(s.city, 'Oslo') c FROM S3Object s LIMIT 2", r#"{"c":"Köln"}|{"c":null}|"#),
            (
                "SELECT SUBSTRING(s.city FROM 2 FOR 2) c, SUBSTRING(s.city, 3) d FROM S3Object s LIMIT 1",
                r#"{"c":"öl","d":"ln"}|"#,
            ),
            ("SELECT TRIM(BOTH 'Kn' FROM s.city) c FROM S3Object s LIMIT 1", r#"{"c":"öl"}|"#),
            (
                "SELECT s.* FROM S3Object s WHERE s.age = '31'",
                "{\"name\":\"Bob\",\"age\":\"31\",\"city\":\"Oslo\",\"Tags\":[],\"joined\":\"2020-02-29T10:15:30.5+01:00\",\"pay\":-7,\"on\":false}|",
            ),
            ("SELECT s.city FROM S3Object s WHERE s.absent <> 'x'", ""),
            ("SELECT s.city FROM S3Object s WHERE s.absent = s.absent", ""),
            ("SELECT s.city FROM S3Object s WHERE (s.age, s.city) = (31, 'Köln')", r#"{"city":"Köln"}|"#),
            ("SELECT UTCNOW() t FROM S3Object LIMIT 1", r#"{"t":"2017-10-13T16:02:11.123Z"}|"#),
            ("SELECT s.pay / 0 FROM S3Object s", "EvaluatorInvalidArguments"),
            ("SELECT s.city + 1 FROM S3Object s", "InvalidDataType"),
            ("SELECT CAST(s.city AS INT) FROM S3Object s", "CastFailed"),
            ("SELECT LOWER(s.pay) FROM S3Object s", "IncorrectSqlFunctionArgumentType"),
            ("SELECT SUM(s.city) FROM S3Object s", "IncorrectSqlFunctionArgumentType"),
            ("SELECT 1 AS a, 1 AS a FROM S3Object LIMIT 1", r#"{"a":1,"a":1}|"#),
            (
                "SELECT 'it''s', \"name\", 1.0, .5, 1e2, -3, TRUE, NULL, MISSING FROM S3Object LIMIT 1",
                r#"{"_1":"it's","name":"Ann","_3":1.0,"_4":0.5,"_5":100,"_6":-3,"_7":true,"_8":null}|"#,
            ),
            (
                "SELECT 5 % 3, 7 / 2, 7.0 / 2, 2 + 3 * 4, (2 + 3) * 4, -(-2), 9 - 2 - 3 FROM S3Object LIMIT 1",
                r#"{"_1":2,"_2":3,"_3":3.5,"_4":14,"_5":20,"_6":2,"_7":4}|"#,
            ),
            ("SELECT 9.0*-(5+ -3) FROM S3Object LIMIT 1", r#"{"_1":-18.0}|"#),
            (
                "SELECT INT('7') + 1, STRING(7), BOOL('TRUE'), FLOAT('1.5') FROM S3Object LIMIT 1",
                r#"{"_1":8,"_2":"7","_3":true,"_4":1.5}|"#,
            ),
            (
                "SELECT EXTRACT(MONTH FROM TO_TIMESTAMP('19800512T101112Z')) FROM S3Object LIMIT 1",
                r#"{"_1":5}|"#,
            ),
            (
                "select city from s3object where not (age is null) and not nullif(city, 'Oslo') is null;",
                r#"{"city":"Köln"}|"#,
            ),
        ],
    );
}

const TABLE: &str = "\u{feff}id,First Name,pay,when,na.me,CAST,note\r\n1,Ann,10,2019-01-02T,x,true,\"a \"\"b\"\", c\"\r\n2,Bob,,2020-01-02T03:04Z,y,false,\r\n# 3,left out\r\n4,Cy,-2.5,,z,TRUE,#no remark";

#[test]
fn csv_with_a_header() {
    check(
        TABLE,
        &table(Header::Use),
        true,
        &[
            ("SELECT * FROM s3object s WHERE s.id = '4'", "4,Cy,-2.5,,z,TRUE,#no remark|"),
            ("SELECT s.\"First Name\" FROM S3Object s WHERE CAST(s.id AS INT) >= 2", "Bob|Cy|"),
            ("SELECT \"na.me\", s.\"CAST\" FROM S3Object s LIMIT 1", "x,true|"),
            ("SELECT NOT CAST(s.\"CAST\" AS BOOL) FROM S3Object s", "false|true|false|"),
            ("SELECT s.note FROM S3Object s WHERE s.note LIKE '%\"b\"%'", "\"a \"\"b\"\", c\"|"),
            ("SELECT ID FROM S3OBJECT WHERE PAY = ''", "2|"),
            ("SELECT id FROM S3Object WHERE pay IS NULL", ""),
            (
                "SELECT id FROM S3Object s WHERE (case s.pay when '' then null else CAST(s.pay AS DECIMAL(5,2)) end < 0.0)",
                "4|",
            ),
            (
                "SELECT s._1, s._2 FROM S3Object s WHERE s._1 <> '' AND CAST(s._1 AS BIGINT) BETWEEN 1 AND 2",
                "1,Ann|2,Bob|",
            ),
            (
                "SELECT s._1 FROM S3Object s WHERE case s._4 when '' then null else CAST(s._4 AS TIMESTAMP) end = `2019-01-02T`",
                "1|",
            ),
            ("SELECT ' ' FROM S3Object s", " | | |"),
            (
                "SELECT COUNT(*), SUM(CAST(NULLIF(pay, '') AS DECIMAL)), MAX(CAST(id AS INT)) FROM S3Object",
                "3,7.5,4|",
            ),
            ("SELECT count(S3Object.\"na.me\") FROM S3Object", "3|"),
            ("SELECT id FROM S3Object WHERE \"First Name\" IN ('Cy', 'Ann') AND \"when\" <> ''", "1|"),
            ("SELECT id || '-' || \"First Name\" FROM S3Object LIMIT 2", "1-Ann|2-Bob|"),
            ("SELECT \"FIRST NAME\" FROM S3Object", "MissingHeaders"),
            ("SELECT s.CAST FROM S3Object s", "ParseUnexpectedKeyword"),
            ("SELECT CAST(pay AS INT) FROM S3Object", "10|CastFailed"),
            ("SELECT id FROM S3Object s WHERE s.id = '1' LIMIT 0", ""),
        ],
    );
    check(
        "id,id,x\n1,2,3\n",
        &table(Header::Use),
        false,
        &[
            ("SELECT * FROM S3Object", r#"{"id":"1","id":"2","x":"3"}|"#),
            ("SELECT id FROM S3Object", "AmbiguousFieldName"),
            ("SELECT _2, x FROM S3Object", r#"{"_2":"2","x":"3"}|"#),
        ],
    );
}

#[test]
fn csv_without_one() {
    let text = "a,1,x\nb,2\n\nc,,\"y\n";
    check(
        text,
        &table(Header::None),
        false,
        &[
            ("SELECT _1 FROM S3Object WHERE _2 = '1'", r#"{"_1":"a"}|CSVUnescapedQuote"#),
            ("SELECT _1, _3 FROM S3Object LIMIT 2", r#"{"_1":"a","_3":"x"}|{"_1":"b","_3":null}|"#),
            ("SELECT s._2 FROM S3Object[*] s LIMIT 1", r#"{"_2":"1"}|"#),
            ("SELECT * FROM S3Object LIMIT 2", r#"{"_1":"a","_2":"1","_3":"x"}|{"_1":"b","_2":"2"}|"#),
            ("SELECT a FROM S3Object", "MissingHeaders"),
        ],
    );
    check(text, &table(Header::Ignore), false, &[("SELECT _1 FROM S3Object LIMIT 1", r#"{"_1":"b"}|"#)]);
    for input in [table(Header::None), table(Header::Use), InputFormat::JsonLines, InputFormat::JsonDocument]
    {
        check(
            "",
            &input,
            false,
            &[("SELECT * FROM S3Object", ""), ("SELECT COUNT(*) FROM S3Object", r#"{"_1":0}|"#)],
        );
    }
    let many = InputFormat::Csv(CsvInput {
        record_delimiter: "<>".to_owned(),
        field_delimiter: "::".to_owned(),
        quote: Some(b'\''),
        quote_escape: b'\\',
        ..CsvInput::default()
    });
    check("a::'b\\'c::d'<>e::f", &many, true, &[("SELECT _2 FROM S3Object", "b'c::d|f|")]);
    let quoted = InputFormat::Csv(CsvInput { allow_quoted_record_delimiter: true, ..CsvInput::default() });
    check(
        "a,\"b\nc\"\nd,e\n",
        &quoted,
        false,
        &[("SELECT _2 FROM S3Object", r#"{"_2":"b\nc"}|{"_2":"e"}|"#)],
    );
    let none = InputFormat::Csv(CsvInput { quote: None, comments: None, ..CsvInput::default() });
    check("#a,\"b\"\n", &none, false, &[("SELECT * FROM S3Object", r##"{"_1":"#a","_2":"\"b\""}|"##)]);
}
