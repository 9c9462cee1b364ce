use plimsoll_model::{
    Epss, Finding, FixState, Layer, Newness, Outcome, Package, PackageKind, Reference, Ruling, Scan,
    Severity, SeverityChoice, SeveritySource, Verdict,
};

use super::*;
use crate::sample;

fn html(scan: &Scan) -> String {
    sample::written(scan, write)
}

/// Findings of a scan that is large to a test.
const MANY: usize = 600;

/// A scan as large images have them: the findings of one flaw after the other, in packages of several kinds.
fn many(number: usize) -> Scan {
    let mut scan = sample::judged();
    let model = scan.findings[3].clone();
    scan.inventory.packages.clear();
    scan.findings.clear();
    scan.decision.rulings.clear();
    scan.decision.counts = plimsoll_model::SeverityCounts::default();
    scan.suppressed.clear();
    scan.advice = plimsoll_model::Advice::default();
    for index in 0..number {
        let (kind, path) = match index % 5 {
            0 => (PackageKind::Npm, format!("srv/app/node_modules/package-{}/package.json", index / 7)),
            1 => (PackageKind::Golang, "usr/local/bin/service".to_owned()),
            _ => (PackageKind::Deb, "var/lib/dpkg/status".to_owned()),
        };
        let mut package = Package::new(kind, format!("package-{}", index / 7), format!("1.{index}.0"), "x");
        package.path = path;
        let layer = Layer { diff_id: sample::digest('1'), index: index % 3 };
        package.layer = Some(layer.clone());
        package.introduced_in = Some(layer);
        scan.inventory.packages.push(package);
        let severity = Severity::WORST_FIRST[[0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5][index % 12]];
        let outcome =
            if severity >= Severity::High && index % 2 == 0 { Outcome::Failed } else { Outcome::Passed };
        scan.decision.counts.add(severity);
        scan.decision.rulings.push(Ruling {
            outcome,
            rule: if outcome == Outcome::Failed { "serious".to_owned() } else { String::new() },
            ..Ruling::default()
        });
        let part = u32::try_from(index).unwrap();
        scan.findings.push(Finding {
            id: format!("CVE-{}-{:04}", 2015 + index % 10, index),
            packages: vec![index],
            severity: SeverityChoice { severity, source: SeveritySource::Word("debian".to_owned()) },
            title: format!("the {index}th function of the parser reads behind the end of its buffer"),
            description: "In the Linux kernel, the following has been resolved: a length is checked. "
                .repeat(12),
            references: (0..8)
                .map(|link| Reference {
                    kind: "WEB".to_owned(),
                    url: format!("https://git.example/stable/c/{index:040x}{link}"),
                })
                .collect(),
            kev: model.kev.clone().filter(|_| index % 100 == 0),
            epss: (index % 9 > 0).then_some(Epss {
                probability: part * 7919 % 10_000 * 10 / (1 + part % 70),
                percentile: part % 100_000,
            }),
            fix: if index % 3 == 0 {
                FixState::NotFixed
            } else {
                FixState::Fixed(format!("1.{index}.1+deb12u2"))
            },
            risk: u16::try_from(index * 37 % 1000).unwrap(),
            new: Some(if index % 50 == 0 { Newness::Learnt } else { Newness::Known }),
            ..model.clone()
        });
    }
    scan
}

#[test]
fn golden_report() {
    expect_test::expect_file!["../../testdata/golden/report.html"].assert_eq(&html(&sample::judged()));
}

/// Elements that have no end.
const VOID: &[&str] = &["br", "col", "input", "link", "meta", "wbr"];

/// The tags of a page in their order, without what stands between them: `div`, `/div`. Attributes are given too.
fn tags(page: &str) -> Vec<(&str, &str)> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some((_, behind)) = rest.split_once('<') {
        let (tag, behind) = behind.split_once('>').unwrap();
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        tags.push((name, attributes));
        rest = behind;
        if matches!(name, "style" | "script") {
            let end = rest.find(&format!("</{name}>")).unwrap();
            rest = &rest[end..];
        }
    }
    tags
}

/// The values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    page.split(mark.as_str()).skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[test]
fn elements_are_closed_where_they_should_be() {
    for scan in [sample::judged(), sample::scan(), many(MANY), Scan::default()] {
        let page = html(&scan);
        let mut open = Vec::new();
        for (name, attributes) in tags(&page) {
            if let Some(end) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(end));
            } else if !VOID.contains(&name) && name != "!doctype" && !attributes.ends_with('/') {
                open.push(name);
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }
}

