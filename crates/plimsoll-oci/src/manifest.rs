//! Manifests and indexes, in the forms of OCI and of Docker.
//!
//! Source: OCI image-spec 1.1.0, `manifest.md`, `image-index.md`, `descriptor.md`; Docker image manifest version 2,
//! schema 2.

use std::collections::BTreeMap;

use plimsoll_model::{Digest, Platform};
use serde::Deserialize;

use crate::Error;

/// The most bytes of a manifest or an index. Registries refuse larger ones (distribution-spec 1.1: at least 4 MiB).
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// The most layers of an image. Docker's limit is 127.
pub(crate) const MAX_LAYERS: usize = 1_000;
/// The most entries of an index.
pub(crate) const MAX_INDEX_ENTRIES: usize = 2_000;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// Points to bytes by their digest.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) platform: Option<Platform>,
    pub(crate) urls: Vec<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) artifact_type: String,
}

impl Descriptor {
    pub(crate) fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_INDEX | DOCKER_LIST)
    }

    pub(crate) fn is_manifest(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// Whether it is no image to run but a statement about one, as BuildKit stores them beside the images.
    pub(crate) fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(crate::platform::is_unknown)
            || self
                .annotations
                .get("vnd.docker.reference.type")
                .is_some_and(|kind| kind == "attestation-manifest")
    }

    /// Whether the layer may lie elsewhere than in the registry.
    pub(crate) fn is_foreign(&self) -> bool {
        self.media_type.contains(".foreign.") || self.media_type.contains(".nondistributable.")
    }
}

/// What a reference leads to.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Index(Vec<Descriptor>),
    Image(Box<Manifest>),
}

/// The manifest of one image.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDocument {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
    annotations: Option<serde_json::Value>,
    fs_layers: Option<serde::de::IgnoredAny>,
    blobs: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: i64,
    platform: Option<RawPlatform>,
    urls: Option<Vec<String>>,
    annotations: Option<BTreeMap<String, String>>,
    artifact_type: Option<String>,
}

#[derive(Deserialize)]
struct RawPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

/// Reads a manifest or an index. `media_type` is what the source said of it (empty where it said nothing), `subject`
/// names it in errors.
///
/// What it is says its own `mediaType`, else the source, else its fields. A document with the fields of both is
/// refused, since two readers could take it for two things.
pub(crate) fn parse(bytes: &[u8], media_type: &str, subject: &str) -> Result<Document, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "manifest",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    // A list would be read as the fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(bad("an image manifest or index", "a list".to_owned()));
    }
    let raw: RawDocument = serde_json::from_slice(bytes)
        .map_err(|error| bad("an image manifest or index (JSON)", describe(bytes, media_type, &error)))?;
    let stated = raw.media_type.as_deref().filter(|text| !text.is_empty()).unwrap_or(media_type);
    if raw.schema_version == Some(1) || SCHEMA_1.contains(&stated) || raw.fs_layers.is_some() {
        return Err(bad(
            "an image manifest of schema 2 or OCI",
            "one of schema 1, which nobody writes since 2017; push the image anew with a current tool"
                .to_owned(),
        ));
    }
    if raw.manifests.is_some() && raw.layers.is_some() {
        return Err(bad("an image manifest or an index", "a document with the fields of both".to_owned()));
    }
    match stated {
        OCI_INDEX | DOCKER_LIST if raw.manifests.is_none() => {
            return Err(bad("an index with `manifests`", "one without".to_owned()));
        }
        OCI_MANIFEST | DOCKER_MANIFEST if raw.manifests.is_some() => {
            return Err(bad("an image manifest", "the fields of an index".to_owned()));
        }
        _ => {}
    }
    if let Some(manifests) = raw.manifests {
        if manifests.len() > MAX_INDEX_ENTRIES {
            return Err(bad("an index of at most 2,000 manifests", manifests.len().to_string()));
        }
        let entries = manifests.into_iter().map(|raw| descriptor(raw, subject)).collect::<Result<_, _>>()?;
        return Ok(Document::Index(entries));
    }
    let (Some(config), Some(layers)) = (raw.config, raw.layers) else {
        let found = if raw.blobs.is_some() {
            "an artifact manifest"
        } else {
            "a document without `config` or `layers`"
        };
        return Err(bad("an image manifest or index", found.to_owned()));
    };
    let config = descriptor(config, subject)?;
    if !matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG) {
        let kind =
            raw.artifact_type.filter(|kind| !kind.is_empty()).unwrap_or_else(|| config.media_type.clone());
        return Err(bad("a container image", format!("an artifact of type `{}`", clip(&kind))));
    }
    if layers.len() > MAX_LAYERS {
        return Err(bad("an image of at most 1,000 layers", layers.len().to_string()));
    }
    let layers = layers.into_iter().map(|raw| descriptor(raw, subject)).collect::<Result<_, _>>()?;
    Ok(Document::Image(Box::new(Manifest { config, layers, annotations: texts(raw.annotations) })))
}

