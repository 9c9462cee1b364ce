//! What the tests of the lock files share.

use expect_test::Expect;
use plimsoll_version::Version;

use crate::seam::{Catalog, Cataloger, Entry, Evidence, ImageFile};

/// The packages and gaps of a file as lines. Every path that is read must be wanted; every version of a real fixture
/// must have its place in the order of its ecosystem.
pub(crate) fn read(cataloger: &dyn Cataloger, path: &str, text: &str) -> String {
    let entry = Entry { path, size: Some(text.len() as u64), executable: Some(false) };
    assert!(cataloger.wants(&entry), "{path}");
    let mut out = Catalog::default();
    let content = text.as_bytes().to_vec();
    let result = cataloger.catalog(&ImageFile::new(path, &content), &mut out);
    assert!(
        out.packages.iter().all(|package| package.cataloger == cataloger.name() && package.path.is_empty())
    );
    crate::testing::lines(&out, result)
}

pub(crate) fn check(cataloger: &dyn Cataloger, path: &str, text: &str, expect: &Expect) {
    expect.assert_eq(&read(cataloger, path, text));
}

/// The same of several texts, one after another.
pub(crate) fn check_each(cataloger: &dyn Cataloger, path: &str, texts: &[&str], expect: &Expect) {
    let each =
        texts.iter().map(|text| format!("-- {}\n{}", text.escape_debug(), read(cataloger, path, text)));
    expect.assert_eq(&each.collect::<String>());
}

/// As [`check`], for a file that a tool wrote: every version must have its place in the order of its ecosystem.
pub(crate) fn check_real(cataloger: &dyn Cataloger, path: &str, text: &str, expect: &Expect) {
    let mut out = Catalog::default();
    let content = text.as_bytes().to_vec();
    cataloger.catalog(&ImageFile::new(path, &content), &mut out).unwrap();
    for package in out.packages.iter().filter(|package| !package.version.is_empty()) {
        let scheme = package.kind.ecosystem().unwrap().scheme();
        assert!(Version::parse(scheme, &package.version).is_ok(), "{} {}", package.name, package.version);
    }
    check(cataloger, path, text, expect);
}

/// Which of these paths a cataloger of lock files wants.
pub(crate) fn wanted<'a>(cataloger: &dyn Cataloger, paths: &[&'a str]) -> Vec<&'a str> {
    assert_eq!(cataloger.evidence(), Evidence::Declared);
    let entry = |path| Entry { path, size: None, executable: None };
    paths.iter().copied().filter(|path| cataloger.wants(&entry(path))).collect()
}
