//! Expressions, each over one record.

use super::*;
use crate::timestamp::Timestamp;

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
