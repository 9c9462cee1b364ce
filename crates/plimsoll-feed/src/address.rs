//! Where a feed lies: at its source, or at the mirrors that stand in for it.

use plimsoll_advisory::{About, Feed};
use plimsoll_http::{Scheme, Url, without_credentials};

use crate::{Error, UpdateOptions};

/// The addresses that a source's feeds are looked for under, each with `/` at its end, in the order they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases {
    /// The source's own.
    own: String,
    bases: Vec<Base>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    /// Without credentials.
    address: String,
    /// The same, with those that a mirror's address bears: they are sent to its origin alone.
    url: Option<Url>,
}

impl Bases {
    pub(crate) fn of(about: &About, options: &UpdateOptions) -> Result<Self, Error> {
        let given = options.mirrors.get(about.name).filter(|mirrors| !mirrors.is_empty());
        let bases = match given {
            None => vec![Base { address: with_slash(about.base), url: None }],
            Some(mirrors) => {
                let base = |mirror: &String| {
                    Base::of(mirror).map_err(|found| Error::Address {
                        name: about.name.to_owned(),
                        address: without_credentials(mirror),
                        found,
                    })
                };
                mirrors.iter().map(base).collect::<Result<_, _>>()?
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
        self.bases[number].address == self.own
    }

    /// The address of a feed under the base of that number. `Err` is what is wrong with its path.
    pub(crate) fn address(&self, number: usize, feed: &Feed) -> Result<Url, String> {
        let bad = |found: &str| {
            let path: String = feed.path.chars().take(100).flat_map(char::escape_debug).collect();
            format!("cannot fetch `{path}`: expected a path below the source's address, found {found}")
        };
        let Base { address: base, url: with } = &self.bases[number];
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
        let url = Url::parse(&format!("{base}{}", path.trim_start_matches('/'))).map_err(bad)?;
        Ok(match with {
            Some(with) => url.with_credentials_of(with),
            None => url,
        })
    }
}

impl Base {
    fn of(mirror: &str) -> Result<Self, &'static str> {
        let url = Url::parse_with_credentials(mirror)?;
        if url.path.contains('?') {
            return Err("an address with a query");
        }
        Ok(Self { address: with_slash(&url.expose()), url: Some(url) })
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
        Bases { own: own.to_owned(), bases: bases.iter().map(|base| Base::of(base).unwrap()).collect() }
    }

    #[test]
    fn credentials_of_a_mirror_are_its_own_and_not_printed() {
        let mirrored = bases("https://own.example/a/", &["https://user:hush@mirror.example/m"]);
        let url = mirrored.address(0, &feed("x")).unwrap();
        assert!(url.authorization().is_some());
        assert_eq!(url.expose(), "https://mirror.example/m/x");
        assert!(!format!("{mirrored:?} {url}").contains("hush"));
        let own = bases("https://own.example/a/", &["https://user:hush@own.example/a/"]);
        assert!(own.is_own(0));
        assert!(own.address(0, &feed("x")).unwrap().authorization().is_some());
        assert!(own.address(0, &feed("https://cdn.example/x")).unwrap().authorization().is_none());
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
