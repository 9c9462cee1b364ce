use super::*;
use crate::policy::Flags;

fn rule_with(line: &str) -> String {
    format!("[[policy.rules]]\nname = \"a\"\nwhen = \"kev\"\naction = \"fail\"\n{line}\n")
}

#[test]
fn rules_are_read_in_their_order() {
    let text = "[policy]\nstrict = true\n[[policy.rules]]\nname = \"kev\"\nwhen = 'kev && fixable'\naction = \"fail\"\n\
                reason = \"exploited\"\nafter = \"2w\"\n[[policy.rules]]\nname = \"docs\"\nwhen = \"path.like('doc/**')\"\n\
                action = \"ignore\"\n";
    let policy = Policy::from_file("p.toml", text).unwrap();
    let found: Vec<(&str, Action, u16, &str)> = policy
        .rules()
        .iter()
        .map(|rule| (rule.name.as_str(), rule.action, rule.after_days, rule.origin.as_str()))
        .collect();
    assert_eq!(found, [("kev", Action::Fail, 14, "p.toml:3"), ("docs", Action::Ignore, 0, "p.toml:9")]);
    assert!(policy.strict);
}

#[test]
fn what_is_wrong_is_told_with_line_column_and_rule() {
    for (text, line, column, message) in [
        ("", 1, 1, "expected a table `[policy]`, found none"),
        ("policy = 3", 1, 10, "expected `[policy]` to be a table, found integer"),
        ("[policy]\n", 1, 1, "expected rules, a preset or `strict = true`"),
        ("[policy]\nstric = true\n", 2, 1, "unknown field `stric`"),
        ("[policy]\nstrict = 1\n", 2, 10, "expected `strict` to be true or false"),
        ("[policy]\npreset = \"lax\"\n", 2, 10, "expected preset `strict`, `production` or `pragmatic`"),
        ("[polcy]\n", 1, 2, "unknown field `polcy`"),
        ("[policy]\nrules = 3\n", 2, 9, "expected `rules` to be `[[rules]]` tables"),
        (
            "[[policy.rules]]\nwhen = \"kev\"\naction = \"fail\"\n",
            1,
            1,
            "rule 1: expected `name`, found none",
        ),
        ("[[policy.rules]]\nname = \"\"\n", 2, 8, "rule 1: expected `name`, found an empty text"),
        (
            "[[policy.rules]]\nname = \"a\"\naction = \"fail\"\n",
            1,
            1,
            "rule `a`: expected `when`, found none",
        ),
        ("[[policy.rules]]\nname = \"a\"\nwhen = \"kev\"\n", 1, 1, "rule `a`: expected `action`, found none"),
        (&rule_with("whem = \"kev\""), 5, 1, "rule `a`: unknown field `whem`"),
        (&rule_with("after = \"14\""), 5, 9, "rule `a`: expected `after` in days or weeks"),
        (&rule_with("after = \"0d\""), 5, 9, "expected `after`"),
        (&rule_with("after = \"99999d\""), 5, 9, "expected `after`"),
        (&rule_with("after = 14"), 5, 9, "found `integer`"),
        (&rule_with("reason = \"a\\u001b[31m\""), 5, 10, "without control characters"),
        (
            &rule_with("").replace("fail", "block"),
            4,
            10,
            "expected action `fail`, `warn` or `ignore`, found `block`",
        ),
        (
            &rule_with("after = \"3d\"").replace("fail", "ignore"),
            5,
            9,
            "expected `after` with `fail` or `warn` only",
        ),
        (&rule_with(&rule_with("")), 5, 1, "rule `a`: expected another name"),
        (
            &rule_with("").replace("\"kev\"", "\"kev && severty > LOW\""),
            3,
            16,
            "rule `a`: expected a field, found `severty`",
        ),
        (&rule_with("").replace("\"kev\"", "\"id == \\\"x\\\" && seveity > LOW\""), 3, 24, "found `seveity`"),
        (&rule_with("").replace("\"kev\"", "'''\nkev\n  && sevrity > LOW'''"), 5, 6, "found `sevrity`"),
        (&rule_with("").replace("\"kev\"", "3"), 3, 8, "expected `when` to be a text, found integer"),
        ("[[policy.rules]\n", 1, 16, ""),
        ("<html>", 1, 7, ""),
    ] {
        let error = Policy::from_file("p.toml", text).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(message), "{text}: {told}");
        assert_eq!((error.line, error.column), (line, column), "{text}: {told}");
        assert!(told.starts_with("cannot read policy `p.toml`: line "), "{told}");
    }
}

#[test]
fn what_was_meant_is_a_hint_of_its_own() {
    let text = rule_with("").replace("\"kev\"", "\"severity >= HIHG\"");
    let error = Policy::from_file("p.toml", &text).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("`HIGH` was meant"));
}

#[test]
fn a_settings_file_may_hold_other_tables_and_no_policy() {
    assert!(Policy::from_settings("p", "fail-on = \"high\"\n").unwrap().is_none());
    let text = format!("fail-on = \"high\"\n{}", rule_with(""));
    assert_eq!(Policy::from_settings("p", &text).unwrap().unwrap().rules().len(), 1);
    assert!(Policy::from_settings("p", "policy = 1").is_err());
}

#[test]
fn every_preset_is_read_and_stands_behind_the_rules_of_its_file() {
    for preset in PRESETS {
        let policy = Policy::preset(preset.name).unwrap();
        assert!(policy.rules().iter().all(|rule| rule.origin == format!("preset {}", preset.name)));
        assert_eq!(policy.rules()[0].name, "malicious", "{}", preset.name);
    }
    assert!(Policy::preset("lax").is_none());
    let text = format!("[policy]\npreset = \"pragmatic\"\n{}", rule_with("").replace("\"a\"", "\"serious\""));
    let policy = Policy::from_file("p", &text).unwrap();
    let names: Vec<&str> = policy.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names[..2], ["serious", "malicious"]);
    assert_eq!(names.iter().filter(|name| **name == "serious").count(), 1);
}

#[test]
fn flags_stand_between_the_rules_of_a_file_and_its_preset() {
    let text = format!("[policy]\npreset = \"strict\"\n{}", rule_with(""));
    let flags = Flags { fail_on_kev: true, ignore_unfixed: true, ..Flags::default() };
    let policy = Policy::from_file("p", &text).unwrap().with_flags(&flags);
    let origins: Vec<&str> = policy.rules().iter().map(|rule| rule.origin.as_str()).collect();
    assert_eq!(origins[..4], ["p:3", "--fail-on-kev", "--ignore-unfixed", "preset strict"]);
}

#[test]
fn a_flag_is_told_from_a_rule_of_its_name() {
    let text =
        "[policy]\n[[policy.rules]]\nname = \"fail on HIGH or worse\"\nwhen = \"kev\"\naction = \"warn\"\n";
    let flags = Flags { fail_on: Some(plimsoll_model::Severity::High), ..Flags::default() };
    let policy = Policy::from_file("p", text).unwrap().with_flags(&flags);
    let names: Vec<&str> = policy.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["fail on HIGH or worse", "fail on HIGH or worse (--fail-on)"]);
}

#[test]
fn the_condition_of_every_flag_is_read() {
    for level in plimsoll_model::Severity::WORST_FIRST {
        let flags = Flags {
            fail_on: Some(level),
            ignore_unfixed: true,
            fail_on_kev: true,
            fail_on_new: true,
            strict: true,
        };
        assert_eq!(flags.rules().len(), 5);
        let policy = Policy::default().with_flags(&flags);
        assert!(policy.reads(crate::Field::New) && !policy.reads(crate::Field::Path));
    }
}