#[test]
fn nothing_foreign_becomes_markup() {
    let texts = [
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "</noscript></details><iframe src=//a.example></iframe>",
        "<!-- </style> -->",
        "\" onmouseover=\"alert(1)\" x='",
        "&lt;b&gt;&#60;i&#62;",
        "{{ 7 * 7 }}{% raw %}",
        "a\u{202e}gnp.exe\u{0}\u{1b}[2J\u{85}\u{2028}",
        "`<b>` `</code>`",
    ];
    // Beside a name that means nothing the page has the same elements, but for marks within a line.
    let elements = |text: &str| -> Vec<String> {
        let page = html(&hostile(text));
        let tags = tags(&page).into_iter().map(|(name, _)| name.trim_start_matches('/').to_owned());
        tags.filter(|name| !matches!(name.as_str(), "wbr" | "code")).collect()
    };
    let plain = elements("plain text");
    for text in texts {
        assert_eq!(elements(text), plain, "{text}");
        let page = html(&hostile(text));
        assert!(!page.contains("49{%") && !page.contains("onerror=alert(1)>"), "{text}");
        let count = |what: &str| page.matches(what).count();
        assert_eq!((count("<script>"), count("</script>"), count("<style>"), count("<!--")), (1, 1, 1, 0));
        for (_, attributes) in tags(&page) {
            assert!(!attributes.contains(" onmouseover=\""), "{attributes}");
        }
    }
}

/// The sample with that text wherever an image, an advisory or a configuration says something.
fn hostile(text: &str) -> Scan {
    let mut scan = sample::judged();
    scan.inventory.artifact.name = text.to_owned();
    scan.inventory.artifact.layers[0].created_by = text.to_owned();
    scan.inventory.base.as_mut().unwrap().name = text.to_owned();
    scan.inventory.os.as_mut().unwrap().pretty_name = text.to_owned();
    for package in &mut scan.inventory.packages {
        package.name = text.to_owned();
        package.version = text.to_owned();
        package.path = text.to_owned();
    }
    for finding in scan.findings.iter_mut().chain(scan.suppressed.iter_mut().map(|one| &mut one.finding)) {
        finding.id = text.to_owned();
        finding.title = text.to_owned();
        finding.description = text.to_owned();
        finding.aliases = vec![text.to_owned()];
        finding.cwes = vec![text.to_owned()];
        finding.references = vec![Reference { kind: text.to_owned(), url: text.to_owned() }];
        finding.evidence[0].note = text.to_owned();
        finding.evidence[0].range = text.to_owned();
        if let FixState::Fixed(version) = &mut finding.fix {
            text.clone_into(version);
        }
    }
    for ruling in &mut scan.decision.rulings {
        (ruling.rule, ruling.reason) = (text.to_owned(), text.to_owned());
        ruling.notes = vec![text.to_owned()];
    }
    scan.decision.rules = vec![text.to_owned()];
    for one in &mut scan.suppressed {
        (one.by, one.reason, one.remark, one.origin) =
            (text.to_owned(), text.to_owned(), text.to_owned(), text.to_owned());
    }
    for one in &mut scan.notices {
        (one.text, one.origin) = (text.to_owned(), text.to_owned());
    }
    for action in &mut scan.advice.actions {
        (action.title, action.path, action.remark) = (text.to_owned(), text.to_owned(), text.to_owned());
        action.lines = vec![text.to_owned()];
    }
    scan
}

#[test]
fn a_name_of_a_megabyte_is_cut() {
    let page = html(&hostile(&"x".repeat(1_000_000)));
    assert!(page.len() < 2_000_000, "{}", page.len());
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let mut scan = sample::judged();
    for url in ["javascript:alert(1)", "data:text/html,x", "//a.example/x", "https://a.example/\"><b>"] {
        scan.findings[0].references.push(Reference { kind: String::new(), url: url.to_owned() });
    }
    let page = html(&scan);
    for (name, attributes) in tags(&page) {
        assert!(
            !matches!(name, "img" | "iframe" | "object" | "embed" | "base" | "video" | "audio"),
            "{name}"
        );
        for forbidden in ["src=", "srcset=", "style=", "action=", "ping=", "xlink:"] {
            assert!(!format!(" {attributes}").contains(&format!(" {forbidden}")), "{name} {attributes}");
        }
        assert!(!attributes.split(' ').any(|one| one.starts_with("on") && one.contains('=')), "{attributes}");
    }
    for link in values(&page, "href") {
        let good =
            link.starts_with('#') || link.starts_with("https://") || link.starts_with("data:image/svg+xml,");
        assert!(good, "{link}");
    }
    for forbidden in ["url(", "@import", "@font-face", "</style"] {
        assert!(!STYLE.contains(forbidden), "{forbidden}");
    }
    for forbidden in ["fetch(", "XMLHttpRequest", "import(", "eval(", "</script", "<!--", "document.write"] {
        assert!(!SCRIPT.contains(forbidden), "{forbidden}");
    }
    // Four references cannot be linked, and are counted.
    assert!(page.contains("and 4 more, not linked here"));
}

