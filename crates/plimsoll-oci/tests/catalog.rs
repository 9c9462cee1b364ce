//! Lists of a registry on loopback, whole, in pages, and hostile.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use plimsoll_oci::{Error, Listing as _, Options, RegistryListing};
use plimsoll_testkit::hasty_requests;
use plimsoll_testkit::registry::{Fault, Registry};

fn options() -> Options {
    Options { http: hasty_requests(), ..Options::default() }
}

fn registry(repositories: &[(&str, &[&str])]) -> Registry {
    let registry = Registry::start();
    for (name, tags) in repositories {
        for tag in *tags {
            registry.put_manifest(name, tag, "text/x", format!("{name}:{tag}").as_bytes());
        }
    }
    registry
}

fn repositories(registry: &Registry) -> Result<Vec<String>, String> {
    let listing = RegistryListing::new(&registry.host(), &options()).unwrap();
    listing.repositories().map_err(|error| error.to_string().replace(&registry.host(), "HOST"))
}

fn tags(registry: &Registry, repository: &str) -> Result<Vec<String>, String> {
    let listing = RegistryListing::new(&registry.host(), &options()).unwrap();
    let tags = listing.tags(repository);
    tags.map(|tags| tags.into_iter().map(|tag| tag.name).collect())
        .map_err(|error| error.to_string().replace(&registry.host(), "HOST"))
}

#[test]
fn lists_are_read_to_their_last_page() {
    let registry = registry(&[("a", &["1", "2", "3"]), ("b/c", &["x"]), ("d", &["1"])]);
    for (on_page, absolute) in [(0, false), (1, false), (1, true), (2, true), (3, false)] {
        registry.lists_on_page(on_page, absolute);
        assert_eq!(repositories(&registry).unwrap(), ["a", "b/c", "d"], "{on_page} {absolute}");
        assert_eq!(tags(&registry, "a").unwrap(), ["1", "2", "3"], "{on_page} {absolute}");
    }
    let first = &registry.requests()[0];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("GET", "/v2/_catalog?n=1000"));
}

#[test]
fn a_registry_that_gives_less_is_asked_for_what_it_likes() {
    let registry = registry(&[("a", &["1", "2", "3"]), ("b/c", &["x"]), ("d", &["1"])]);
    registry.lists_at_most(2);
    assert_eq!(repositories(&registry).unwrap(), ["a", "b/c", "d"]);
    assert_eq!(tags(&registry, "a").unwrap(), ["1", "2", "3"]);
}

#[test]
fn pages_without_end_are_ended() {
    let registry = registry(&[("a", &["1"])]);
    // A page that names itself, one that another host has, one of another scheme, an address that is none.
    registry.next_page_is("/v2/_catalog?n=1000");
    assert!(repositories(&registry).unwrap_err().ends_with("found a circle of pages"));
    registry.next_page_is("http://127.0.0.1:1/v2/_catalog");
    assert!(repositories(&registry).unwrap_err().contains("expected a next page of the same registry"));
    registry.next_page_is("gopher://x/");
    assert!(tags(&registry, "a").unwrap_err().contains("expected a next page of the same registry"));
    assert!(registry.requests().len() <= 4);
}

#[test]
fn what_is_no_list_is_told() {
    let registry = registry(&[("a", &["1"])]);
    registry.fail_next("_catalog", Fault::WebPage);
    assert!(
        repositories(&registry).unwrap_err().contains("expected an answer of a registry, found `text/html`")
    );
    registry.put_file("/v2/_catalog", b"[1, 2]");
    assert!(repositories(&registry).unwrap_err().contains("expected an object (JSON), found something else"));
    registry.put_file("/v2/_catalog", br#"{"tags": []}"#);
    assert!(repositories(&registry).unwrap_err().contains("expected `repositories`, found none"));
    registry.put_file("/v2/a/tags/list", br#"{"name": "a", "tags": null}"#);
    assert_eq!(tags(&registry, "a").unwrap(), Vec::<String>::new());
    registry.put_file("/v2/a/tags/list", &vec![b' '; (32 << 20) + 2]);
    assert!(tags(&registry, "a").unwrap_err().contains("at most 33554432 bytes"));
    // A name that would lead elsewhere is not asked for.
    let asked = registry.requests().len();
    for name in ["../b", "a/../b", "a?x", "a:1", "", "A", "a@sha256:1"] {
        assert!(tags(&registry, name).unwrap_err().starts_with("cannot read image name"), "{name}");
    }
    assert_eq!(registry.requests().len(), asked);
}

#[test]
fn a_registry_without_a_list_says_what_to_do() {
    let registry = registry(&[("a", &["1"])]);
    for status in [401, 403, 404, 405] {
        registry.refuse_catalog(status);
        let listing = RegistryListing::new(&registry.host(), &options()).unwrap();
        let error = listing.repositories().unwrap_err();
        let error = error.downcast_ref::<Error>().unwrap();
        assert!(matches!(error, Error::NoCatalog { .. } | Error::Denied { .. }), "{status}: {error}");
        assert!(error.hint().unwrap().contains("--repository"), "{status}: {error}");
    }
    assert_eq!(tags(&registry, "a").unwrap(), ["1"]);
    assert!(tags(&registry, "b").is_ok());
    for name in ["registry", "http://r.example", "r.example/app", "", "r example:1"] {
        assert!(RegistryListing::new(name, &options()).is_err(), "{name}");
    }
}
