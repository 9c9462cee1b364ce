//! Everything that would stop a run, found before anything runs, and told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use plimsoll_buildspec::{Buildspec, Clock, SecretReference, Secrets, VariableSource, find};
use plimsoll_template::pipeline::{self, Action, Plan, Project, Role, Stage};

use super::Local;
use super::build::source_of;
use crate::engine::Course;
use crate::outside::Outside;
use crate::place::Place;

/// Programs that build images, in the order in which they are looked for.
const TOOLS: [&str; 3] = ["docker", "podman", "buildah"];

/// What a run is given from outside.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// What stands for actions: `ACTION` or `STAGE/ACTION`, and a place.
    pub maps: Vec<(String, String)>,
    /// What stands for the only source, or the first of several.
    pub source: Option<String>,
    /// The registry that stands for ECR's: `localhost:5000`.
    pub registry: Option<String>,
    /// What is answered to approvals.
    pub approvals: Approvals,
    /// Variables of all builds, above those of projects and actions.
    pub env: Vec<(String, String)>,
    /// The environment of processes, `PATH` and `HOME` above all.
    pub environment: BTreeMap<String, String>,
    /// Our own program, which scans.
    pub scanner: PathBuf,
    /// The folder that it is called in: its settings and what is mapped to scans are looked for there.
    pub folder: PathBuf,
    /// The account in ARNs.
    pub account: String,
    /// `AWS_REGION` of builds.
    pub region: String,
    /// Whether secrets come of a file, which can be asked before anything runs.
    pub has_secrets: bool,
    /// Whether a runtime that is missing fails a build.
    pub require_runtimes: bool,
}

/// What is answered to approvals.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// Yes to all.
    pub all: bool,
    /// Yes to these, each `STAGE/ACTION`.
    pub approve: Vec<String>,
    /// No to these.
    pub reject: Vec<String>,
}

/// Something that would stop a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `STAGE/ACTION`, or a flag.
    pub subject: String,
    /// What was expected and found.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

impl<'l> Local<'l> {
    /// Looks whether all actions of a plan, from the course's first stage on, can be done.
    ///
    /// # Errors
    /// Everything that would stop the run, in the order of the pipeline.
    pub fn prepare(
        plan: &'l Plan,
        setup: &'l Setup,
        course: &Course,
        outside: &'l dyn Outside,
        secrets: &'l (dyn Secrets + Sync),
        clock: &'l (dyn Clock + Sync),
    ) -> Result<Self, Vec<Problem>> {
        let mut judge = Judge {
            plan,
            setup,
            places: BTreeMap::new(),
            tool: None,
            secrets,
            problems: Vec::new(),
            notes: Vec::new(),
        };
        judge.maps();
        judge.approvals();
        for (stage, action) in actions(plan).filter(|(stage, _)| is_run(plan, course, stage)) {
            judge.action(stage, action);
        }
        judge.refusals(course);
        let Judge { places, tool, problems, notes, .. } = judge;
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { plan, setup, places, tool, outside, secrets, clock, notes })
    }
}

fn actions(plan: &Plan) -> impl Iterator<Item = (&Stage, &Action)> {
    plan.pipeline.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)))
}

/// Whether a stage may run: a stage before the one that is begun with does not.
fn is_run(plan: &Plan, course: &Course, stage: &Stage) -> bool {
    let Some(from) = &course.from else { return true };
    let at = |name: &str| plan.pipeline.stages.iter().position(|stage| stage.name == name);
    match (at(from), at(&stage.name)) {
        (Some(from), Some(at)) => at == from || at > from && !course.only,
        _ => true,
    }
}

