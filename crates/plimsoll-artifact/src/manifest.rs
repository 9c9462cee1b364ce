//! The manifest of a database as an artifact.
//!
//! Its config is the manifest of the generation, whose digest is the digest of the database. Its layers are, for each
//! partition in the order of that manifest, its dictionary if it has one, and its chunks in the order of their blocks.
//!
//! Source: OCI image-spec 1.1, `manifest.md`, "Guidelines for Artifact Usage".

use std::collections::BTreeMap;

use plimsoll_db::MAX_DICTIONARY_BYTES;
use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::chunk::{FULL_BYTES, MAX_CHUNK_BYTES};

/// What an artifact says that it is.
pub const ARTIFACT_TYPE: &str = "application/vnd.plimsoll.database.v2";
/// The media type of its config: the manifest of a generation.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.plimsoll.database.manifest.v1+json";
/// The media type of its layers that are chunks.
pub const CHUNK_MEDIA_TYPE: &str = "application/vnd.plimsoll.database.chunk.v2";
/// The media type of its layers that are dictionaries, with which the blocks of a partition are packed.
pub const DICTIONARY_MEDIA_TYPE: &str = "application/vnd.plimsoll.database.dictionary.v1";
/// The media type of its manifest.
pub(crate) const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// The most bytes of a manifest. Registries take no longer ones.
pub(crate) const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// The most bytes of the manifest of a generation.
pub(crate) const MAX_CONFIG_BYTES: u64 = plimsoll_db::MAX_MANIFEST_BYTES;
/// The most layers of an artifact.
pub(crate) const MAX_CHUNKS: usize = 50_000;
/// The most bytes of all chunks together.
pub(crate) const MAX_TOTAL_BYTES: u64 = 16 << 30;

/// When the database was last compared with its sources.
const CREATED: &str = "org.opencontainers.image.created";
/// The name of a chunk's partition.
const PARTITION: &str = "vnd.plimsoll.partition";
/// The number of a chunk in its partition, from 0.
const INDEX: &str = "vnd.plimsoll.chunk";
/// The number of its first block in the partition, from 0.
const FIRST_BLOCK: &str = "vnd.plimsoll.first-block";
/// The number of its blocks.
const BLOCKS: &str = "vnd.plimsoll.blocks";

/// Points to bytes by their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) artifact_type: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(bytes),
            size: bytes.len() as u64,
            artifact_type: String::new(),
            annotations: BTreeMap::new(),
        }
    }
}

/// A layer, as the manifest names it: a chunk of blocks, or a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) kind: ChunkKind,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) partition: String,
    /// The number of a chunk in its partition; this and what follows is 0 of a dictionary.
    pub(crate) index: u64,
    pub(crate) first_block: u64,
    pub(crate) blocks: u64,
}

/// What a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkKind {
    Dictionary,
    Blocks,
}

/// The manifest of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArtifactManifest {
    pub(crate) config_digest: Digest,
    pub(crate) config_size: u64,
    pub(crate) chunks: Vec<Chunk>,
    /// RFC 3339.
    pub(crate) created: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    media_type: String,
    #[serde(default)]
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl ArtifactManifest {
    /// The bytes. The same content gives the same.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let layers = self.chunks.iter().map(|chunk| {
            let mut annotations = vec![(PARTITION, chunk.partition.clone())];
            let media_type = match chunk.kind {
                ChunkKind::Dictionary => DICTIONARY_MEDIA_TYPE,
                ChunkKind::Blocks => {
                    annotations.extend([
                        (INDEX, chunk.index.to_string()),
                        (FIRST_BLOCK, chunk.first_block.to_string()),
                        (BLOCKS, chunk.blocks.to_string()),
                    ]);
                    CHUNK_MEDIA_TYPE
                }
            };
            Descriptor {
                media_type: media_type.to_owned(),
                digest: chunk.digest.clone(),
                size: chunk.size,
                artifact_type: String::new(),
                annotations: annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            }
        });
        let raw = Raw {
            schema_version: 2,
            media_type: MANIFEST_MEDIA_TYPE.to_owned(),
            artifact_type: ARTIFACT_TYPE.to_owned(),
            config: Descriptor {
                media_type: CONFIG_MEDIA_TYPE.to_owned(),
                digest: self.config_digest.clone(),
                size: self.config_size,
                artifact_type: String::new(),
                annotations: BTreeMap::new(),
            },
            layers: layers.collect(),
            annotations: BTreeMap::from([(CREATED.to_owned(), self.created.clone())]),
        };
        serde_json::to_vec(&raw).expect("texts and numbers have a JSON form")
    }

    /// Reads a manifest; `place` names it in errors.
    pub(crate) fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let bad = |expected: &str, found: String| Error::Content {
            what: "the manifest".to_owned(),
            place: place.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(bad("at most 4 MiB", format!("{} bytes", bytes.len())));
        }
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("an artifact of Plimsoll (JSON)", describe(bytes).to_owned()));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
            bad("the manifest of an artifact, with `config` and `layers`", error.to_string())
        })?;
        if raw.schema_version != 2 || raw.media_type != MANIFEST_MEDIA_TYPE {
            return Err(bad("an OCI image manifest", format!("`{}`", clip(&raw.media_type))));
        }
        if raw.artifact_type != ARTIFACT_TYPE {
            let found =
                if raw.artifact_type.is_empty() { &raw.config.media_type } else { &raw.artifact_type };
            return Err(bad(&format!("an artifact of type `{ARTIFACT_TYPE}`"), format!("`{}`", clip(found))));
        }
        if raw.config.media_type != CONFIG_MEDIA_TYPE {
            let found = format!("`{}`", clip(&raw.config.media_type));
            return Err(bad(&format!("a config of type `{CONFIG_MEDIA_TYPE}`"), found));
        }
        if raw.config.size > MAX_CONFIG_BYTES {
            return Err(bad(
                &format!("a config of at most {MAX_CONFIG_BYTES} bytes"),
                raw.config.size.to_string(),
            ));
        }
        if raw.layers.len() > MAX_CHUNKS {
            return Err(bad("at most 50,000 layers", raw.layers.len().to_string()));
        }
        let created = raw.annotations.get(CREATED).cloned().unwrap_or_default();
        if !is_moment(&created) {
            return Err(bad(
                "a moment in the annotation `org.opencontainers.image.created`",
                format!("`{}`", clip(&created)),
            ));
        }
        let mut total = 0_u64;
        let mut chunks = Vec::with_capacity(raw.layers.len());
        for layer in raw.layers {
            let chunk = chunk(layer).map_err(|(expected, found)| bad(expected, found))?;
            total = total.saturating_add(chunk.size);
            chunks.push(chunk);
        }
        if total > MAX_TOTAL_BYTES {
            return Err(bad("layers of at most 16 GiB in all", format!("{total} bytes")));
        }
        Ok(Self { config_digest: raw.config.digest, config_size: raw.config.size, chunks, created })
    }
}

