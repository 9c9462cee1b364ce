//! The image config in a report.

use plimsoll_model::Platform;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::Fault;

/// Largest image config that is read from a report, in bytes as it is written there.
const MAX_CONFIG_BYTES: usize = 16 << 20;

/// The config as compact JSON; empty where there is none.
pub(super) fn text(config: Option<&RawValue>) -> Result<String, Fault> {
    Ok(value(config)?.map_or_else(String::new, |value| value.to_string()))
}

/// When the image was made, and for what, as the config says.
pub(super) fn created_and_platform(config: Option<&RawValue>) -> Result<(String, Option<Platform>), Fault> {
    let Some(value) = value(config)? else { return Ok((String::new(), None)) };
    let field = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let platform =
        Platform { os: field("os"), architecture: field("architecture"), variant: field("variant") };
    Ok((field("created"), (platform != Platform::default()).then_some(platform)))
}

fn value(config: Option<&RawValue>) -> Result<Option<Value>, Fault> {
    let Some(config) = config else { return Ok(None) };
    if config.get().len() > MAX_CONFIG_BYTES {
        let found = format!("{} bytes", config.get().len());
        return Err(Fault::at("Metadata.ImageConfig", "at most 16 MiB", found));
    }
    serde_json::from_str(config.get())
        .map(Some)
        .map_err(|error| Fault::at("Metadata.ImageConfig", "JSON", error))
}
