use arrow_array::{LargeStringArray, StringArray, StringViewArray};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use expect_test::{Expect, expect};

use super::*;

/// The answer to a question that needs no table.
fn check(sql: &str, expected: &Expect) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let context = SessionContext::new();
    for function in functions() {
        context.register_udf(Arc::unwrap_or_clone(function));
    }
    let batches = runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() });
    expected.assert_eq(&pretty_format_batches(&batches).unwrap().to_string());
}

#[test]
fn versions_are_ordered_by_their_ecosystem_and_what_does_not_parse_by_none() {
    check(
        "SELECT e, a, b, version_cmp(e, a, b) AS c FROM (VALUES \
         ('Debian', '1.0~rc1', '1.0'), ('Debian:12', '1:1.0', '2.0'), ('npm', '1.2.0', '1.2.0'), \
         ('npm', 'x', '1'), ('Plan 9', '1', '2'), (NULL, '1', '2'), ('PyPI', NULL, '2')) AS t(e, a, b)",
        &expect![[r"
            +-----------+---------+-------+----+
            | e         | a       | b     | c  |
            +-----------+---------+-------+----+
            | Debian    | 1.0~rc1 | 1.0   | -1 |
            | Debian:12 | 1:1.0   | 2.0   | 1  |
            | npm       | 1.2.0   | 1.2.0 | 0  |
            | npm       | x       | 1     |    |
            | Plan 9    | 1       | 2     |    |
            |           | 1       | 2     |    |
            | PyPI      |         | 2     |    |
            +-----------+---------+-------+----+"]],
    );
}

#[test]
fn ranges_hold_versions_or_nobody_knows() {
    check(
        "SELECT v, affected('npm', v, '>=1.0.0,<1.2.3 | =3.0.1') AS a FROM \
         (VALUES ('1.0.0'), ('1.2.3'), ('3.0.1'), ('?'), (NULL)) AS t(v)",
        &expect![[r"
            +-------+-------+
            | v     | a     |
            +-------+-------+
            | 1.0.0 | true  |
            | 1.2.3 | false |
            | 3.0.1 | true  |
            | ?     |       |
            |       |       |
            +-------+-------+"]],
    );
    check(
        "SELECT affected('npm', '1.0.0', 'nonsense') AS a, affected('npm', NULL, '>=0') AS b, affected('npm', '1.0.0', '>=0') AS c",
        &expect![[r"
            +---+---+------+
            | a | b | c    |
            +---+---+------+
            |   |   | true |
            +---+---+------+"]],
    );
}

#[test]
fn package_urls_come_apart() {
    check(
        "SELECT purl_type(p) AS t, purl_namespace(p) AS s, purl_name(p) AS n, purl_version(p) AS v FROM (VALUES \
         ('pkg:deb/debian/openssl@1.1.1n-0%2Bdeb11u3?arch=amd64'), ('pkg:npm/%40babel/core'), ('x'), (NULL)) AS t(p)",
        &expect![[r"
            +-----+--------+---------+------------------+
            | t   | s      | n       | v                |
            +-----+--------+---------+------------------+
            | deb | debian | openssl | 1.1.1n-0+deb11u3 |
            | npm | @babel | core    |                  |
            |     |        |         |                  |
            |     |        |         |                  |
            +-----+--------+---------+------------------+"]],
    );
}

#[test]
fn severities_are_ranked_in_upper_and_lower_case() {
    check(
        "SELECT s, severity_rank(s) AS r FROM (VALUES ('CRITICAL'), ('high'), ('unknown'), ('x'), (NULL)) AS t(s)",
        &expect![[r"
            +----------+---+
            | s        | r |
            +----------+---+
            | CRITICAL | 5 |
            | high     | 4 |
            | unknown  | 0 |
            | x        |   |
            |          |   |
            +----------+---+"]],
    );
}

#[test]
fn every_kind_of_text_is_read_and_a_number_is_not() {
    let words = [Some("high"), None];
    for array in [
        Arc::new(words.iter().collect::<StringArray>()) as ArrayRef,
        Arc::new(words.iter().collect::<StringViewArray>()),
        Arc::new(words.iter().collect::<LargeStringArray>()),
    ] {
        let value = ColumnarValue::Array(array);
        let texts = Texts::of(&value).unwrap();
        assert_eq!((texts.get(0), texts.get(1)), (Some("high"), None));
    }
    assert!(Texts::of(&ColumnarValue::Scalar(ScalarValue::Int32(Some(1)))).is_none());
}

#[test]
fn every_function_is_documented_and_listed_by_name() {
    let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
    assert!(names.is_sorted());
    for function in functions() {
        let documentation = function.documentation().unwrap();
        assert!(!documentation.description.is_empty() && documentation.sql_example.is_some());
    }
}
