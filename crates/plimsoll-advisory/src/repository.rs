//! From the address of an RPM repository to that of its `updateinfo.xml`: lists of mirrors and `repomd.xml`.
//!
//! Source: `createrepo_c`, `repomd.xml`: a `data` for each file of metadata, with its `type` and the `location` below the
//! repository's address.

use crate::error::InvalidRecord;
use crate::seam::{Feed, FeedKind};
use crate::xml::{Xml, excerpt};

/// Where a repository keeps its index.
pub(crate) const REPOMD: &str = "repodata/repomd.xml";

/// Longest address that is followed, in bytes.
const MAX_ADDRESS_BYTES: usize = 2048;

/// Lines of a list of mirrors that are looked at.
const MAX_MIRRORS: usize = 100;

/// The index of the repository that a list of mirrors names: one below the source's own address where there is one, so
/// that a mirror of it serves this too, else the first.
///
/// # Errors
/// [`InvalidRecord`] for what lists no repository under `https://`.
pub(crate) fn of_mirror_list(base: &str, index: &Feed, bytes: &[u8]) -> Result<Feed, InvalidRecord> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| is_address(line)).take(MAX_MIRRORS);
    let mut repositories: Vec<&str> = lines.collect();
    // Stable: of those that are equally near, the first stays the first.
    repositories.sort_by_key(|address| !address.starts_with(base));
    let Some(first) = repositories.first() else {
        return Err(InvalidRecord {
            expected: "a list of mirrors, one `https://` address a line",
            found: format!("`{}`", excerpt(bytes)),
        });
    };
    let path = first.strip_prefix(base).unwrap_or(first);
    let path = format!("{}/{REPOMD}", path.trim_end_matches('/'));
    Ok(Feed { path, kind: FeedKind::Index, ..index.clone() })
}

/// The `updateinfo.xml` of the repository whose `repomd.xml` this is; `None` where it has none.
///
/// # Errors
/// [`InvalidRecord`] for what is no `repomd.xml`, or names a place outside of the repository.
pub(crate) fn updateinfo(index: &Feed, bytes: &[u8]) -> Result<Option<Feed>, InvalidRecord> {
    let mut xml = Xml::open(bytes, "repomd", "a `repomd.xml`")?;
    let mut found = None;
    while let Some(data) = xml.child()? {
        let wanted = data.name() == b"data" && xml.attribute(&data, "type") == "updateinfo";
        if !wanted {
            xml.skip()?;
            continue;
        }
        while let Some(child) = xml.child()? {
            if child.name() == b"location" {
                found = Some(xml.attribute(&child, "href"));
            }
            xml.skip()?;
        }
    }
    let Some(href) = found else { return Ok(None) };
    let Some(path) = beside(&index.path, &href) else {
        return Err(InvalidRecord {
            expected: "a `location` below the repository",
            found: format!("`{}`", excerpt(href.as_bytes())),
        });
    };
    Ok(Some(Feed { path, kind: FeedKind::File, ..index.clone() }))
}

/// A place of the repository whose index is at `repomd`; `None` for one that is elsewhere.
fn beside(repomd: &str, href: &str) -> Option<String> {
    let repository = repomd.strip_suffix(REPOMD)?;
    let is_below = href.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (is_below && href.len() <= MAX_ADDRESS_BYTES && is_plain(href)).then(|| format!("{repository}{href}"))
}

fn is_address(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && is_plain(rest))
        && text.len() <= MAX_ADDRESS_BYTES
}

/// Whether all of a text may stand in a path: nothing that would have to be escaped, and no query.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~:+%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://cdn.example/";

    fn index(path: &str) -> Feed {
        Feed { source: "x", path: path.to_owned(), scope: "Here:1".to_owned(), kind: FeedKind::Index }
    }

    fn mirror(text: &str) -> Result<String, String> {
        let feed = of_mirror_list(BASE, &index("2/core/mirror.list"), text.as_bytes());
        feed.map(|feed| feed.path).map_err(|error| error.to_string())
    }

    fn location(text: &str) -> Result<Option<String>, String> {
        let feed = updateinfo(&index("2/core/abc/repodata/repomd.xml"), text.as_bytes());
        feed.map(|feed| feed.map(|feed| feed.path)).map_err(|error| error.to_string())
    }

    fn repomd(href: &str) -> String {
        format!(
            r#"<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>
               <data type="primary"><location href="repodata/primary.xml.gz"/></data>
               <data type="updateinfo"><checksum type="sha256">00</checksum><location href="{href}"/></data>
               <data type="updateinfo_zck"><location href="repodata/updateinfo.xml.zck"/></data></repomd>"#
        )
    }

    #[test]
    fn a_mirror_below_the_base_is_taken_first_and_relative_to_it() {
        for (list, path) in [
            ("https://cdn.example/2/core/abc", "2/core/abc/repodata/repomd.xml"),
            ("https://cdn.example/2/core/abc/\n", "2/core/abc/repodata/repomd.xml"),
            (
                "https://other.example/a\r\nhttps://cdn.example/2/core/abc\r\nhttps://cdn.example/2/core/def",
                "2/core/abc/repodata/repomd.xml",
            ),
            ("# none\n\nhttps://other.example/a\n", "https://other.example/a/repodata/repomd.xml"),
        ] {
            assert_eq!(mirror(list).as_deref(), Ok(path), "{list}");
        }
        for list in ["", "\n\n", "<html>", "http://cdn.example/2", "https://", "https://a b", "file:///etc"] {
            assert!(mirror(list).is_err(), "{list}");
        }
        assert_eq!(
            mirror("<html>").unwrap_err(),
            "expected a list of mirrors, one `https://` address a line, found `<html>`"
        );
    }

    #[test]
    fn the_index_names_the_updateinfo() {
        assert_eq!(
            location(&repomd("repodata/0a-updateinfo.xml.gz")),
            Ok(Some("2/core/abc/repodata/0a-updateinfo.xml.gz".to_owned()))
        );
        assert_eq!(location("<repomd><data type='primary'/></repomd>"), Ok(None));
        let feed = updateinfo(&index("a/repodata/repomd.xml"), repomd("b.xml").as_bytes()).unwrap().unwrap();
        assert_eq!((feed.kind, feed.scope.as_str()), (FeedKind::File, "Here:1"));
    }

    #[test]
    fn a_location_outside_of_the_repository_is_refused() {
        for href in ["../../../x", "/etc/passwd", "https://evil.example/x", "a//b", "a?b", "a b", "", "a/./b"]
        {
            assert!(location(&repomd(href)).is_err(), "{href}");
        }
        for text in ["", "<html></html>", "<repomd><data type='updateinfo'>", "not found"] {
            assert!(location(text).is_err(), "{text}");
        }
    }
}
