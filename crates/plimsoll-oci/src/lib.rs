//! Where images come from: registries, engine sockets, layouts and archives.
//!
//! [`open`] finds the image that a [`Target`] names, verifies its manifest and config, and gives a [`Source`] whose
//! layers are read as streams. Every byte with a known digest is compared with it before its end is reported.
//!
//! [`Repository`] reads and writes manifests and blobs of any kind, for artifacts that are no images, and lists what is
//! attached to one.
//!
//! It unpacks nothing, writes no file, keeps no cache, and reads no clock; layers are given as they are
//! stored, and decompressing them is the reader's. It does not read containerd's own store, and speaks to engines on
//! this machine only.
//!
//! ```
//! use plimsoll_oci::{Options, Target, open};
//!
//! let target: Target = "registry.example/app:1.2".parse()?;
//! assert!(matches!(&target, Target::Registry(reference) if reference.repository() == "app"));
//! // `Options::from_env()` knows the credentials and proxies of the environment.
//! let gone: Target = "oci-dir:/nowhere".parse()?;
//! assert!(open(&gone, &Options::default()).is_err());
//! # Ok::<(), plimsoll_oci::Error>(())
//! ```

mod archive;
mod config;
mod credentials;
mod docker_manifest;
mod engine;
mod error;
mod layout;
mod local;
mod manifest;
mod options;
mod platform;
mod reference;
mod registry;
mod resolve;
mod source;
mod stream;
mod target;
mod verify;

pub use credentials::HelperAnswers;
pub use error::Error;
pub use options::{FoundLogin, Login, LoginSource, Options, Progress};
pub use platform::parse_platform;
pub use plimsoll_http::{ConnectionFailure, ProxyOptions, Secret};
pub use reference::Reference;
pub use registry::{
    Appended, Artifact, ArtifactBlob, Attached, Attachment, BlobContent, Copied, CopyOptions, CopyProgress,
    Kind, ListedTag, Listing, ListingError, Member, RegistryListing, RemoteImage, RemoteManifest, Repository,
    Survey, Unmoved, copy, digest_tag,
};
pub use source::{ImageSource, ImageStream, ResolvedImage, Source, StoredLayer};
pub use target::Target;

use archive::Form;
use engine::Engine;

/// Opens the image that a target names. The target, as it prints itself, becomes the artifact's name.
///
/// # Errors
/// [`Error`]; its `hint` says what may help. [`Target::Dir`] and [`Target::Sbom`] are no images, and an
/// [`Error::Unsupported`] here.
pub fn open(target: &Target, options: &Options) -> Result<Source, Error> {
    let name = &target.to_string();
    match target {
        Target::Registry(reference) => registry::open(reference, name, options),
        Target::Docker(image) => engine::open(Engine::Docker, image, name, options),
        Target::Podman(image) => engine::open(Engine::Podman, image, name, options),
        Target::DockerArchive { path, image } => {
            archive::open(path, Form::Docker, image.as_deref(), name, options)
        }
        Target::OciArchive { path, image } => {
            archive::open(path, Form::Layout, image.as_deref(), name, options)
        }
        Target::OciDir { path, image } => {
            let folder = layout::Folder::new(path)?;
            layout::open(Box::new(folder), image.as_deref(), name, options)
        }
        Target::Dir(path) => Err(Error::Unsupported {
            target: path.display().to_string(),
            what: "reading a folder as an image",
        }),
        Target::Sbom(path) => Err(Error::Unsupported {
            target: path.display().to_string(),
            what: "reading a bill of materials as an image",
        }),
    }
}

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    let _ = manifest::parse(bytes, "", "fuzz");
    let _ = config::parse(bytes.to_vec(), "fuzz");
    let _ = docker_manifest::pick(bytes, None, "fuzz");
    registry::fuzz_artifact(bytes);
    engine::fuzz_answer(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Reference>();
        let _ = target::parse(text, &|_| target::Found::Nothing);
        let _ = parse_platform(text);
        registry::fuzz_challenge(text);
    }
}
