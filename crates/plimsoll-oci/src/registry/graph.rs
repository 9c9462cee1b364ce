//! Manifests of any kind with what they name: indexes, images, artifacts.
//!
//! Source: OCI image-spec 1.1.0, `manifest.md`, `image-index.md`; Docker image manifest version 2, schema 2.

use std::collections::HashSet;

use plimsoll_model::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::repository::{RemoteManifest, Repository};
use crate::Error;
use crate::manifest::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, MAX_INDEX_ENTRIES, MAX_LAYERS, OCI_CONFIG,
    OCI_INDEX, OCI_MANIFEST, RawDescriptor, SCHEMA_1, clip, descriptor,
};

/// How deep indexes may lie in indexes.
const MAX_DEPTH: usize = 4;
/// The most manifests of one image, with all platforms.
const MAX_MANIFESTS: usize = 4_000;

/// A manifest, and what it names.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) digest: Digest,
    /// What it is: its own `mediaType`, else what it was served as.
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
    /// The manifests of an index.
    pub(crate) manifests: Vec<Descriptor>,
    /// Whether it is an index.
    pub(crate) is_index: bool,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    /// The `artifactType`, else the media type of the config; may be empty.
    pub(crate) artifact_type: String,
    /// The `artifactType` alone, as a list of referrers has it; may be empty.
    pub(crate) annotations: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    blobs: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
    fs_layers: Option<IgnoredAny>,
    annotations: Option<serde_json::Value>,
}

impl Node {
    /// The manifest under a tag or a digest.
    pub(crate) fn fetch(repository: &Repository, wanted: &str) -> Result<Self, Error> {
        let subject =
            format!("{}/{}", repository.reference().registry(), repository.reference().repository());
        Self::read(repository.fetch_manifest(wanted)?, &format!("{subject}@{wanted}"))
    }

    /// Reads it; `subject` names it in errors.
    pub(crate) fn read(manifest: RemoteManifest, subject: &str) -> Result<Self, Error> {
        let RemoteManifest { bytes, media_type: served, digest } = manifest;
        let bad = |expected: &str, found: String| Error::Content {
            what: "manifest",
            subject: subject.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("an image manifest or index (JSON)", "something else".to_owned()));
        }
        let raw: Raw = serde_json::from_slice(&bytes)
            .map_err(|error| bad("an image manifest or index (JSON)", clip(&error.to_string())))?;
        let media_type = raw.media_type.filter(|text| !text.is_empty()).unwrap_or(served);
        if raw.schema_version == Some(1) || raw.fs_layers.is_some() || SCHEMA_1.contains(&media_type.as_str())
        {
            return Err(bad("a manifest of schema 2 or OCI", "one of schema 1".to_owned()));
        }
        let is_index = raw.manifests.is_some();
        let layers = raw.layers.or(raw.blobs);
        if is_index && layers.is_some() {
            return Err(bad(
                "an image manifest or an index",
                "a document with the fields of both".to_owned(),
            ));
        }
        if !is_index && layers.is_none() {
            return Err(bad(
                "an image manifest or an index",
                "a document with the fields of neither".to_owned(),
            ));
        }
        let is_wrong = match media_type.as_str() {
            OCI_INDEX | DOCKER_LIST => !is_index,
            OCI_MANIFEST | DOCKER_MANIFEST => is_index,
            _ => false,
        };
        if is_wrong {
            return Err(bad(
                &format!("the fields of `{}`", clip(&media_type)),
                "those of another kind".to_owned(),
            ));
        }
        let all = |raw: Option<Vec<RawDescriptor>>, most: usize| {
            let raw = raw.unwrap_or_default();
            if raw.len() > most {
                return Err(bad(&format!("at most {most} entries"), raw.len().to_string()));
            }
            raw.into_iter().map(|raw| descriptor(raw, subject)).collect::<Result<Vec<_>, _>>()
        };
        let manifests = all(raw.manifests, MAX_INDEX_ENTRIES)?;
        let layers = all(layers, MAX_LAYERS)?;
        let config = raw.config.map(|raw| descriptor(raw, subject)).transpose()?;
        let artifact_type = raw.artifact_type.filter(|text| !text.is_empty());
        let artifact_type = artifact_type
            .or_else(|| config.as_ref().map(|config| config.media_type.clone()))
            .unwrap_or_default();
        let annotations = raw.annotations;
        Ok(Self {
            digest,
            media_type,
            bytes,
            manifests,
            is_index,
            config,
            layers,
            artifact_type,
            annotations,
        })
    }

    /// Whether it is an image that could run: its config is one of images, and its layers are archives. Signatures in
    /// cosign's layout have the config of an image, and layers that are none.
    pub(crate) fn is_image(&self) -> bool {
        let is_config = self
            .config
            .as_ref()
            .is_some_and(|config| matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG));
        let is_layer = |layer: &Descriptor| layer.media_type.is_empty() || layer.media_type.contains(".tar");
        is_config && (self.layers.is_empty() || self.layers.iter().any(is_layer))
    }

    /// All blobs it names.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }
}

