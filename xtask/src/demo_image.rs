//! The demo's image, put together from `examples/image`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, LayerBuilder};
use serde::Deserialize;
use serde_json::json;

/// Where dpkg keeps what is installed.
const STATUS: &str = "var/lib/dpkg/status";

/// `examples/image/layers.toml`; its rules stand in the README beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    image: ImagePlan,
    layer: Vec<LayerPlan>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagePlan {
    name: String,
    architecture: String,
    os: String,
    created: String,
    env: Vec<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    working_dir: String,
    user: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerPlan {
    #[serde(default)]
    folder: Option<String>,
    created: String,
    created_by: String,
    #[serde(default)]
    upgrade: BTreeMap<String, String>,
    #[serde(default)]
    whiteouts: Vec<String>,
    #[serde(default)]
    opaque: Vec<String>,
}

/// Writes the demo's image into `folder` as an OCI layout.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let (name, image) = build()?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear `{}`", folder.display()))?;
    }
    image.write_oci_layout(folder, &name).with_context(|| format!("cannot write `{}`", folder.display()))
}

/// The image's name and the image.
pub(crate) fn build() -> Result<(String, BuiltImage)> {
    let source = crate::root().join("examples/image");
    let text = read_text(&source.join("layers.toml"))?;
    let plan: Plan = toml::from_str(&text).context("cannot read `examples/image/layers.toml`")?;
    if plan.image.os != "linux" {
        bail!("cannot build the demo's image: expected the system linux, found {}", plan.image.os);
    }
    let mut builder = ImageBuilder::new()
        .platform(&plan.image.architecture, "")
        .created(&plan.image.created)
        .settings(json!({
            "Env": plan.image.env,
            "Entrypoint": plan.image.entrypoint,
            "Cmd": plan.image.cmd,
            "WorkingDir": plan.image.working_dir,
            "User": plan.image.user,
            "Labels": plan.image.labels,
        }));
    let mut status = String::new();
    for layer in &plan.layer {
        let mut out = LayerBuilder::new().created_by(&layer.created_by).created(&layer.created);
        for folder in &layer.opaque {
            out = out.opaque(folder);
        }
        for path in &layer.whiteouts {
            out = out.whiteout(path);
        }
        if let Some(folder) = &layer.folder {
            for (path, content) in files(&source.join(folder))? {
                if path == STATUS {
                    status = String::from_utf8(content.clone())
                        .context("cannot read the example's dpkg status")?;
                }
                out = out.file(&path, content);
            }
        }
        if !layer.upgrade.is_empty() {
            status = upgrade(&status, &layer.upgrade)?;
            out = out.file(STATUS, status.clone());
        }
        builder = builder.layer(out);
    }
    Ok((plan.image.name, builder.build()))
}

/// The text of a file of the project.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    #[expect(clippy::disallowed_methods, reason = "the project's own small files")]
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn is_jar(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jar")
}

/// The files below a folder by their path in it, sorted; a folder named `….jar` is one file.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| anyhow::anyhow!("a name that is not UTF-8: {}", name.display()))?;
        let path = entry.path();
        if !path.is_dir() {
            #[expect(clippy::disallowed_methods, reason = "the project's own small files")]
            let content = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            found.insert(name, content);
        } else if is_jar(&name) {
            found.insert(name, archive(&files(&path)?)?);
        } else {
            for (below, content) in files(&path)? {
                found.insert(format!("{name}/{below}"), content);
            }
        }
    }
    Ok(found)
}

/// A zip archive of these files. Archives inside it are stored, as Spring Boot does.
fn archive(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (path, content) in files {
        let stored = is_jar(path);
        let method =
            if stored { rawzip::CompressionMethod::STORE } else { rawzip::CompressionMethod::DEFLATE };
        let (mut entry, config) =
            archive.new_file(path).compression_method(method).start().context("cannot begin a zip entry")?;
        let descriptor = if stored {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content).context("cannot write a zip entry")?;
            writer.finish().context("cannot end a zip entry")?.1
        } else {
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
            let mut writer = config.wrap(encoder);
            writer.write_all(content).context("cannot write a zip entry")?;
            let (encoder, descriptor) = writer.finish().context("cannot end a zip entry")?;
            encoder.finish().context("cannot compress a zip entry")?;
            descriptor
        };
        entry.finish(descriptor).context("cannot end a zip entry")?;
    }
    archive.finish().context("cannot end a zip archive")?;
    Ok(bytes)
}

/// The status file with other versions of some packages; a source version in parentheses follows.
fn upgrade(status: &str, versions: &BTreeMap<String, String>) -> Result<String> {
    let mut left: Vec<&String> = versions.keys().collect();
    let mut out = String::with_capacity(status.len());
    let mut current: Option<&String> = None;
    for line in status.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("Package: ") {
            current = versions.get(name.trim_end());
            left.retain(|missing| missing.as_str() != name.trim_end());
        }
        match current {
            Some(version) if line.starts_with("Version: ") => {
                out.extend(["Version: ", version.as_str(), "\n"]);
            }
            _ => out.push_str(line),
        }
    }
    if !left.is_empty() {
        bail!("cannot upgrade {left:?}: expected them in the status file of the layers below");
    }
    Ok(out)
}