/// The entries that are texts. What else stands there is no reason to refuse an image.
fn texts(annotations: Option<serde_json::Value>) -> BTreeMap<String, String> {
    let Some(serde_json::Value::Object(entries)) = annotations else { return BTreeMap::new() };
    entries.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

pub(crate) fn descriptor(raw: RawDescriptor, subject: &str) -> Result<Descriptor, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "manifest",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let digest = raw.digest.parse().map_err(|_| {
        bad("a digest `sha256:…` or `sha512:…` in every descriptor", format!("`{}`", clip(&raw.digest)))
    })?;
    let size =
        u64::try_from(raw.size).map_err(|_| bad("a size in every descriptor", format!("`{}`", raw.size)))?;
    let platform = raw.platform.filter(|raw| !raw.os.is_empty() || !raw.architecture.is_empty());
    Ok(Descriptor {
        media_type: raw.media_type,
        digest,
        size,
        platform: platform.map(|raw| Platform {
            os: raw.os,
            architecture: raw.architecture,
            variant: raw.variant.unwrap_or_default(),
        }),
        urls: raw.urls.unwrap_or_default(),
        annotations: raw.annotations.unwrap_or_default(),
        artifact_type: raw.artifact_type.unwrap_or_default(),
    })
}

fn describe(bytes: &[u8], media_type: &str, error: &serde_json::Error) -> String {
    let start = bytes.trim_ascii_start();
    if start.is_empty() {
        "nothing".to_owned()
    } else if start.starts_with(b"<") {
        "a web page".to_owned()
    } else if media_type.is_empty() {
        error.to_string()
    } else {
        format!("`{}` that is not: {error}", clip(media_type))
    }
}

