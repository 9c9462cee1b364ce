//! What a registry holds: its repositories, and their tags.
//!
//! Source: OCI distribution-spec 1.1, "Listing Tags"; Distribution, "HTTP API V2", "Listing Repositories" and "Pagination";
//! RFC 8288, 3 (`Link`).

use std::collections::HashSet;

use plimsoll_http::{Request, Response};
use plimsoll_model::Digest;
use serde::Deserialize;

use super::client::{Client, Purpose, read_bounded};
use crate::manifest::clip;
use crate::{Error, Options, Reference};

/// The most names that are read of one list.
const MAX_NAMES: usize = 200_000;
/// The most pages of one list.
const MAX_PAGES: usize = 5_000;
/// The most pages in a row that say nothing new: a list may leave out what we may not see, but not for ever.
const MAX_IDLE_PAGES: usize = 50;
/// The most bytes of a page.
const MAX_PAGE_BYTES: u64 = 32 << 20;
/// Names that are asked for on a page. Registries may give fewer.
const NAMES_ON_PAGE: usize = 1_000;

/// Why a list could not be had.
pub type ListingError = Box<dyn std::error::Error + Send + Sync>;

/// What a registry holds. Registries that are asked in another way than by the distribution specification have another
/// implementation than [`RegistryListing`].
pub trait Listing: Send + Sync {
    /// The names of all repositories, without the registry, in the registry's order. They are foreign text.
    ///
    /// # Errors
    /// Where the registry does not tell.
    fn repositories(&self) -> Result<Vec<String>, ListingError>;

    /// The tags of one repository, in the registry's order. They are foreign text.
    ///
    /// # Errors
    /// Where the registry does not tell.
    fn tags(&self, repository: &str) -> Result<Vec<ListedTag>, ListingError>;
}

/// A tag as a list has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedTag {
    /// Its name.
    pub name: String,
    /// What it leads to, where the list says so.
    pub digest: Option<Digest>,
    /// When that was pushed, RFC 3339, where the list says so.
    pub pushed: Option<String>,
}

/// The lists of a registry that speaks the distribution specification.
pub struct RegistryListing {
    registry: String,
    options: Options,
}

#[derive(Deserialize)]
struct CatalogPage {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct TagPage {
    /// Some give `null` for a repository without tags.
    #[serde(default)]
    tags: Option<Vec<String>>,
    name: Option<String>,
}

impl RegistryListing {
    /// The lists of a registry, by its name: `registry.example:5000`.
    ///
    /// # Errors
    /// [`Error::Reference`] for a name that is none.
    pub fn new(registry: &str, options: &Options) -> Result<Self, Error> {
        let reference = Reference::of_repository(registry, "name")?;
        Ok(Self { registry: reference.registry().to_owned(), options: options.clone() })
    }

    /// The registry's name.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    fn catalog(&self) -> Result<Vec<String>, Error> {
        let client = Client::new(&Reference::registry_alone(&self.registry), &self.options, Purpose::Pull);
        let subject = format!("{}/v2/_catalog", self.registry);
        let refused = |client: &Client, answer: String| Error::NoCatalog {
            registry: self.registry.clone(),
            answer,
            tried: client.tried(),
        };
        let read = |client: &Client, response: &mut Response| {
            if matches!(response.status, 400 | 401 | 403 | 404 | 405 | 501) && !response.is_web_page() {
                return Err(refused(client, response.describe()));
            }
            client.check_status_of(response, &subject)
        };
        let names = |bytes: &[u8]| {
            let page: CatalogPage = parse(bytes, "list of repositories", &subject)?;
            page.repositories.ok_or_else(|| bad("list of repositories", &subject, "`repositories`", "none"))
        };
        let found = pages(&client, "/v2/_catalog", "list of repositories", &subject, read, names);
        // Some refuse by giving no token for it.
        found.map_err(|error| match error {
            Error::Denied { answer, tried, .. } => {
                Error::NoCatalog { registry: self.registry.clone(), answer, tried }
            }
            error => error,
        })
    }

    fn tag_names(&self, repository: &str) -> Result<Vec<String>, Error> {
        let reference = Reference::of_repository(&self.registry, repository)?;
        let subject = format!("{}/{}", reference.registry(), reference.repository());
        let client = Client::new(&reference, &self.options, Purpose::Pull);
        let read = |client: &Client, response: &mut Response| client.check_status_of(response, &subject);
        let names = |bytes: &[u8]| {
            let page: TagPage = parse(bytes, "list of tags", &subject)?;
            match (page.tags, page.name) {
                (Some(tags), _) => Ok(tags),
                (None, Some(_)) => Ok(Vec::new()),
                (None, None) => Err(bad("list of tags", &subject, "`tags`", "none")),
            }
        };
        let path = format!("/v2/{}/tags/list", reference.repository());
        pages(&client, &path, "list of tags", &subject, read, names)
    }
}

impl Listing for RegistryListing {
    fn repositories(&self) -> Result<Vec<String>, ListingError> {
        Ok(self.catalog()?)
    }

    fn tags(&self, repository: &str) -> Result<Vec<ListedTag>, ListingError> {
        let names = self.tag_names(repository)?;
        Ok(names.into_iter().map(|name| ListedTag { name, ..ListedTag::default() }).collect())
    }
}