#[test]
fn the_policy_names_the_digests_of_what_stands_in_the_page() {
    let page = html(&Scan::default());
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let content = page.split_once(&format!("<{element}>")).unwrap().1;
        let content = content.split_once(&format!("</{element}>")).unwrap().0;
        let digest = STANDARD.encode(Sha256::digest(content));
        assert!(policy().contains(&format!("{directive} 'sha256-{digest}'")), "{element}");
    }
    let content = values(&page, "content")[0].replace("&apos;", "'");
    assert_eq!(content, policy());
}

#[test]
fn links_labels_and_headings_lead_somewhere() {
    for scan in [sample::judged(), sample::scan(), Scan::default()] {
        let page = html(&scan);
        let mut ids = values(&page, "id");
        ids.sort_unstable();
        let unique = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), unique, "an id stands there twice");
        for attribute in ["for", "aria-labelledby"] {
            for id in values(&page, attribute) {
                assert!(ids.binary_search(&id).is_ok(), "{attribute}={id}");
            }
        }
        for link in values(&page, "href").iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(link.contains('=') || ids.binary_search(&link).is_ok(), "#{link}");
        }
        let mut level = 0;
        for (name, attributes) in tags(&page) {
            if let Some(next) = name.strip_prefix('h').and_then(|digit| digit.parse::<u8>().ok()) {
                assert!(next <= level + 1, "h{next} below h{level}");
                level = next;
            }
            assert!(name != "th" || attributes.contains("scope="), "{attributes}");
        }
    }
}

#[test]
fn every_filter_that_is_linked_has_its_control_and_its_rows() {
    let page = html(&sample::judged());
    for link in values(&page, "href").iter().filter_map(|link| link.strip_prefix('#')) {
        let Some((name, value)) = link.split_once('=') else { continue };
        assert!(page.contains(&format!(" name=\"{name}\"")), "{link}");
        let nought = page.contains(&format!("{value} nought"));
        let attribute = if name == "exploited" || name == "fix" {
            format!(" data-{name}=\"yes\"")
        } else {
            format!(" data-{name}=\"{value}\"")
        };
        assert!(nought || page.contains(&attribute), "{link}");
    }
    // What a scan does not know has no filter.
    let page = html(&sample::scan());
    for name in ["new", "from", "rule"] {
        assert!(!page.contains(&format!(" name=\"{name}\"")), "{name}");
    }
}

#[test]
fn many_findings_are_all_there_and_laid_out_when_seen() {
    let scan = many(MANY);
    let page = html(&scan);
    assert_eq!(page.matches("<tbody role=\"rowgroup\"").count(), MANY);
    assert!(page.contains("<table class=\"findings many\""));
    assert!(scan.findings.iter().all(|finding| page.contains(&finding.id)));
    assert!(page.contains(">600 findings<"), "the heading");
    assert!(html(&sample::judged()).contains("<table class=\"findings\""));
}

#[test]
fn the_worst_stands_first() {
    let page = html(&sample::judged());
    let rows: Vec<&str> = values(&page, "data-outcome");
    assert_eq!(rows, ["failed", "failed", "failed", "failed", "warned", "warned", "passed"]);
    let first = page.split_once("<tbody role=\"rowgroup\"").unwrap().1;
    assert!(first.find("CVE-2021-44228").unwrap() < first.find("CVE-2022-1292").unwrap());
}

#[test]
fn the_verdict_is_told_in_a_sentence() {
    let judged = sample::judged;
    let passed = |rules: &[&str]| {
        let mut scan = judged();
        scan.decision.verdict = Verdict::Passed;
        scan.decision.rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        scan.decision.rulings.clear();
        scan
    };
    let mut undecided = passed(&["a"]);
    undecided.decision.verdict = Verdict::Undecided;
    for (scan, sentence) in [
        (judged(), "4 findings fail the gate, 2 are warnings."),
        (passed(&["a"]), "No finding fails the gate."),
        (passed(&[]), "No rule was asked, so nothing could fail."),
        (
            undecided,
            "Nothing failed, but 4 things could not be read or decided, and the policy is strict about that.",
        ),
        (
            Scan::default(),
            "No package was found here, so nothing could be judged. That is not the same as clean.",
        ),
        (Scan::default(), "No advisory database was asked."),
    ] {
        assert!(html(&scan).contains(sentence), "{sentence}");
    }
}

#[test]
fn what_is_copied_has_the_line_breaks_of_what_is_run() {
    let mut scan = sample::judged();
    scan.advice.actions[0].lines =
        ["apt-get install a \\", "    b", "<x>\u{1b}[0m", "a\nb"].map(str::to_owned).to_vec();
    let page = html(&scan);
    let block = page.split_once("<pre tabindex=\"0\">").unwrap().1.split_once("</pre>").unwrap().0;
    let lines: Vec<&str> = block.lines().collect();
    assert_eq!(lines[..2], ["apt-get install a \\", "    b"]);
    assert!(lines[2].starts_with("&lt;x&gt;") && !lines[2].contains('\u{1b}'), "{block}");
    assert_eq!(lines.len(), 4, "a line is one line, whatever is in it: {block}");
}
