//! The HTML report in a browser: what its filters show, and that it asks nobody for anything.

use std::path::PathBuf;
use std::sync::OnceLock;

use plimsoll_real::{Opened, Plimsoll, Scratch, database, open_in_browser};

/// A report of a project with some old packages, and where it lies.
struct Page {
    file: PathBuf,
    text: String,
    _folder: Scratch,
}

fn page() -> &'static Page {
    static PAGE: OnceLock<Page> = OnceLock::new();
    PAGE.get_or_init(|| {
        let folder = Scratch::new();
        let project = folder.path("project");
        std::fs::create_dir_all(&project).expect("a folder of ours");
        let packages = "Jinja2==2.11.2\npillow==8.2.0\nrequests==2.25.1\nurllib3==1.26.4\n";
        std::fs::write(project.join("requirements.txt"), packages).expect("a file of ours");
        let database = database().path.display().to_string();
        let target = format!("dir:{}", project.display());
        let report = Plimsoll::bare(&["scan", &target, "--format", "html", "--db", &database]).bytes();
        let file = folder.path("report.html");
        std::fs::write(&file, &report).expect("a file of ours");
        let text = String::from_utf8(report).expect("a page is UTF-8");
        Page { file, text, _folder: folder }
    })
}

/// The rows of findings, each from its first tag on.
fn rows(document: &str) -> Vec<&str> {
    document.split("<tbody role=\"rowgroup\"").skip(1).collect()
}

/// The first tags of the rows that are seen.
fn seen(opened: &Opened) -> Vec<&str> {
    let tags = rows(&opened.document).into_iter().map(|row| row.split_once('>').expect("a tag ends").0);
    tags.filter(|tag| !tag.contains(" hidden=")).collect()
}

/// What the page says of how many are seen.
fn told(opened: &Opened) -> &str {
    let (_, behind) = opened.document.split_once("id=\"count\"").expect("the page counts");
    let (_, text) = behind.split_once('>').expect("a tag ends");
    text.split_once('<').expect("the element ends").0
}

fn assert_seen(page: &Page, fragment: &str, wanted: impl Fn(&str) -> bool) {
    let opened = open_in_browser(&page.file, fragment);
    let all = rows(&page.text);
    let expected = all.iter().filter(|row| wanted(row)).count();
    assert_eq!(seen(&opened).len(), expected, "rows for `#{fragment}`");
    let number = told(&opened).split(' ').next().unwrap_or_default().replace(',', "");
    assert_eq!(number, expected.to_string(), "`{}` for `#{fragment}`", told(&opened));
    assert_eq!(opened.console, Vec::<String>::new(), "the console for `#{fragment}`");
}

#[test]
fn a_filter_shows_the_findings_it_names() {
    let page = page();
    let all = rows(&page.text);
    assert!(all.len() > 3, "expected findings to filter, found {}", all.len());
    assert!(all.iter().any(|row| row.contains("data-severity=\"high\"")), "expected one that is high");
    assert_seen(page, "", |_| true);
    assert_seen(page, "severity=high", |row| row.contains("data-severity=\"high\""));
    assert_seen(page, "severity=critical,high&fix=yes", |row| {
        (row.contains("data-severity=\"high\"") || row.contains("data-severity=\"critical\""))
            && row.contains("data-fix=\"yes\"")
    });
    assert_seen(page, "q=URLLIB3%20cve-", |row| row.contains("<b>urllib3</b>") && row.contains(">CVE-"));
}

#[test]
fn an_address_that_says_nothing_shows_all() {
    let page = page();
    for fragment in ["findings", "severity=", "nonsense=1&=2&&", "q=%E0%A4%A", "sort=nonsense"] {
        assert_seen(page, fragment, |_| true);
    }
    // What is wanted and is nowhere is not all.
    assert_seen(page, "q=no-such-package", |_| false);
}

#[test]
fn a_column_puts_the_rows_in_its_order() {
    let page = page();
    let risks = |fragment: &str| -> Vec<u32> {
        let opened = open_in_browser(&page.file, fragment);
        let value = |tag: &&str| {
            let (_, behind) = tag.split_once(" data-risk=\"")?;
            behind.split_once('"')?.0.parse().ok()
        };
        seen(&opened).iter().map(|tag| value(tag).expect("every row has a risk")).collect()
    };
    let (down, up) = (risks("sort=risk"), risks("sort=-risk"));
    assert_eq!(down.len(), rows(&page.text).len());
    assert!(down.is_sorted_by(|a, b| a >= b), "{down:?}");
    assert!(up.is_sorted(), "{up:?}");
}

#[test]
fn the_page_asks_nobody() {
    let page = page();
    let opened = open_in_browser(&page.file, "");
    let links = page.text.split("href=\"https://").skip(1);
    let hosts: std::collections::BTreeSet<&str> =
        links.filter_map(|link| link.split(['/', '"']).next()).collect();
    assert!(!hosts.is_empty(), "the page links advisories");
    for host in hosts {
        assert!(!opened.network.contains(host), "`{host}` was asked");
    }

    // The log would tell: a page that asks for a picture stands in it.
    let folder = Scratch::new();
    let other = folder.path("asks.html");
    std::fs::write(&other, "<!doctype html><img src=\"https://picture.invalid/\">").expect("a file of ours");
    assert!(open_in_browser(&other, "").network.contains("picture.invalid"));
}
