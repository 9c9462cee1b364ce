use super::*;
use crate::error::Place;

/// How a condition is understood.
fn condition(text: &str) -> String {
    parse(&format!("SELECT * FROM S3Object s WHERE {text}"), false)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .filter
        .unwrap()
        .to_string()
}

#[test]
fn operators_bind_as_documented() {
    for (text, expected) in [
        ("a = 1 OR b = 2 AND c = 3", "((a = 1) OR ((b = 2) AND (c = 3)))"),
        ("NOT a = 1 AND b", "((NOT (a = 1)) AND b)"),
        ("1 + 2 * 3 - 4 % 5", "((1 + (2 * 3)) - (4 % 5))"),
        ("-a * b", "((- a) * b)"),
        ("- -5", "(- (-5))"),
        ("a < b = c", "((a < b) = c)"),
        ("a || 'x' LIKE '%y'", "((a || 'x') LIKE '%y')"),
        ("a BETWEEN 1 AND 2 + 3 AND b", "((a BETWEEN 1 AND (2 + 3)) AND b)"),
        (
            "a NOT IN (1, 2) OR a NOT LIKE 'b' ESCAPE '!'",
            "((a NOT IN [1, 2]) OR (a NOT LIKE 'b' ESCAPE '!'))",
        ),
        ("a NOT BETWEEN 1 AND 2", "(a NOT BETWEEN 1 AND 2)"),
        ("a IS NOT NULL AND b IS MISSING", "((a IS NOT NULL) AND (b IS MISSING))"),
        ("a + 1 IS NULL", "((a + 1) IS NULL)"),
        ("NOT a IS NULL", "(NOT (a IS NULL))"),
        ("a OR (b OR c) OR d", "(a OR b OR c OR d)"),
        ("a == 1 and b != 2", "((a = 1) AND (b <> 2))"),
        ("(1, 2) = [a, b]", "([1, 2] = [a, b])"),
        ("'x' IN s.a[*].b[0].*", "('x' IN s.a[*].b[0].*)"),
        ("s['a b'].\"C\" = '' ", "(s.\"a b\".\"C\" = '')"),
        ("(int) = 1", "(int = 1)"),
        ("s.value > .5", "(s.value > 0.5)"),
    ] {
        assert_eq!(condition(text), expected);
    }
}

#[test]
fn functions_are_read_in_all_their_forms() {
    for (text, expected) in [
        ("SUBSTRING(a FROM 2 FOR 3)", "SUBSTRING(a, 2, 3)"),
        ("substring(a, 2)", "SUBSTRING(a, 2)"),
        ("TRIM('a')", "TRIM(BOTH FROM 'a')"),
        ("TRIM(LEADING FROM a)", "TRIM(LEADING FROM a)"),
        ("TRIM(BOTH '12' FROM a)", "TRIM(BOTH '12' FROM a)"),
        ("TRIM('12' FROM a)", "TRIM(BOTH '12' FROM a)"),
        ("CAST(a AS decimal(10, 2))", "CAST(a AS DECIMAL)"),
        ("CAST(a AS double precision)", "CAST(a AS FLOAT)"),
        ("EXTRACT(Year FROM `2007T`)", "EXTRACT(year FROM `2007T`)"),
        ("DATE_ADD(month, 1, a)", "DATE_ADD(month, 1, a)"),
        ("date_diff(DAY, a, UTCNOW())", "DATE_DIFF(day, a, UTCNOW())"),
        ("CASE a WHEN 1 THEN 'x' ELSE 'y' END", "CASE a WHEN 1 THEN 'x' ELSE 'y' END"),
        ("CASE WHEN a > 1 THEN 'x' END", "CASE WHEN (a > 1) THEN 'x' END"),
        ("COALESCE(a, b, NULL)", "COALESCE(a, b, NULL)"),
        ("character_length(a)", "CHAR_LENGTH(a)"),
        ("utcnow", "utcnow"),
    ] {
        assert_eq!(condition(text), expected);
    }
}