fn chunk(layer: Descriptor) -> Result<Chunk, (&'static str, String)> {
    let kind = match layer.media_type.as_str() {
        CHUNK_MEDIA_TYPE => ChunkKind::Blocks,
        DICTIONARY_MEDIA_TYPE => ChunkKind::Dictionary,
        other => {
            let found = format!("`{}`", clip(other));
            return Err(("layers of type `application/vnd.plimsoll.database.chunk.v2`", found));
        }
    };
    let number = |name: &'static str| {
        let text = layer.annotations.get(name).map(String::as_str).unwrap_or_default();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|_| plain);
        number.ok_or_else(|| ("layers whose annotations number their blocks", format!("`{}`", clip(text))))
    };
    let (index, first_block, blocks) = match kind {
        ChunkKind::Dictionary => (0, 0, 0),
        ChunkKind::Blocks => (number(INDEX)?, number(FIRST_BLOCK)?, number(BLOCKS)?),
    };
    if kind == ChunkKind::Dictionary && layer.size > MAX_DICTIONARY_BYTES as u64 {
        return Err(("dictionaries of at most 110 KiB", format!("{} bytes", layer.size)));
    }
    let limit = if blocks == 1 { MAX_CHUNK_BYTES } else { FULL_BYTES };
    if kind == ChunkKind::Blocks && (blocks == 0 || layer.size > limit as u64) {
        return Err((
            "chunks of at most 1 MiB, or of one block",
            format!("{} bytes of {blocks}", layer.size),
        ));
    }
    let partition = layer.annotations.get(PARTITION).cloned();
    let partition = partition
        .ok_or_else(|| ("layers whose annotations name their partition", "one without".to_owned()))?;
    Ok(Chunk { kind, digest: layer.digest, size: layer.size, partition, index, first_block, blocks })
}

/// Whether a text is a moment of RFC 3339, of a length that can be shown.
pub(crate) fn is_moment(text: &str) -> bool {
    text.len() <= 40 && text.parse::<jiff::Timestamp>().is_ok()
}

/// Whether a moment is before another. One that is none is before nothing.
pub(crate) fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<jiff::Timestamp>(), other.parse::<jiff::Timestamp>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}

fn describe(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii_start().first() {
        None => "nothing",
        Some(b'<') => "a web page",
        Some(_) => "something else",
    }
}

