//! JSON: paths, wildcards, members of one name, values of every kind at the root.

use super::check;
use crate::format::InputFormat;

/// The same of a document and of lines.
fn both(object: &str, cases: &[(&str, &str)]) {
    for input in [InputFormat::JsonDocument, InputFormat::JsonLines] {
        check(object, &input, false, cases);
    }
}

const FLEET: &str = r#"{"id":0,"crew":["Ann","Bo"],"log":{"Wind NW":7,"seas":[{"h":1.5},{"h":2}]}}
{"id":1,"crew":["Cy"],"log":{},"depth":[[2,3.0,4],[7,8.5,9]]}
{"id":2,"ID2":2,"log":null}
"#;

#[test]
fn paths() {
    both(
        FLEET,
        &[
            ("SELECT s.id FROM S3Object s WHERE 'Bo' IN s.crew", r#"{"id":0}|"#),
            ("SELECT id FROM S3Object s WHERE 'Cy' IN s.crew[*] AND s.id > 0", r#"{"id":1}|"#),
            ("SELECT s.id FROM S3Object s WHERE 8.5 IN s.depth[*][*]", r#"{"id":1}|"#),
            ("SELECT s.id FROM S3Object s WHERE 8.5 IN s.depth[*]", ""),
            ("SELECT s.id FROM S3Object s WHERE (2, 3, 4) IN s.depth[*]", r#"{"id":1}|"#),
            (
                "SELECT s.depth[1], s.depth[0][2] FROM S3Object s WHERE s.depth[1][0] = 7",
                r#"{"_1":[7,8.5,9],"_2":4}|"#,
            ),
            ("SELECT s.id FROM S3Object s WHERE s.depth[1][0] <> 8", r#"{"id":1}|"#),
            ("SELECT s.log['Wind NW'] FROM S3Object s LIMIT 1", r#"{"Wind NW":7}|"#),
            (
                "SELECT s.log.\"Wind NW\" w FROM S3Object s WHERE s.log.\"Wind NW\" IS NOT MISSING",
                r#"{"w":7}|"#,
            ),
            ("SELECT s.log.\"wind nw\" FROM S3Object s", "{}|{}|{}|"),
            ("SELECT s.log.seas[1].h FROM S3Object s LIMIT 1", r#"{"h":2}|"#),
            ("SELECT s.log.seas[*].h FROM S3Object s LIMIT 1", r#"{"h":[1.5,2]}|"#),
            ("SELECT s.log.* FROM S3Object s LIMIT 1", r#"{"_1":[7,[{"h":1.5},{"h":2}]]}|"#),
            (
                "SELECT s.crew[0], s.crew[5], s.crew[*] FROM S3Object s LIMIT 1",
                r#"{"_1":"Ann","_3":["Ann","Bo"]}|"#,
            ),
            ("SELECT s.id FROM S3Object s WHERE s.log IS NULL", r#"{"id":2}|"#),
            ("SELECT s.id FROM S3Object s WHERE s.log.seas IS MISSING", r#"{"id":1}|{"id":2}|"#),
            ("SELECT s.id FROM S3Object s WHERE s.depth = MISSING", ""),
            ("SELECT s.id[0], s.crew.x, s.log[0] FROM S3Object s", "{}|{}|{}|"),
            ("SELECT h FROM S3Object[*].log.seas[*].h", r#"{"h":1.5}|{"h":2}|{}|{}|"#),
            ("SELECT h FROM S3Object[*].log.seas[*].h WHERE h IS NOT MISSING", r#"{"h":1.5}|{"h":2}|"#),
            ("SELECT H FROM S3Object[*].LOG.Seas[*].H LIMIT 1", r#"{"H":1.5}|"#),
            ("SELECT w FROM S3Object[*].log['Wind NW'] AS w LIMIT 1", r#"{"w":7}|"#),
            ("SELECT _1.h FROM S3Object[*].log.seas[*] LIMIT 1", r#"{"h":1.5}|"#),
            ("SELECT c FROM S3Object[*].crew[*] c WHERE c LIKE '%n%'", r#"{"c":"Ann"}|"#),
            ("SELECT COUNT(*) FROM S3Object[*].crew[*]", r#"{"_1":3}|"#),
            ("SELECT COUNT(*), COUNT(s.depth), COUNT(0) FROM S3Object s", r#"{"_1":3,"_2":1,"_3":3}|"#),
            ("SELECT SUM(s.id) FROM S3Object s WHERE 'Ann' IN s.crew[*] OR s.id = 2", r#"{"_1":2}|"#),
            (
                "SELECT AVG(_1.h), MIN(_1.h), MAX(_1.h) FROM S3Object[*].log.seas[*]",
                r#"{"_1":1.75,"_2":1.5,"_3":2}|"#,
            ),
            ("SELECT * FROM S3Object[*].crew", r#"{"_1":["Ann","Bo"]}|{"_1":["Cy"]}|{}|"#),
            ("SELECT * FROM S3Object[*].crew[1]", r#"{"_1":"Bo"}|{}|{}|"#),
            ("SELECT * FROM S3Object[*].log.seas[*] LIMIT 1", r#"{"h":1.5}|"#),
            ("SELECT COUNT(*) FROM S3Object LIMIT 1", r#"{"_1":3}|"#),
            ("SELECT * FROM S3Object LIMIT 0", ""),
            ("SELECT * FROM S3Object.crew", "InvalidKeyPath"),
            ("SELECT * FROM S3Object[0]", "InvalidKeyPath"),
        ],
    );
}

#[test]
fn members_of_one_name() {
    both(
        "{\"a\":1,\"a\":2,\"b\":3}\n",
        &[
            ("SELECT s.a FROM S3Object s", r#"{"a":1}|"#),
            ("SELECT * FROM S3Object", r#"{"a":1,"a":2,"b":3}|"#),
            ("SELECT * FROM S3Object[*].a", r#"{"_1":1}|"#),
        ],
    );
    both(
        "{\"NAME\":1,\"name\":2}\n",
        &[
            ("SELECT s.name FROM S3Object s", "AmbiguousFieldName"),
            ("SELECT s.Name FROM S3Object s", "AmbiguousFieldName"),
            ("SELECT s.\"NAME\" FROM S3Object s", r#"{"NAME":1}|"#),
            ("SELECT s.\"name\" FROM S3Object s", r#"{"name":2}|"#),
            ("SELECT s.\"Name\" FROM S3Object s", "{}|"),
        ],
    );
    // A name is what its escapes say, wherever it stands.
    for object in ["{\"\\u0061\":1,\"a\":2}\n", "{\"a\":1,\"\\u0061\":2}\n"] {
        both(
            object,
            &[
                ("SELECT s.a FROM S3Object s", r#"{"a":1}|"#),
                ("SELECT v FROM S3Object[*].a v", r#"{"v":1}|"#),
            ],
        );
        both(&format!("{{\"o\":{}}}\n", object.trim()), &[("SELECT s.o.a FROM S3Object s", r#"{"a":1}|"#)]);
    }
}

#[test]
fn roots_of_every_kind() {
    for (object, expected) in [
        (
            "1 \"two\" [3] true null {\"a\":4}",
            r#"{"_1":1}|{"_1":"two"}|{"_1":[3]}|{"_1":true}|{"_1":null}|{"a":4}|"#,
        ),
        ("[]", r#"{"_1":[]}|"#),
        ("{}", "{}|"),
        ("", ""),
        (" \n\t\n", ""),
        ("{\"a\":1}\r\n\r\n{\"a\":2}\r\n", r#"{"a":1}|{"a":2}|"#),
        ("\u{feff}{\"a\":1}", r#"{"a":1}|"#),
        ("{ \"b\" : [ 1 , 2 ] ,\t\"a\" : \"x y\" }", r#"{"b":[1,2],"a":"x y"}|"#),
        ("{\"n\":[1.0,1e3,-0,0.10]}", r#"{"n":[1.0,1e3,-0,0.10]}|"#),
        ("{\"s\":\"\\u00e9\\ud83d\\ude00<&>'\\/\"}", "{\"s\":\"\\u00e9\\ud83d\\ude00<&>'\\/\"}|"),
    ] {
        both(object, &[("SELECT * FROM S3Object", expected), ("SELECT s.* FROM S3Object s", expected)]);
    }
    both(
        "[{\"id\":1},{\"id\":2}]\n",
        &[
            ("SELECT * FROM S3Object[*][*]", r#"{"id":1}|{"id":2}|"#),
            ("SELECT s.id FROM S3Object[*][*] s WHERE s.id = 2", r#"{"id":2}|"#),
            ("SELECT s.id FROM S3Object[*][0] s", r#"{"id":1}|"#),
            ("SELECT s.id FROM S3Object[*]._1[*] s", r#"{"id":1}|{"id":2}|"#),
            ("SELECT COUNT(*) FROM S3Object[*]", r#"{"_1":1}|"#),
            ("SELECT s[1].id FROM S3Object s", r#"{"id":2}|"#),
        ],
    );
    both(
        "{\"s\":\"\\u00e9\\ud83d\\ude00\\n\"}\n",
        &[
            ("SELECT s.s FROM S3Object s WHERE s.s = 'é😀\n'", "{\"s\":\"é😀\\n\"}|"),
            ("SELECT CHAR_LENGTH(s.s) n FROM S3Object s", r#"{"n":3}|"#),
        ],
    );
}

#[test]
fn records_as_csv() {
    for input in [InputFormat::JsonDocument, InputFormat::JsonLines] {
        check(
            FLEET,
            &input,
            true,
            &[
                ("SELECT s.id, s.crew FROM S3Object s LIMIT 1", "0,\"[\"\"Ann\"\",\"\"Bo\"\"]\"|"),
                ("SELECT s.id, s.log, s.gone FROM S3Object s WHERE s.id = 2", "2,,|"),
                ("SELECT s.gone FROM S3Object s", "|||"),
                ("SELECT TRUE, 1.50, 'a b', 'a,b' FROM S3Object LIMIT 1", "true,1.50,a b,\"a,b\"|"),
                ("SELECT * FROM S3Object WHERE id = 2", "2,2,|"),
            ],
        );
    }
}

#[test]
fn values_of_several_kinds() {
    both(
        "{\"id\":0,\"v\":false}\n{\"id\":1,\"v\":true}\n{\"id\":2,\"v\":42}\n{\"id\":3,\"v\":\"true\"}\n{\"id\":4}\n",
        &[
            ("SELECT id FROM S3Object WHERE v = TRUE", r#"{"id":1}|"#),
            ("SELECT COUNT(id) n FROM S3Object WHERE v != TRUE", r#"{"n":3}|"#),
            ("SELECT id FROM S3Object WHERE v > 41", r#"{"id":2}|"#),
            ("SELECT id FROM S3Object WHERE v LIKE 't%'", "LikeInvalidInputs"),
            ("SELECT SUM(v) FROM S3Object", "IncorrectSqlFunctionArgumentType"),
            ("SELECT COUNT(v), COUNT(*) FROM S3Object", r#"{"_1":4,"_2":5}|"#),
            ("SELECT MAX(v) FROM S3Object WHERE id > 1", "IncorrectSqlFunctionArgumentType"),
            (
                "SELECT SUM(v), AVG(v), MIN(v) FROM S3Object WHERE id = 4",
                r#"{"_1":null,"_2":null,"_3":null}|"#,
            ),
            ("SELECT COUNT(*), SUM(id) FROM S3Object WHERE id > 9", r#"{"_1":0,"_2":null}|"#),
        ],
    );
}
