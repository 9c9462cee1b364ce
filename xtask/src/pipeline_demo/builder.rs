//! What the demo builds with, so that it needs no container engine: `FROM scratch` and `COPY`, called as buildah is.
//!
//! It knows the words that `plimsoll pipeline run --commit` says to buildah, and refuses every other.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, LayerBuilder, sha256};
use serde_json::Value;

use crate::demo_image::{files, read_text};

/// The most bytes of a registry's answer: a status and headers.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// `cargo xtask build-image WORDS`, with buildah's words.
pub(crate) fn call(words: &[&str]) -> Result<()> {
    match words {
        ["--version"] => {
            println!("the demo's own image builder");
            Ok(())
        }
        ["bud", words @ ..] => build(words),
        ["push", words @ ..] => push(words),
        _ => bail!("cannot build images with `{}`: expected `bud` or `push`", words.join(" ")),
    }
}

/// Where images lie, each under its ID.
fn images() -> Result<PathBuf> {
    let folder = crate::variable("DEMO_IMAGES").context("expected a folder for images in `DEMO_IMAGES`")?;
    Ok(PathBuf::from(folder))
}

fn build(words: &[&str]) -> Result<()> {
    let mut words = words.iter();
    let (mut id_file, mut file, mut context, mut labels) = (None, None, None, serde_json::Map::new());
    while let Some(word) = words.next() {
        match *word {
            "--iidfile" => id_file = words.next(),
            "--file" => file = words.next(),
            "--tag" | "--isolation" => drop(words.next()),
            "--label" => {
                let label = words.next().and_then(|label| label.split_once('='));
                let (name, value) = label.context("cannot read a label: expected `name=value`")?;
                labels.insert(name.to_owned(), value.into());
            }
            word if word.starts_with('-') => {
                bail!("cannot build an image with `{word}`: it is not known here")
            }
            _ => context = Some(word),
        }
    }
    let context = Path::new(context.context("expected a folder to build")?);
    let file = file.map_or_else(|| context.join("Dockerfile"), PathBuf::from);
    let image = image(&read_text(&file)?, context, &labels)?;
    let id = sha256(&image.config);
    let folder = images()?.join(id.trim_start_matches("sha256:"));
    image
        .write_oci_layout(&folder, "latest")
        .with_context(|| format!("cannot write `{}`", folder.display()))?;
    fs::write(folder.join("image.tar"), image.oci_archive("latest"))
        .with_context(|| format!("cannot write `{}`", folder.display()))?;
    if let Some(id_file) = id_file {
        fs::write(id_file, &id).with_context(|| format!("cannot write `{id_file}`"))?;
    }
    println!("{id}");
    Ok(())
}

/// Carries out a Dockerfile of the few instructions that are known here.
fn image(dockerfile: &str, context: &Path, labels: &serde_json::Map<String, Value>) -> Result<BuiltImage> {
    let mut builder = ImageBuilder::new().created("2024-01-01T00:00:00Z");
    let (mut environment, mut entrypoint) = (Vec::new(), Value::Null);
    for line in dockerfile.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (instruction, rest.split_whitespace().collect::<Vec<_>>().as_slice()) {
            ("FROM", ["scratch"]) => {}
            ("ENV", [pair]) if pair.contains('=') => environment.push((*pair).to_owned()),
            ("ENTRYPOINT", _) => {
                entrypoint = serde_json::from_str(rest).with_context(|| format!("cannot read `{line}`"))?;
            }
            ("COPY", [from, to]) => {
                let mut layer = LayerBuilder::new().created_by(line);
                let below = to.trim_matches('/');
                for (path, content) in files(&context.join(from))? {
                    let path = if below.is_empty() { path } else { format!("{below}/{path}") };
                    layer = layer.file(&path, content);
                }
                builder = builder.layer(layer);
            }
            _ => bail!(
                "cannot carry out `{line}`: the demo's builder knows `FROM scratch`, `COPY`, `ENV` and `ENTRYPOINT`"
            ),
        }
    }
    let settings = serde_json::json!({"Env": environment, "Entrypoint": entrypoint, "Labels": labels});
    Ok(builder.settings(settings).build())
}

fn push(words: &[&str]) -> Result<()> {
    let mut words = words.iter();
    let (mut digest_file, mut names) = (None, Vec::new());
    while let Some(word) = words.next() {
        match *word {
            "--digestfile" => digest_file = words.next(),
            word if word.starts_with("--") => {}
            word => names.push(word),
        }
    }
    let [id, to] = names[..] else { bail!("expected an image and where it goes, found {names:?}") };
    let folder = images()?.join(id.trim_start_matches("sha256:"));
    if let Some(file) = to.strip_prefix("oci-archive:") {
        let from = folder.join("image.tar");
        return fs::copy(&from, file).map(drop).with_context(|| format!("cannot copy `{}`", from.display()));
    }
    let target = to.strip_prefix("docker://").context("expected `docker://NAME` or `oci-archive:FILE`")?;
    let (host, path) = target.split_once('/').context("expected a registry before the image's name")?;
    let (repository, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
    let digest = upload(host, repository, tag, &folder)?;
    if let Some(digest_file) = digest_file {
        fs::write(digest_file, &digest).with_context(|| format!("cannot write `{digest_file}`"))?;
    }
    Ok(())
}

/// Sends the layout of an image to a registry on loopback, and gives the digest of its manifest.
fn upload(host: &str, repository: &str, tag: &str, layout: &Path) -> Result<String> {
    let index: Value = serde_json::from_str(&read_text(&layout.join("index.json"))?)
        .context("cannot read the image's index")?;
    let digest = index["manifests"][0]["digest"].as_str().context("the image's index names no manifest")?;
    let blobs = files(&layout.join("blobs/sha256"))?;
    let manifest = blobs.get(digest.trim_start_matches("sha256:")).context("the image has no manifest")?;
    for (hex, bytes) in blobs.iter().filter(|(hex, _)| !digest.ends_with(hex.as_str())) {
        let (_, headers) = ask(host, "POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"")?;
        let place = headers
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("location")))
            .context("the registry says no place for a blob")?
            .1;
        let mark = if place.contains('?') { '&' } else { '?' };
        let path = format!("{place}{mark}digest=sha256:{hex}");
        done(host, "PUT", &path, "application/octet-stream", bytes)?;
    }
    let kind = "application/vnd.oci.image.manifest.v1+json";
    done(host, "PUT", &format!("/v2/{repository}/manifests/{tag}"), kind, manifest)?;
    Ok(digest.to_owned())
}

fn done(host: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<()> {
    match ask(host, method, path, kind, body)? {
        (201, _) => Ok(()),
        (status, _) => bail!("`{method} {path}`: expected status 201, found {status}"),
    }
}

/// One request; the status and the headers of its answer.
fn ask(host: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<(u16, String)> {
    let mut stream =
        TcpStream::connect(host).with_context(|| format!("cannot reach the registry `{host}`"))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .context("cannot send a request")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer).context("cannot hear the registry's answer")?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok((status.with_context(|| format!("`{method} {path}`: expected an answer of HTTP"))?, answer))
}
