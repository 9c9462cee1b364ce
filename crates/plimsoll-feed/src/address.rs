//! Where a feed lies: at its source, or at the mirrors that stand in for it.

use plimsoll_advisory::{About, Feed};
use plimsoll_http::{Scheme, Url};

use crate::{Error, UpdateOptions};

/// The addresses that a source's feeds are looked for under, each with `/` at its end, in the order they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases {
    /// The source's own.
    own: String,
    bases: Vec<String>,
}

impl Bases {
    pub(crate) fn of(about: &About, options: &UpdateOptions) -> Result<Self, Error> {
        let given = options.mirrors.get(about.name).filter(|mirrors| !mirrors.is_empty());
        let bases = match given {
            None => vec![with_slash(about.base)],
            Some(mirrors) => {
                for mirror in mirrors {
                    let bad = |found| Error::Address {
                        name: about.name.to_owned(),
                        address: mirror.clone(),
                        found,
                    };
                    let url = Url::parse(mirror).map_err(bad)?;
                    if url.path.contains('?') {
                        return Err(bad("an address with a query"));
                    }
                }
                mirrors.iter().map(|mirror| with_slash(mirror)).collect()
            }
        };
        Ok(Self { own: with_slash(about.base), bases })
    }

    /// How many addresses there are.
    pub(crate) fn len(&self) -> usize {
        self.bases.len()
    }

    /// Whether the base of that number is the source's own, and no mirror.
    pub(crate) fn is_own(&self, number: usize) -> bool {
        self.bases[number] == self.own
    }

    /// The address of a feed under the base of that number. `Err` is what is wrong with its path.
    pub(crate) fn address(&self, number: usize, feed: &Feed) -> Result<Url, String> {
        let bad = |found: &str| {
            let path: String = feed.path.chars().take(100).flat_map(char::escape_debug).collect();
            format!("cannot fetch `{path}`: expected a path below the source's address, found {found}")
        };
        let base = &self.bases[number];
        let own = base == &self.own;
        let path = if feed.path.contains("://") {
            let whole = Url::parse(&feed.path).map_err(bad)?;
            if own {
                if whole.scheme == Scheme::Http && base.starts_with("https:") {
                    return Err(bad("an address without TLS"));
                }
                return Ok(whole);
            }
            match feed.path.strip_prefix(&self.own) {
                Some(below) => below.to_owned(),
                None => format!("{}{}", whole.authority, whole.path),
            }
        } else {
            feed.path.clone()
        };
        if path.split(['/', '?', '#']).any(|part| part == "..") {
            return Err(bad("`..`"));
        }
        Url::parse(&format!("{base}{}", path.trim_start_matches('/'))).map_err(bad)
    }
}

fn with_slash(base: &str) -> String {
    if base.ends_with('/') { base.to_owned() } else { format!("{base}/") }
}

#[cfg(test)]
mod tests {
    use plimsoll_advisory::FeedKind;

    use super::*;

    fn feed(path: &str) -> Feed {
        Feed { source: "s", path: path.to_owned(), scope: String::new(), kind: FeedKind::File }
    }

    fn bases(own: &str, mirrors: &[&str]) -> Bases {
        let bases = if mirrors.is_empty() { &[own][..] } else { mirrors };
        Bases { own: own.to_owned(), bases: bases.iter().map(|base| with_slash(base)).collect() }
    }

    #[test]
    fn paths_are_joined_to_their_base() {
        let own = bases("https://own.example/a/", &[]);
        let mirrored = bases("https://own.example/a/", &["http://mirror.example/m"]);
        for (path, at_home, at_mirror) in [
            ("x/all.zip", "https://own.example/a/x/all.zip", "http://mirror.example/m/x/all.zip"),
            ("/x", "https://own.example/a/x", "http://mirror.example/m/x"),
            ("https://own.example/a/y", "https://own.example/a/y", "http://mirror.example/m/y"),
            ("https://cdn.example/z?q", "https://cdn.example/z?q", "http://mirror.example/m/cdn.example/z?q"),
        ] {
            assert!(own.is_own(0) && !mirrored.is_own(0));
            assert_eq!(own.address(0, &feed(path)).unwrap().expose(), at_home);
            assert_eq!(mirrored.address(0, &feed(path)).unwrap().expose(), at_mirror);
        }
        for bad in ["http://cdn.example/z", "../x", "a/../../x", "ftp://x/y", "a b", "a\nb"] {
            assert!(own.address(0, &feed(bad)).is_err(), "{bad}");
        }
        assert!(mirrored.address(0, &feed("https://cdn.example/../x")).is_err());
    }
}
