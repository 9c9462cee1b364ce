//! A registry on loopback, in memory, that can be told to misbehave.
//!
//! It serves what clients read: `/v2/`, manifests, blobs (with ranges), tags, referrers and the catalog, and a token server; and
//! takes what they push: blobs in one go, blobs of other repositories, manifests whose blobs are there.

mod answers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::image::{BuiltImage, sha256};
use crate::loopback::{Answer, Faults, Incoming, Loopback};
use answers::{elsewhere, typed};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Whom the registry lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    #[default]
    Open,
    /// A user with a password (HTTP Basic).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Who has a token of the registry's own token server.
    Bearer {
        /// Who gets a token; `None`: everybody.
        user: Option<(String, String)>,
        /// A refresh token that is changed for a token by POST.
        identity: Option<String>,
        /// For how many requests a token is good.
        uses: usize,
    },
}

/// What a request meets instead of its answer, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with these headers and an empty body.
    Status(u16, Vec<(String, String)>),
    /// The connection ends behind this many bytes of the body.
    CutAfter(usize),
    /// The connection ends before anything is sent.
    Drop,
    /// The body's first byte is another one.
    Corrupt,
    /// The body has this many bytes more, and the length says so.
    Longer(usize),
    /// The same, sent in chunks, so that no length says so.
    LongerInChunks(usize),
    /// A web page with status 200.
    WebPage,
    /// A redirect to this address.
    Redirect(String),
    /// Silence, before the answer begins.
    Slow(Duration),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body, where it is text.
    pub body: String,
    /// The body's length in bytes.
    pub body_bytes: usize,
}

/// A registry on loopback. It stops when it is dropped.
pub struct Registry {
    state: Arc<Mutex<State>>,
    server: Loopback,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one way to misbehave")]
struct State {
    /// By `repository@digest` and `repository:tag`.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// By `repository@digest`.
    blobs: BTreeMap<String, Vec<u8>>,
    /// Of files that are no registry's, by path: what redirects and foreign layers lead to.
    files: BTreeMap<String, Vec<u8>>,
    auth: Auth,
    /// Uses that the newest token is still good for.
    token_uses: usize,
    tokens: usize,
    ignore_range: bool,
    blobs_elsewhere: Option<String>,
    /// Uploads that were begun, and not ended.
    uploads: BTreeMap<String, String>,
    begun: usize,
    /// Whether the newest token allows to push.
    token_pushes: bool,
    read_only: bool,
    /// The digest that manifests are announced with, where it is not theirs.
    announced: Option<String>,
    referrers: Referrers,
    /// How lists of repositories and tags are given.
    lists: Lists,
    /// Whether blobs of other repositories are not taken over.
    without_mounts: bool,
    /// What the next requests meet whose path contains the text.
    faults: Faults<Fault>,
    requests: Vec<Request>,
}

/// How the registry gives lists of repositories and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    /// So many on a page, whatever is asked; 0: all at once.
    on_page: usize,
    /// The most that may be asked for on a page; 0: any number.
    most: usize,
    /// Whether links to the next page are whole addresses.
    absolute_links: bool,
    /// The status that the list of repositories is refused with.
    refused: Option<u16>,
    /// What every page names as the next, instead.
    next: Option<String>,
}

/// How the registry lists referrers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Referrers {
    /// All at once.
    #[default]
    Whole,
    /// So many on a page.
    Paged(usize),
    /// Not at all, as registries before version 1.1 of the specification.
    Unknown,
}

