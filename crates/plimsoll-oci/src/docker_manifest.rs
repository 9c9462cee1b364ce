//! `manifest.json` of archives that `docker save` and `podman save` write.
//!
//! Source: Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format".

use plimsoll_model::LayerDigest;
use serde::Deserialize;

use crate::config::{self, MAX_CONFIG_BYTES, Names, Stored};
use crate::layout::familiar;
use crate::manifest::{MAX_LAYERS, clip};
use crate::resolve::check_platform;
use crate::{Error, Options, Reference, ResolvedImage, verify};

/// One image of an archive. The paths are those of members.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DockerImage {
    pub(crate) config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) layers: Vec<String>,
}

fn nullable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl DockerImage {
    fn tags(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }

    /// A name may be given whole, as the tag alone, or as (the start of) the image's ID.
    fn is_named(&self, wanted: &str) -> bool {
        let id = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        let by_id = id.len() >= 7 && hex_name(&self.config).is_some_and(|hex| hex.starts_with(id));
        by_id || self.tags().iter().any(|tag| {
            tag == wanted
                || tag.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted)
                || matches!((tag.parse::<Reference>(), wanted.parse::<Reference>()), (Ok(a), Ok(b)) if a == b)
        })
    }

    fn shown(&self) -> String {
        clip(self.tags().first().unwrap_or(&self.config))
    }
}

/// Reads `manifest.json` and finds the image that is meant: the one of that name, or the only one there is.
pub(crate) fn pick(bytes: &[u8], wanted: Option<&str>, place: &str) -> Result<DockerImage, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "`manifest.json`",
        subject: place.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let images: Vec<DockerImage> = serde_json::from_slice(bytes)
        .map_err(|error| bad("a list of images with `Config` and `Layers`", error.to_string()))?;
    let mut available: Vec<String> = images.iter().map(DockerImage::shown).collect();
    available.sort();
    available.dedup();
    let mut fitting: Vec<DockerImage> =
        images.into_iter().filter(|image| wanted.is_none_or(|wanted| image.is_named(wanted))).collect();
    // The same image under several names is one.
    fitting.dedup_by(|a, b| a.config == b.config && a.layers == b.layers);
    match (fitting.pop(), fitting.is_empty()) {
        (Some(image), true) if image.layers.len() <= MAX_LAYERS => Ok(image),
        (Some(image), true) => Err(bad("at most 1,000 layers", image.layers.len().to_string())),
        _ => Err(Error::Choice { place: place.to_owned(), wanted: wanted.map(str::to_owned), available }),
    }
}

/// What is known of an image from its entry and its config. `sizes` are those of its layers' members, 0 where unknown.
pub(crate) fn resolve(
    image: &DockerImage,
    config_bytes: Vec<u8>,
    sizes: &[u64],
    name: &str,
    options: &Options,
) -> Result<ResolvedImage, Error> {
    debug_assert!(config_bytes.len() as u64 <= MAX_CONFIG_BYTES);
    let config_digest = verify::sha256(&config_bytes);
    if let Some(hex) = hex_name(&image.config)
        && hex != config_digest.hex()
    {
        return Err(Error::Digest {
            what: "config",
            expected: format!("sha256:{hex}"),
            found: config_digest.to_string(),
        });
    }
    let config = config::parse(config_bytes, name)?;
    check_platform(&config, options.platform.as_ref(), name)?;
    let stored = image.layers.iter().zip(sizes).map(|(layer, size)| Stored {
        digest: blob_digest(layer),
        media_type: String::new(),
        size_bytes: *size,
        urls: Vec::new(),
    });
    let names = Names {
        name: name.to_owned(),
        config_digest: config_digest.to_string(),
        repo_tags: image.tags().iter().map(|tag| familiar(tag).unwrap_or_else(|| tag.clone())).collect(),
        ..Names::default()
    };
    config::image(names, config, stored.collect())
}

/// The digest in a name like `blobs/sha256/4f1a…`: since Docker 25 the members are those of a layout.
fn blob_digest(member: &str) -> Option<LayerDigest> {
    format!("sha256:{}", member.strip_prefix("blobs/sha256/")?).parse().ok()
}

/// The hex digits in `4f1a….json` and `blobs/sha256/4f1a…`.
fn hex_name(member: &str) -> Option<&str> {
    let hex = member.strip_prefix("blobs/sha256/").or_else(|| member.strip_suffix(".json"))?;
    (hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).then_some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(json: &str, wanted: &str) -> Result<String, String> {
        let wanted = Some(wanted).filter(|wanted| !wanted.is_empty());
        pick(json.as_bytes(), wanted, "a.tar").map(|image| image.config).map_err(|error| error.to_string())
    }

    #[test]
    fn images_are_picked_by_name_tag_or_id() {
        let id = "ab".repeat(32);
        let two = format!(
            r#"[{{"Config":"{id}.json","RepoTags":["app:1","app:latest"],"Layers":["x/layer.tar"]}},
                {{"Config":"blobs/sha256/{}","RepoTags":null,"Layers":null}}]"#,
            "cd".repeat(32)
        );
        for wanted in ["app:1", "latest", "docker.io/library/app:1", "abababab", &format!("sha256:{id}")] {
            assert_eq!(picked(&two, wanted).unwrap(), format!("{id}.json"), "{wanted}");
        }
        assert_eq!(picked(&two, "cdcdcdcd").unwrap(), format!("blobs/sha256/{}", "cd".repeat(32)));
        assert!(
            picked(&two, "")
                .unwrap_err()
                .starts_with("cannot choose an image of `a.tar`: expected only one, found `app:1`")
        );
        assert!(picked(&two, "ab").unwrap_err().contains("expected `ab`"));
        assert!(picked("[]", "").unwrap_err().contains("found none"));
    }

    #[test]
    fn foreign_bytes_are_errors() {
        for json in ["", "{}", "[{}]", "[1]", r#"[{"Config":1}]"#, &"[".repeat(9000)] {
            assert!(picked(json, "").is_err(), "{json}");
        }
    }
}