struct Judge<'j> {
    plan: &'j Plan,
    setup: &'j Setup,
    places: BTreeMap<(String, String), Place>,
    tool: Option<PathBuf>,
    secrets: &'j dyn Secrets,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Judge<'_> {
    fn problem(&mut self, subject: impl Into<String>, reason: impl Into<String>, hint: Option<String>) {
        self.problems.push(Problem { subject: subject.into(), reason: reason.into(), hint });
    }

    fn maps(&mut self) {
        for (key, text) in &self.setup.maps {
            let found: Vec<_> =
                actions(self.plan).filter(|(stage, action)| is_named(key, stage, action)).collect();
            match found.as_slice() {
                [(stage, action)] => self.place(stage, action, text, format!("--map {key}")),
                [] => {
                    let names: Vec<String> =
                        actions(self.plan).map(|(stage, action)| name(stage, action)).collect();
                    let hint = format!("the actions are {}", names.join(", "));
                    self.problem(
                        format!("--map {key}"),
                        "expected an action, found none of that name",
                        Some(hint),
                    );
                }
                several => {
                    let names: Vec<String> =
                        several.iter().map(|(stage, action)| name(stage, action)).collect();
                    let hint = format!("name the stage too: {}", names.join(" or "));
                    self.problem(format!("--map {key}"), "expected one action, found several", Some(hint));
                }
            }
        }
        let Some(source) = &self.setup.source else { return };
        let mut sources = actions(self.plan)
            .filter(|(_, action)| matches!(action.provider.role, Role::Repository | Role::Object));
        match sources.find(|(stage, action)| !self.places.contains_key(&key(stage, action))) {
            Some((stage, action)) => self.place(stage, action, source, format!("--source {source}")),
            None => self.notes.push(format!("--source {source} stands for nothing: no source is left")),
        }
    }

    fn place(&mut self, stage: &Stage, action: &Action, text: &str, flag: String) {
        match Place::parse(text, action) {
            Ok(place) => {
                if self.places.insert(key(stage, action), place).is_some() {
                    self.problem(
                        flag,
                        format!("expected one place for {}, found two", name(stage, action)),
                        None,
                    );
                }
            }
            Err(reason) => self.problem(flag, reason, None),
        }
    }

    fn approvals(&mut self) {
        let approvals: BTreeSet<String> = actions(self.plan)
            .filter(|(_, action)| action.provider.role == Role::Approval)
            .map(|(stage, action)| name(stage, action))
            .collect();
        let Approvals { approve, reject, .. } = &self.setup.approvals;
        for (flag, names) in [("--approve", approve), ("--reject", reject)] {
            for name in names.iter().filter(|name| !approvals.contains(*name)) {
                let known: Vec<&str> = approvals.iter().map(String::as_str).collect();
                let hint = match known.as_slice() {
                    [] => "the pipeline has no approvals".to_owned(),
                    known => format!("the approvals are {}", known.join(", ")),
                };
                self.problem(format!("{flag} {name}"), "expected STAGE/ACTION of an approval", Some(hint));
            }
        }
        if let Some(both) = approve.iter().find(|name| reject.contains(name)) {
            self.problem(format!("--approve {both}"), "expected one answer, found `--reject` as well", None);
        }
    }

    fn action(&mut self, stage: &Stage, action: &Action) {
        let (subject, place) = (name(stage, action), self.places.get(&key(stage, action)).cloned());
        if matches!(place, Some(Place::Command(_))) {
            return;
        }
        match action.provider.role {
            Role::Repository | Role::Object if place.is_none() => {
                let kind = match action.provider.role {
                    Role::Object => "a folder, a zip archive or an object",
                    _ => "a folder or a git repository",
                };
                let hint = format!("--map {subject}=PLACE, {kind}");
                let reason = format!("expected what stands for {}, found nothing", shown(action));
                self.problem(subject, reason, Some(hint));
            }
            Role::Image => match (&place, &self.setup.registry) {
                (None, None) => {
                    let hint = format!("--map {subject}=IMAGE, or --registry HOST");
                    self.problem(
                        subject,
                        format!("expected what stands for {}, found nothing", shown(action)),
                        Some(hint),
                    );
                }
                (None, Some(registry)) => {
                    let setting = |key: &str| action.setting_text(key);
                    let repository = setting("RepositoryName").unwrap_or_default();
                    let tag = setting("ImageTag").unwrap_or("latest");
                    let image = Place::Image(format!("{registry}/{repository}:{tag}"));
                    self.places.insert(key(stage, action), image);
                }
                _ => {}
            },
            Role::CopyToBucket if place.is_none() => {
                let bucket = action.setting("BucketName").map_or("?", |value| value.shown());
                let hint = format!("--map {subject}=PLACE, a folder or s3://{bucket}");
                self.problem(
                    subject,
                    format!("expected what stands for bucket `{bucket}`, found nothing"),
                    Some(hint),
                );
            }
            Role::BuildImage => self.image(&subject, action),
            Role::Scan => {
                let is_image = action.setting_text("InspectorRunMode") == Some("ECRImageScan");
                if is_image && place.is_none() && self.setup.registry.is_none() {
                    let hint = format!("--map {subject}=IMAGE, or --registry HOST");
                    self.problem(
                        subject,
                        "expected an image to scan, found nothing that stands for ECR",
                        Some(hint),
                    );
                }
            }
            Role::Build => self.build(&subject, action),
            _ => {}
        }
    }

    fn image(&mut self, subject: &str, action: &Action) {
        if self.setup.registry.is_none() {
            let hint = Some("--registry HOST".to_owned());
            self.problem(subject, "expected a registry to push to, found nothing that stands for ECR", hint);
        }
        if action.setting_text("RegistryType").is_some_and(|kind| kind == "public") {
            self.notes.push(format!("{subject}: the public repository is one of --registry here"));
        }
        if self.tool.is_none() {
            self.tool = tool(self.setup.environment.get("PATH").map_or("", String::as_str));
        }
        if self.tool.is_none() {
            let hint = Some(format!("install one, or give --map {subject}=run:COMMAND"));
            self.problem(subject, "expected docker, podman or buildah in PATH, found none", hint);
        }
    }

    fn build(&mut self, subject: &str, action: &Action) {
        if action.setting_text("BatchEnabled").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            self.problem(
                subject,
                "expected a single build, found `BatchEnabled`: batches run on AWS alone",
                None,
            );
        }
        // A project that is not there is among the refusals.
        let Some(project) = self.plan.project(action) else { return };
        if let Some(kind) = project.environment.kind.as_deref().filter(|kind| kind.starts_with("WINDOWS")) {
            let what = "its commands run in a shell of this machine";
            self.notes.push(format!("{subject}: the project wants a {kind}; {what}"));
        }
        let spec = self.buildspec(subject, project, action);
        if self.setup.has_secrets {
            self.secrets_of(subject, project, action, spec.as_ref());
        }
    }

    /// The buildspec, as far as it is there already.
    fn buildspec(&mut self, subject: &str, project: &Project, action: &Action) -> Option<Buildspec> {
        let (name, text) = match &project.source.buildspec {
            Some(pipeline::Buildspec::Inline(text)) => {
                let name = format!("buildspec of project `{}`", project.logical_id);
                (name, text.text().unwrap_or_default().to_owned())
            }
            Some(pipeline::Buildspec::Object(_)) => return None,
            file => {
                let file = match file {
                    Some(pipeline::Buildspec::File(name)) => Some(Path::new(name.text().unwrap_or_default())),
                    _ => None,
                };
                match find(&self.source_folder(action.primary_input())?, file) {
                    Ok(found) => (format!("`{}`", found.path.display()), found.text),
                    Err(error) => {
                        self.problem(subject, error.to_string(), None);
                        return None;
                    }
                }
            }
        };
        match Buildspec::parse(&text) {
            Ok(spec) => Some(spec),
            Err(error) => {
                let hint = error.hint().map(str::to_owned);
                self.problem(subject, format!("{name}: {error}"), hint);
                None
            }
        }
    }

    /// Whether the file of secrets has what a build will ask for; values that are not known yet are not looked at.
    fn secrets_of(&mut self, subject: &str, project: &Project, action: &Action, spec: Option<&Buildspec>) {
        let mut wanted: BTreeMap<&str, VariableSource> = BTreeMap::new();
        for (name, value) in spec.iter().flat_map(|spec| &spec.env.parameter_store) {
            wanted.insert(name, VariableSource::ParameterStore(value.clone()));
        }
        for (name, value) in spec.iter().flat_map(|spec| &spec.env.secrets_manager) {
            wanted.insert(name, VariableSource::SecretsManager(value.clone()));
        }
        for variable in project.environment.variables.iter().chain(&action.environment) {
            let text = variable.value.text().unwrap_or_default().to_owned();
            wanted.insert(&variable.name, source_of(variable.kind, text));
        }
        for (name, _) in &self.setup.env {
            wanted.remove(name.as_str());
        }
        for (variable, source) in wanted {
            let found = match &source {
                VariableSource::ParameterStore(name) if !name.contains("#{") => {
                    self.secrets.parameter(name).map(|_| ())
                }
                VariableSource::SecretsManager(text) if !text.contains("#{") => SecretReference::parse(text)
                    .and_then(|reference| {
                        let text = self.secrets.secret(&reference)?;
                        reference.pick(text).map(|_| ())
                    }),
                _ => Ok(()),
            };
            if let Err(error) = found {
                self.problem(subject, format!("variable `{variable}`: {error}"), None);
            }
        }
    }

    /// The folder that an artifact is a copy of, if it is one.
    fn source_folder(&self, artifact: Option<&str>) -> Option<PathBuf> {
        let artifact = artifact?;
        let makes = |action: &Action| action.outputs.iter().any(|output| output.name == artifact);
        let (stage, action) = actions(self.plan).find(|(_, action)| makes(action))?;
        match self.places.get(&key(stage, action))? {
            Place::Folder(folder) => Some(folder.clone()),
            _ => None,
        }
    }

    /// What the plan refuses, unless a command stands for it.
    fn refusals(&mut self, course: &Course) {
        for refusal in &self.plan.refusals {
            let stage = self.plan.pipeline.stages.iter().find(|stage| stage.name == refusal.stage);
            if stage.is_none_or(|stage| !is_run(self.plan, course, stage)) {
                continue;
            }
            let Some(action) = &refusal.action else {
                self.problem(refusal.stage.as_str(), refusal.reason.as_str(), None);
                continue;
            };
            let key = (refusal.stage.clone(), action.clone());
            if !matches!(self.places.get(&key), Some(Place::Command(_))) {
                let subject = format!("{}/{action}", refusal.stage);
                let hint = format!("--map {subject}=run:COMMAND gives a command that does it here");
                self.problem(subject, refusal.reason.as_str(), Some(hint));
            }
        }
    }
}

fn key(stage: &Stage, action: &Action) -> (String, String) {
    (stage.name.clone(), action.name.clone())
}

fn name(stage: &Stage, action: &Action) -> String {
    format!("{}/{}", stage.name, action.name)
}

fn is_named(text: &str, stage: &Stage, action: &Action) -> bool {
    text == action.name || text == name(stage, action)
}

/// What an action has on AWS, in a few words.
fn shown(action: &Action) -> String {
    let setting = |key: &str| action.setting(key).map(|value| value.shown().to_owned());
    let what = setting("RepositoryName").or_else(|| setting("FullRepositoryId")).or_else(|| setting("Repo"));
    let object = || Some(format!("{}/{}", setting("S3Bucket")?, setting("S3ObjectKey")?));
    match what.or_else(object) {
        Some(what) => format!("{} `{what}`", action.provider_name),
        None => action.provider_name.clone(),
    }
}

/// The first program of its kind in `PATH`.
fn tool(path: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let in_path = |name: &str| path.split(':').map(|folder| Path::new(folder).join(name)).find(is_program);
    TOOLS.iter().find_map(|name| in_path(name))
}
