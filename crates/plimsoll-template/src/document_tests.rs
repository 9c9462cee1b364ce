use std::fmt::Write as _;

use super::*;

/// A node in one line: `line:column` of each, tags before values.
fn shown(node: &Node) -> String {
    let tag = node.tag.as_ref().map(|tag| format!("{tag} ")).unwrap_or_default();
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(text) => format!("#{text}"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    };
    format!("{}:{} {tag}{value}", node.place.line, node.place.column)
}

fn check(text: &str, expected: &str) {
    let found = match parse(text, &Limits::default()) {
        Ok(node) => shown(&node),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn scalars_keep_what_was_written() {
    for (text, expected) in [
        ("", "1:1 null"),
        ("# nothing\n", "1:1 null"),
        ("~", "1:1 null"),
        ("0755", "1:1 #0755"),
        ("1.10", "1:1 #1.10"),
        ("-1e+5", "1:1 #-1e+5"),
        ("1e", "1:1 \"1e\""),
        ("2012-10-17", "1:1 \"2012-10-17\""),
        ("on", "1:1 \"on\""),
        ("yes", "1:1 \"yes\""),
        ("True", "1:1 true"),
        ("'true'", "1:1 \"true\""),
        ("\"0.2\"", "1:1 \"0.2\""),
        ("!!str 12", "1:1 \"12\""),
        ("! 12", "1:1 \"12\""),
        ("0x1F", "1:1 #0x1F"),
        (".nan", "1:1 \".nan\""),
    ] {
        check(text, expected);
    }
}

#[test]
fn nodes_know_their_places_and_tags() {
    check(
        "a: 1\nb:\n  - x\n  - y: z\n",
        "1:1 {1:1 \"a\": 1:4 #1, 2:1 \"b\": 3:3 [3:5 \"x\", 4:5 {4:5 \"y\": 4:8 \"z\"}]}",
    );
    check("é: {b: [1, 2]}", "1:1 {1:1 \"é\": 1:4 {1:5 \"b\": 1:8 [1:9 #1, 1:12 #2]}}");
    check("a: !Ref b", "1:1 {1:1 \"a\": 1:4 !Ref \"b\"}");
    check("!Join ['', [a]]", "1:1 !Join [1:8 \"\", 1:12 [1:13 \"a\"]]");
    check("a: !Sub\n  - x\n  - {}\n", "1:1 {1:1 \"a\": 1:4 !Sub [2:5 \"x\", 3:5 {}]}");
    check("a: |\n  x\n  y\n", "1:1 {1:1 \"a\": 2:3 \"x\\ny\\n\"}");
    check("\u{feff}a: 1", "1:1 {1:1 \"a\": 1:4 #1}");
}

#[test]
fn json_is_read_with_its_places() {
    check(
        "{\n\t\"a\": [1, true, null],\n\t\"b\": \"\\ud83d\\ude00\\/\\n\"\n}\n",
        "1:1 {2:2 \"a\": 2:7 [2:8 #1, 2:11 true, 2:17 null], 3:2 \"b\": 3:7 \"😀/\\n\"}",
    );
    check("{\"a\": 1, \"a\": 2}", "error: line 1, column 10: expected each key once, found `a` again");
    check("{\"a\": 1", "error: line 1, column 8: expected `,` or `}`, found the end");
    check(
        "{\"a\": \"\\ud800\"}",
        "error: line 1, column 14: expected the second half of a surrogate pair, found `\"`",
    );
    check("{a: 1}", "1:1 {1:2 \"a\": 1:5 #1}");
    check("[1] x", "error: line 1, column 5: did not find expected <document start>");
}

#[test]
fn what_is_no_document_is_refused_where_it_is() {
    for (text, expected) in [
        ("a: 1\na: 2\n", "error: line 2, column 1: expected each key once, found `a` again"),
        ("a: 1\n'a': 2\n", "error: line 2, column 1: expected each key once, found `a` again"),
        ("[a, b]: 1\n", "error: line 1, column 1: expected a text as key, found a list"),
        ("? [a]\n: 1\n", "error: line 1, column 3: expected a text as key, found a list"),
        ("a: 1\n---\nb: 2\n", "error: line 2, column 1: expected one document, found a second"),
        ("a:\n\tb: 1\n", "error: line 2, column 1: expected spaces as indentation, found a tab"),
        ("a:\n  b: 1\n  \tc: 1\n", "error: line 3, column 3: expected spaces as indentation, found a tab"),
        (
            "a: &x\n  b: *x\n",
            "error: line 2, column 6: expected an alias of what stands before it, found one inside its own anchor",
        ),
        (
            "a: !!binary aGk=\n",
            "error: line 1, column 4: expected a tag that CloudFormation and CodeBuild know, found `!!binary`",
        ),
        ("<!DOCTYPE html>\n<html>\n", "1:1 \"<!DOCTYPE html> <html>\""),
    ] {
        check(text, expected);
    }
}

#[test]
fn aliases_stand_for_what_they_name_and_maps_merge() {
    check("a: &x [1]\nb: *x\n", "1:1 {1:1 \"a\": 1:4 [1:8 #1], 2:1 \"b\": 2:4 [1:8 #1]}");
    check(
        "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
        "1:1 {1:1 \"a\": 1:4 {1:8 \"b\": 1:11 #1, 1:14 \"c\": 1:17 #2}, 2:1 \"d\": 3:3 {4:3 \"c\": 4:6 #3, 1:8 \"b\": 1:11 #1}}",
    );
    check("<<: 1\n", "error: line 1, column 5: expected a map or a list of maps under `<<`, found a number");
}

#[test]
fn what_would_fill_memory_is_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let mut deep_block = String::new();
    for n in 1..12 {
        writeln!(bomb, "a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 9].join(",")).unwrap();
    }
    for n in 0..300 {
        writeln!(deep_block, "{}a:", " ".repeat(n)).unwrap();
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 100].join(","));
    let deep_yaml = "[".repeat(10_000);
    let deep_json = "{\"a\":".repeat(10_000);
    for (text, expected) in [
        (bomb.as_str(), "expected at most 200000 values, aliases unfolded, found more"),
        (long.as_str(), "expected at most 8388608 bytes of values, aliases unfolded, found more"),
        (deep_yaml.as_str(), "expected at most 64 levels, found more"),
        (deep_block.as_str(), "expected at most 64 levels, found more"),
        (deep_json.as_str(), "expected at most 64 levels, found more"),
        (&" ".repeat(2 << 20), "expected at most 1048576 bytes, found 2097152"),
    ] {
        let error = parse(text, &Limits::default()).unwrap_err();
        assert_eq!(error.reason, expected, "{}", &text[..20]);
    }
}

#[test]
fn a_text_cut_anywhere_does_no_harm() {
    let text = "a: &x !Sub ['${b}', {b: \"\\u00e9\"}]\n? c\n: |2-\n    d\ne: *x\nf: {<<: {g: 1}}\n";
    let json = "{\"a\": [1.5e3, \"\\u00e9\\n\", {\"b\": null}], \"c\": true}";
    for text in [text, json] {
        for end in 0..=text.len() {
            if let Some(cut) = text.get(..end) {
                let _ = parse(cut, &Limits::default());
            }
        }
    }
}