/// Foreign text, made short enough for an error and free of control characters.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn sample() -> ArtifactManifest {
        let chunk = |partition: &str, index: u64| Chunk {
            kind: ChunkKind::Blocks,
            digest: sha256(partition.as_bytes()),
            size: 9 + index,
            partition: partition.to_owned(),
            index,
            first_block: index * 3,
            blocks: 3,
        };
        let dictionary = Chunk {
            kind: ChunkKind::Dictionary,
            digest: sha256(b"dictionary"),
            size: 5_000,
            partition: "PyPI".to_owned(),
            index: 0,
            first_block: 0,
            blocks: 0,
        };
        ArtifactManifest {
            config_digest: sha256(b"config"),
            config_size: 6,
            chunks: vec![chunk("Debian:12", 0), chunk("Debian:12", 1), dictionary, chunk("PyPI", 0)],
            created: "2026-01-02T03:04:05Z".to_owned(),
        }
    }

    #[test]
    fn a_manifest_is_written_and_read_back() {
        let manifest = ArtifactManifest { chunks: sample().chunks[..1].to_vec(), ..sample() };
        expect![[r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.plimsoll.database.v2","config":{"mediaType":"application/vnd.plimsoll.database.manifest.v1+json","digest":"sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910","size":6},"layers":[{"mediaType":"application/vnd.plimsoll.database.chunk.v2","digest":"sha256:611f3dda03c38e980240ded24065800dca8807dbd3fbb9156977f06caab2067f","size":9,"annotations":{"vnd.plimsoll.blocks":"3","vnd.plimsoll.chunk":"0","vnd.plimsoll.first-block":"0","vnd.plimsoll.partition":"Debian:12"}}],"annotations":{"org.opencontainers.image.created":"2026-01-02T03:04:05Z"}}"#]]
            .assert_eq(std::str::from_utf8(&manifest.to_bytes()).unwrap());
        assert_eq!(ArtifactManifest::parse(&sample().to_bytes(), "r").unwrap(), sample());
    }

    #[test]
    fn what_is_no_artifact_is_named() {
        let good = String::from_utf8(sample().to_bytes()).unwrap();
        for (bad, expected) in [
            (String::new(), expect!["expected an artifact of Plimsoll (JSON), found nothing"]),
            ("<html>".to_owned(), expect!["expected an artifact of Plimsoll (JSON), found a web page"]),
            (format!("[{good}]"), expect!["expected an artifact of Plimsoll (JSON), found something else"]),
            (
                good.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
                expect!["expected an OCI image manifest, found `application/vnd.oci.image.manifest.v1+json`"],
            ),
            (
                good.replace("vnd.oci.image.manifest", "vnd.oci.image.index"),
                expect!["expected an OCI image manifest, found `application/vnd.oci.image.index.v1+json`"],
            ),
            (
                good.replace("plimsoll.database.v2", "plimsoll.database.v1"),
                expect![
                    "expected an artifact of type `application/vnd.plimsoll.database.v2`, found `application/vnd.plimsoll.database.v1`"
                ],
            ),
            (
                good.replace("manifest.v1+json\",\"digest", "manifest.v9+json\",\"digest"),
                expect![
                    "expected a config of type `application/vnd.plimsoll.database.manifest.v1+json`, found `application/vnd.plimsoll.database.manifest.v9+json`"
                ],
            ),
            (
                good.replace("\"size\":6", "\"size\":99999999"),
                expect!["expected a config of at most 67108864 bytes, found 99999999"],
            ),
            (
                good.replace("\"size\":10", "\"size\":1048577"),
                expect!["expected chunks of at most 1 MiB, or of one block, found 1048577 bytes of 3"],
            ),
            (
                good.replace("\"vnd.plimsoll.blocks\":\"3\"", "\"vnd.plimsoll.blocks\":\"0\""),
                expect!["expected chunks of at most 1 MiB, or of one block, found 9 bytes of 0"],
            ),
            (
                good.replace("\"vnd.plimsoll.chunk\":\"1\"", "\"vnd.plimsoll.chunk\":\"-1\""),
                expect!["expected layers whose annotations number their blocks, found `-1`"],
            ),
            (
                good.replace(
                    "\"vnd.plimsoll.chunk\":\"1\"",
                    "\"vnd.plimsoll.chunk\":\"99999999999999999999\"",
                ),
                expect![
                    "expected layers whose annotations number their blocks, found `99999999999999999999`"
                ],
            ),
            (
                good.replace("vnd.plimsoll.partition", "other"),
                expect!["expected layers whose annotations name their partition, found one without"],
            ),
            (
                good.replace("database.chunk", "database.lump"),
                expect![
                    "expected layers of type `application/vnd.plimsoll.database.chunk.v2`, found `application/vnd.plimsoll.database.lump.v2`"
                ],
            ),
            (
                good.replace("\"size\":5000", "\"size\":112649"),
                expect!["expected dictionaries of at most 110 KiB, found 112649 bytes"],
            ),
            (
                good.replace("2026-01", "yesterday"),
                expect![
                    "expected a moment in the annotation `org.opencontainers.image.created`, found `yesterday-02T03:04:05Z`"
                ],
            ),
        ] {
            let error = ArtifactManifest::parse(bad.as_bytes(), "r").unwrap_err().to_string();
            expected.assert_eq(error.strip_prefix("cannot read the manifest of `r`: ").unwrap());
        }
        for bad in [
            &good[..good.len() - 1],
            "{}",
            &"{\"layers\":".repeat(100_000),
            &good.replace("sha256:", "sha256:../"),
        ] {
            assert!(ArtifactManifest::parse(bad.as_bytes(), "r").is_err());
        }
        assert!(ArtifactManifest::parse(&vec![b' '; MAX_MANIFEST_BYTES + 1], "r").is_err());
    }
}
