//! Who may work together: client, scheduler and executors of one version.
//!
//! Ballista refuses other major versions of itself. Ours travels as a setting of the session, with every query to the scheduler and
//! with every task to an executor: versions are ordered and ranges are read by our code there, and an answer must not depend
//! on which machine gave it.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::config_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionConfig;

use super::Error;

/// The version that client, scheduler and executors must share.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a query says of who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    /// The version of plimsoll-fleet that asks; empty where it is another program.
    version: String,
}

impl ConfigExtension for Asker {
    const PREFIX: &'static str = "plimsoll_cluster";
}

/// By hand: what `extensions_options!` makes names its entries without the prefix, and they do not travel.
impl ExtensionOptions for Asker {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key != "version" {
            return config_err!("cannot set `{}.{key}`: there is no such setting", Self::PREFIX);
        }
        value.clone_into(&mut self.version);
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        vec![ConfigEntry {
            key: format!("{}.version", Self::PREFIX),
            value: Some(self.version.clone()),
            description: "The version of plimsoll-fleet that asks a cluster",
        }]
    }
}

/// Settings that say that we ask.
pub(super) fn sign(config: SessionConfig) -> SessionConfig {
    config.with_option_extension(Asker { version: VERSION.to_owned() })
}

/// Refuses what another version asks.
///
/// What says no version is a client of Ballista itself, whose plans Ballista has judged already.
pub(super) fn check(config: &SessionConfig) -> Result<()> {
    match config.options().extensions.get::<Asker>() {
        Some(asker) if !asker.version.is_empty() && asker.version != VERSION => {
            Err(DataFusionError::from(Error::Version {
                client: asker.version.clone(),
                cluster: VERSION.to_owned(),
            }))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::extension::SessionConfigHelperExt as _;

    use super::*;

    #[test]
    fn the_version_travels_with_the_settings_and_another_one_is_refused() {
        let sent = sign(SessionConfig::new()).to_key_value_pairs();
        let read =
            SessionConfig::new().with_option_extension(Asker::default()).update_from_key_value_pair(&sent);
        assert_eq!(read.options().extensions.get::<Asker>().unwrap().version, VERSION);
        check(&read).unwrap();

        let other = read.set_str("plimsoll_cluster.version", "0.0.1-other");
        let error = check(&other).unwrap_err();
        assert!(
            matches!(Error::behind(&error), Some(Error::Version { client, .. }) if client == "0.0.1-other")
        );
        check(&SessionConfig::new().with_option_extension(Asker::default())).unwrap();
    }
}
