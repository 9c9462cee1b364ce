//! Images of an engine that listens on a socket: Docker, podman.
//!
//! Source: Docker Engine API 1.40 and later, "Inspect an image", "Export an image"; Podman REST API 4.0, libpod.

mod http1;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_http::read_up_to;
use plimsoll_model::{Artifact, ArtifactKind, Digest, LayerInfo, Platform};
use serde::Deserialize;

use self::http1::{Answer, get};
use crate::archive::Form;
use crate::manifest::{MAX_LAYERS, clip};
use crate::platform::rank;
use crate::stream::ArchiveStream;
use crate::{Error, Options, ResolvedImage, Source, StoredLayer};

/// How long an engine may take for the next bytes. Before the first it may write the whole image to its disk.
const ENGINE_TIMEOUT: Duration = Duration::from_mins(10);
/// The most bytes of an engine's answer that is no image.
const MAX_INSPECT_BYTES: u64 = 8 << 20;
/// The version of podman's own interface that is spoken; newer ones still know it.
const LIBPOD: &str = "/v4.0.0/libpod";

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Docker,
    Podman,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
        }
    }
}

/// What an engine says of an image, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default, rename = "RootFS")]
    root_fs: Option<RootFs>,
    /// Where Docker keeps images in containerd's store, `Id` is this descriptor's digest and not the config's.
    #[serde(default)]
    descriptor: Option<InspectedDescriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct InspectedDescriptor {
    #[serde(default)]
    digest: String,
}

/// Asks the engine what the image is, and for its bytes, which come as an archive when they are read.
pub(crate) fn open(engine: Engine, image: &str, name: &str, options: &Options) -> Result<Source, Error> {
    let prefix = if engine == Engine::Podman { LIBPOD } else { "" };
    let inspect = format!("{prefix}/images/{image}/json");
    let mut answer = request(engine, &inspect, options)?;
    let bad = |expected: &'static str, found: String| Error::EngineAnswer {
        engine: engine.name(),
        request: format!("GET {inspect}"),
        expected,
        found,
    };
    let bytes = read_up_to(&mut answer.body, MAX_INSPECT_BYTES)
        .map_err(|error| bad("a whole answer", error.to_string()))?;
    match answer.status {
        200 => {}
        404 => {
            return Err(Error::NotFound {
                reference: image.to_owned(),
                answer: format!("{} has no such image: {}", engine.name(), message(&bytes)),
            });
        }
        status => return Err(bad("status 200", format!("{status} `{}`", message(&bytes)))),
    }
    let inspected: Inspected =
        serde_json::from_slice(&bytes).map_err(|error| bad("an image (JSON)", error.to_string()))?;
    let expected = expected(inspected, name).map_err(|found| bad("an image with its layers", found))?;
    if let (Some(asked), Some(found)) = (&options.platform, &expected.artifact.platform)
        && rank(found, asked).is_none()
    {
        return Err(Error::PlatformMissing {
            reference: image.to_owned(),
            wanted: asked.to_string(),
            available: vec![found.to_string()],
        });
    }
    let export = match engine {
        Engine::Docker => format!("/images/{image}/get"),
        Engine::Podman => format!("{LIBPOD}/images/{image}/get?format=docker-archive"),
    };
    let source = Export { engine, path: export, options: options.clone(), answer: None };
    let place = format!("{} image {image}", engine.name());
    let stream = ArchiveStream::new(Box::new(source), Form::Docker, None, name, &place, options);
    Ok(Source::Stream(Box::new(stream.expecting(expected))))
}

