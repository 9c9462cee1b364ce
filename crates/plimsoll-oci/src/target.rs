//! What is to be scanned, as a person types it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use plimsoll_archive::{Decompressed, TarItem, TarReader};
use plimsoll_http::read_up_to;

use crate::{Error, Reference};

/// Members of a tar file that are looked at to tell what it is.
const MAX_SNIFFED_MEMBERS: usize = 64;
/// Bytes of a tar file that are looked at, decompressed, to tell what it is. A `docker save` archive has its manifest
/// at the end, so its other members must tell.
const MAX_SNIFFED_BYTES: u64 = 64 << 20;
/// Bytes of a file that are looked at to tell a bill of materials.
const SBOM_HEAD_BYTES: u64 = 64 << 10;

/// What is to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An image in a registry: `registry.example/app:1.2`, `registry:app`.
    Registry(Reference),
    /// An image of the Docker engine: `docker:app`.
    Docker(String),
    /// An image of podman: `podman:app`.
    Podman(String),
    /// A file that `docker save` wrote: `docker-archive:FILE`, `docker-archive:FILE:app:1.2`.
    DockerArchive {
        /// The file, which may be compressed.
        path: PathBuf,
        /// Which of its images.
        image: Option<String>,
    },
    /// A tar file of an OCI image layout: `oci-archive:FILE`.
    OciArchive {
        /// The file, which may be compressed.
        path: PathBuf,
        /// Which of its images.
        image: Option<String>,
    },
    /// An OCI image layout: `oci-dir:DIR`.
    OciDir {
        /// The folder.
        path: PathBuf,
        /// Which of its images.
        image: Option<String>,
    },
    /// A root file system or a source tree: `dir:DIR`. [`crate::open`] does not take it.
    Dir(PathBuf),
    /// A bill of materials: `sbom:FILE`. [`crate::open`] does not take it.
    Sbom(PathBuf),
}

impl fmt::Display for Target {
    /// As it can be typed; the name of an image in a registry is printed whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, path, image) = match self {
            Self::Registry(reference) => return reference.fmt(f),
            Self::Docker(image) => return write!(f, "docker:{image}"),
            Self::Podman(image) => return write!(f, "podman:{image}"),
            Self::DockerArchive { path, image } => ("docker-archive", path, image.as_deref()),
            Self::OciArchive { path, image } => ("oci-archive", path, image.as_deref()),
            Self::OciDir { path, image } => ("oci-dir", path, image.as_deref()),
            Self::Dir(path) => ("dir", path, None),
            Self::Sbom(path) => ("sbom", path, None),
        };
        write!(f, "{prefix}:{}", path.display())?;
        image.map_or(Ok(()), |image| write!(f, ":{image}"))
    }
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Directory,
    Layout,
    DockerArchive,
    OciArchive,
    Sbom,
    OtherFile,
}

impl FromStr for Target {
    type Err = Error;

    /// Reads a target. Looks at the disk to tell what a bare path is.
    ///
    /// With a prefix (`docker:`, `registry:`, …) nothing is guessed. Hence the image `docker:27` of Docker Hub is
    /// written `registry:docker:27`. Without one:
    ///
    /// - What is written as a path (`/…`, `./…`, `../…`, `.`, `..`, or with `/` at its end) is one.
    /// - What names a *file* that exists is that file.
    /// - What has the ending of an archive or a document (`image.tar.gz`, `bom.json`) is a file that is missing.
    /// - All else is a name in a registry, even where a folder of that name exists: `app` is an image, `./app` the
    ///   folder.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text, &sniff)
    }
}

