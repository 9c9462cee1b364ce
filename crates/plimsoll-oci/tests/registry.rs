//! The registry client against a registry on loopback that misbehaves as it is told.

#![expect(clippy::disallowed_methods, reason = "tests read what they made")]

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plimsoll_oci::{Error, ImageSource, Options, Progress, Source, Target, open, parse_platform};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, LayerBuilder, Packing, sha256};
use plimsoll_testkit::registry::{Auth, Fault, Registry};
use plimsoll_testkit::{Folder, hasty_requests};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn options() -> Options {
    Options { http: hasty_requests(), ..Options::default() }
}

/// An image of two layers; the lower one is large and does not compress.
fn image() -> BuiltImage {
    let mut noise = Vec::new();
    let mut state = 1_u32;
    for _ in 0..100_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.extend_from_slice(&state.to_be_bytes());
    }
    ImageBuilder::new()
        .layer(LayerBuilder::new().file("noise", noise).packed(Packing::Gzip).created_by("COPY noise"))
        .layer(LayerBuilder::new().file("etc/os-release", "ID=test\n").packed(Packing::Gzip))
        .build()
}

struct Setting {
    registry: Registry,
    image: BuiltImage,
    options: Options,
}

impl Setting {
    fn new() -> Self {
        let registry = Registry::start();
        let image = image();
        registry.put_image("team/app", "1", &image);
        Self { registry, image, options: options() }
    }

    fn name(&self) -> String {
        format!("{}/team/app:1", self.registry.host())
    }

    fn open(&self) -> Result<Box<dyn ImageSource>, Error> {
        open_as(&self.name(), &self.options)
    }

    /// The error, as text without the port of this run.
    fn error(&self) -> String {
        self.open().err().map(|error| self.show(&error)).unwrap_or_default()
    }

    fn show(&self, error: &dyn std::error::Error) -> String {
        error.to_string().replace(&self.registry.host(), "HOST")
    }

    fn layer(&self, source: &dyn ImageSource, index: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match source.open_layer(index).and_then(|mut reader| reader.read_to_end(&mut bytes)) {
            Ok(_) => Ok(bytes),
            Err(error) => {
                let inner = error.get_ref().expect("errors of layers are of this crate");
                assert!(inner.is::<Error>(), "{inner}");
                Err(self.show(&error))
            }
        }
    }

    /// Opens the image and reads its first layer.
    fn pull(&self) -> Result<Vec<u8>, String> {
        let source = self.open().map_err(|error| self.show(&error))?;
        self.layer(source.as_ref(), 0)
    }

