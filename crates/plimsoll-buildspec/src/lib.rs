//! CodeBuild's buildspec files, and the runner of one build, on any machine with a shell.
//!
//! [`Buildspec::parse`] reads a file; [`find`] says which file that is. [`run`] runs its phases in a folder, as AWS
//! CodeBuild does: the transitions between phases, `finally`, `on-failure`, the variables of the environment, the log.
//! What came out is a [`BuildResult`], made of data alone. Parameters and secrets come through [`Secrets`];
//! [`LocalSecrets`] is one made of a file.
//!
//! In version 0.2 all commands go to one shell, one by one: folder, variables, functions and options live on. A
//! variable that is assigned is exported. A command that ends the shell (`exit 3`, `set -e`) ends itself alone: the
//! next one finds a new shell with the folder, the exported variables and the options of the old one, and under bash
//! its functions. In version 0.1 each command has a shell of its own.
//!
//! What differs from CodeBuild, and is told in the log: runtimes are not installed but compared with what is there;
//! processes that a build leaves behind are ended with it; a command may have a time-out of its own; `proxy` and
//! `git-credential-helper` change nothing. Batch builds are refused.
//!
//! This crate fetches nothing and reads neither the environment nor the wall clock of its process: both are
//! arguments. It is no sandbox: commands can do what the user can.
//!
//! ```
//! use plimsoll_buildspec::Buildspec;
//!
//! let spec = Buildspec::parse("version: 0.2\nphases:\n  build:\n    commands:\n      - make\n")?;
//! assert_eq!(spec.phases.build.commands[0].text, "make");
//! assert!(spec.warnings.is_empty());
//! # Ok::<(), plimsoll_buildspec::SpecError>(())
//! ```

mod artifact;
mod build;
mod cache;
mod collect;
mod environment;
mod error;
mod failure;
mod files;
mod find;
mod leftover;
mod log;
mod mask;
mod outcome;
mod pattern;
mod phase;
mod read;
mod request;
mod runtime;
mod secrets;
mod session;
mod shell;
mod spec;
mod user;

pub use build::run;
pub use environment::{Identity, SecondarySource, Variable, VariableSource, Webhook};
pub use error::{Error, SpecError};
pub use failure::{MAX_RETRIES, OnFailure};
pub use find::{DEFAULT_NAMES, Found, MAX_BUILDSPEC_BYTES, find};
pub use leftover::end_below;
pub use log::{Clock, FixedClock};
pub use mask::{MASK, Masker};
pub use outcome::{
    ArtifactOutcome, BuildResult, CommandOutcome, Context, ExportedVariable, Leftover, PhaseOutcome,
    PhaseType, ReportOutcome, RuntimeOutcome, RuntimeState, Status,
};
pub use pattern::Pattern;
pub use request::{Limits, Request};
pub use secrets::{
    LocalSecrets, MAX_SECRETS_BYTES, NoSecrets, Secret, SecretError, SecretReference, Secrets,
};
pub use spec::{
    ArtifactSet, Artifacts, Buildspec, Cache, CacheAction, Command, Env, Phase, Phases, Proxy, ReportFormat,
    ReportGroup, RuntimeVersion, Shell, Version, Warning,
};
