use super::*;

/// The page that tells users the rule.
const PAGE: &str = include_str!("../../../docs/commit-trigger.md");

/// What a message asks for, in words: images, then `refused` words, then `not`.
fn said(message: &str) -> String {
    let asked = images(message).unwrap();
    let mut parts: Vec<String> = asked.images.iter().map(Mention::shown).collect();
    parts.extend(asked.refused.iter().map(|told| format!("refused: {}", told.found)));
    parts.extend(asked.passed_over.iter().map(|told| format!("{}, no image", told.found)));
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

#[test]
fn the_table_of_the_page_is_true() {
    let unquoted = |cell: &str| {
        let cell = cell.trim();
        let code = cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``"));
        let code = code.or_else(|| cell.strip_prefix('`')?.strip_suffix('`'));
        code.unwrap_or(cell).replace("\\n", "\n").replace("\\|", "|")
    };
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| message |")).skip(2);
    let mut count = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [message, expected] = cells[..] else { panic!("expected two columns in {row}") };
        let expected = expected.trim().replace('`', "");
        assert_eq!(said(&unquoted(message)), expected, "{row}");
        count += 1;
    }
    assert!(count > 20, "{count} rows");
}

#[test]
fn images_come_in_the_order_of_their_first_mention_and_once() {
    assert_eq!(said("::b ::a:1 ::b:latest\n\n::a:1 ::docker.io/library/b ::c"), "b:latest; a:1; c:latest");
    let asked = images("one\n  two ::a\n\u{e9}: `::b`").unwrap();
    let places: Vec<(usize, usize)> =
        asked.images.iter().map(|mention| (mention.place.line, mention.place.column)).collect();
    assert_eq!(places, [(2, 7), (3, 5)]);
}

#[test]
fn names_of_folders_and_reports() {
    let hex = "4f".repeat(32);
    for (text, name, report) in [
        ("mysql", "mysql", "mysql_latest_results.json"),
        ("org/name:1.2", "org/name", "org_name_1.2_results.json"),
        ("registry.example:5000/team/app:v1", "team/app", "team_app_v1_results.json"),
        ("localhost/app", "app", "app_latest_results.json"),
        (&format!("app@sha256:{hex}"), "app", &format!("app_sha256_{hex}_results.json")),
    ] {
        let asked = images(&format!("::{text}")).unwrap();
        assert_eq!((&*asked.images[0].name(), &*asked.images[0].report_name()), (name, report), "{text}");
        assert_eq!(asked.images[0].is_buildable(), !text.contains('@'));
    }
    let long = images(&format!("::{}:{}", "a".repeat(200), "b".repeat(128))).unwrap();
    assert!(long.images[0].report_name().len() <= 255);
}

#[test]
fn what_is_hostile_is_refused_with_its_place_and_shown_harmlessly() {
    for text in [
        "::$(rm -rf):x",
        "::$(id)",
        "::`id`",
        "::mysql;id",
        "::mysql&&id",
        "::a|b",
        "::-x",
        "::--privileged",
        "::../../etc",
        "::/etc/passwd",
        "::a/../b",
        "::a:../x",
        "::a\u{0}b",
        "::a\u{1b}[31m",
        "::a\u{200b}b",
        "::a\u{202e}b",
        "::Mysql",
        "::https://registry.example/app",
        "::app@sha256:12",
        "::a,b",
        "::a:b:c",
        "::app/",
        "::@",
        "::%2e%2e",
        "::a\\b",
        "::${IMAGE}",
        "::m\u{fc}ller",
    ] {
        let asked = images(&format!("x\n{text}")).unwrap();
        assert!(asked.images.is_empty(), "{text:?}: {asked:?}");
        let [told] = &asked.refused[..] else { panic!("{text:?}: {asked:?}") };
        assert_eq!(told.place, Place { line: 2, column: 1 }, "{text:?}");
        assert!(told.text.chars().all(|c| c.is_ascii_graphic() || c.is_alphanumeric()), "{:?}", told.text);
    }
    for long in [format!("::{}", "a".repeat(300)), format!("::a:{}", "b".repeat(129))] {
        let asked = images(&long).unwrap();
        assert!(asked.images.is_empty() && asked.refused[0].text.chars().count() < 70, "{asked:?}");
    }
}

#[test]
fn there_is_an_end_to_all_of_it() {
    assert_eq!(images(&"x".repeat(1 << 20)), Err(TooLong { bytes: 1 << 20 }));
    let many: Vec<String> = (0..1000).map(|number| format!("::a{number}")).collect();
    let asked = images(&many.join(" ")).unwrap();
    assert_eq!(
        (asked.images.len(), asked.refused.len() + asked.more_refused),
        (MAX_IMAGES, 1000 - MAX_IMAGES)
    );
    assert_eq!(asked.refused.len(), MAX_TOLD);
    // A message of marks alone takes no longer than its length.
    for text in
        [":".repeat(MAX_MESSAGE_BYTES), ":: ".repeat(20_000), ",::".repeat(20_000), "`::".repeat(20_000)]
    {
        assert!(images(&text).unwrap().images.is_empty());
    }
}

#[test]
fn whatever_a_message_holds_what_is_read_of_it_is_read_again_the_same() {
    let parts = [
        "::",
        ":",
        "a",
        "Z",
        "9",
        "/",
        ".",
        "@",
        "-",
        "_",
        " ",
        "\n",
        "`",
        "'s",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        "#",
        "*",
        "\u{e9}",
        "\u{2019}",
        "ffff",
        "10.0.0.1",
        "docker.io/",
        "r.example:5000/",
        "\r",
        "\t",
        "$",
        "\\",
        "::a:1",
        "latest",
    ];
    // Numbers of a linear congruential generator: the same on every machine.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut count = 0;
    for _ in 0..20_000 {
        let length = 1 + next(14);
        let message: String = (0..length).map(|_| parts[next(parts.len())]).collect();
        let asked = images(&message).unwrap();
        for mention in &asked.images {
            let again = images(&format!("see ::{}.", mention.reference)).unwrap();
            assert_eq!(again.images.len(), 1, "{message:?}");
            assert_eq!(again.images[0].reference, mention.reference, "{message:?}");
            assert!(mention.name().split('/').all(|part| !part.is_empty() && !part.starts_with(['.', '-'])));
            count += 1;
        }
    }
    assert!(count > 500, "{count} images");
}