#[test]
fn what_is_wrong_is_named_where_it_is() {
    for (statement, code, column) in [
        ("", Code::ParseEmptySelect, 1),
        ("DELETE FROM S3Object", Code::ParseUnsupportedSelect, 1),
        ("SELECT", Code::ParseEmptySelect, 7),
        ("SELECT FROM S3Object", Code::ParseEmptySelect, 8),
        ("SELECT *", Code::ParseSelectMissingFrom, 9),
        ("SELECT * FROM", Code::InvalidTableAlias, 14),
        ("SELECT * FROM table1", Code::InvalidTableAlias, 15),
        ("SELECT *, a FROM S3Object", Code::ParseAsteriskIsNotAloneInSelectList, 9),
        ("SELECT a, * FROM S3Object", Code::ParseAsteriskIsNotAloneInSelectList, 11),
        ("SELECT a, s.* FROM S3Object s", Code::ParseAsteriskIsNotAloneInSelectList, 11),
        ("SELECT DISTINCT a FROM S3Object", Code::UnsupportedSqlStructure, 8),
        ("SELECT a FROM S3Object.b", Code::InvalidKeyPath, 23),
        ("SELECT a FROM S3Object[*].", Code::ParseExpectedMember, 27),
        ("SELECT a FROM S3Object[x]", Code::InvalidKeyPath, 24),
        ("SELECT a FROM S3Object[*", Code::ParseExpectedTokenType, 25),
        ("SELECT a FROM S3Object s, S3Object t", Code::UnsupportedSqlStructure, 25),
        ("SELECT a FROM S3Object s JOIN S3Object t", Code::ParseMalformedJoin, 26),
        ("SELECT a FROM S3Object GROUP BY a", Code::UnsupportedSqlStructure, 24),
        ("SELECT a FROM S3Object s ORDER BY a", Code::UnsupportedSqlStructure, 26),
        ("SELECT a FROM S3Object WHERE", Code::ParseExpectedExpression, 29),
        ("SELECT a FROM S3Object WHERE a =", Code::ParseExpectedExpression, 33),
        ("SELECT a FROM S3Object WHERE = 1", Code::ParseUnexpectedOperator, 30),
        ("SELECT a FROM S3Object WHERE a = 1 2", Code::ParseUnexpectedToken, 36),
        ("SELECT a FROM S3Object WHERE a IN 1", Code::ParseExpectedLeftParenValueConstructor, 35),
        ("SELECT a FROM S3Object WHERE a BETWEEN 1", Code::ParseExpectedKeyword, 41),
        (
            "SELECT a FROM S3Object WHERE a LIKE 'x!' ESCAPE '!'",
            Code::EvaluatorLikePatternInvalidEscapeSequence,
            37,
        ),
        ("SELECT a FROM S3Object WHERE a IS b", Code::ParseUnexpectedTerm, 35),
        ("SELECT a FROM S3Object LIMIT", Code::ParseExpectedNumber, 29),
        ("SELECT a FROM S3Object LIMIT 1.5", Code::ParseExpectedNumber, 30),
        ("SELECT a FROM S3Object LIMIT -1", Code::EvaluatorNegativeLimit, 30),
        ("SELECT s.CAST FROM S3Object s", Code::ParseUnexpectedKeyword, 10),
        ("SELECT CAST a FROM S3Object", Code::ParseExpectedLeftParenAfterCast, 13),
        ("SELECT CAST(a) FROM S3Object", Code::ParseCastArity, 14),
        ("SELECT CAST(a AS blob) FROM S3Object", Code::ParseExpectedTypeName, 18),
        ("SELECT CAST(a AS INT(4)) FROM S3Object", Code::ParseInvalidTypeParam, 21),
        ("SELECT CASE END FROM S3Object", Code::ParseUnexpectedKeyword, 13),
        ("SELECT CASE a END FROM S3Object", Code::ParseExpectedWhenClause, 15),
        ("SELECT CASE WHEN a THEN 1 FROM S3Object", Code::ParseExpectedKeyword, 27),
        ("SELECT sqrt(a) FROM S3Object", Code::UnsupportedFunction, 8),
        ("SELECT LOWER a FROM S3Object", Code::ParseExpectedLeftParenBuiltinFunctionCall, 14),
        ("SELECT LOWER(a FROM S3Object", Code::ParseExpectedRightParenBuiltinFunctionCall, 16),
        ("SELECT LOWER() FROM S3Object", Code::EvaluatorInvalidArguments, 8),
        ("SELECT LOWER(*) FROM S3Object", Code::ParseUnsupportedCallWithStar, 14),
        ("SELECT SUM(*) FROM S3Object", Code::ParseUnsupportedCallWithStar, 12),
        ("SELECT SUM(a, b) FROM S3Object", Code::ParseNonUnaryAggregateFunctionCall, 13),
        ("SELECT COUNT() FROM S3Object", Code::ParseNonUnaryAggregateFunctionCall, 14),
        ("SELECT COUNT(DISTINCT a) FROM S3Object", Code::UnsupportedSqlStructure, 14),
        ("SELECT EXTRACT(week FROM a) FROM S3Object", Code::ParseExpectedDatePart, 16),
        ("SELECT DATE_ADD(timezone_hour, 1, a) FROM S3Object", Code::ParseExpectedDatePart, 8),
        ("SELECT DATE_ADD(day 1, a) FROM S3Object", Code::ParseExpectedArgumentDelimiter, 21),
        ("SELECT TO_STRING(a, 'q') FROM S3Object", Code::EvaluatorInvalidTimestampFormatPatternSymbol, 21),
        ("SELECT `next week` FROM S3Object", Code::LexerInvalidIonLiteral, 8),
        ("SELECT 1 + * FROM S3Object", Code::ParseInvalidContextForWildcardInSelectList, 12),
        ("SELECT (SELECT a FROM S3Object) FROM S3Object", Code::UnsupportedSqlStructure, 9),
        ("SELECT a AS 'x' FROM S3Object", Code::ParseExpectedIdentForAlias, 13),
    ] {
        let error = parse(statement, false).map(|select| select.to_string()).unwrap_err();
        assert_eq!(error.code(), code, "{statement}: {error}");
        let Place::Statement { column: found, .. } = error.place() else { panic!("{statement}: {error}") };
        assert_eq!(found, column, "{statement}: {error}");
    }
}