pub(crate) fn parse(text: &str, found: &dyn Fn(&Path) -> Found) -> Result<Target, Error> {
    let prefixed = text.split_once(':').filter(|(prefix, _)| !prefix.contains('/'));
    if let Some((prefix, rest)) = prefixed {
        let taken = matches!(
            prefix,
            "registry"
                | "docker"
                | "podman"
                | "docker-archive"
                | "oci-archive"
                | "oci-dir"
                | "dir"
                | "sbom"
                | "containerd"
        );
        if taken && rest.is_empty() {
            return Err(bad(text, "something behind the colon", "nothing"));
        }
        match prefix {
            "registry" => return rest.parse().map(Target::Registry),
            "docker" => return engine_name(rest).map(Target::Docker),
            "podman" => return engine_name(rest).map(Target::Podman),
            "docker-archive" => {
                let (path, image) = split_image(rest, found);
                return Ok(Target::DockerArchive { path, image });
            }
            "oci-archive" => {
                let (path, image) = split_image(rest, found);
                return Ok(Target::OciArchive { path, image });
            }
            "oci-dir" => {
                let (path, image) = split_image(rest, found);
                return Ok(Target::OciDir { path, image });
            }
            "dir" => return Ok(Target::Dir(rest.into())),
            "sbom" => return Ok(Target::Sbom(rest.into())),
            "containerd" => {
                return Err(Error::Unsupported {
                    target: text.to_owned(),
                    what: "reading from containerd's store",
                });
            }
            _ => {}
        }
    }
    let written_as_path = text.starts_with('/')
        || text.starts_with("./")
        || text.starts_with("../")
        || text.ends_with('/')
        || matches!(text, "." | "..");
    let path = PathBuf::from(text);
    match found(&path) {
        Found::Layout if written_as_path => Ok(Target::OciDir { path, image: None }),
        Found::Directory if written_as_path => Ok(Target::Dir(path)),
        Found::DockerArchive => Ok(Target::DockerArchive { path, image: None }),
        Found::OciArchive => Ok(Target::OciArchive { path, image: None }),
        Found::Sbom => Ok(Target::Sbom(path)),
        Found::OtherFile => {
            Err(bad(text, "an image archive, an OCI layout or a bill of materials", "a file of another kind"))
        }
        Found::Nothing if written_as_path || looks_like_file(text) => {
            Err(bad(text, "a file or folder", "nothing at that path"))
        }
        Found::Nothing | Found::Layout | Found::Directory => text.parse().map(Target::Registry),
    }
}

/// Whether a bare text was meant as a file, though there is none.
fn looks_like_file(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.zst", ".json", ".xml", ".spdx"].iter().any(|end| lower.ends_with(end))
        && !text.contains([':', '@'])
}

fn bad(text: &str, expected: &'static str, found: &str) -> Error {
    Error::Target { text: text.chars().take(300).collect(), expected, found: found.to_owned() }
}

/// An engine knows images by their names and by (the start of) their IDs, so it is the judge of names; only what
/// could not stand in a request is refused.
fn engine_name(text: &str) -> Result<String, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@[]".contains(&byte);
    if text.bytes().all(plain) && !text.split('/').any(|part| part.is_empty() || part == "." || part == "..")
    {
        Ok(text.to_owned())
    } else {
        Err(bad(text, "the name or ID of an image", "characters that neither has"))
    }
}

/// `FILE[:image]`: the file is the longest part before a colon that exists.
fn split_image(text: &str, found: &dyn Fn(&Path) -> Found) -> (PathBuf, Option<String>) {
    if found(Path::new(text)) != Found::Nothing {
        return (text.into(), None);
    }
    let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at).collect();
    for &at in colons.iter().rev() {
        if at + 1 < text.len() && found(Path::new(&text[..at])) != Found::Nothing {
            return (text[..at].into(), Some(text[at + 1..].to_owned()));
        }
    }
    (text.into(), None)
}

/// What lies at a path. What cannot be read is nothing, or a file of another kind: opening it says why.
fn sniff(path: &Path) -> Found {
    let Ok(metadata) = std::fs::metadata(path) else { return Found::Nothing };
    if metadata.is_dir() {
        return if path.join("oci-layout").is_file() { Found::Layout } else { Found::Directory };
    }
    let Ok(file) = File::open(path) else { return Found::OtherFile };
    let Ok(stream) = Decompressed::new(file) else { return Found::OtherFile };
    sniff_file(stream)
}

fn sniff_file(mut stream: impl Read) -> Found {
    let Ok(head) = read_up_to(&mut stream, SBOM_HEAD_BYTES) else { return Found::OtherFile };
    let text = head.trim_ascii_start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(head.trim_ascii_start());
    let has = |word: &str| head.windows(word.len()).any(|window| window == word.as_bytes());
    if text.starts_with(b"{") {
        let sbom = ["\"bomFormat\"", "\"spdxVersion\"", "spdx.org/rdf", "\"SPDXID\""].into_iter().any(has);
        return if sbom { Found::Sbom } else { Found::OtherFile };
    }
    if text.starts_with(b"<") && has("cyclonedx.org/schema/bom") || text.starts_with(b"SPDXVersion:") {
        return Found::Sbom;
    }
    let rest = std::io::Cursor::new(head).chain(stream).take(MAX_SNIFFED_BYTES);
    let mut tar = TarReader::new(std::io::BufReader::new(rest));
    let mut layout = false;
    let mut members = 0;
    while members < MAX_SNIFFED_MEMBERS {
        let Ok(Some(item)) = tar.next_entry() else { break };
        members += 1;
        let TarItem::Entry(entry) = item else { continue };
        match entry.path.as_str() {
            "manifest.json" | "repositories" => return Found::DockerArchive,
            "oci-layout" | "index.json" => layout = true,
            path if path.starts_with("blobs/sha256") => layout = true,
            path if path.ends_with("/layer.tar") => return Found::DockerArchive,
            path if is_hex_name(path, ".json") || is_hex_name(path, ".tar") => return Found::DockerArchive,
            _ => {}
        }
    }
    // Docker since 25 writes a layout *and* a manifest: as a layout it can be read either way.
    if layout { Found::OciArchive } else { Found::OtherFile }
}