impl Registry {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::default());
        let shared = Arc::clone(&state);
        Self { state, server: Loopback::start(move |request| serve(&shared, request)) }
    }

    /// `127.0.0.1:port`, as it stands in a reference.
    pub fn host(&self) -> String {
        self.server.address().to_string()
    }

    /// Holds a blob; gives its digest.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        self.put_blob_as(repository, &digest, bytes);
        digest
    }

    /// Holds bytes under a digest that may not be theirs.
    pub fn put_blob_as(&self, repository: &str, digest: &str, bytes: &[u8]) {
        self.state().blobs.insert(format!("{repository}@{digest}"), bytes.to_vec());
    }

    /// Holds a manifest under its digest and, where one is given, a tag; gives its digest.
    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let held = (media_type.to_owned(), bytes.to_vec());
        let mut state = self.state();
        state.manifests.insert(format!("{repository}@{digest}"), held.clone());
        if !tag.is_empty() {
            state.manifests.insert(format!("{repository}:{tag}"), held);
        }
        digest
    }

    /// Holds an image with all its blobs; gives the digest of its manifest.
    pub fn put_image(&self, repository: &str, tag: &str, image: &BuiltImage) -> String {
        self.put_blob(repository, &image.config);
        for layer in &image.layers {
            self.put_blob(repository, &layer.blob);
        }
        self.put_manifest(repository, tag, MANIFEST, &image.manifest)
    }

    /// Holds an artifact of one blob, whose subject is the manifest of this digest; gives the digest of its manifest.
    pub fn attach(
        &self,
        repository: &str,
        subject: &str,
        artifact_type: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> String {
        let empty = self.put_blob(repository, b"{}");
        let blob = self.put_blob(repository, bytes);
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
            "layers": [{"mediaType": media_type, "digest": blob, "size": bytes.len()}],
            "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1},
        });
        self.put_manifest(repository, "", MANIFEST, manifest.to_string().as_bytes())
    }

    /// Has no list of referrers from now on. What was attached is found under the tag that stands for its subject.
    pub fn without_referrers(&self, repository: &str, subject: &str) {
        let index = {
            let mut state = self.state();
            state.referrers = Referrers::Unknown;
            state.referrers_of(repository, subject)
        };
        let index = answers::index(&index);
        self.put_manifest(repository, &subject.replace(':', "-"), INDEX, index.as_bytes());
    }

    /// Has no list of referrers from now on, and none under a tag either.
    pub fn older(&self) {
        self.state().referrers = Referrers::Unknown;
    }

    /// Gives lists of referrers in pages of this many.
    pub fn referrers_on_page(&self, number: usize) {
        self.state().referrers = Referrers::Paged(number);
    }

    /// Has no list of referrers from now on.
    pub fn without_referrers_list(&self) {
        self.state().referrers = Referrers::Unknown;
    }

    /// Gives repositories and tags in pages of this many; links to the next page are whole addresses or paths.
    pub fn lists_on_page(&self, number: usize, absolute_links: bool) {
        let mut state = self.state();
        state.lists.on_page = number;
        state.lists.absolute_links = absolute_links;
    }

    /// Refuses to give more on a page than so many, and gives as many where no number is asked for.
    pub fn lists_at_most(&self, number: usize) {
        let mut state = self.state();
        state.lists.on_page = number;
        state.lists.most = number;
    }

    /// Names this as the next page on every page.
    pub fn next_page_is(&self, link: &str) {
        self.state().lists.next = Some(link.to_owned());
    }

    /// Refuses to list its repositories.
    pub fn refuse_catalog(&self, status: u16) {
        self.state().lists.refused = Some(status);
    }

    /// Takes no blob over from another repository.
    pub fn without_mounts(&self) {
        self.state().without_mounts = true;
    }

    /// Removes a manifest, by its tag or digest.
    pub fn remove_manifest(&self, repository: &str, reference: &str) {
        let mark = if reference.contains(':') { '@' } else { ':' };
        self.state().manifests.remove(&format!("{repository}{mark}{reference}"));
    }

    /// Holds a file outside of the registry's paths.
    pub fn put_file(&self, path: &str, bytes: &[u8]) {
        self.state().files.insert(path.to_owned(), bytes.to_vec());
    }

    /// Lets in these only.
    pub fn require(&self, auth: Auth) {
        self.state().auth = auth;
    }

    /// The next request whose path contains `part` meets this. Several wait for one request each.
    pub fn fail_next(&self, part: &str, fault: Fault) {
        self.state().faults.add(part, fault);
    }

    /// Answers from the first byte on, whatever range is asked.
    pub fn ignore_range(&self) {
        self.state().ignore_range = true;
    }

    /// Redirects every blob to another place: `http://127.0.0.1:port`, where it lies as the file `/DIGEST`.
    pub fn redirect_blobs(&self, place: &str) {
        self.state().blobs_elsewhere = Some(place.to_owned());
    }

    /// Gives tokens that do not allow to push, whatever is asked.
    pub fn read_only(&self) {
        self.state().read_only = true;
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.state().blobs.get(&format!("{repository}@{digest}")).cloned()
    }

    /// The media type and the bytes of a manifest, by its tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let mark = if reference.contains(':') { '@' } else { ':' };
        self.state().manifests.get(&format!("{repository}{mark}{reference}")).cloned()
    }

    /// Removes a blob.
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.state().blobs.remove(&format!("{repository}@{digest}"));
    }

    /// Announces manifests with this digest.
    pub fn announce(&self, digest: &str) {
        self.state().announced = Some(digest.to_owned());
    }

    /// The requests that came, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Request {
    fn of(request: &Incoming) -> Self {
        let own = |name| request.header(name).map(str::to_owned);
        Self {
            method: request.method.clone(),
            path: request.path.clone(),
            authorization: own("authorization"),
            range: own("range"),
            content_type: own("content-type"),
            body: String::from_utf8(request.body.clone()).unwrap_or_default(),
            body_bytes: request.body.len(),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(state: &Mutex<State>, incoming: Incoming) -> Option<Answer> {
    let request = Request::of(&incoming);
    let (answer, fault) = {
        let mut state = lock(state);
        state.requests.push(request.clone());
        let fault = state.faults.meet(&request.path);
        // What fails before the registry looks at the request does not use up a token.
        let early = matches!(fault, Some(Fault::Status(..) | Fault::Drop | Fault::WebPage));
        let answer = if early {
            Answer::new(200, Vec::new(), [])
        } else {
            state.answer(&request, incoming.body, incoming.address)
        };
        (answer, fault)
    };
    spoil(answer, fault)
}

/// What comes of an answer by a fault; `None` where nothing is sent.
fn spoil(mut answer: Answer, fault: Option<Fault>) -> Option<Answer> {
    match fault {
        None => {}
        Some(Fault::Status(status, headers)) => answer = Answer::new(status, headers, []),
        Some(Fault::CutAfter(length)) => answer.sent = Some(length),
        Some(Fault::Drop) => return None,
        Some(Fault::Corrupt) => answer.body.iter_mut().take(1).for_each(|byte| *byte ^= 0xff),
        Some(Fault::Longer(more)) => answer.body.resize(answer.body.len() + more, b'x'),
        Some(Fault::LongerInChunks(more)) => {
            answer.body.resize(answer.body.len() + more, b'x');
            answer.in_chunks = true;
        }
        Some(Fault::WebPage) => answer = typed(200, "text/html; charset=utf-8", "<html>log in</html>"),
        Some(Fault::Redirect(place)) => answer = elsewhere(&place),
        Some(Fault::Slow(wait)) => std::thread::sleep(wait),
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback::{self, header};

    fn ask(registry: &Registry, path: &str, headers: &str) -> String {
        loopback::ask(registry.server.address(), path, headers)
    }

    #[test]
    fn it_serves_what_was_put() {
        let registry = Registry::start();
        let digest = registry.put_blob("app", b"0123456789");
        registry.put_manifest("app", "1", "text/x", b"{}");
        assert!(ask(&registry, &format!("/v2/app/blobs/{digest}"), "").ends_with("0123456789"));
        let part = ask(&registry, &format!("/v2/app/blobs/{digest}"), "Range: bytes=7-\r\n");
        assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("789"), "{part}");
        assert!(ask(&registry, "/v2/app/manifests/1", "").ends_with("{}"));
        assert!(ask(&registry, "/v2/app/tags/list", "").ends_with(r#""tags":["1"]}"#));
        assert!(ask(&registry, "/v2/_catalog", "").ends_with(r#"["app"]}"#));
        assert!(ask(&registry, "/v2/app/manifests/2", "").contains("MANIFEST_UNKNOWN"));
        registry.fail_next("manifests", Fault::Status(503, vec![header("Retry-After", "1")]));
        assert!(ask(&registry, "/v2/app/manifests/1", "").contains("503"));
        assert!(ask(&registry, "/v2/app/manifests/1", "").contains("200"));
        assert_eq!(registry.requests().len(), 8);
    }
}
