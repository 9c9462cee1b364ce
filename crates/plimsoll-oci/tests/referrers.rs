//! What is attached to an image, asked of registries with and without a list of referrers.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use plimsoll_model::Digest;
use plimsoll_oci::{Error, Options, Reference, Repository};
use plimsoll_testkit::hasty_requests;
use plimsoll_testkit::image::ImageBuilder;
use plimsoll_testkit::registry::{Auth, Fault, Registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const KIND: &str = "application/vnd.openvex+json";

struct Setting {
    registry: Registry,
    image: Digest,
}

impl Setting {
    fn new() -> Self {
        let registry = Registry::start();
        let image = registry.put_image("team/app", "1", &ImageBuilder::new().build());
        Self { image: image.parse().unwrap(), registry }
    }

    fn attach(&self, text: &str) -> String {
        self.registry.attach("team/app", self.image.as_str(), KIND, KIND, text.as_bytes())
    }

    fn repository(&self) -> Repository {
        let reference: Reference = format!("{}/team/app:1", self.registry.host()).parse().unwrap();
        Repository::open(&reference, &Options { http: hasty_requests(), ..Options::default() })
    }

    /// Digests of the referrers, sorted.
    fn referrers(&self) -> Result<Vec<String>, Error> {
        let mut found: Vec<String> = self
            .repository()
            .referrers(&self.image)?
            .into_iter()
            .inspect(|referrer| assert_eq!(referrer.artifact_type, KIND))
            .map(|referrer| referrer.digest.to_string())
            .collect();
        found.sort();
        Ok(found)
    }
}

#[test]
fn referrers_are_listed_and_read() {
    let setting = Setting::new();
    assert_eq!(setting.referrers().unwrap(), Vec::<String>::new());
    let digest = setting.attach("one");
    assert_eq!(setting.referrers().unwrap(), [digest.as_str()]);
    let repository = setting.repository();
    let artifact = repository.find_artifact(&digest).unwrap().unwrap();
    assert_eq!(artifact.subject, Some(setting.image.clone()));
    let blob = &artifact.blobs[0];
    assert_eq!(repository.read_blob(&blob.digest, blob.size_bytes, 100).unwrap(), b"one");
    assert_eq!(repository.find_artifact("gone").unwrap(), None);
}

#[test]
fn a_list_goes_on_over_pages() {
    let setting = Setting::new();
    let mut digests: Vec<String> = ["one", "two", "three"].map(|text| setting.attach(text)).to_vec();
    digests.sort();
    setting.registry.referrers_on_page(2);
    assert_eq!(setting.referrers().unwrap(), digests);
    assert_eq!(setting.registry.requests().iter().filter(|r| r.path.contains("/referrers/")).count(), 2);
}

#[test]
fn a_registry_without_a_list_has_a_tag() {
    let setting = Setting::new();
    let digest = setting.attach("one");
    setting.registry.without_referrers("team/app", setting.image.as_str());
    assert_eq!(setting.referrers().unwrap(), [digest]);
    // Neither list nor tag: nothing is attached.
    let other = Setting::new();
    other.registry.fail_next("/referrers/", Fault::Status(404, Vec::new()));
    assert_eq!(other.referrers().unwrap(), Vec::<String>::new());
    other.registry.fail_next("/referrers/", Fault::WebPage);
    assert_eq!(other.referrers().unwrap(), Vec::<String>::new());
}

#[test]
fn who_may_not_look_is_told() {
    let setting = Setting::new();
    setting.attach("one");
    setting.registry.require(Auth::Basic { user: "alice".to_owned(), password: "wonder".to_owned() });
    assert!(matches!(setting.referrers(), Err(Error::Denied { .. })));
}

#[test]
fn attestations_lie_beside_their_image_in_an_index() {
    let setting = Setting::new();
    let image = &setting.image;
    let other = format!("sha256:{}", "0".repeat(64));
    let entry = |digest: &str, of: &str| {
        format!(
            r#"{{"mediaType":"{MANIFEST}","digest":"{digest}","size":1,"platform":{{"os":"unknown","architecture":"unknown"}},
                "annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{of}"}}}}"#
        )
    };
    let (one, two) = (format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)));
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{image}","size":1}},{},{}]}}"#,
        entry(&one, image.as_str()),
        entry(&two, &other)
    );
    let digest: Digest =
        setting.registry.put_manifest("team/app", "all", INDEX, index.as_bytes()).parse().unwrap();
    let repository = setting.repository();
    let found = repository.attestations(&digest, image).unwrap();
    assert_eq!(found.iter().map(|found| found.digest.as_str()).collect::<Vec<_>>(), [one]);
    // An image is no index.
    assert_eq!(repository.attestations(image, image).unwrap(), []);
}