fn is_hex_name(path: &str, suffix: &str) -> bool {
    path.strip_suffix(suffix)
        .is_some_and(|stem| stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(path: &Path) -> Found {
        match path.to_str().unwrap() {
            "app" | "./app" | "/srv" | "app/" => Found::Directory,
            "./layout" | "layout" => Found::Layout,
            "a.tar" | "with:colon.tar" => Found::DockerArchive,
            "o.tar" => Found::OciArchive,
            "bom.json" => Found::Sbom,
            "notes.txt" => Found::OtherFile,
            _ => Found::Nothing,
        }
    }

    fn show(text: &str) -> String {
        match parse(text, &on_disk) {
            Ok(Target::Registry(reference)) => format!("registry {reference}"),
            Ok(target) => format!("{target:?}"),
            Err(error) => format!("error {error}"),
        }
    }

    #[test]
    fn prefixes_decide() {
        for (text, expected) in [
            ("registry:docker:27", "registry docker.io/library/docker:27"),
            ("docker:app:1", "Docker(\"app:1\")"),
            ("podman:localhost/app", "Podman(\"localhost/app\")"),
            ("docker:sha256:12ab", "Docker(\"sha256:12ab\")"),
            ("docker-archive:a.tar", "DockerArchive { path: \"a.tar\", image: None }"),
            ("docker-archive:a.tar:app:1", "DockerArchive { path: \"a.tar\", image: Some(\"app:1\") }"),
            ("docker-archive:with:colon.tar", "DockerArchive { path: \"with:colon.tar\", image: None }"),
            ("oci-dir:layout:v1", "OciDir { path: \"layout\", image: Some(\"v1\") }"),
            ("oci-archive:missing.tar", "OciArchive { path: \"missing.tar\", image: None }"),
            ("dir:app", "Dir(\"app\")"),
            ("sbom:x", "Sbom(\"x\")"),
            ("localhost:5000/x", "registry localhost:5000/x:latest"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
        for text in ["docker:", "docker:a b", "docker:../x", "docker:a?b", "containerd:app", "registry:A"] {
            assert!(show(text).starts_with("error "), "{text}");
        }
    }

    #[test]
    fn a_folder_is_only_meant_when_it_is_written_as_a_path() {
        for (text, expected) in [
            ("app", "registry docker.io/library/app:latest"),
            ("./app", "Dir(\"./app\")"),
            ("app/", "Dir(\"app/\")"),
            ("/srv", "Dir(\"/srv\")"),
            ("./layout", "OciDir { path: \"./layout\", image: None }"),
            ("layout", "registry docker.io/library/layout:latest"),
            ("a.tar", "DockerArchive { path: \"a.tar\", image: None }"),
            ("o.tar", "OciArchive { path: \"o.tar\", image: None }"),
            ("bom.json", "Sbom(\"bom.json\")"),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
        assert!(show("./gone").contains("nothing at that path"));
        assert!(show("gone.tar.gz").contains("nothing at that path"));
        assert_eq!(show("registry:gone.tar"), "registry docker.io/library/gone.tar:latest");
        assert_eq!(show("r.example/x:1.tar"), "registry r.example/x:1.tar");
        assert!(show("notes.txt").contains("a file of another kind"));
    }

    #[test]
    fn files_are_told_by_their_content() {
        let tar = |names: &[&str]| {
            let mut builder = tar::Builder::new(Vec::new());
            for name in names {
                let mut header = tar::Header::new_gnu();
                header.set_size(0);
                builder.append_data(&mut header, name, std::io::empty()).unwrap();
            }
            builder.into_inner().unwrap()
        };
        let hex = "ab".repeat(32);
        for (bytes, expected) in [
            (tar(&["oci-layout", "index.json", "blobs/sha256/x"]), Found::OciArchive),
            (tar(&["oci-layout", "manifest.json"]), Found::DockerArchive),
            (tar(&[&format!("{hex}/layer.tar")]), Found::DockerArchive),
            (tar(&[&format!("{hex}.json")]), Found::DockerArchive),
            (tar(&["etc/passwd"]), Found::OtherFile),
            (b" {\"bomFormat\": \"CycloneDX\"}".to_vec(), Found::Sbom),
            (b"{\"spdxVersion\":\"SPDX-2.3\"}".to_vec(), Found::Sbom),
            (b"{\"a\":1}".to_vec(), Found::OtherFile),
            (Vec::new(), Found::OtherFile),
            (vec![0xff; 5000], Found::OtherFile),
        ] {
            assert_eq!(sniff_file(bytes.as_slice()), expected);
        }
    }
}
