//! What every part of a cluster knows: functions, settings, stores.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ballista_core::ConfigProducer;
use ballista_core::extension::{
    SessionConfigExt as _, ballista_aggregate_functions, ballista_scalar_functions, ballista_window_functions,
};
use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::error::Result;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use plimsoll_store::Location;

use super::codec::Codec;
use super::fence::Fence;
use super::{Error, version};

/// What scheduler and executors are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    functions: Vec<Arc<ScalarUDF>>,
    fence: Arc<Fence>,
}

impl Parts {
    /// With our functions, and the stores that may be read.
    ///
    /// # Errors
    /// [`Error::Service`] where a store cannot be opened.
    pub fn new(functions: Vec<Arc<ScalarUDF>>, stores: &[Location]) -> Result<Self, Error> {
        Ok(Self { functions, fence: Arc::new(Fence::new(stores)?) })
    }

    /// All functions that a query may call.
    fn scalar_functions(&self) -> Vec<Arc<ScalarUDF>> {
        let mut functions = ballista_scalar_functions();
        functions.extend(self.functions.iter().cloned());
        functions
    }

    /// The same, as executors look them up when they read a plan.
    pub(super) fn registry(&self) -> BallistaFunctionRegistry {
        let mut registry = BallistaFunctionRegistry::default();
        let mut scalar: HashMap<String, Arc<ScalarUDF>> = HashMap::new();
        for function in self.scalar_functions() {
            scalar.insert(function.name().to_owned(), function);
        }
        registry.scalar_functions = scalar;
        registry
    }

    /// Reads plans: our tables are opened within the fence.
    pub(super) fn codec(&self) -> Codec {
        Codec::of_scheduler(Arc::clone(&self.fence))
    }

    /// The runtime of a session: our fence before what is read, and a folder for what does not fit into memory.
    pub(super) fn runtime(&self, spill: Option<&Path>) -> Result<Arc<RuntimeEnv>> {
        let fence: Arc<Fence> = Arc::clone(&self.fence);
        let mut builder = RuntimeEnvBuilder::new().with_object_store_registry(fence);
        if let Some(folder) = spill {
            builder = builder.with_temp_file_path(folder);
        }
        builder.build_arc()
    }

    /// The scheduler's session for one query.
    pub(super) fn session(&self, config: SessionConfig) -> Result<SessionState> {
        version::check(&config)?;
        Ok(SessionStateBuilder::new()
            .with_default_features()
            .with_config(config)
            .with_runtime_env(self.runtime(None)?)
            .with_optimizer_rules(ballista_core::optimizer::ballista_default_optimizer_rules())
            .with_scalar_functions(self.scalar_functions())
            .with_aggregate_functions(ballista_aggregate_functions())
            .with_window_functions(ballista_window_functions())
            .build())
    }
}

/// Settings that scheduler and executors begin with; those of the query are put over them.
pub(super) fn config() -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_option_extension(version::Asker::default())
        .with_ballista_grpc_client_max_message_size(super::MAX_MESSAGE_BYTES as usize)
}

/// The same, made when asked for.
pub(super) fn config_producer() -> ConfigProducer {
    Arc::new(config)
}
