//! Operators, and how firmly they bind.

use super::expressions;

#[test]
fn arithmetic() {
    expressions(&[
        ("2 + 3 * 4 - 7 / 2", "11"),
        ("(2 + 3) * 4", "20"),
        ("10 - 3 - 2", "5"),
        ("40 / 4 / 5", "2"),
        ("-2 * 3", "-6"),
        ("- -3", "3"),
        ("-(2 + 3)", "-5"),
        ("-s.crew", "-12"),
        ("+s.crew", "12"),
        ("17 % 5", "2"),
        ("-17 % 5", "-2"),
        ("17 % -5", "2"),
        ("0 % 3", "0"),
        ("9 - 7 % 4", "6"),
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("7.0 / 2", "3.5"),
        ("1.0 / 4.0 * .3", "0.075"),
        ("-4 + 0.5 + -0.25", "-3.75"),
        ("-4 - 0.5 - -0.25", "-4.25"),
        ("-5 * (0.5 - -0.25)", "-3.75"),
        ("1e2 + 1", "101"),
        ("s.crew + s.draft", "19.25"),
        ("1 + NULL", "null"),
        ("1 + s.gone", "MISSING"),
        ("NULL + s.gone", "MISSING"),
        ("1 / 0", "EvaluatorInvalidArguments"),
        ("1.5 % 0.0", "EvaluatorInvalidArguments"),
        ("s.ship * 2", "InvalidDataType"),
        ("'1' + 1", "InvalidDataType"),
        ("TRUE + 1", "InvalidDataType"),
        ("-s.ship", "InvalidDataType"),
        ("2 ^ 3", "LexerInvalidOperator"),
        ("2 +", "ParseUnexpectedKeyword"),
        ("1 + * 2", "ParseInvalidContextForWildcardInSelectList"),
    ]);
}

#[test]
fn comparisons() {
    expressions(&[
        ("1 < 2", "true"),
        ("2 <= 2.0", "true"),
        ("'b' > 'a'", "true"),
        ("'B' < 'a'", "true"),
        ("'10' < '9'", "true"),
        ("3 >= 4", "false"),
        ("3 <> 4", "true"),
        ("3 != 3", "false"),
        ("3 == 3", "true"),
        ("TRUE = TRUE", "true"),
        ("TRUE <> s.laden", "false"),
        ("s.ship = 'aurora'", "false"),
        ("LOWER(s.ship) = 'aurora'", "true"),
        ("1 = '1'", "false"),
        ("1 <> '1'", "true"),
        ("TRUE = 'true'", "false"),
        ("s.note = NULL", "null"),
        ("s.note <> 'x'", "null"),
        ("s.gone <> 'x'", "MISSING"),
        ("s.crew <= 9223372036854775807", "true"),
        ("s.crew >= -9223372036854775808", "true"),
        ("s.crew < 12.0000000000000000000000000000000001", "true"),
        // Chains go from left to right.
        ("1 = 1 = TRUE", "true"),
        ("1 < 2 = TRUE", "true"),
        ("FALSE = FALSE = TRUE", "true"),
        ("s.ship = 'Aurora' = TRUE", "true"),
        // Moments, however they are written.
        ("`2019-05-17T04:45:30.250Z` = s.sailed", "true"),
        ("CAST(s.sailed AS TIMESTAMP) < `2019-05-17T05:00Z`", "true"),
        ("`2019T` = `2019-01-01T00:00:00.000Z`", "true"),
        ("`2019-01-01T23:00-02:00` > `2019-01-02T00:59Z`", "true"),
        ("TO_TIMESTAMP('2019T') < TO_TIMESTAMP('2019-02T')", "true"),
        ("(1, 2) = (1, 2.0)", "true"),
        ("(1, 2) = (2, 1)", "false"),
        ("[1, 2] = s.holds[0]", "true"),
        ("(3, 4.5) <> s.holds[0]", "true"),
    ]);
}