/// Reads a list page by page; a name that comes twice is told once.
fn pages(
    client: &Client,
    list: &str,
    what: &'static str,
    subject: &str,
    check: impl Fn(&Client, &mut Response) -> Result<(), Error>,
    names: impl Fn(&[u8]) -> Result<Vec<String>, Error>,
) -> Result<Vec<String>, Error> {
    let mut path = format!("{list}?n={NAMES_ON_PAGE}");
    let mut asked = HashSet::new();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut idle = 0;
    for _ in 0..MAX_PAGES {
        if !asked.insert(path.clone()) {
            return Err(bad(what, subject, "a next page that was not read before", "a circle of pages"));
        }
        let ask = |path: &str| client.ask_path(path, Request::get().header("accept", "application/json"));
        let mut response = ask(&path)?;
        // Some refuse a number that is above their own limit, and say neither which it is nor that it was this.
        if found.is_empty() && asked.len() == 1 && matches!(response.status, 400 | 422) {
            response = ask(list)?;
        }
        check(client, &mut response)?;
        let next = next_page(client, &response, what, subject)?;
        let url = response.url.clone();
        let bytes = read_bounded(response.body, MAX_PAGE_BYTES, what, subject, &url)?;
        let before = found.len();
        found.extend(names(&bytes)?.into_iter().filter(|name| seen.insert(name.clone())));
        if found.len() > MAX_NAMES {
            let expected = format!("at most {MAX_NAMES} names");
            return Err(bad(what, subject, &expected, "more"));
        }
        let Some(next) = next else { return Ok(found) };
        idle = if found.len() == before { idle + 1 } else { 0 };
        if idle > MAX_IDLE_PAGES {
            return Err(bad(what, subject, "pages with something new on them", "none for 50 pages"));
        }
        path = next;
    }
    let expected = format!("at most {MAX_PAGES} pages");
    Err(bad(what, subject, &expected, "more"))
}

/// The path of the next page, with its query; `None` on the last. Only the registry itself is asked on.
pub(super) fn next_page(
    client: &Client,
    response: &Response,
    what: &'static str,
    subject: &str,
) -> Result<Option<String>, Error> {
    let Some(target) = response.headers("link").find_map(next_of) else { return Ok(None) };
    match response.url.join(target) {
        Ok(url) if client.is_own(&url) => Ok(Some(url.path)),
        _ => Err(Error::Content {
            what,
            subject: subject.to_owned(),
            expected: "a next page of the same registry".to_owned(),
            found: format!("`{}`", clip(target)),
        }),
    }
}

/// The target of the link whose relation is `next`, in a header that may hold several.
fn next_of(value: &str) -> Option<&str> {
    let mut rest = value;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, parameters) = behind.split_once('>')?;
        // The parameters end where the next link begins.
        let end = parameters.find(",<").or_else(|| parameters.find(", <")).unwrap_or(parameters.len());
        let is_next = parameters[..end].split(';').any(|parameter| {
            let parameter = parameter.trim().to_ascii_lowercase();
            let relations =
                parameter.strip_prefix("rel").map(str::trim_start).and_then(|p| p.strip_prefix('='));
            relations.is_some_and(|names| {
                names.trim().trim_matches(['"', '\'']).split_ascii_whitespace().any(|name| name == "next")
            })
        });
        if is_next {
            return Some(target);
        }
        rest = &parameters[end..];
    }
    None
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str, subject: &str) -> Result<T, Error> {
    // A list would be read as the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(bad(what, subject, "an object (JSON)", "something else"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| bad(what, subject, "an object (JSON)", &clip(&error.to_string())))
}

fn bad(what: &'static str, subject: &str, expected: &str, found: &str) -> Error {
    Error::Content {
        what,
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

/// Reads a page of either list and a `Link`, for fuzzing.
pub(crate) fn fuzz(bytes: &[u8], text: &str) {
    let _ = parse::<CatalogPage>(bytes, "list", "fuzz");
    let _ = parse::<TagPage>(bytes, "list", "fuzz");
    let _ = next_of(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_told_by_its_relation() {
        for (value, expected) in [
            ("</v2/_catalog?last=b&n=1>; rel=\"next\"", Some("/v2/_catalog?last=b&n=1")),
            ("<http://r:1/v2/x>;rel=next", Some("http://r:1/v2/x")),
            ("<a>; title=\"next\"; rel=prev, <b,c>; REL=\"last next\"", Some("b,c")),
            ("<a>; rel=\"nextish\"", None),
            ("<a>", None),
            ("<a; rel=next", None),
            ("", None),
            ("next", None),
        ] {
            assert_eq!(next_of(value), expected, "{value}");
        }
    }

    #[test]
    fn pages_that_are_none_are_refused() {
        for text in
            ["", "[]", "<html>", r#"{"repositories":{}}"#, r#"{"repositories":[1]}"#, "{\"repositories\":["]
        {
            assert!(parse::<CatalogPage>(text.as_bytes(), "list", "r").is_err(), "{text}");
        }
        let page: TagPage = parse(br#"{"name":"a","tags":null}"#, "list", "r").unwrap();
        assert_eq!(page.tags, None);
    }
}
