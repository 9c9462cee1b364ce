//! Actions done on this machine, each as its provider does it on AWS.
//!
//! Whatever runs processes does it as a build: one way to begin and end them, to time them, to mask and to log.

mod approval;
mod build;
mod command;
mod deploy;
mod image;
mod prepare;
mod scan;
mod source;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_buildspec::{
    BuildResult, Buildspec, Clock, Env, Identity, Limits, Phase, Phases, Proxy, Request, Secrets, Shell,
    Status as BuildStatus, Variable, Version,
};
use plimsoll_template::document::Place as At;
use plimsoll_template::pipeline::{Action, Plan, Role, substitute};
use plimsoll_template::template::Resolved;

pub use prepare::{Approvals, Problem, Setup};

use crate::engine::{Doer, Done, Job};
use crate::outside::Outside;
use crate::place::{Place, with_registry};
use crate::state::Status;
use crate::tree;

/// How long an action of CodePipeline's own compute may take where nothing is said.
///
/// Source: AWS CodePipeline User Guide, "Quotas", "Maximum time-out for the Compute action".
const COMPUTE_TIMEOUT: Duration = Duration::from_mins(55);

/// Does actions on this machine.
pub struct Local<'l> {
    plan: &'l Plan,
    setup: &'l Setup,
    places: BTreeMap<(String, String), Place>,
    /// `docker`, `podman` or `buildah`, where it is needed.
    tool: Option<PathBuf>,
    /// Who may be asked.
    outside: &'l dyn Outside,
    secrets: &'l (dyn Secrets + Sync),
    clock: &'l (dyn Clock + Sync),
    notes: Vec<String>,
}

impl Doer for Local<'_> {
    fn act(&self, job: &Job<'_>, log: &mut dyn Write) -> Done {
        let done = match (self.place(job), job.action.provider.role) {
            (Some(Place::Command(command)), _) => self.command(job, command, log),
            (_, Role::Repository | Role::Object | Role::Image) => self.source(job, log),
            (_, Role::Build) => self.build_project(job, log),
            (_, Role::Commands) => self.commands(job, log),
            (_, Role::BuildImage) => self.build_image(job, log),
            (_, Role::Scan) => self.scan(job, log),
            (_, Role::Approval) => self.approval(job),
            (_, Role::CopyToBucket) => self.deploy(job, log),
            (_, Role::Elsewhere) => Err(format!("provider `{}` does not run here", job.action.provider_name)),
        };
        done.unwrap_or_else(|message| Done::new(Status::Failed, message))
    }

    fn end_leftovers(&self, folder: &Path) -> Vec<String> {
        let ended = plimsoll_buildspec::end_below(&folder.join("work"), Limits::default().grace);
        ended.into_iter().map(|process| format!("process {}, {}", process.pid, process.command)).collect()
    }
}

/// A build that stands for an action.
struct Work<'w> {
    spec: &'w Buildspec,
    spec_path: PathBuf,
    workspace: &'w Path,
    project_variables: Vec<Variable>,
    start_variables: Vec<Variable>,
    identity: Identity,
    artifacts: Option<PathBuf>,
    reports: Option<PathBuf>,
    cache: Option<PathBuf>,
    timeout: Duration,
}