#[test]
fn between_and_in() {
    expressions(&[
        ("3 BETWEEN 1 AND 3", "true"),
        ("3 BETWEEN 4 AND 5", "false"),
        ("3 BETWEEN 5 AND 1", "false"),
        ("3 NOT BETWEEN 4 AND 5", "true"),
        ("'m' BETWEEN 'a' AND 'z'", "true"),
        ("s.crew BETWEEN 1 + 1 AND 6 * 2 AND s.laden", "true"),
        ("NOT s.crew BETWEEN 1 AND 11 OR FALSE", "true"),
        ("`2019-03T` BETWEEN `2019T` AND `2020T`", "true"),
        ("s.note BETWEEN 1 AND 2", "null"),
        ("10 IN (5.0 * 2.0, 12 + 1)", "true"),
        ("10 NOT IN (1, 2)", "true"),
        ("NOT 10 IN (1, 2)", "true"),
        ("s.ship IN ('Aurora')", "true"),
        ("s.crew * 2 IN (s.crew + 12, 1)", "true"),
        ("s.crew IN [11, 12]", "true"),
        ("'rope' IN s.cargo", "true"),
        ("'rope' IN s.cargo[*]", "true"),
        ("'rope' IN (s.cargo[0], s.cargo[1])", "true"),
        ("'rope' NOT IN s.cargo", "false"),
        ("2 IN s.holds[*][*]", "true"),
        ("2 IN s.holds[*]", "false"),
        ("4.5 IN s.holds[1]", "true"),
        ("(4 + 0.5) IN s.holds[1][*]", "true"),
        ("(3, 4.5) IN s.holds", "true"),
        ("[3, 4.5] IN s.holds[*]", "true"),
        ("(3, 4.5) IN s.holds[1]", "false"),
        ("'Bergen' IN s.port.*", "true"),
        ("1 IN (1, NULL)", "true"),
        ("2 IN (1, NULL)", "null"),
        ("1 IN s.gone", "MISSING"),
        ("1 IN s.gone[*]", "MISSING"),
        ("(1 IN (1)) = TRUE", "true"),
        ("1 IN ()", "ParseUnexpectedOperator"),
        ("1 IN 2", "ParseExpectedLeftParenValueConstructor"),
        ("1 IN -s.crew", "ParseExpectedLeftParenValueConstructor"),
        ("1 IN NOT s.laden", "ParseExpectedLeftParenValueConstructor"),
        ("'rope' IN COALESCE(s.gone, s.cargo)", "true"),
        ("'rope' IN CASE WHEN s.laden THEN s.cargo END", "true"),
        ("3 BETWEEN 1", "ParseExpectedKeyword"),
    ]);
}

#[test]
fn like() {
    expressions(&[
        ("s.ship LIKE 'A%a'", "true"),
        ("s.ship LIKE '_urora'", "true"),
        ("s.ship LIKE '______'", "true"),
        ("s.ship LIKE '_____'", "false"),
        ("s.ship LIKE '%%%ror%%'", "true"),
        ("s.ship LIKE 'aurora'", "false"),
        ("s.ship LIKE 'Auro'", "false"),
        ("s.ship NOT LIKE '%z%'", "true"),
        ("NOT s.ship LIKE '%z%'", "true"),
        ("s.ship LIKE '%a' = TRUE", "true"),
        ("'' LIKE '%'", "true"),
        ("'' LIKE '_'", "false"),
        ("'மரம்' LIKE 'ம%'", "true"),
        ("'50%' LIKE '50!%' ESCAPE '!'", "true"),
        ("'500' LIKE '50!%' ESCAPE '!'", "false"),
        ("'x_y' LIKE '%$_y' ESCAPE '$'", "true"),
        ("'a#b' LIKE 'a##b' ESCAPE '#'", "true"),
        ("'_ar' LIKE '%_ar' ESCAPE '%'", "true"),
        ("'bar' LIKE '%_ar' ESCAPE '%'", "false"),
        ("'a\\b' LIKE 'a\\b'", "true"),
        ("'rope' LIKE s.cargo[1]", "true"),
        ("'rope' LIKE SUBSTRING('ro%x', 1, 3)", "true"),
        ("'a#b' LIKE LOWER('A##B') ESCAPE '#'", "true"),
        ("'a_b' LIKE 'a!_b' ESCAPE SUBSTRING('?!', 2)", "true"),
        // Classes of characters, which others have, are characters here.
        ("'b' LIKE '[a-c]'", "false"),
        ("s.note LIKE 'x'", "null"),
        ("s.gone LIKE 'x'", "MISSING"),
        ("s.ship LIKE NULL", "null"),
        ("s.crew LIKE '1%'", "LikeInvalidInputs"),
        ("s.ship LIKE 1", "LikeInvalidInputs"),
        ("'a' LIKE 'b!' ESCAPE '!'", "EvaluatorLikePatternInvalidEscapeSequence"),
        ("'a' LIKE '!b' ESCAPE '!'", "EvaluatorLikePatternInvalidEscapeSequence"),
        ("'a' LIKE 'b' ESCAPE 'xy'", "EvaluatorLikePatternInvalidEscapeSequence"),
        ("'a' LIKE 'b' ESCAPE ''", "EvaluatorLikePatternInvalidEscapeSequence"),
    ]);
}

