//! Images written as text, and put together as real ones.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How a layer's blob is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// Gzip.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
}

/// One entry of a layer.
#[derive(Clone, Debug)]
enum Entry {
    File { path: String, mode: u32, content: Vec<u8> },
    Folder { path: String },
    Symlink { path: String, target: String },
    HardLink { path: String, target: String },
}

/// A layer being written down.
#[derive(Clone, Debug, Default)]
pub struct LayerBuilder {
    entries: Vec<Entry>,
    packing: Packing,
    created_by: String,
    created: String,
}

impl LayerBuilder {
    /// An empty layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push(Entry::File { path: path.to_owned(), mode: 0o644, content: content.into() });
        self
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push(Entry::File { path: path.to_owned(), mode: 0o755, content: content.into() });
        self
    }

    /// Adds a folder.
    #[must_use]
    pub fn folder(mut self, path: &str) -> Self {
        self.entries.push(Entry::Folder { path: path.to_owned() });
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.entries.push(Entry::Symlink { path: path.to_owned(), target: target.to_owned() });
        self
    }

    /// Adds a hard link; `target` is a path from the root.
    #[must_use]
    pub fn hard_link(mut self, path: &str, target: &str) -> Self {
        self.entries.push(Entry::HardLink { path: path.to_owned(), target: target.to_owned() });
        self
    }

    /// Removes a path of the layers below.
    #[must_use]
    pub fn whiteout(self, path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mark = if folder.is_empty() { format!(".wh.{name}") } else { format!("{folder}/.wh.{name}") };
        self.file(&mark, "")
    }

    /// Hides what the layers below have in a folder.
    #[must_use]
    pub fn opaque(self, folder: &str) -> Self {
        self.file(&format!("{folder}/.wh..wh..opq"), "")
    }

    /// How its blob is packed.
    #[must_use]
    pub fn packed(mut self, packing: Packing) -> Self {
        self.packing = packing;
        self
    }

    /// Its line in the image's history.
    #[must_use]
    pub fn created_by(mut self, line: &str) -> Self {
        line.clone_into(&mut self.created_by);
        self
    }

    /// When it was made, RFC 3339; the image's time where it is not said.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        time.clone_into(&mut self.created);
        self
    }

    /// The uncompressed archive: the same entries give the same bytes.
    pub fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for entry in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            let written = match entry {
                Entry::File { path, mode, content } => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(content.len() as u64);
                    builder.append_data(&mut header, path, content.as_slice())
                }
                Entry::Folder { path } => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(0o755);
                    builder.append_data(&mut header, path, io::empty())
                }
                Entry::Symlink { path, target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    builder.append_link(&mut header, path, target)
                }
                Entry::HardLink { path, target } => {
                    header.set_entry_type(tar::EntryType::Link);
                    header.set_mode(0o644);
                    builder.append_link(&mut header, path, target)
                }
            };
            written.expect("memory takes every entry");
        }
        builder.into_inner().expect("memory takes every entry")
    }
}

/// A layer as it is stored.
#[derive(Clone, Debug)]
pub struct BuiltLayer {
    /// `sha256:…` of the archive.
    pub diff_id: String,
    /// `sha256:…` of the blob.
    pub digest: String,
    /// The blob's media type.
    pub media_type: &'static str,
    /// The stored bytes.
    pub blob: Vec<u8>,
    /// The uncompressed archive.
    pub tar: Vec<u8>,
}

/// An image as it is stored.
#[derive(Clone, Debug)]
pub struct BuiltImage {
    /// The config, JSON.
    pub config: Vec<u8>,
    /// The OCI manifest, JSON.
    pub manifest: Vec<u8>,
    /// The layers, base first.
    pub layers: Vec<BuiltLayer>,
}

/// An image being written down.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    layers: Vec<LayerBuilder>,
    architecture: String,
    variant: String,
    settings: Value,
    created: String,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self {
            layers: Vec::new(),
            architecture: "amd64".to_owned(),
            variant: String::new(),
            settings: json!({}),
            created: "2024-01-02T03:04:05Z".to_owned(),
        }
    }
}

impl ImageBuilder {
    /// An image of `linux/amd64` without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads an image written as text. Lines that begin with `//-` are marks, the others the content of the file above:
    ///
    /// ```text
    /// //- layer
    /// //- file etc/os-release
    /// ID=debian
    /// //- program usr/bin/tool
    /// //- folder srv
    /// //- symlink lib -> usr/lib
    /// //- hardlink a -> b
    /// //- whiteout etc/passwd
    /// //- opaque usr/share
    /// ```
    ///
    /// # Panics
    /// On a mark that it does not know: the text is part of a test.
    pub fn from_text(text: &str) -> Self {
        let mut layers: Vec<LayerBuilder> = Vec::new();
        for line in text.split_inclusive('\n') {
            let Some(mark) = line.trim_start().strip_prefix("//- ") else {
                if let Some(Entry::File { content, .. }) =
                    layers.last_mut().and_then(|layer| layer.entries.last_mut())
                {
                    content.extend(line.trim_start_matches("    ").as_bytes());
                }
                continue;
            };
            let (word, rest) = mark.trim_end().split_once(' ').unwrap_or((mark.trim_end(), ""));
            if word == "layer" {
                layers.push(LayerBuilder::new());
                continue;
            }
            let layer = layers.pop().expect("the first mark is a layer");
            let link = rest.split_once(" -> ").unwrap_or((rest, ""));
            layers.push(match word {
                "file" => layer.file(rest, ""),
                "program" => layer.program(rest, ""),
                "folder" => layer.folder(rest),
                "symlink" => layer.symlink(link.0, link.1),
                "hardlink" => layer.hard_link(link.0, link.1),
                "whiteout" => layer.whiteout(rest),
                "opaque" => layer.opaque(rest),
                _ => panic!("no such mark: {line}"),
            });
        }
        Self { layers, ..Self::default() }
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(mut self, layer: LayerBuilder) -> Self {
        self.layers.push(layer);
        self
    }

    /// Packs all layers that way.
    #[must_use]
    pub fn packed(mut self, packing: Packing) -> Self {
        for layer in &mut self.layers {
            layer.packing = packing;
        }
        self
    }

    /// Another architecture, and its variant.
    #[must_use]
    pub fn platform(mut self, architecture: &str, variant: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        variant.clone_into(&mut self.variant);
        self
    }

    /// When it was made, RFC 3339.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        time.clone_into(&mut self.created);
        self
    }

