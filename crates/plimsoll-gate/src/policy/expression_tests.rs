use super::*;

/// Some fields with values; those that are missing here are missing.
fn datum(field: Field) -> Option<Datum> {
    match field {
        Field::Severity => Some(Datum::Level(Severity::High)),
        Field::Kev => Some(Datum::Truth(true)),
        Field::Fixable => Some(Datum::Truth(false)),
        Field::Cvss => Some(Datum::Number(7.5)),
        Field::Package => Some(Datum::Text("openssl".to_owned())),
        Field::Path => Some(Datum::Text("usr/lib/a.jar".to_owned())),
        Field::FixState => Some(Datum::Text("will_not_fix".to_owned())),
        Field::Aliases => Some(Datum::Texts(vec!["GHSA-1".to_owned(), "PYSEC-1".to_owned()])),
        Field::Today => Some(Datum::Text("2026-03-01".to_owned())),
        _ => None,
    }
}

fn holds(source: &str) -> Option<bool> {
    let expression = Expression::read(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}"));
    Evaluator::new().holds(&expression, datum).unwrap()
}

#[test]
fn conditions_over_what_is_known_hold_or_do_not() {
    for (source, expected) in [
        ("true", true),
        ("severity >= HIGH", true),
        ("severity > HIGH", false),
        ("HIGH <= severity && severity != CRITICAL", true),
        ("severity in [HIGH, CRITICAL]", true),
        ("kev && !fixable", true),
        ("cvss >= 7", true),
        ("cvss >= 7.6", false),
        ("cvss * 2 == 15.0", true),
        ("cvss - 0.5 == 7.0", true),
        ("-cvss < 0", true),
        ("package == 'openssl'", true),
        ("'package' == package", false),
        ("package.startsWith(\"open\") && package.endsWith('ssl') && package.contains('ns')", true),
        ("path.like('usr/**') && like(path, '**/*.jar')", true),
        ("fix_state in ['will_not_fix', \"end_of_life\"]", true),
        ("'GHSA-1' in aliases", true),
        ("aliases.exists(a, a.startsWith('PYSEC-'))", true),
        ("aliases.all(a, a.startsWith('PYSEC-'))", false),
        ("aliases.exists_one(a, a.startsWith('PYSEC-'))", true),
        ("aliases.filter(a, a.startsWith('PYSEC-')).size() == 1", true),
        ("size(aliases.map(a, a.size())) == 2", true),
        ("today >= '2026-03-01' && today < '2026-03-02'", true),
        ("kev ? fixable : kev", false),
        ("known(cvss) && !known(epss)", true),
        ("known(package)", true),
        ("package == 'a)(((((((((((((' || id == \"\\\"((((((((((((((((\" || kev", true),
    ] {
        assert_eq!(holds(source), Some(expected), "{source}");
    }
}

#[test]
fn what_nobody_has_said_is_neither_true_nor_false() {
    for (source, expected) in [
        ("epss > 0.1", None),
        ("epss <= 0.1", None),
        ("!(epss > 0.1)", None),
        ("epss == 0.0", None),
        ("epss > 0.1 || kev", Some(true)),
        ("kev || epss > 0.1", Some(true)),
        ("fixable || epss > 0.1", None),
        ("epss > 0.1 && fixable", Some(false)),
        ("fixable && epss > 0.1", Some(false)),
        ("kev && epss > 0.1", None),
        ("known(epss) && epss > 0.1", Some(false)),
        ("kev_due < today", None),
        ("new ? kev : fixable", None),
        ("fixed_version.like('*')", None),
        ("like(fixed_version, '*')", None),
        ("licence.exists(l, l == 'MIT')", None),
        ("'MIT' in licence", None),
        ("fixed_version in ['1']", None),
        ("fixed_version.size() == 1", None),
        ("aliases.exists(a, a == fixed_version)", None),
        ("aliases.exists(a, a == fixed_version || a == 'PYSEC-1')", Some(true)),
    ] {
        assert_eq!(holds(source), expected, "{source}");
    }
}

