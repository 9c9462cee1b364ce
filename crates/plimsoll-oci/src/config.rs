//! The config of an image, and what is said of the image from it.
//!
//! Source: OCI image-spec 1.1.0, `config.md`.

use std::collections::BTreeMap;

use plimsoll_model::{Artifact, ArtifactKind, DiffId, LayerInfo, Platform};
use serde::Deserialize;

use crate::manifest::{Descriptor, MAX_LAYERS, clip};
use crate::{Error, ResolvedImage, StoredLayer};

/// The most bytes of a config.
pub(crate) const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// What of a config matters here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) text: String,
    pub(crate) platform: Option<Platform>,
    pub(crate) created: String,
    pub(crate) diff_ids: Vec<DiffId>,
    /// `created_by` of the history entries that made a layer.
    pub(crate) created_by: Vec<String>,
}

#[derive(Deserialize)]
struct RawConfig {
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    created: Option<String>,
    rootfs: Option<RawRootfs>,
    #[serde(default)]
    history: Option<Vec<RawHistory>>,
}

#[derive(Deserialize)]
struct RawRootfs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawHistory {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

/// Reads a config whose digest is known to be right; `subject` names the image in errors.
pub(crate) fn parse(bytes: Vec<u8>, subject: &str) -> Result<Config, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "config",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let text = String::from_utf8(bytes).map_err(|_| bad("JSON", "bytes that are no UTF-8".to_owned()))?;
    let raw: RawConfig =
        serde_json::from_str(&text).map_err(|error| bad("an image config (JSON)", error.to_string()))?;
    let raw_ids = raw.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if raw_ids.len() > MAX_LAYERS {
        return Err(bad("at most 1,000 layers", raw_ids.len().to_string()));
    }
    let diff_ids = raw_ids
        .iter()
        .map(|id| id.parse().map_err(|_| bad("diff IDs `sha256:…`", format!("`{}`", clip(id)))))
        .collect::<Result<_, _>>()?;
    let os = raw.os.unwrap_or_default();
    let architecture = raw.architecture.unwrap_or_default();
    let platform = (!os.is_empty() || !architecture.is_empty()).then(|| Platform {
        os,
        architecture,
        variant: raw.variant.unwrap_or_default(),
    });
    let history = raw.history.unwrap_or_default();
    let created_by = history
        .into_iter()
        .filter(|entry| entry.empty_layer != Some(true))
        .map(|entry| entry.created_by.unwrap_or_default())
        .collect();
    Ok(Config { text, platform, created: raw.created.unwrap_or_default(), diff_ids, created_by })
}

/// Names under which an image is known, beside its digests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) name: String,
    pub(crate) manifest_digest: String,
    pub(crate) config_digest: String,
    pub(crate) repo_tags: Vec<String>,
    pub(crate) repo_digests: Vec<String>,
}

/// Puts together what is known of an image. `stored` are its layers as they are stored; there must be as many as the
/// config has diff IDs.
pub(crate) fn image(names: Names, config: Config, stored: Vec<Stored>) -> Result<ResolvedImage, Error> {
    if stored.len() != config.diff_ids.len() {
        return Err(Error::Content {
            what: "config",
            subject: names.name,
            expected: format!("a diff ID for each of the {} layers", stored.len()),
            found: config.diff_ids.len().to_string(),
        });
    }
    // Where the history does not fit the layers, it would name wrong ones.
    let fits = config.created_by.len() == config.diff_ids.len();
    let created_by = |index: usize| if fits { config.created_by[index].clone() } else { String::new() };
    let layers: Vec<StoredLayer> = stored
        .into_iter()
        .zip(config.diff_ids)
        .map(|(stored, diff_id)| StoredLayer {
            diff_id,
            digest: stored.digest,
            media_type: stored.media_type,
            size_bytes: stored.size_bytes,
            urls: stored.urls,
        })
        .collect();
    let infos = layers.iter().enumerate().map(|(index, layer)| LayerInfo {
        diff_id: layer.diff_id.to_string(),
        digest: layer.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
        size_bytes: layer.size_bytes,
        created_by: created_by(index),
    });
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.dedup();
        names
    };
    let artifact = Artifact {
        name: names.name,
        kind: ArtifactKind::ContainerImage,
        manifest_digest: names.manifest_digest,
        config_digest: names.config_digest,
        repo_tags: sorted(names.repo_tags),
        repo_digests: sorted(names.repo_digests),
        platform: config.platform,
        created: config.created,
        layers: infos.collect(),
        config: config.text,
    };
    Ok(ResolvedImage { artifact, layers, annotations: BTreeMap::new() })
}

/// A layer, before its diff ID is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) digest: Option<plimsoll_model::LayerDigest>,
    pub(crate) media_type: String,
    pub(crate) size_bytes: u64,
    pub(crate) urls: Vec<String>,
}

impl From<&Descriptor> for Stored {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            digest: Some(plimsoll_model::LayerDigest(descriptor.digest.clone())),
            media_type: descriptor.media_type.clone(),
            size_bytes: descriptor.size,
            urls: if descriptor.is_foreign() { descriptor.urls.clone() } else { Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff_id(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    #[test]
    fn history_is_matched_with_the_layers_it_made() {
        let text = format!(
            r#"{{"os":"linux","architecture":"arm64","variant":"v8","created":"2024-01-02T03:04:05Z",
               "rootfs":{{"type":"layers","diff_ids":["{}","{}"]}},
               "history":[{{"created_by":"base"}},{{"created_by":"ENV","empty_layer":true}},{{"created_by":"RUN"}}]}}"#,
            diff_id("a"),
            diff_id("b")
        );
        let config = parse(text.into_bytes(), "app").unwrap();
        let image = image(Names::default(), config, vec![Stored::default(); 2]).unwrap();
        let made: Vec<_> = image.artifact.layers.iter().map(|layer| layer.created_by.as_str()).collect();
        assert_eq!(made, ["base", "RUN"]);
        assert_eq!(image.artifact.platform.unwrap().to_string(), "linux/arm64/v8");
    }

    #[test]
    fn a_history_of_another_length_names_no_layer() {
        let text = format!(r#"{{"rootfs":{{"diff_ids":["{}"]}},"history":[]}}"#, diff_id("a"));
        let config = parse(text.into_bytes(), "app").unwrap();
        let image = image(Names::default(), config, vec![Stored::default()]).unwrap();
        assert_eq!(image.artifact.layers[0].created_by, "");
        assert_eq!(image.artifact.platform, None);
    }

    #[test]
    fn layers_without_diff_ids_are_refused() {
        let config = parse(b"{}".to_vec(), "app").unwrap();
        let error = image(Names::default(), config, vec![Stored::default()]).unwrap_err();
        assert!(error.to_string().contains("a diff ID for each of the 1 layers"), "{error}");
    }

    #[test]
    fn hostile_configs_are_errors() {
        for bytes in [
            &b""[..],
            b"[]x",
            b"\xff\xfe",
            br#"{"rootfs":{"diff_ids":["../x"]}}"#,
            br#"{"history":7}"#,
            "[".repeat(10_000).as_bytes(),
        ] {
            assert!(parse(bytes.to_vec(), "app").is_err());
        }
    }
}