impl Local<'_> {
    /// What is odd, each in one line; known before anything runs.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn place(&self, job: &Job<'_>) -> Option<&Place> {
        self.places.get(&(job.stage.to_owned(), job.action.name.clone()))
    }

    /// A text with the variables of actions, and the hosts of ECR replaced by those of here.
    fn text(&self, job: &Job<'_>, value: &Resolved) -> Result<String, String> {
        let text = value.text().unwrap_or_default();
        let known = |namespace: &str, name: &str| job.state.variable(namespace, name).map(str::to_owned);
        let text = substitute(text, |reference| known(&reference.namespace, &reference.name))?;
        Ok(with_registry(&text, self.setup.registry.as_deref()))
    }

    /// A setting of the action's configuration; nothing where it is empty.
    fn setting(&self, job: &Job<'_>, key: &str) -> Result<Option<String>, String> {
        match job.action.setting(key) {
            Some(value) => Ok(Some(self.text(job, value)?).filter(|text| !text.is_empty())),
            None => Ok(None),
        }
    }

    fn required(&self, job: &Job<'_>, key: &str) -> Result<String, String> {
        self.setting(job, key)?.ok_or_else(|| format!("expected `{key}` in the configuration, found none"))
    }

    /// Copies the primary input to a workspace, and the others beside it: their folders by name.
    fn workspace(&self, job: &Job<'_>, log: &mut dyn Write) -> Result<Workspace, String> {
        let primary = match job.action.setting("PrimarySource") {
            Some(value) => self.text(job, value)?,
            None => job.inputs.first().map_or(String::new(), |input| input.name.clone()),
        };
        let folder = job.work.join("src");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make folder `{}`: {error}", folder.display()))?;
        let mut workspace = Workspace { folder, others: Vec::new(), revision: None };
        for input in &job.inputs {
            let is_primary = input.name == primary;
            let to = if is_primary {
                workspace.revision.clone_from(&input.revision);
                workspace.folder.clone()
            } else {
                job.work.join(format!("src-{}", input.name))
            };
            let copied = tree::copy(&input.folder, &to, tree::Without::default());
            let copied = copied.map_err(|error| error.whole())?;
            tell(log, &copied.left_out);
            if !is_primary {
                workspace.others.push((input.name.clone(), to, input.revision.clone()));
            }
        }
        Ok(workspace)
    }

    fn identity(&self, job: &Job<'_>, project: &str, workspace: Option<&Workspace>) -> Identity {
        let (action, id) = (&job.action.name, &job.state.execution_id);
        let about = format!("{id}/{}/{action}/{}", job.stage, job.attempt);
        let mut identity = Identity {
            project: project.to_owned(),
            build: crate::folder::identifier_of(&about),
            number: job.state.number,
            initiator: format!("codepipeline/{}", job.state.pipeline_name),
            region: self.setup.region.clone(),
            account: self.setup.account.clone(),
            ..Identity::default()
        };
        if let Some(workspace) = workspace {
            identity.resolved_source_version.clone_from(&workspace.revision);
            identity.source_version.clone_from(&workspace.revision);
            identity.secondary_sources = workspace
                .others
                .iter()
                .map(|(name, folder, revision)| plimsoll_buildspec::SecondarySource {
                    identifier: name.clone(),
                    folder: folder.clone(),
                    version: revision.clone(),
                    repo_url: None,
                })
                .collect();
        }
        identity
    }

    fn run(&self, job: &Job<'_>, work: Work<'_>, log: &mut dyn Write) -> Result<BuildResult, String> {
        let mut request = Request::new(work.spec, work.workspace, job.work.join("scratch"));
        request.buildspec_path = work.spec_path;
        request.environment.clone_from(&self.setup.environment);
        request.project_variables = work.project_variables;
        request.start_variables = work.start_variables;
        let given = self.setup.env.iter().map(|(name, value)| Variable::plain(name, value.as_str()));
        request.start_variables.extend(given);
        request.identity = work.identity;
        request.artifacts = work.artifacts;
        request.reports = work.reports;
        request.cache = work.cache;
        request.limits = Limits { build: work.timeout, ..Limits::default() };
        request.require_runtimes = self.setup.require_runtimes;
        request.stop = job.stop.clone();
        plimsoll_buildspec::run(&request, self.secrets, self.clock, log).map_err(|error| {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            text
        })
    }

    /// How long an action may take: as long as it says itself, and as what it runs says.
    fn timeout(action: &Action, other: Duration) -> Duration {
        let own = action.timeout_minutes.map(|minutes| Duration::from_mins(u64::from(minutes)));
        own.map_or(other, |own| own.min(other))
    }
}

/// Where a build works.
struct Workspace {
    folder: PathBuf,
    /// The inputs besides the primary one: name, folder and revision.
    others: Vec<(String, PathBuf, Option<String>)>,
    revision: Option<String>,
}

/// A buildspec of these commands.
fn spec_of(commands: &[String], exported: &[String]) -> Buildspec {
    let commands = commands
        .iter()
        .map(|text| plimsoll_buildspec::Command { text: text.clone(), place: At::START })
        .collect();
    Buildspec {
        version: Version::V0_2,
        run_as: None,
        env: Env { shell: Shell::Sh, exported_variables: exported.to_vec(), ..Env::default() },
        proxy: Proxy::default(),
        phases: Phases { build: Phase { commands, ..Phase::default() }, ..Phases::default() },
        reports: Vec::new(),
        artifacts: None,
        cache: None,
        warnings: Vec::new(),
    }
}

/// How an action ended that was a build.
fn ended(result: &BuildResult) -> Done {
    let variables = &result.exported_environment_variables;
    let variables =
        variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
    let status = match result.build_status {
        BuildStatus::Succeeded => return Done { status: Status::Succeeded, variables, ..Done::default() },
        BuildStatus::Stopped => Status::Stopped,
        BuildStatus::Failed | BuildStatus::TimedOut => Status::Failed,
    };
    // The first that ended so: what follows from it does not say why.
    let phase = result.phases.iter().find(|phase| phase.phase_status == result.build_status);
    let message = phase.and_then(|phase| {
        let context = phase.contexts.first()?;
        let line = context.message.lines().next().unwrap_or_default();
        Some(format!("{}: {line}", phase.phase_type))
    });
    Done { status, message, variables, ..Done::default() }
}

/// `1 file`, `2 files`.
fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn tell(log: &mut dyn Write, lines: &[String]) {
    for line in lines {
        let _ = writeln!(log, "{line}");
    }
}
