//! `--base`: the image that the scanned one was built from. Its config is read, and no layer of it.

use std::collections::BTreeMap;
use std::io;

use anyhow::anyhow;
use plimsoll_diff::layers_of_base;
use plimsoll_model::{Artifact, BaseImage, Inventory};
use plimsoll_oci::Source;
use serde_json::Value;

use crate::args::{BaselineArgs, ReadingArgs, TargetArgs};
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::stored;
use crate::target::{oci_failure, parse, reach};

/// The word for the base that the image names itself.
const AUTO: &str = "auto";
/// Where an image names its base: annotations of its manifest, or labels.
///
/// Source: OCI image-spec 1.1.0, `annotations.md`.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// Says in the inventory which layers are those of the base, where one was named.
pub(crate) fn add(
    inventory: &mut Inventory,
    arguments: &BaselineArgs,
    target: &TargetArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<(), Failure> {
    let Some(text) = arguments.base.as_ref().or(settings.base.as_ref()).filter(|text| !text.is_empty())
    else {
        return Ok(());
    };
    // Of a base for several platforms the one that the image was built on.
    let mut reading = target.reading.clone();
    if let Some(platform) = &inventory.artifact.platform {
        reading.platform = Some(platform.to_string());
    }
    let named = if text == AUTO {
        named_base(&target.target, inventory, &target.reading, settings, bars)?
    } else {
        text.clone()
    };
    let base = match stored::named(&named)? {
        Some(stored) => stored.scan.inventory.artifact,
        None => artifact(&named, &reading, settings, bars)?.0,
    };
    let layers = layers_of_base(&inventory.artifact.layers, &base.layers).map_err(|reason| {
        let what =
            format!("cannot take `{named}` for the base: `{}` is not built on it", inventory.artifact.name);
        Failure::new(Exit::Usage, anyhow!(reason).context(what))
            .hint("a tag may have moved since the image was built: name the base by its digest")
    })?;
    let name = if base.name.is_empty() { named } else { base.name };
    inventory.base = Some(BaseImage { name, digest: base.manifest_digest, layers });
    Ok(())
}

/// What is known of an image before its layers are read: names, platform, diff IDs; and its annotations.
fn artifact(
    text: &str,
    reading: &ReadingArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<(Artifact, BTreeMap<String, String>), Failure> {
    bars.say(format!("asking for {text}"));
    let source = plimsoll_oci::open(&parse(text)?, &reach(reading, settings)?)
        .map_err(|error| oci_failure(error, Exit::CouldNotScan))?;
    let image = match source {
        Source::Layers(image) => image.image().clone(),
        Source::Stream(stream) => match stream.expected() {
            Some(image) => image.clone(),
            // A compressed archive says at its end what it is.
            None => stream.read(&mut |_, _: &mut dyn io::Read| Ok(())).map_err(|error| {
                Failure::new(Exit::CouldNotScan, anyhow!(error).context(format!("cannot read `{text}`")))
            })?,
        },
    };
    Ok((image.artifact, image.annotations))
}

/// The base that the image names itself, by its digest where it names one.
fn named_base(
    text: &str,
    inventory: &Inventory,
    reading: &ReadingArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<String, Failure> {
    let labels = labels(&inventory.artifact.config);
    let annotations = if labels.contains_key(BASE_NAME) || inventory.artifact.layers.is_empty() {
        BTreeMap::new()
    } else {
        artifact(text, reading, settings, bars)?.1
    };
    let said = |key: &str| annotations.get(key).or(labels.get(key)).filter(|value| !value.is_empty());
    let Some(name) = said(BASE_NAME) else {
        let error = anyhow!(
            "cannot tell the base of `{}`: expected the annotation or label `{BASE_NAME}`, found none",
            inventory.artifact.name
        );
        return Err(Failure::new(Exit::Usage, error).hint("name it: `--base IMAGE`"));
    };
    // With the prefix nothing is guessed: what an image says of itself must not lead to a file of this machine.
    let name = name.strip_prefix("docker://").unwrap_or(name);
    Ok(match said(BASE_DIGEST) {
        Some(digest) => {
            let name = name.split_once('@').map_or(name, |(name, _)| name);
            format!("registry:{name}@{digest}")
        }
        None => format!("registry:{name}"),
    })
}

/// The labels of an image config.
fn labels(config: &str) -> BTreeMap<String, String> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let labels = config["config"]["Labels"].as_object();
    labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