#[test]
fn a_severity_that_nobody_has_said_has_no_place_in_the_order() {
    let unknown = |field: Field| (field == Field::Severity).then_some(Datum::Level(Severity::Unknown));
    for (source, expected) in [
        ("severity == UNKNOWN", Some(true)),
        ("severity in [UNKNOWN]", Some(true)),
        ("severity != HIGH", Some(true)),
        ("severity <= LOW", None),
        ("severity >= UNKNOWN", None),
        ("known(severity)", Some(false)),
    ] {
        let expression = Expression::read(source).unwrap();
        assert_eq!(Evaluator::new().holds(&expression, unknown).unwrap(), expected, "{source}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_was_meant() {
    for (source, offset, reason, hint) in [
        ("", 0, "expected a condition, found an empty text", ""),
        ("severty >= HIGH", 0, "expected a field, found `severty`", "`severity` was meant"),
        ("kev && packge == 'a'", 7, "expected a field, found `packge`", "`package` was meant"),
        ("severity >= high", 12, "expected a field, found `high`", "`HIGH` was meant"),
        ("severity >= 'high'", 12, "expected a level, found the text \"high\"", "`HIGH` was meant"),
        ("severity >= 7", 12, "expected a level, found a number", "`cvss` is a number"),
        ("cvss", 0, "expected a condition that is true or false, found a number", ""),
        ("kev && cvss", 7, "expected true or false, found a number", ""),
        ("cvss == 'high'", 5, "cannot compare a number with a text", ""),
        ("version < '3.0'", 8, "expected numbers, levels or days, found a text", "versions are not ordered"),
        ("kev_due < 'soon'", 10, "expected a day as in \"2026-03-01\", found \"soon\"", ""),
        ("kev_due < '2026-02-30'", 10, "expected a day as in", ""),
        ("path.startsWith('/opt')", 16, "without a leading `/`", "write \"opt\""),
        ("path.like('/opt/**')", 10, "without a leading `/`", "write \"opt/**\""),
        ("kev || path == '/opt/a'", 15, "without a leading `/`", "write \"opt/a\""),
        ("path in ['a', '/opt/a']", 14, "without a leading `/`", ""),
        ("kind == 'debian'", 8, "expected `alpm`", ""),
        ("fix_state == 'wont_fix'", 13, "expected `fixed`", ""),
        ("fix_state in ['fixt']", 14, "expected `fixed`", "\"fixed\" was meant"),
        ("package in 'openssl'", 11, "expected a list, found a text", ".contains"),
        ("aliases.contains('a')", 16, "expected a text before `.contains`", "\"text\" in list"),
        ("package.matches('a.*')", 15, "no regular expressions", "`like`"),
        ("package.startWith('a')", 17, "expected `known`", "`startsWith` was meant"),
        ("epss == null", 8, "expected a value, found `null`", "`known(field)`"),
        ("finding.severity == HIGH", 7, "expected a field, found its part `severity`", ""),
        ("cvss / 2 > 1", 5, "`/` does not go with", ""),
        ("known(1)", 5, "expected one field in `known(…)`", ""),
        ("[1, 'a'].size() == 2", 4, "expected a number as before it, found a text", ""),
        ("aliases.exists(package, true)", 14, "", ""),
        ("{'a': 1}.size() == 1", 0, "", ""),
        ("kev // why", 4, "without comments", ""),
        ("id == r'a'", 6, "expected a text without `r` before it", ""),
        ("id == '''a'''", 6, "found three", ""),
        ("kev == true && (((((((((true)))))))))", 23, "expected at most 8 brackets", ""),
        ("size(aliases) + 1 == 2", 14, "`+` does not go with", ""),
        ("risk == 5u", 8, "expected a number without `u`", ""),
        ("today == b'a'", 9, "expected a text without `b` before it", ""),
    ] {
        let fault = Expression::read(source).unwrap_err();
        assert!(fault.reason.contains(reason), "{source}: {fault:?}");
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{source}: {fault:?}");
        assert_eq!(fault.offset, offset, "{source}: {fault:?}");
    }
}

#[test]
fn what_is_no_expression_is_told_with_its_place() {
    for (source, offset, hint) in [
        ("severity >=", 11, ""),
        ("kev and fixable", 4, "write `&&` for `and`"),
        ("kev = true", 4, "write `==` to compare"),
        ("kev &&\n  fixable )", 17, ""),
        ("'unfinished", 0, ""),
        ("if (kev) { }", 0, ""),
    ] {
        let fault = Expression::read(source).unwrap_err();
        assert!(fault.reason.starts_with("expected a condition, found "), "{source}: {fault:?}");
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{source}: {fault:?}");
        assert_eq!(fault.offset, offset, "{source}: {fault:?}");
    }
}

#[test]
fn hostile_conditions_are_refused_and_end() {
    for source in [
        "(".repeat(5000),
        format!("{}kev{}", "(".repeat(8), ")".repeat(8)),
        format!("{}kev{}", "(kev || fixable && !(true == ".repeat(4), "))".repeat(4)),
        format!("{}kev == (kev == kev){}", "aliases.exists(a, ".repeat(7), ")".repeat(7)),
        format!("0{} == 1", " + 1".repeat(198)),
        format!("{}kev", "kev ? kev : ".repeat(199)),
        format!("kev{}", ".a".repeat(199)),
        format!("kev{}", ".a()".repeat(99)),
        format!("kev{}", "[0]".repeat(199)),
        "!".repeat(8000),
        "[".repeat(8000),
        "true &&".repeat(1000),
        format!("{}true", "true && ".repeat(1000)),
        format!("1{} == 1", " + 1".repeat(1900)),
        "a".repeat(9000),
        "\u{0}\u{1b}[31m".to_owned(),
        "kev ? ".repeat(1000),
    ] {
        // Some are conditions; none may panic or run on.
        if let Ok(expression) = Expression::read(&source) {
            let _ = Evaluator::new().holds(&expression, datum);
        }
    }
}

#[test]
fn arithmetic_that_overflows_is_an_error() {
    let expression = Expression::read("1e308 * 10 - 1e308 * 10 > 0").unwrap();
    assert!(Evaluator::new().holds(&expression, datum).is_err());
}

/// Makes conditions that are well formed, from a seed.
struct Sentences(u64);

impl Sentences {
    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let number = u64::try_from(words.len()).unwrap();
        words[usize::try_from(self.0 % number).unwrap()]
    }

    fn truth(&mut self, depth: u8) -> String {
        let form = if depth == 0 {
            "field"
        } else {
            self.pick(&["field", "and", "not", "order", "equal", "in", "some", "if", "like"])
        };
        match form {
            "and" => {
                let (one, other) = (self.truth(depth - 1), self.truth(depth - 1));
                format!("(({one}) {} ({other}))", self.pick(&["&&", "||", "==", "!="]))
            }
            "not" => format!("!({})", self.truth(depth - 1)),
            "order" => {
                let (one, other) = (self.number(depth - 1), self.number(depth - 1));
                format!("{one} {} {other}", self.pick(&["<", "<=", ">", ">=", "==", "!="]))
            }
            "equal" => format!("{} == {}", self.text(), self.text()),
            "in" => format!("{} in {}", self.text(), self.texts()),
            "some" => {
                let list = self.texts();
                format!(
                    "{list}.{}(x, x == {} || {})",
                    self.pick(&["exists", "all", "exists_one"]),
                    self.text(),
                    self.truth(depth - 1)
                )
            }
            "if" => {
                format!("({} ? {} : {})", self.truth(depth - 1), self.truth(depth - 1), self.truth(depth - 1))
            }
            "like" => {
                format!("{}.{}({})", self.text(), self.pick(&["like", "contains", "startsWith"]), self.text())
            }
            _ => self
                .pick(&[
                    "kev",
                    "fixable",
                    "new",
                    "true",
                    "severity >= HIGH",
                    "known(epss)",
                    "kev_due < today",
                    "direct",
                ])
                .to_owned(),
        }
    }

    fn number(&mut self, depth: u8) -> String {
        match if depth == 0 { "field" } else { self.pick(&["field", "sum", "minus"]) } {
            "sum" => {
                let (one, other) = (self.number(depth - 1), self.number(depth - 1));
                format!("({one} {} {other})", self.pick(&["+", "-", "*"]))
            }
            "minus" => format!("(-{})", self.number(depth - 1)),
            _ => self.pick(&["cvss", "epss", "risk", "1", "0.5", "age_days"]).to_owned(),
        }
    }

    fn text(&mut self) -> String {
        self.pick(&["package", "path", "id", "fixed_version", "'openssl'", "\"usr/**\""]).to_owned()
    }

    fn texts(&mut self) -> String {
        self.pick(&["aliases", "cwes", "licence", "['a', package]", "[id]", "aliases.filter(y, y != id)"])
            .to_owned()
    }
}

#[test]
fn what_passes_the_check_can_be_evaluated() {
    let evaluator = Evaluator::new();
    let mut sentences = Sentences(88_172_645_463_325_252);
    for _ in 0..400 {
        let source = sentences.truth(3);
        let expression = match Expression::read(&source) {
            Err(fault) if fault.reason.contains("brackets") => continue,
            read => read.unwrap_or_else(|fault| panic!("{source}: {fault:?}")),
        };
        let held = evaluator.holds(&expression, datum);
        assert!(held.is_ok(), "{source}: {held:?}");
    }
}