/// A manifest and all manifests below it, each once and behind those that it names.
pub(crate) fn gather(repository: &Repository, digest: &Digest) -> Result<Vec<Node>, Error> {
    let mut found = Vec::new();
    below(repository, digest, 1, &mut HashSet::new(), &mut found)?;
    Ok(found)
}

fn below(
    repository: &Repository,
    digest: &Digest,
    depth: usize,
    seen: &mut HashSet<Digest>,
    found: &mut Vec<Node>,
) -> Result<(), Error> {
    let too_much = |expected: String, found: &str| Error::Content {
        what: "index",
        subject: repository.reference().to_string(),
        expected,
        found: found.to_owned(),
    };
    if depth > MAX_DEPTH {
        return Err(too_much(format!("indexes at most {MAX_DEPTH} deep"), "a deeper one"));
    }
    if !seen.insert(digest.clone()) {
        return Ok(());
    }
    if seen.len() > MAX_MANIFESTS {
        return Err(too_much(format!("at most {MAX_MANIFESTS} manifests"), "more"));
    }
    let node = Node::fetch(repository, digest.as_str())?;
    for entry in &node.manifests {
        below(repository, &entry.digest, depth + 1, seen, found)?;
    }
    found.push(node);
    Ok(())
}

/// Reads a manifest of any kind, for fuzzing.
pub(crate) fn fuzz(bytes: &[u8]) {
    let digest = crate::verify::sha256(bytes);
    let manifest = RemoteManifest { bytes: bytes.to_vec(), media_type: String::new(), digest };
    let _ = Node::read(manifest, "fuzz");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        let digest = crate::verify::sha256(text.as_bytes());
        let manifest = RemoteManifest { bytes: text.as_bytes().to_vec(), media_type: String::new(), digest };
        Node::read(manifest, "r/app").map_err(|error| error.to_string())
    }

    fn link(media_type: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{}","size":3}}"#, "a".repeat(64))
    }

    #[test]
    fn images_are_told_from_what_looks_like_them() {
        let tar = link("application/vnd.oci.image.layer.v1.tar+gzip");
        for (config, layer, is_image) in [
            (OCI_CONFIG, tar.as_str(), true),
            (DOCKER_CONFIG, &link("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), true),
            (OCI_CONFIG, &link("application/vnd.dsse.envelope.v1+json"), false),
            (OCI_CONFIG, "", true),
            ("application/vnd.cncf.helm.config.v1+json", &tar, false),
        ] {
            let node = read(&format!(r#"{{"config":{},"layers":[{layer}]}}"#, link(config))).unwrap();
            assert_eq!(node.is_image(), is_image, "{config} {layer}");
            assert_eq!(node.blobs().count(), 1 + usize::from(!layer.is_empty()));
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let (one, index) = (link("x"), r#""mediaType":"application/vnd.oci.image.index.v1+json""#);
        for text in [
            String::new(),
            "[]".to_owned(),
            "<html>".to_owned(),
            "{}".to_owned(),
            format!(r#"{{"manifests":[{one}],"layers":[]}}"#),
            format!(r#"{{{index},"layers":[]}}"#),
            r#"{"schemaVersion":1,"layers":[]}"#.to_owned(),
            r#"{"fsLayers":[],"layers":[]}"#.to_owned(),
            r#"{"layers":[{"digest":"sha256:x","size":1}]}"#.to_owned(),
            format!(r#"{{"layers":[{}]}}"#, one.replace(":3}", ":-3}")),
            format!(r#"{{"manifests":{}"#, "[".repeat(100_000)),
            format!(r#"{{"layers":[{}]}}"#, vec![one.clone(); MAX_LAYERS + 1].join(",")),
        ] {
            assert!(read(&text).is_err(), "{}", clip(&text));
        }
    }
}