#[test]
fn logic() {
    expressions(&[
        ("TRUE AND FALSE", "false"),
        ("TRUE OR FALSE AND FALSE", "true"),
        ("(TRUE OR FALSE) AND FALSE", "false"),
        ("1 = 1 OR 2 = 2 AND 2 = 4", "true"),
        ("NOT TRUE OR TRUE", "true"),
        ("NOT NOT s.laden", "true"),
        ("NOT 1 > 2", "true"),
        ("NOT (1 > 2) = TRUE", "true"),
        ("NOT (1 > 2) = (NOT FALSE)", "true"),
        ("NOT (NOT (1 < 3)) IS NOT NULL", "false"),
        ("NULL OR TRUE", "true"),
        ("NULL OR FALSE", "null"),
        ("TRUE AND NULL", "null"),
        ("FALSE AND NULL", "false"),
        ("NOT NULL", "null"),
        ("(NULL > 1) IS NULL", "true"),
        ("(NULL > 2 AND 1 = 0) IS NOT NULL", "true"),
        ("(5 < 4 OR NULL <= 3) IS NULL", "true"),
        ("(5 > 4 OR NULL <= 3)", "true"),
        ("s.laden AND s.crew > 1", "true"),
        ("s.ship OR TRUE", "InvalidDataType"),
        ("1 AND TRUE", "InvalidDataType"),
    ]);
}

#[test]
fn is() {
    expressions(&[
        ("s.note IS NULL", "true"),
        ("s.note IS NOT NULL", "false"),
        ("s.note IS MISSING", "false"),
        ("s.gone IS NULL", "true"),
        ("s.gone IS MISSING", "true"),
        ("s.gone IS NOT MISSING", "false"),
        ("s.port.gone IS MISSING", "true"),
        ("s.cargo[9] IS MISSING", "true"),
        ("s.cargo[9] IS NULL", "true"),
        ("s.cargo IS NOT NULL", "true"),
        ("s.laden IS TRUE", "true"),
        ("s.laden IS NOT FALSE", "true"),
        ("s.note IS TRUE", "false"),
        ("s.ship IS NOT ''", "true"),
        ("1 + NULL IS NULL", "true"),
        ("NULLIF(1, 1) IS NULL", "true"),
        ("NOT NULLIF(1, 2) IS NULL", "true"),
        ("(s.crew = 12) IS NULL", "false"),
        ("s.note IS 1", "ParseUnexpectedTerm"),
    ]);
}

#[test]
fn concatenation() {
    expressions(&[
        ("s.ship || ' of ' || s.port.name", "\"Aurora of Bergen\""),
        ("'a' || '' || 'b' = 'ab'", "true"),
        ("'a' || NULL", "null"),
        ("'a' || s.gone", "MISSING"),
        ("'n' || 1", "InvalidDataType"),
        ("'n' || CAST(1 AS STRING)", "\"n1\""),
    ]);
}

#[test]
fn case() {
    expressions(&[
        ("CASE s.crew WHEN 1 THEN 'a' WHEN 12 THEN 'b' ELSE 'c' END", "\"b\""),
        ("CASE s.crew + 1 WHEN 1 THEN 'a' ELSE 'c' END", "\"c\""),
        ("CASE s.crew WHEN 1 THEN 'a' END", "null"),
        ("CASE 2 + 1 WHEN 3 + 4 THEN 'x' WHEN 3 THEN 'y' END", "\"y\""),
        ("CASE WHEN s.crew > 20 THEN 'big' WHEN s.crew > 10 THEN 'fair' ELSE 'small' END", "\"fair\""),
        ("CASE WHEN s.note THEN 1 ELSE 2 END", "2"),
        ("CASE s.note WHEN NULL THEN 1 ELSE 2 END", "2"),
        ("CASE WHEN s.note IS NULL THEN NULL ELSE CAST(s.note AS INT) END", "null"),
        ("CASE WHEN TRUE THEN CASE WHEN FALSE THEN 1 ELSE 2 END * 10 ELSE 0 END + 1", "21"),
        ("CASE s.ship WHEN '' THEN NULL ELSE CHAR_LENGTH(s.ship) END = 6", "true"),
        // What is not chosen is not evaluated.
        ("CASE WHEN TRUE THEN 1 ELSE 1 / 0 END", "1"),
        ("CASE WHEN s.crew THEN 1 END", "InvalidDataType"),
        ("CASE s.crew ELSE 1 END", "ParseExpectedWhenClause"),
        ("CASE WHEN TRUE 1 END", "ParseExpectedKeyword"),
        ("CASE WHEN TRUE THEN 1", "ParseExpectedKeyword"),
    ]);
}
