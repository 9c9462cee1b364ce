//! Statements as a whole: their forms, and those that are refused.

use super::check;
use crate::format::InputFormat;

const ONE: &str = "{\"a\":1,\"date\":2,\"user\":{\"name\":\"x\"},\"$ref\":3,\"größe\":4}\n";

#[test]
fn forms() {
    check(
        ONE,
        &InputFormat::JsonLines,
        false,
        &[
            ("select a from s3object", r#"{"a":1}|"#),
            ("SeLeCt s.a As B fRoM s3OBJECT aS s WhErE a = 1 LiMiT 1;", r#"{"B":1}|"#),
            ("SELECT\ns.a\nFROM\n\tS3Object s\n", r#"{"a":1}|"#),
            ("SELECT s.a--trailing\nFROM S3Object s -- more", r#"{"a":1}|"#),
            ("SELECT /* a\ncomment */ s.a FROM S3Object/*[*]*/ s", r#"{"a":1}|"#),
            ("SELECT a x, a AS y, a AS \"Z z\" FROM S3Object", r#"{"x":1,"y":1,"Z z":1}|"#),
            ("SELECT a, a FROM S3Object", r#"{"a":1,"a":1}|"#),
            ("SELECT a + 1, a, 'x' FROM S3Object", r#"{"_1":2,"a":1,"_3":"x"}|"#),
            ("SELECT COUNT(*) AS count FROM S3Object", r#"{"count":1}|"#),
            ("SELECT COUNT(*) AS total, SUM(a) + 1 FROM S3Object s", r#"{"total":1,"_2":2}|"#),
            ("SELECT (a) FROM S3Object WHERE (a = 1) AND ((a) IN (1))", r#"{"a":1}|"#),
            ("SELECT a FROM S3Object WHERE TRUE", r#"{"a":1}|"#),
            ("SELECT a FROM S3Object WHERE NULL", ""),
            ("SELECT a FROM S3Object WHERE .5 < a AND a BETWEEN .5 AND 1.5", r#"{"a":1}|"#),
            ("SELECT s.user.name FROM S3Object s", r#"{"name":"x"}|"#),
            ("SELECT s.date FROM S3Object s WHERE s.date = 2", r#"{"date":2}|"#),
            ("SELECT s.$ref, s.größe, s.GRÖSSE FROM S3Object s", r#"{"$ref":3,"größe":4}|"#),
            ("SELECT \"S3Object\".a FROM \"S3Object\"", r#"{"a":1}|"#),
            ("SELECT user FROM S3Object[*].user user", r#"{"user":{"name":"x"}}|"#),
        ],
    );
}

#[test]
fn refusals() {
    check(
        ONE,
        &InputFormat::JsonLines,
        false,
        &[
            ("", "ParseEmptySelect"),
            ("SELECT", "ParseEmptySelect"),
            ("SELECT FROM S3Object", "ParseEmptySelect"),
            ("SELEC * FROM S3Object", "ParseUnsupportedSelect"),
            ("DELETE FROM S3Object", "ParseUnsupportedSelect"),
            ("SELECT *", "ParseSelectMissingFrom"),
            ("SELECT * FROM", "InvalidTableAlias"),
            ("SELECT * FROM stdin", "InvalidTableAlias"),
            ("SELECT * FROM lights", "InvalidTableAlias"),
            ("SELECT *, a FROM S3Object", "ParseAsteriskIsNotAloneInSelectList"),
            ("SELECT a, * FROM S3Object", "ParseAsteriskIsNotAloneInSelectList"),
            ("SELECT s.*, a FROM S3Object s", "ParseAsteriskIsNotAloneInSelectList"),
            ("SELECT t.* FROM S3Object s", "EvaluatorBindingDoesNotExist"),
            ("SELECT DISTINCT a FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT COUNT(DISTINCT a) FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object ORDER BY a", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object GROUP BY a", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object s, S3Object t", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object s JOIN S3Object t", "ParseMalformedJoin"),
            ("SELECT a FROM S3Object WHERE a IN (SELECT a FROM S3Object)", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object UNION SELECT a FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object WHERE", "ParseExpectedExpression"),
            ("SELECT a FROM S3Object WHERE a = ", "ParseExpectedExpression"),
            ("SELECT a FROM S3Object WHERE a LIKE 'x' LIKE", "ParseExpectedExpression"),
            ("SELECT a FROM S3Object WHERE a ; 1", "ParseUnexpectedToken"),
            ("SELECT a FROM S3Object LIMIT", "ParseExpectedNumber"),
            ("SELECT a FROM S3Object LIMIT 1.5", "ParseExpectedNumber"),
            ("SELECT a FROM S3Object LIMIT -1", "EvaluatorNegativeLimit"),
            ("SELECT a FROM S3Object LIMIT 1 1", "ParseUnexpectedToken"),
            ("SELECT a b c FROM S3Object", "ParseUnexpectedToken"),
            ("SELECT a AS FROM S3Object", "ParseUnexpectedKeyword"),
            ("SELECT (a FROM S3Object", "ParseExpectedRightParenBuiltinFunctionCall"),
            ("SELECT a) FROM S3Object", "ParseUnexpectedToken"),
            ("SELECT s.user. FROM S3Object s", "ParseUnexpectedKeyword"),
            ("SELECT s.user[x] FROM S3Object s", "InvalidKeyPath"),
            ("SELECT s.user[-1] FROM S3Object s", "InvalidKeyPath"),
            ("SELECT s.case FROM S3Object s", "ParseUnexpectedKeyword"),
            ("SELECT COUNT(*), a FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT SUM(COUNT(*)) FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT a FROM S3Object WHERE COUNT(*) > 1", "UnsupportedSqlStructure"),
            ("SELECT SUM(*) FROM S3Object", "ParseUnsupportedCallWithStar"),
            ("SELECT SUM() FROM S3Object", "ParseNonUnaryAgregateFunctionCall"),
            ("SELECT SUM(a, a) FROM S3Object", "ParseNonUnaryAgregateFunctionCall"),
            ("SELECT COUNT() FROM S3Object", "ParseNonUnaryAgregateFunctionCall"),
            ("SELECT a FROM S3Object WHERE a", "InvalidDataType"),
            ("SELECT a FROM S3Object WHERE \"open", "LexerInvalidLiteral"),
            ("SELECT a # b FROM S3Object", "LexerInvalidChar"),
            ("SELECT a FROM S3Object WHERE a = ?", "LexerInvalidChar"),
        ],
    );
}