    fn credentials(&mut self, entry: &str) -> Folder {
        let folder = Folder::new();
        let text = format!(r#"{{"auths":{{"{}":{entry}}}}}"#, self.registry.host());
        let path = folder.write("config.json", text);
        self.options.credential_files = vec![path];
        folder
    }

    fn blob_requests(&self) -> Vec<plimsoll_testkit::registry::Request> {
        let digest = &self.image.layers[0].digest;
        self.registry
            .requests()
            .into_iter()
            .filter(|request| request.path.contains(digest.as_str()))
            .collect()
    }
}

fn open_as(name: &str, options: &Options) -> Result<Box<dyn ImageSource>, Error> {
    match open(&name.parse::<Target>()?, options)? {
        Source::Layers(source) => Ok(source),
        Source::Stream(_) => panic!("a registry gives layers"),
    }
}

#[test]
fn an_image_is_described_and_its_layers_are_read() {
    let setting = Setting::new();
    let source = setting.open().unwrap();
    let artifact = &source.image().artifact;
    let host = setting.registry.host();
    assert_eq!(artifact.manifest_digest, setting.image.digest());
    assert_eq!(artifact.config_digest, sha256(&setting.image.config));
    assert_eq!(artifact.repo_tags, [format!("{host}/team/app:1")]);
    assert_eq!(artifact.repo_digests, [format!("{host}/team/app@{}", setting.image.digest())]);
    assert_eq!(artifact.platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(artifact.created, "2024-01-02T03:04:05Z");
    assert_eq!(artifact.layers[0].created_by, "COPY noise");
    assert_eq!(artifact.config.as_bytes(), setting.image.config);
    for (index, layer) in setting.image.layers.iter().enumerate() {
        assert_eq!(artifact.layers[index].diff_id, layer.diff_id);
        assert_eq!(artifact.layers[index].digest, layer.digest);
        assert_eq!(artifact.layers[index].size_bytes, layer.blob.len() as u64);
        assert_eq!(setting.layer(source.as_ref(), index).unwrap(), layer.blob);
    }
    assert!(source.open_layer(2).is_err());
    let requests = setting.registry.requests();
    assert!(requests.iter().all(|request| request.authorization.is_none()));
    assert_eq!(requests.len(), 4, "manifest, config, two layers: {requests:?}");
}

#[test]
fn an_image_is_found_by_its_digest_and_nothing_else_is_taken_for_it() {
    let setting = Setting::new();
    let digest = setting.image.digest();
    let name = format!("{}/team/app@{digest}", setting.registry.host());
    assert_eq!(open_as(&name, &setting.options).unwrap().image().artifact.manifest_digest, digest);
    setting.registry.fail_next("manifests", Fault::Longer(1));
    let error = open_as(&name, &setting.options).err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot use manifest `{digest}`: expected bytes with that digest"))
    );
    let announced = format!("sha256:{}", "0".repeat(64));
    setting.registry.announce(&announced);
    assert!(setting.error().contains(&format!("cannot use manifest `{announced}`")));
}

#[test]
fn layers_may_be_read_at_once_and_progress_is_told() {
    struct Count([AtomicU64; 2]);
    impl Progress for Count {
        fn layer_bytes(&self, index: usize, delta: u64) {
            self.0[index].fetch_add(delta, Ordering::SeqCst);
        }
    }
    let count = Arc::new(Count([AtomicU64::new(0), AtomicU64::new(0)]));
    let mut setting = Setting::new();
    setting.options.progress = Some(count.clone());
    setting.registry.require(Auth::Bearer { user: None, identity: None, uses: 1 });
    let source = setting.open().unwrap();
    std::thread::scope(|scope| {
        for index in 0..2 {
            let (setting, source) = (&setting, &source);
            scope.spawn(move || setting.layer(source.as_ref(), index).unwrap());
        }
    });
    for (index, layer) in setting.image.layers.iter().enumerate() {
        assert_eq!(count.0[index].load(Ordering::SeqCst), layer.blob.len() as u64);
    }
}

#[test]
fn basic_credentials_are_given_when_they_are_asked_for() {
    let mut setting = Setting::new();
    setting.registry.require(Auth::Basic { user: "u".into(), password: "p".into() });
    assert_eq!(
        setting.error(),
        "cannot read `HOST/team/app:1`: status 401 `UNAUTHORIZED: as the test wants it`, asked anonymously, since no credentials were found"
    );
    let folder = setting.credentials(r#"{"auth":"dTpw"}"#);
    assert_eq!(setting.pull().unwrap(), setting.image.layers[0].blob);
    drop(folder);
    let _folder = setting.credentials(r#"{"auth":"dTpx"}"#);
    let error = setting.open().err().unwrap();
    assert!(error.to_string().contains("asked with the credentials of `/"), "{error}");
    assert!(error.hint().unwrap().contains("expired"));
    assert!(!format!("{error:?}").contains("dTpx"));
}

#[test]
fn tokens_are_fetched_and_renewed_in_the_middle() {
    let mut setting = Setting::new();
    setting.registry.require(Auth::Bearer { user: Some(("u".into(), "p".into())), identity: None, uses: 2 });
    let error = setting.error();
    assert!(
        error.contains(
            "the token server `http://HOST/token` answered status 401 `incorrect username or password`"
        ),
        "{error}"
    );
    let _folder = setting.credentials(r#"{"auth":"dTpw"}"#);
    let source = setting.open().unwrap();
    assert_eq!(setting.layer(source.as_ref(), 0).unwrap(), setting.image.layers[0].blob);
    assert_eq!(setting.layer(source.as_ref(), 1).unwrap(), setting.image.layers[1].blob);
    let requests = setting.registry.requests();
    let tokens: Vec<_> = requests.iter().filter(|request| request.path.starts_with("/token?")).collect();
    assert_eq!(tokens.len(), 3, "one refused, two granted");
    assert_eq!(
        tokens[1].path,
        "/token?service=test&scope=repository%3Ateam%2Fapp%3Apull&account=u&client_id=plimsoll"
    );
    // The password goes to the token server alone.
    for request in &requests {
        let basic = request.authorization.as_deref().unwrap_or_default().starts_with("Basic");
        assert!(!basic || request.path.starts_with("/token"), "{request:?}");
    }
}

#[test]
fn identity_tokens_are_changed_by_post() {
    let mut setting = Setting::new();
    setting.registry.require(Auth::Bearer { user: None, identity: Some("refresh&me".into()), uses: 100 });
    let _folder = setting.credentials(r#"{"auth":"dTpw","identitytoken":"refresh&me"}"#);
    // The test's token server compares the form as it is encoded.
    setting.registry.require(Auth::Bearer { user: None, identity: Some("refresh%26me".into()), uses: 100 });
    assert!(setting.pull().is_ok());
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let mut setting = Setting::new();
    let store = Registry::start();
    for layer in &setting.image.layers {
        store.put_file(&format!("/{}", layer.digest), &layer.blob);
    }
    store.put_file(&format!("/{}", sha256(&setting.image.config)), &setting.image.config);
    setting.registry.redirect_blobs(&format!("http://{}", store.host()));
    setting.registry.require(Auth::Basic { user: "u".into(), password: "p".into() });
    let _folder = setting.credentials(r#"{"auth":"dTpw"}"#);
    assert_eq!(setting.pull().unwrap(), setting.image.layers[0].blob);
    assert_eq!(store.requests().len(), 2);
    assert!(store.requests().iter().all(|request| request.authorization.is_none()));
    assert!(setting.registry.requests().iter().any(|request| request.authorization.is_some()));
    // Where the store fails, its signed addresses are not told.
    for _ in 0..4 {
        store.fail_next("sha256", Fault::Status(500, Vec::new()));
    }
    assert!(!setting.error().contains("signature"));
}

#[test]
fn redirects_are_bounded() {
    let setting = Setting::new();
    for _ in 0..12 {
        setting.registry.fail_next("manifests", Fault::Redirect("/v2/team/app/manifests/1".to_owned()));
    }
    assert_eq!(
        setting.error(),
        "cannot follow the redirect from `http://HOST/v2/team/app/manifests/1`: expected at most 8 redirects, found more"
    );
    let setting = Setting::new();
    setting.registry.fail_next("manifests", Fault::Redirect("file:///etc/passwd".to_owned()));
    assert!(setting.error().contains("expected an http address"), "{}", setting.error());
}

#[test]
fn passing_failures_are_tried_again() {
    let wait = |seconds: &str| vec![("Retry-After".to_owned(), seconds.to_owned())];
    let dated = vec![
        ("Date".to_owned(), "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        ("Retry-After".to_owned(), "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
    ];
    for fault in [
        Fault::Status(429, wait("0")),
        Fault::Status(429, dated),
        Fault::Status(503, Vec::new()),
        Fault::Status(500, Vec::new()),
        Fault::Status(502, Vec::new()),
        Fault::Status(504, Vec::new()),
        Fault::Status(408, Vec::new()),
        Fault::Drop,
    ] {
        let setting = Setting::new();
        for part in ["manifests", "manifests", "blobs", "blobs", "blobs"] {
            setting.registry.fail_next(part, fault.clone());
        }
        assert_eq!(setting.pull().as_ref(), Ok(&setting.image.layers[0].blob), "{fault:?}");
    }
}

#[test]
fn failures_that_do_not_pass_end() {
    let setting = Setting::new();
    for _ in 0..4 {
        setting.registry.fail_next("manifests", Fault::Status(429, Vec::new()));
    }
    assert_eq!(
        setting.error(),
        "cannot read `http://HOST/v2/team/app/manifests/1`: expected an answer, found status 429, after 4 attempts"
    );
    setting.registry.fail_next("manifests", Fault::Status(429, vec![("Retry-After".into(), "3600".into())]));
    assert_eq!(
        setting.error(),
        "cannot read `http://HOST/v2/team/app/manifests/1`: expected an answer, found status 429, which asks to wait for 3600 s, after 1 attempt"
    );
    setting.registry.fail_next("manifests", Fault::Status(418, Vec::new()));
    assert!(setting.error().contains("expected an answer with status 200, found status 418"));
}

#[test]
fn a_blob_is_fetched_on_where_it_broke_off() {
    for ignore_range in [false, true] {
        let setting = Setting::new();
        if ignore_range {
            setting.registry.ignore_range();
        }
        let digest = &setting.image.layers[0].digest;
        // Behind the third cut nothing new has come.
        for length in [150_000, 100_000, 20_000] {
            setting.registry.fail_next(digest, Fault::CutAfter(length));
        }
        assert_eq!(setting.pull().as_ref(), Ok(&setting.image.layers[0].blob), "{ignore_range}");
        let ranges: Vec<_> = setting.blob_requests().iter().map(|request| request.range.is_some()).collect();
        assert_eq!(ranges, [false, true, true, true]);
    }
}

#[test]
fn a_blob_that_keeps_breaking_off_is_an_error() {
    let setting = Setting::new();
    let digest = &setting.image.layers[0].digest;
    for _ in 0..4 {
        setting.registry.fail_next(digest, Fault::CutAfter(0));
    }
    let error = setting.pull().unwrap_err();
    assert!(error.contains("cannot"), "{error}");
    assert_eq!(setting.blob_requests().len(), 4);
}

#[test]
fn a_blob_of_wrong_bytes_or_size_is_an_error() {
    for (fault, expected) in [
        (Fault::Corrupt, "expected bytes with that digest, found `sha256:"),
        (Fault::Longer(1), "bytes announced"),
        (Fault::LongerInChunks(1), "found more"),
        (Fault::WebPage, "expected an answer of a registry, found `text/html`"),
    ] {
        let setting = Setting::new();
        setting.registry.fail_next(&setting.image.layers[0].digest, fault.clone());
        let error = setting.pull().unwrap_err();
        assert!(error.contains(expected), "{fault:?}: {error}");
        let config = sha256(&setting.image.config);
        setting.registry.fail_next(&config, fault.clone());
        let error = setting.error();
        assert!(error.contains(expected), "config, {fault:?}: {error}");
    }
}

#[test]
fn an_error_is_never_followed_by_an_end() {
    let setting = Setting::new();
    let source = setting.open().unwrap();
    setting.registry.fail_next(&setting.image.layers[1].digest, Fault::Corrupt);
    let mut reader = source.open_layer(1).unwrap();
    let mut bytes = Vec::new();
    assert!(reader.read_to_end(&mut bytes).is_err());
    assert!(reader.read(&mut [0; 10]).is_err());
}

#[test]
fn silence_is_not_waited_for_without_end() {
    let mut setting = Setting::new();
    setting.options.http.stall_timeout = Duration::from_millis(100);
    setting.options.http.retries = 0;
    setting.registry.fail_next("manifests", Fault::Slow(Duration::from_secs(3)));
    let error = setting.open().err().unwrap();
    assert!(error.to_string().contains("nothing came for longer than the time limit"), "{error}");
    assert!(error.source().is_some());
}

#[test]
fn a_missing_image_and_a_web_page_are_told_apart() {
    let setting = Setting::new();
    let missing = format!("{}/team/app:2", setting.registry.host());
    let error = open_as(&missing, &setting.options).err().unwrap();
    assert_eq!(
        setting.show(&error),
        "cannot find image `HOST/team/app:2`: the registry answered status 404 `MANIFEST_UNKNOWN: as the test wants it`"
    );
    setting.registry.fail_next("manifests", Fault::WebPage);
    let error = setting.open().err().unwrap();
    assert_eq!(
        setting.show(&error),
        "cannot read `http://HOST/v2/team/app/manifests/1`: expected an answer of a registry, found `text/html`"
    );
    assert!(error.hint().unwrap().contains("login portal"));
}

#[test]
fn a_registry_that_is_not_there_is_told() {
    let host = Registry::start().host();
    let mut options = options();
    options.http.retries = 0;
    let error = open_as(&format!("{host}/app"), &options).err().unwrap();
    assert!(error.to_string().ends_with("no connection, or it was broken off"), "{error}");
}

#[test]
fn an_index_is_searched_for_the_platform() {
    let setting = Setting::new();
    let arm =
        ImageBuilder::new().layer(LayerBuilder::new().file("arm", "arm")).platform("arm64", "v8").build();
    let arm_digest = setting.registry.put_image("team/app", "", &arm);
    let amd_digest = setting.image.digest();
    let mut entries = String::new();
    for (digest, size, platform) in [
        (&amd_digest, setting.image.manifest.len(), r#""os":"linux","architecture":"amd64""#),
        (&arm_digest, arm.manifest.len(), r#""os":"linux","architecture":"arm64","variant":"v8""#),
        (&arm_digest, arm.manifest.len(), r#""os":"unknown","architecture":"unknown""#),
    ] {
        write!(
            entries,
            r#",{{"mediaType":"{MANIFEST}","digest":"{digest}","size":{size},"platform":{{{platform}}}}}"#
        )
        .unwrap();
    }
    let index = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, &entries[1..]);
    let index_digest = setting.registry.put_manifest("team/app", "multi", INDEX, index.as_bytes());
    let host = setting.registry.host();
    let name = format!("{host}/team/app:multi");
    let with = |platform: &str| {
        let mut options = setting.options.clone();
        options.platform = Some(parse_platform(platform).unwrap());
        open_as(&name, &options)
    };
    let source = with("linux/arm64").unwrap();
    let artifact = &source.image().artifact;
    assert_eq!(artifact.manifest_digest, arm_digest);
    let mut digests = [format!("{host}/team/app@{arm_digest}"), format!("{host}/team/app@{index_digest}")];
    digests.sort();
    assert_eq!(artifact.repo_digests, digests);
    assert_eq!(with("linux/amd64").unwrap().image().artifact.manifest_digest, amd_digest);
    let error = with("linux/s390x").err().unwrap();
    assert_eq!(
        setting.show(&error),
        "cannot choose an image of `HOST/team/app:multi`: expected platform `linux/s390x`, found `linux/amd64`, `linux/arm64/v8`"
    );
    assert!(error.hint().unwrap().contains("--platform"));
    // An image that is alone may be of another platform, too.
    let mut options = setting.options.clone();
    options.platform = Some(parse_platform("linux/arm64").unwrap());
    let error = open_as(&setting.name(), &options).err().unwrap();
    assert!(error.to_string().ends_with("expected platform `linux/arm64`, found `linux/amd64`"), "{error}");
}

#[test]
fn a_foreign_layer_is_fetched_from_its_address_when_the_registry_lacks_it() {
    let setting = Setting::new();
    let store = Registry::start();
    let layer = &setting.image.layers[0];
    store.put_file("/base", &layer.blob);
    let config = &setting.image.config;
    let one = ImageBuilder::new().layer(LayerBuilder::new()).build();
    let config = String::from_utf8(config.clone()).unwrap();
    let config = config.replace(&format!(",\"{}\"", setting.image.layers[1].diff_id), "");
    drop(one);
    let config_digest = setting.registry.put_blob("win/app", config.as_bytes());
    let manifest = |urls: &str| {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{config_digest}","size":{}}},
            "layers":[{{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{}","size":{},"urls":[{urls}]}}]}}"#,
            config.len(),
            layer.digest,
            layer.blob.len()
        )
    };
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let good = manifest(&format!(r#""http://{0}/gone","http://{0}/base""#, store.host()));
    setting.registry.put_manifest("win/app", "1", docker, good.as_bytes());
    let source = open_as(&format!("{}/win/app:1", setting.registry.host()), &setting.options).unwrap();
    assert_eq!(setting.layer(source.as_ref(), 0).unwrap(), layer.blob);
    // Not everywhere: only over TLS, but for loopback.
    let far = manifest("\"http://cdn.example/base\"");
    setting.registry.put_manifest("win/app", "2", docker, far.as_bytes());
    let source = open_as(&format!("{}/win/app:2", setting.registry.host()), &setting.options).unwrap();
    let error = setting.layer(source.as_ref(), 0).unwrap_err();
    assert!(error.contains("expected an https address, found `http://cdn.example/base`"), "{error}");
    setting.registry.put_manifest("win/app", "3", docker, manifest("").as_bytes());
    let source = open_as(&format!("{}/win/app:3", setting.registry.host()), &setting.options).unwrap();
    let error = setting.layer(source.as_ref(), 0).unwrap_err();
    assert!(error.contains("the registry does not have this blob"), "{error}");
}

#[test]
fn what_is_no_image_is_named() {
    let setting = Setting::new();
    let digest = format!("sha256:{}", "0".repeat(64));
    for (tag, body, expected) in [
        ("old", r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(), "found one of schema 1"),
        (
            "chart",
            format!(
                r#"{{"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{digest}","size":2}},"layers":[]}}"#
            ),
            "found an artifact of type `application/vnd.cncf.helm.config.v1+json`",
        ),
        ("cut", r#"{"schemaVersion":2,"#.to_owned(), "EOF while parsing"),
        ("large", " ".repeat((4 << 20) + 1), "expected at most 4194304 bytes, found more"),
    ] {
        setting.registry.put_manifest("team/app", tag, MANIFEST, body.as_bytes());
        let name = format!("{}/team/app:{tag}", setting.registry.host());
        let error = open_as(&name, &setting.options).err().unwrap().to_string();
        assert!(error.contains(expected), "{tag}: {error}");
    }
}

#[test]
fn a_registry_that_hides_its_images_is_asked_who_it_wants_to_know() {
    // It answers 404 instead of 401 to who does not say who he is.
    let mut setting = Setting::new();
    setting.registry.require(Auth::Basic { user: "u".into(), password: "p".into() });
    let _folder = setting.credentials(r#"{"auth":"dTpw"}"#);
    setting.registry.fail_next("manifests", Fault::Status(404, Vec::new()));
    assert!(setting.open().is_ok());
    let paths: Vec<_> = setting.registry.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths[..3], ["/v2/team/app/manifests/1", "/v2/", "/v2/team/app/manifests/1"]);
}