    /// The `config` object: environment, command, labels.
    #[must_use]
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    /// Puts it together.
    pub fn build(&self) -> BuiltImage {
        let layers: Vec<BuiltLayer> = self.layers.iter().map(build_layer).collect();
        let history: Vec<Value> = self
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| {
                let line = if layer.created_by.is_empty() {
                    format!("layer {index}")
                } else {
                    layer.created_by.clone()
                };
                let created = if layer.created.is_empty() { &self.created } else { &layer.created };
                json!({ "created": created, "created_by": line })
            })
            .collect();
        let mut config = json!({
            "created": self.created,
            "architecture": self.architecture,
            "os": "linux",
            "config": self.settings,
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
            "history": history,
        });
        if !self.variant.is_empty() {
            config["variant"] = json!(self.variant);
        }
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(&config),
                "size": config.len(),
            },
            "layers": layers.iter().map(|layer| json!({
                "mediaType": layer.media_type,
                "digest": layer.digest,
                "size": layer.blob.len(),
            })).collect::<Vec<_>>(),
        });
        BuiltImage { config, manifest: manifest.to_string().into_bytes(), layers }
    }
}

fn build_layer(layer: &LayerBuilder) -> BuiltLayer {
    let tar = layer.tar();
    let (blob, media_type) = match layer.packing {
        Packing::Plain => (tar.clone(), "application/vnd.oci.image.layer.v1.tar"),
        Packing::Gzip => (gzip(&tar), "application/vnd.oci.image.layer.v1.tar+gzip"),
        Packing::Zstd => {
            let blob = zstd::encode_all(tar.as_slice(), 3).expect("memory takes every byte");
            (blob, "application/vnd.oci.image.layer.v1.tar+zstd")
        }
    };
    BuiltLayer { diff_id: sha256(&tar), digest: sha256(&blob), media_type, blob, tar }
}

/// Gzip of these bytes, always the same.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes every byte");
    encoder.finish().expect("memory takes every byte")
}

/// `sha256:…` of these bytes.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes every byte");
    }
    text
}

impl BuiltImage {
    /// Digest of the manifest.
    pub fn digest(&self) -> String {
        sha256(&self.manifest)
    }

    /// All blobs with their digests: the manifest, the config, the layers.
    pub fn blobs(&self) -> Vec<(String, &[u8])> {
        let mut blobs =
            vec![(self.digest(), self.manifest.as_slice()), (sha256(&self.config), self.config.as_slice())];
        blobs.extend(self.layers.iter().map(|layer| (layer.digest.clone(), layer.blob.as_slice())));
        blobs
    }

    fn index(&self, reference: &str) -> Vec<u8> {
        json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": self.digest(),
                "size": self.manifest.len(),
                "annotations": { "org.opencontainers.image.ref.name": reference },
            }],
        })
        .to_string()
        .into_bytes()
    }

    /// Writes an OCI image layout into a folder, which is made where it is missing.
    ///
    /// # Errors
    /// The disk's.
    ///
    /// Source: OCI image-spec 1.1.0, `image-layout.md`.
    pub fn write_oci_layout(&self, folder: &Path, reference: &str) -> io::Result<()> {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        fs::write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        fs::write(folder.join("index.json"), self.index(reference))?;
        for (digest, bytes) in self.blobs() {
            fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes)?;
        }
        Ok(())
    }

    /// An OCI image layout as a tar archive.
    pub fn oci_archive(&self, reference: &str) -> Vec<u8> {
        let mut layer = LayerBuilder::new()
            .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())
            .file("index.json", self.index(reference));
        for (digest, bytes) in self.blobs() {
            layer = layer.file(&format!("blobs/sha256/{}", digest.trim_start_matches("sha256:")), bytes);
        }
        layer.tar()
    }

    /// What `docker save` writes: uncompressed layers, `manifest.json`.
    pub fn docker_archive(&self, repo_tag: &str) -> Vec<u8> {
        let hex = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
        let config = format!("{}.json", hex(&sha256(&self.config)));
        let names: Vec<String> =
            self.layers.iter().map(|layer| format!("{}/layer.tar", hex(&layer.diff_id))).collect();
        let manifest = json!([{ "Config": config, "RepoTags": [repo_tag], "Layers": names }]);
        let mut archive = LayerBuilder::new();
        for (name, layer) in names.iter().zip(&self.layers) {
            archive = archive.file(name, layer.tar.clone());
        }
        archive.file(&config, self.config.clone()).file("manifest.json", manifest.to_string()).tar()
    }
}