fn expected(inspected: Inspected, name: &str) -> Result<ResolvedImage, String> {
    let digest = |text: &str| -> Result<Digest, String> {
        let whole = if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") };
        whole.parse().map_err(|_| format!("the digest `{}`", clip(text)))
    };
    let id = digest(&inspected.id)?.to_string();
    let in_containerd = inspected.descriptor.is_some_and(|descriptor| descriptor.digest == id);
    let ids = inspected.root_fs.and_then(|root_fs| root_fs.layers).unwrap_or_default();
    if ids.len() > MAX_LAYERS {
        return Err(format!("{} layers", ids.len()));
    }
    let layers = ids
        .iter()
        .map(|id| {
            let diff_id = plimsoll_model::DiffId(digest(id)?);
            Ok(StoredLayer {
                diff_id,
                digest: None,
                media_type: String::new(),
                size_bytes: 0,
                urls: Vec::new(),
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let infos = layers.iter().map(|layer| LayerInfo {
        diff_id: layer.diff_id.to_string(),
        digest: String::new(),
        size_bytes: 0,
        created_by: String::new(),
    });
    let sorted = |names: Option<Vec<String>>| {
        let mut names = names.unwrap_or_default();
        names.retain(|name| !name.starts_with("<none>"));
        names.sort();
        names
    };
    let platform = inspected.os.filter(|os| !os.is_empty()).map(|os| Platform {
        os,
        architecture: inspected.architecture.unwrap_or_default(),
        variant: inspected.variant.unwrap_or_default(),
    });
    let artifact = Artifact {
        name: name.to_owned(),
        kind: ArtifactKind::ContainerImage,
        manifest_digest: String::new(),
        config_digest: if in_containerd { String::new() } else { id },
        repo_tags: sorted(inspected.repo_tags),
        repo_digests: sorted(inspected.repo_digests),
        platform,
        created: inspected.created.unwrap_or_default(),
        layers: infos.collect(),
        config: String::new(),
    };
    Ok(ResolvedImage { artifact, layers, ..ResolvedImage::default() })
}

/// What an engine says of a failure: `message`, or podman's `cause`.
fn message(bytes: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let text = json.as_ref().and_then(|json| json.get("message").or_else(|| json.get("cause"))?.as_str());
    text.map_or_else(|| "no message".to_owned(), clip)
}

/// The bytes of an image, asked for when the first are read.
struct Export {
    engine: Engine,
    path: String,
    options: Options,
    answer: Option<Answer<Connection>>,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.answer.is_none() {
            let mut answer = request(self.engine, &self.path, &self.options).map_err(Error::into_io)?;
            if answer.status != 200 {
                let bytes = read_up_to(&mut answer.body, MAX_INSPECT_BYTES)?;
                let error = Error::EngineAnswer {
                    engine: self.engine.name(),
                    request: format!("GET {}", self.path),
                    expected: "status 200",
                    found: format!("{} `{}`", answer.status, message(&bytes)),
                };
                return Err(error.into_io());
            }
            self.answer = Some(answer);
        }
        let answer = self.answer.as_mut().expect("it was just made");
        answer.body.read(buffer)
    }
}

enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buffer),
            Self::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Tcp(stream) => stream.flush(),
        }
    }
}

fn request(engine: Engine, path: &str, options: &Options) -> Result<Answer<Connection>, Error> {
    get(connect(engine, options)?, path).map_err(|error| Error::EngineAnswer {
        engine: engine.name(),
        request: format!("GET {path}"),
        expected: "an HTTP answer",
        found: error.to_string(),
    })
}

fn connect(engine: Engine, options: &Options) -> Result<Connection, Error> {
    let (host, sockets) = match engine {
        Engine::Docker => (&options.docker_host, &options.docker_sockets),
        Engine::Podman => (&options.podman_host, &options.podman_sockets),
    };
    if let Some(host) = host {
        return connect_host(engine, host, options);
    }
    let mut failure: Option<io::Error> = None;
    for socket in sockets {
        match connect_unix(socket) {
            Ok(connection) => return Ok(connection),
            // A socket that is there and closed to us says more than one that is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound && failure.is_some() => {}
            Err(error) => failure = Some(error),
        }
    }
    let tried = sockets.iter().map(|socket| socket.display().to_string()).collect();
    Err(Error::EngineMissing { engine: engine.name(), tried, source: failure })
}

