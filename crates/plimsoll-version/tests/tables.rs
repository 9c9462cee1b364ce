//! The tables of `testdata`: what each ecosystem's own tool answered.

use std::cmp::Ordering;

use plimsoll_version::{Scheme, Version, compare, surely_differ};

/// Fewest lines that a table has: fewer mean that it was cut.
const MIN_LINES: usize = 100;

fn check(scheme: Scheme, table: &str) {
    assert!(table.starts_with("# Judge: "), "{scheme}: the head of a table names its judge");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        count += 1;
        let words: Vec<&str> = line.split(' ').collect();
        let (left, expected, right) = match words[..] {
            ["!", text] => {
                if let Ok(version) = Version::parse(scheme, text) {
                    wrong.push(format!("{line}: taken as {version}"));
                }
                continue;
            }
            [left, "<", right] => (left, Ordering::Less, right),
            [left, "=", right] => (left, Ordering::Equal, right),
            [left, ">", right] => (left, Ordering::Greater, right),
            _ => panic!("{scheme}: no comparison: {line}"),
        };
        if expected == Ordering::Equal && surely_differ(left, right) {
            wrong.push(format!("{line}: they surely differ"));
        }
        match (compare(scheme, left, right), compare(scheme, right, left)) {
            (Ok(there), Ok(back)) if there == expected && back == expected.reverse() => {}
            (there, back) => wrong.push(format!("{line}: {there:?}, and back {back:?}")),
        }
    }
    assert!(wrong.is_empty(), "{scheme}: {} of {count} lines:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= MIN_LINES, "{scheme}: {count} lines");
}

macro_rules! tables {
    ($($name:ident $scheme:ident,)*) => {
        $(
            #[test]
            fn $name() {
                check(Scheme::$scheme, include_str!(concat!("../testdata/", stringify!($name), ".txt")));
            }
        )*
    };
}

tables! {
    alpm Alpm,
    apk Apk,
    composer Composer,
    debian Debian,
    gem Gem,
    go Go,
    maven Maven,
    npm Npm,
    nuget NuGet,
    pep440 Pep440,
    rpm Rpm,
    semver SemVer,
}