/// Foreign text, made short enough for an error and free of control characters.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads best at the many calls")]
    fn check(text: &str, media_type: &str, expected: Expect) {
        let shown = match parse(text.as_bytes(), media_type, "r/app") {
            Ok(Document::Index(entries)) => format!(
                "index {:?}",
                entries
                    .iter()
                    .map(|e| (e.platform.clone().unwrap_or_default().to_string(), e.is_attestation()))
                    .collect::<Vec<_>>()
            ),
            Ok(Document::Image(manifest)) => {
                format!("image {} layers, config of {} bytes", manifest.layers.len(), manifest.config.size)
            }
            Err(error) => format!("error {error}"),
        };
        expected.assert_eq(&shown);
    }

    fn hex(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    fn image(media_type: &str, config_type: &str, extra: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,{media_type}{extra}"config":{{"mediaType":"{config_type}","digest":"{}","size":7}},"layers":[{{"mediaType":"x","digest":"{}","size":9}}]}}"#,
            hex("a"),
            hex("b")
        )
    }

    #[test]
    fn annotations_that_are_texts_are_kept_and_others_refuse_no_image() {
        for (annotations, expected) in [
            (
                r#"{"org.opencontainers.image.base.name":"r/base:1","x":null,"y":[1]}"#,
                "org.opencontainers.image.base.name=r/base:1",
            ),
            ("null", ""),
            ("7", ""),
            (r#"["a"]"#, ""),
        ] {
            let text = image("", OCI_CONFIG, &format!(r#""annotations":{annotations},"#));
            let Document::Image(manifest) = parse(text.as_bytes(), OCI_MANIFEST, "r/app").unwrap() else {
                panic!("expected an image");
            };
            let kept: Vec<String> =
                manifest.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(kept.concat(), expected, "{annotations}");
        }
    }

    #[test]
    fn images_of_both_families() {
        check(&image("", OCI_CONFIG, ""), OCI_MANIFEST, expect!["image 1 layers, config of 7 bytes"]);
        check(&image("", DOCKER_CONFIG, ""), "", expect!["image 1 layers, config of 7 bytes"]);
        check(
            &image(
                "\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",",
                DOCKER_CONFIG,
                "",
            ),
            "text/plain",
            expect!["image 1 layers, config of 7 bytes"],
        );
    }

    #[test]
    fn indexes_tell_attestations() {
        let text = format!(
            r#"{{"schemaVersion":2,"manifests":[
              {{"digest":"{0}","size":1,"mediaType":"{OCI_MANIFEST}","platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
              {{"digest":"{0}","size":1,"mediaType":"{OCI_MANIFEST}","platform":{{"os":"unknown","architecture":"unknown"}}}},
              {{"digest":"{0}","size":1,"mediaType":"{OCI_MANIFEST}","annotations":{{"vnd.docker.reference.type":"attestation-manifest"}}}}]}}"#,
            hex("c")
        );
        check(
            &text,
            OCI_INDEX,
            expect![[r#"index [("linux/arm64/v8", false), ("unknown/unknown", true), ("/", true)]"#]],
        );
        check(r#"{"manifests":[]}"#, "", expect!["index []"]);
    }

    #[test]
    fn what_is_no_image_is_named() {
        let both = format!(r#"{{"manifests":[],"config":{{"digest":"{}","size":1}},"layers":[]}}"#, hex("a"));
        for (text, media_type, expected) in [
            (
                r#"{"schemaVersion":1,"fsLayers":[]}"#,
                "",
                expect![
                    "error cannot read manifest of `r/app`: expected an image manifest of schema 2 or OCI, found one of schema 1, which nobody writes since 2017; push the image anew with a current tool"
                ],
            ),
            (
                both.as_str(),
                "",
                expect![
                    "error cannot read manifest of `r/app`: expected an image manifest or an index, found a document with the fields of both"
                ],
            ),
            (
                "<html></html>",
                "text/html",
                expect![
                    "error cannot read manifest of `r/app`: expected an image manifest or index (JSON), found a web page"
                ],
            ),
            (
                "",
                "",
                expect![
                    "error cannot read manifest of `r/app`: expected an image manifest or index (JSON), found nothing"
                ],
            ),
            (
                r#"{"schemaVersion":2,"#,
                "",
                expect![
                    "error cannot read manifest of `r/app`: expected an image manifest or index (JSON), found EOF while parsing a value at line 1 column 19"
                ],
            ),
            (
                "{}",
                OCI_INDEX,
                expect![
                    "error cannot read manifest of `r/app`: expected an index with `manifests`, found one without"
                ],
            ),
            (
                r#"{"config":{"digest":"sha256:../../etc/passwd","size":1},"layers":[]}"#,
                "",
                expect![
                    "error cannot read manifest of `r/app`: expected a digest `sha256:…` or `sha512:…` in every descriptor, found `sha256:../../etc/passwd`"
                ],
            ),
        ] {
            check(text, media_type, expected);
        }
        check(
            &image("", "application/vnd.cncf.helm.config.v1+json", ""),
            "",
            expect![
                "error cannot read manifest of `r/app`: expected a container image, found an artifact of type `application/vnd.cncf.helm.config.v1+json`"
            ],
        );
        check(
            &image("", OCI_CONFIG, "").replace("\"size\":9", "\"size\":-9"),
            "",
            expect!["error cannot read manifest of `r/app`: expected a size in every descriptor, found `-9`"],
        );
        let layer = format!(r#"{{"digest":"{}","size":1}},"#, hex("b"));
        let many =
            image("", OCI_CONFIG, "").replace("\"layers\":[", &format!("\"layers\":[{}", layer.repeat(1000)));
        check(
            &many,
            "",
            expect![
                "error cannot read manifest of `r/app`: expected an image of at most 1,000 layers, found 1001"
            ],
        );
        check(
            &"[".repeat(100_000),
            "",
            expect![
                "error cannot read manifest of `r/app`: expected an image manifest or index, found a list"
            ],
        );
    }
}
