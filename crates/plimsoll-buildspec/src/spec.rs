//! What a buildspec says.

use plimsoll_template::document::Place;

use crate::failure::OnFailure;
use crate::outcome::PhaseType;

/// Version of a buildspec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `0.1`: each command in a shell of its own.
    V0_1,
    /// `0.2`: all commands in one shell.
    V0_2,
}

/// A buildspec as it was read, with what is odd in it.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference for CodeBuild*.
#[derive(Clone, Debug)]
pub struct Buildspec {
    /// Its version.
    pub version: Version,
    /// The user whom commands run as.
    pub run_as: Option<String>,
    /// Variables and shell.
    pub env: Env,
    /// Settings that mean something behind CodeBuild's explicit proxy alone.
    pub proxy: Proxy,
    /// The commands.
    pub phases: Phases,
    /// Files of test results to collect.
    pub reports: Vec<ReportGroup>,
    /// Files to hand on.
    pub artifacts: Option<Artifacts>,
    /// Files to keep for the next build.
    pub cache: Option<Cache>,
    /// What is odd, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Something that is ignored or means little, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where, in the file.
    pub place: Place,
    /// What, in one line.
    pub message: String,
}

/// `env`.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// The shell that runs commands.
    pub shell: Shell,
    /// Plain variables.
    pub variables: Vec<(String, String)>,
    /// Variables and the names of their parameters.
    pub parameter_store: Vec<(String, String)>,
    /// Variables and the references to their secrets, `id:json-key:stage:version`.
    pub secrets_manager: Vec<(String, String)>,
    /// Variables whose values are handed to later actions.
    pub exported_variables: Vec<String>,
    /// Whether CodeBuild's credential helper for git is asked for.
    pub git_credential_helper: bool,
}

/// The shell that runs commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// `/bin/sh`, the default.
    #[default]
    Sh,
    /// `bash`.
    Bash,
    /// Another shell of POSIX's kind: a name or a path.
    Other(String),
}

/// `proxy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// `upload-artifacts`.
    pub upload_artifacts: bool,
    /// `logs`.
    pub logs: bool,
}

/// The four phases; one that is not there has no commands.
#[derive(Clone, Debug, Default)]
pub struct Phases {
    /// `install`.
    pub install: Phase,
    /// `pre_build`.
    pub pre_build: Phase,
    /// `build`.
    pub build: Phase,
    /// `post_build`.
    pub post_build: Phase,
}

impl Phases {
    /// The phases in their order.
    pub fn in_order(&self) -> [(PhaseType, &Phase); 4] {
        [
            (PhaseType::Install, &self.install),
            (PhaseType::PreBuild, &self.pre_build),
            (PhaseType::Build, &self.build),
            (PhaseType::PostBuild, &self.post_build),
        ]
    }
}

/// A phase.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// The user whom its commands run as, before [`Buildspec::run_as`].
    pub run_as: Option<String>,
    /// What happens after it has failed.
    pub on_failure: OnFailure,
    /// Runtimes that it wants; of `install` alone.
    pub runtime_versions: Vec<RuntimeVersion>,
    /// Its commands.
    pub commands: Vec<Command>,
    /// Commands that run after the others, whatever became of them.
    pub finally: Vec<Command>,
}

/// A command with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What the shell is given.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A runtime and its version: `python: 3.x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeVersion {
    /// `python`.
    pub runtime: String,
    /// `3.12`, `3.x`, `latest`, `corretto17` or a variable, `$PYTHON`.
    pub version: String,
    /// Where it stands.
    pub place: Place,
}

/// A group of reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportGroup {
    /// Name or ARN of the group.
    pub name: String,
    /// Patterns of files.
    pub files: Vec<String>,
    /// Where patterns begin, from the workspace on.
    pub base_directory: Option<String>,
    /// Whether files lose their folders.
    pub discard_paths: bool,
    /// What the files are.
    pub format: ReportFormat,
}

/// What the files of a report are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportFormat(pub(crate) &'static str);

impl ReportFormat {
    /// All formats by the names they are written with, the default first.
    pub const NAMES: [&'static str; 10] = [
        "JUNITXML",
        "CUCUMBERJSON",
        "NUNITXML",
        "NUNIT3XML",
        "TESTNGXML",
        "VISUALSTUDIOTRX",
        "CLOVERXML",
        "COBERTURAXML",
        "JACOCOXML",
        "SIMPLECOV",
    ];

    /// Its name, in capitals.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// `artifacts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// The primary artifact; none if it names no files.
    pub primary: Option<ArtifactSet>,
    /// The others, by identifier.
    pub secondary: Vec<(String, ArtifactSet)>,
}

/// One artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactSet {
    /// Patterns of files.
    pub files: Vec<String>,
    /// Its name, in the language of the shell.
    pub name: Option<String>,
    /// Whether files lose their folders.
    pub discard_paths: bool,
    /// Where patterns begin, from the workspace on; itself a pattern.
    pub base_directory: Option<String>,
    /// Patterns of files that are left out, from the base directory on.
    pub exclude_paths: Vec<String>,
    /// Whether symbolic links stay links.
    pub enable_symlinks: bool,
    /// What stands before the name in a store.
    pub s3_prefix: Option<String>,
}

/// `cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Patterns of files.
    pub paths: Vec<String>,
    /// The key, in the language of the shell.
    pub key: Option<String>,
    /// Beginnings of keys that do if the key is not there, at most five.
    pub fallback_keys: Vec<String>,
    /// Which of both is done.
    pub action: CacheAction,
}

/// What is done with a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheAction {
    /// It is restored and saved.
    #[default]
    Both,
    /// It is restored alone.
    Restore,
    /// It is saved alone.
    Save,
}
