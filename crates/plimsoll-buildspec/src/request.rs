//! What is to be run, and how far it may go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::environment::{Identity, Variable};
use crate::spec::Buildspec;

/// How far a build may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the build may take. Default 60 minutes, CodeBuild's.
    pub build: Duration,
    /// How long one command may take. Default: as long as the build.
    pub command: Option<Duration>,
    /// Bytes of one command's output that the log shows; the rest is counted. Default 64 MiB.
    pub shown_bytes: u64,
    /// How long processes have to end themselves before they are killed. Default 2 seconds.
    pub grace: Duration,
    /// Most files of one artifact, report or cache. Default 1,000,000.
    pub files: usize,
    /// Most bytes of one artifact, report or cache. Default 64 GiB.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            build: Duration::from_hours(1),
            command: None,
            shown_bytes: 64 << 20,
            grace: Duration::from_secs(2),
            files: 1_000_000,
            bytes: 64 << 30,
        }
    }
}

/// A build to be run.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// What is run.
    pub buildspec: &'r Buildspec,
    /// Its file, for the log.
    pub buildspec_path: PathBuf,
    /// The folder it is run in.
    pub workspace: PathBuf,
    /// A folder for files of ours, outside the workspace: `/tmp`.
    pub scratch: PathBuf,
    /// The environment below all variables of the build, `PATH` and `HOME` above all: that of the process.
    pub environment: BTreeMap<String, String>,
    /// Variables of the project.
    pub project_variables: Vec<Variable>,
    /// Variables of the start of this build.
    pub start_variables: Vec<Variable>,
    /// What the build says of itself.
    pub identity: Identity,
    /// Where artifacts are put, `primary` and `secondary/IDENTIFIER`. None: artifacts are not collected.
    pub artifacts: Option<PathBuf>,
    /// Where reports are put, a folder for each group. None: they are listed, and stay where they are.
    pub reports: Option<PathBuf>,
    /// Where caches are kept between builds. None: nothing is cached.
    pub cache: Option<PathBuf>,
    /// How far it may go.
    pub limits: Limits,
    /// Whether a runtime that is missing, or is there in another version, fails the build.
    pub require_runtimes: bool,
    /// Whether a build succeeds although a phase with `on-failure: CONTINUE` failed.
    pub forgive_continued: bool,
    /// The users of this machine. Default `/etc/passwd`.
    pub users: PathBuf,
    /// Becomes true when the build is to stop.
    pub stop: Arc<AtomicBool>,
}

impl<'r> Request<'r> {
    /// A build in this folder, with nothing in its environment.
    pub fn new(buildspec: &'r Buildspec, workspace: impl Into<PathBuf>, scratch: impl Into<PathBuf>) -> Self {
        Self {
            buildspec,
            buildspec_path: Path::new("buildspec.yml").to_owned(),
            workspace: workspace.into(),
            scratch: scratch.into(),
            environment: BTreeMap::new(),
            project_variables: Vec::new(),
            start_variables: Vec::new(),
            identity: Identity::default(),
            artifacts: None,
            reports: None,
            cache: None,
            limits: Limits::default(),
            require_runtimes: false,
            forgive_continued: false,
            users: "/etc/passwd".into(),
            stop: Arc::default(),
        }
    }
}