#[test]
fn reserved_words_need_quotes_where_one_is_strict() {
    let statement = "SELECT s.value, time FROM S3Object s";
    assert!(parse(statement, false).is_ok());
    let error = parse(statement, true).unwrap_err();
    assert_eq!(error.code(), Code::ParseUnexpectedKeyword);
    assert_eq!(error.advice(), "`value` is reserved: write `\"value\"`, where case counts");
    assert!(parse("SELECT s.\"value\", \"time\" FROM S3Object s", true).is_ok());
    assert!(parse("SELECT COUNT(*) AS count FROM S3Object", false).is_ok());
    for (statement, strict) in
        [("SELECT a AS count FROM S3Object", true), ("SELECT a AS FROM S3Object", false)]
    {
        assert_eq!(parse(statement, strict).unwrap_err().code(), Code::ParseUnexpectedKeyword, "{statement}");
    }
}

#[test]
fn depth_is_bounded_and_length_is_not() {
    let deep = format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let chain = vec!["1"; 10_000].join(" + ");
    let minus = "- ".repeat(10_000) + "a";
    let not = "NOT ".repeat(10_000) + "a";
    let steps = "a".to_owned() + &".b".repeat(10_000);
    for expr in [deep, chain, minus, not, steps] {
        let error = parse(&format!("SELECT {expr} FROM S3Object"), false).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), Code::UnsupportedSqlStructure);
    }
    for word in [" OR ", " AND "] {
        assert_eq!(condition(&vec!["a = 1"; 5_000].join(word)).matches('=').count(), 5_000);
    }
    assert_eq!(condition(&format!("a IN ({})", vec!["1"; 5_000].join(","))).matches('1').count(), 5_000);
}

#[test]
fn what_is_printed_is_read_the_same() {
    for statement in [
        "SELECT * FROM S3Object",
        "select s.* from s3object as s limit 0;",
        "SELECT a AS \"x\"\"y\", 'it''s' FROM S3Object[*].Results[*].\"V\"[0].* v WHERE NOT v.a LIKE '_' LIMIT 7",
        "SELECT COUNT(*), SUM(CAST(_3 AS INT)), AVG(a) / MIN(b) FROM S3Object WHERE a IS NOT '' -- all",
    ] {
        let once = parse(statement, false).unwrap().to_string();
        assert_eq!(parse(&once, false).unwrap().to_string(), once);
    }
}