fn connect_host(engine: Engine, host: &str, options: &Options) -> Result<Connection, Error> {
    let missing =
        |source| Error::EngineMissing { engine: engine.name(), tried: vec![host.to_owned()], source };
    if let Some(path) = host.strip_prefix("unix://") {
        return connect_unix(&PathBuf::from(path)).map_err(|error| missing(Some(error)));
    }
    let unsupported = || Error::Target {
        text: host.to_owned(),
        expected: "an engine at `unix:///path`, or at `tcp://` and a loopback address",
        found: "another address; its traffic would be neither encrypted nor our own".to_owned(),
    };
    let authority =
        host.strip_prefix("tcp://").map(|rest| rest.trim_end_matches('/')).ok_or_else(unsupported)?;
    let addresses: Vec<SocketAddr> =
        authority.to_socket_addrs().map_err(|error| missing(Some(error)))?.collect();
    if addresses.is_empty() || !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(unsupported());
    }
    let stream = TcpStream::connect_timeout(&addresses[0], options.http.connect_timeout)
        .and_then(|stream| stream.set_read_timeout(Some(ENGINE_TIMEOUT)).map(|()| stream))
        .map_err(|error| missing(Some(error)))?;
    Ok(Connection::Tcp(stream))
}

fn connect_unix(path: &Path) -> io::Result<Connection> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ENGINE_TIMEOUT))?;
    Ok(Connection::Unix(stream))
}

/// Reads an answer whole, for fuzzing.
pub(crate) fn fuzz_answer(bytes: &[u8]) {
    if let Ok(answer) = http1::read_answer(bytes) {
        let _ = io::copy(&mut answer.body.take(MAX_INSPECT_BYTES), &mut io::sink());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(json: &str) -> Result<ResolvedImage, String> {
        expected(serde_json::from_str(json).map_err(|error| error.to_string())?, "docker:app")
    }

    #[test]
    fn both_engines_tell_the_same() {
        let hex = "ab".repeat(32);
        let docker = inspected(&format!(
            r#"{{"Id":"sha256:{hex}","RepoTags":["app:1"],"RepoDigests":[],"Os":"linux","Architecture":"amd64",
               "RootFS":{{"Type":"layers","Layers":["sha256:{hex}"]}}}}"#
        ))
        .unwrap();
        let podman = inspected(&format!(
            r#"{{"Id":"{hex}","RepoTags":["app:1"],"Os":"linux","Architecture":"amd64","RootFS":{{"Layers":["sha256:{hex}"]}}}}"#
        ))
        .unwrap();
        assert_eq!(docker.artifact, podman.artifact);
        assert_eq!(docker.artifact.config_digest, format!("sha256:{hex}"));
        assert_eq!(docker.layers.len(), 1);
    }

    #[test]
    fn an_id_of_containerd_is_no_config_digest() {
        let hex = "ab".repeat(32);
        let image = inspected(&format!(
            r#"{{"Id":"sha256:{hex}","Descriptor":{{"digest":"sha256:{hex}"}},"RootFS":{{"Layers":null}}}}"#
        ))
        .unwrap();
        assert_eq!(image.artifact.config_digest, "");
    }

    #[test]
    fn foreign_answers_are_errors() {
        for json in ["", "[]", "{}", r#"{"Id":"../x"}"#, r#"{"Id":7}"#] {
            assert!(inspected(json).is_err(), "{json}");
        }
    }

    #[test]
    fn only_local_engines_are_asked() {
        for (host, expected) in [
            ("tcp://203.0.113.7:2375", "expected an engine at"),
            ("ssh://host", "expected an engine at"),
            ("unix:///nowhere/x.sock", "expected its socket at `unix:///nowhere/x.sock`"),
        ] {
            let options = Options { docker_host: Some(host.to_owned()), ..Options::default() };
            let error = connect(Engine::Docker, &options).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let options = Options { podman_sockets: vec!["/nowhere/p.sock".into()], ..Options::default() };
        let error = connect(Engine::Podman, &options).err().unwrap();
        assert_eq!(error.to_string(), "cannot connect to Podman: expected its socket at `/nowhere/p.sock`");
        assert!(error.hint().unwrap().contains("registry:NAME"));
    }
}
