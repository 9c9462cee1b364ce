//! What came out of a build, as data: the names are those of CodeBuild's `BatchGetBuilds`.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How a build or a phase has ended.
///
/// Source: AWS CodeBuild API Reference, `BuildPhase`, `phaseStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// All commands succeeded.
    Succeeded,
    /// One did not.
    Failed,
    /// The build took too long.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        })
    }
}

/// A phase of a build.
///
/// Source: AWS CodeBuild API Reference, `BuildPhase`, `phaseType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhaseType {
    /// Variables, runtimes and cache are made ready.
    DownloadSource,
    /// `install`.
    Install,
    /// `pre_build`.
    PreBuild,
    /// `build`.
    Build,
    /// `post_build`.
    PostBuild,
    /// Reports and artifacts are collected, the cache is saved.
    UploadArtifacts,
}

impl fmt::Display for PhaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DownloadSource => "DOWNLOAD_SOURCE",
            Self::Install => "INSTALL",
            Self::PreBuild => "PRE_BUILD",
            Self::Build => "BUILD",
            Self::PostBuild => "POST_BUILD",
            Self::UploadArtifacts => "UPLOAD_ARTIFACTS",
        })
    }
}

/// What came out of a build.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildResult {
    /// `project:uuid`.
    pub id: String,
    /// How it ended.
    pub build_status: Status,
    /// When it began, in milliseconds since 1970.
    pub start_time_ms: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The phases that were entered, in their order.
    pub phases: Vec<PhaseOutcome>,
    /// Variables for later actions.
    pub exported_environment_variables: Vec<ExportedVariable>,
    /// Artifacts that were collected.
    pub artifacts: Vec<ArtifactOutcome>,
    /// Reports that were collected.
    pub reports: Vec<ReportOutcome>,
    /// Runtimes that were wanted.
    pub runtimes: Vec<RuntimeOutcome>,
    /// Processes that were left over, and were ended.
    pub leftover_processes: Vec<Leftover>,
    /// What is odd, each in one line.
    pub warnings: Vec<String>,
}

impl BuildResult {
    /// Whether it succeeded.
    pub fn is_success(&self) -> bool {
        self.build_status == Status::Succeeded
    }

    /// The phase, if it was entered.
    pub fn phase(&self, phase: PhaseType) -> Option<&PhaseOutcome> {
        self.phases.iter().find(|outcome| outcome.phase_type == phase)
    }
}

/// A phase that was entered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseOutcome {
    /// Which.
    pub phase_type: PhaseType,
    /// How it ended.
    pub phase_status: Status,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed; empty if it did not.
    pub contexts: Vec<Context>,
    /// How often it was tried again.
    pub retries: u32,
    /// The commands that ran, those of tries before the last one included.
    pub commands: Vec<CommandOutcome>,
}

/// Why a phase failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// `COMMAND_EXECUTION_ERROR`, `CLIENT_ERROR`, `BUILD_TIMED_OUT`, ….
    pub status_code: String,
    /// In one line or more.
    pub message: String,
}

impl Context {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status_code: code.to_owned(), message: message.into() }
    }
}

/// A command that ran.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandOutcome {
    /// Its text, secrets masked.
    pub command: String,
    /// Its line in the buildspec, from 1.
    pub line: u32,
    /// Its exit status; of a signal, 128 and its number; 124 after the command's own time-out.
    pub exit_status: i32,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes that it wrote.
    pub output_bytes: u64,
    /// Bytes of them that the log does not show.
    pub hidden_bytes: u64,
    /// Whether it was ended because it took too long.
    pub timed_out: bool,
}

/// A variable for later actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An artifact that was collected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactOutcome {
    /// Its identifier; none of the primary artifact.
    pub identifier: Option<String>,
    /// Its name in the buildspec, as the shell gave it.
    pub name: Option<String>,
    /// What stands before the name in a store.
    pub s3_prefix: Option<String>,
    /// The folder that holds its files.
    pub folder: PathBuf,
    /// Its files, from the folder on, sorted.
    pub files: Vec<String>,
    /// Bytes of all files.
    pub size_bytes: u64,
}

/// A group of reports that was collected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportOutcome {
    /// Name or ARN of the group.
    pub group: String,
    /// `JUNITXML`, ….
    pub format: &'static str,
    /// The folder that holds its files; none if they stay where they are.
    pub folder: Option<PathBuf>,
    /// Its files, sorted: from the folder on, or from the base directory on.
    pub files: Vec<String>,
}

/// Whether a runtime is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RuntimeState {
    /// The version that was wanted is there.
    Present,
    /// Another version is there.
    OtherVersion,
    /// It is not there.
    Missing,
    /// It is not known how to ask for its version.
    Unknown,
}

/// A runtime that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeOutcome {
    /// `python`.
    pub runtime: String,
    /// The version that was wanted, variables resolved.
    pub wanted: String,
    /// The version that is there.
    pub found: Option<String>,
    /// How the two compare.
    pub state: RuntimeState,
}

/// A process that was left over, and was ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// Its number.
    pub pid: i32,
    /// Its command line, shortened, secrets masked.
    pub command: String,
}
