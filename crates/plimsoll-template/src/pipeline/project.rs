//! CodeBuild projects.
//!
//! Source: AWS CloudFormation User Guide, `AWS::CodeBuild::Project`.

use super::reader::At;
use crate::document::{Limits, Place, Value, parse};
use crate::error::{Note, TemplateError};
use crate::template::{Resolved, Stack};

/// The properties that are read.
const PROPERTIES: [&str; 27] = [
    "Artifacts",
    "AutoRetryLimit",
    "BadgeEnabled",
    "BuildBatchConfig",
    "Cache",
    "ConcurrentBuildLimit",
    "Description",
    "EncryptionKey",
    "Environment",
    "FileSystemLocations",
    "LogsConfig",
    "Name",
    "ProjectVisibility",
    "QueuedTimeoutInMinutes",
    "ResourceAccessRole",
    "SecondaryArtifacts",
    "SecondarySourceVersions",
    "SecondarySources",
    "ServiceRole",
    "Source",
    "SourceVersion",
    "Tags",
    "Template",
    "TimeoutInMinutes",
    "Triggers",
    "Visibility",
    "VpcConfig",
];

/// Shortest and longest time for a build, in minutes.
const TIMEOUT_MINUTES: (u32, u32) = (5, 2160);
/// Shortest and longest time in the queue, in minutes.
const QUEUED_MINUTES: (u32, u32) = (5, 480);

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its logical ID.
    pub logical_id: String,
    /// Its name.
    pub name: Resolved,
    /// Where its logical ID stands.
    pub place: Place,
    /// What it runs in.
    pub environment: Environment,
    /// What it builds.
    pub source: ProjectSource,
    /// What lies beside it, each with an identifier.
    pub secondary_sources: Vec<ProjectSource>,
    /// What comes out.
    pub artifacts: Artifacts,
    /// What comes out besides, each with an identifier.
    pub secondary_artifacts: Vec<Artifacts>,
    /// How long a build may take, in minutes; 60 where it is not said.
    pub timeout_minutes: u32,
    /// How long it may wait, in minutes; 480 where it is not said.
    pub queued_timeout_minutes: u32,
    /// What is kept for the next build.
    pub cache: Option<Cache>,
    /// The role that it runs as on AWS.
    pub service_role: Option<Resolved>,
    /// The key that its artifacts are encrypted with.
    pub encryption_key: Option<Resolved>,
    /// The version of the source.
    pub source_version: Option<Resolved>,
    /// Whether batches are configured.
    pub has_batches: bool,
    /// What is told.
    pub notes: Vec<Note>,
}

/// What a build runs in.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The image.
    pub image: Option<Resolved>,
    /// `LINUX_CONTAINER`, `ARM_CONTAINER`, `WINDOWS_SERVER_2019_CONTAINER`, ….
    pub kind: Option<String>,
    /// `BUILD_GENERAL1_SMALL`, ….
    pub compute: Option<String>,
    /// Whether it may run containers of its own.
    pub is_privileged: bool,
    /// Where that is said.
    pub privileged_place: Option<Place>,
    /// Its variables.
    pub variables: Vec<Variable>,
}

/// A variable of an environment.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, or the name under which it is kept.
    pub value: Resolved,
    /// Where the value comes from.
    pub kind: VariableKind,
    /// Where it stands.
    pub place: Place,
}

/// Where the value of a variable comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// It is the value.
    Plain,
    /// Of Systems Manager, by name.
    ParameterStore,
    /// Of Secrets Manager, by `id:key:stage:version`.
    SecretsManager,
}

impl VariableKind {
    pub(super) const EXPECTED: &str = "`PLAINTEXT`, `PARAMETER_STORE` or `SECRETS_MANAGER`";

    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "PLAINTEXT" => Some(Self::Plain),
            "PARAMETER_STORE" => Some(Self::ParameterStore),
            "SECRETS_MANAGER" => Some(Self::SecretsManager),
            _ => None,
        }
    }
}

impl Variable {
    pub(super) fn read(at: &At<'_>, name: &str, value: &str, kind: &str) -> Result<Self, TemplateError> {
        let word = at.word(kind)?.unwrap_or("PLAINTEXT");
        let Some(kind) = VariableKind::of(word) else {
            return Err(at.refused(kind, VariableKind::EXPECTED, word));
        };
        let value = match at.text(value)? {
            Some(value) => value.clone(),
            None => return Err(at.error(format!("expected `{value}`, found none"))),
        };
        let name = at.required_text(name)?.text().unwrap_or_default().to_owned();
        Ok(Self { name, value, kind, place: at.place() })
    }
}

/// Where sources come from.
#[derive(Clone, Debug)]
pub struct ProjectSource {
    /// `CODEPIPELINE`, `NO_SOURCE`, `CODECOMMIT`, `GITHUB`, `S3`, ….
    pub kind: String,
    /// Where they are.
    pub location: Option<Resolved>,
    /// What is run.
    pub buildspec: Option<Buildspec>,
    /// Its name among several.
    pub identifier: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// What a build runs.
#[derive(Clone, Debug)]
pub enum Buildspec {
    /// It stands in the template.
    Inline(Resolved),
    /// A file of the sources.
    File(Resolved),
    /// An object of a bucket, by its ARN.
    Object(Resolved),
}

/// What comes out of a build.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// `CODEPIPELINE`, `NO_ARTIFACTS` or `S3`.
    pub kind: String,
    /// The bucket.
    pub location: Option<Resolved>,
    /// The object or folder.
    pub name: Option<Resolved>,
    /// Its name among several.
    pub identifier: Option<String>,
}

/// What is kept for the next build.
#[derive(Clone, Debug)]
pub struct Cache {
    /// `NO_CACHE`, `S3` or `LOCAL`.
    pub kind: String,
    /// Bucket and prefix.
    pub location: Option<Resolved>,
    /// `LOCAL_DOCKER_LAYER_CACHE`, ….
    pub modes: Vec<String>,
}

/// The projects of a stack, in the order of the file.
///
/// # Errors
/// [`TemplateError`] for what is missing or of another kind than expected.
pub fn projects(stack: &Stack) -> Result<Vec<Project>, TemplateError> {
    let of_type = stack.resources().filter(|resource| resource.kind == "AWS::CodeBuild::Project");
    of_type.map(|resource| project(stack, &resource.name, resource.place)).collect()
}

fn project(stack: &Stack, logical_id: &str, place: Place) -> Result<Project, TemplateError> {
    let properties = stack.properties(logical_id)?;
    let mut notes = Vec::new();
    let at = At::root(stack.file(), logical_id, &properties);
    at.tell_unknown(&PROPERTIES, &mut notes);
    let mut secondary_sources = Vec::new();
    for at in at.list("SecondarySources")? {
        secondary_sources.push(source(&at, true)?);
    }
    let mut secondary_artifacts = Vec::new();
    for at in at.list("SecondaryArtifacts")? {
        secondary_artifacts.push(artifacts(&at, true)?);
    }
    let cache = match at.key("Cache") {
        None => None,
        Some(at) => Some(Cache {
            kind: at.required_text("Type")?.text().unwrap_or_default().to_owned(),
            location: at.text("Location")?.cloned(),
            modes: at.list("Modes")?.iter().filter_map(|at| at.value().text()).map(str::to_owned).collect(),
        }),
    };
    let (least, most) = TIMEOUT_MINUTES;
    let (shortest, longest) = QUEUED_MINUTES;
    Ok(Project {
        logical_id: logical_id.to_owned(),
        name: stack.reference(logical_id)?,
        place,
        environment: environment(&at.required("Environment")?)?,
        source: source(&at.required("Source")?, false)?,
        secondary_sources,
        artifacts: artifacts(&at.required("Artifacts")?, false)?,
        secondary_artifacts,
        timeout_minutes: at.number("TimeoutInMinutes", least, most)?.unwrap_or(60),
        queued_timeout_minutes: at.number("QueuedTimeoutInMinutes", shortest, longest)?.unwrap_or(longest),
        cache: cache.filter(|cache| cache.kind != "NO_CACHE"),
        service_role: at.text("ServiceRole")?.cloned(),
        encryption_key: at.text("EncryptionKey")?.cloned(),
        source_version: at.text("SourceVersion")?.cloned(),
        has_batches: at.key("BuildBatchConfig").is_some(),
        notes,
    })
}

fn environment(at: &At<'_>) -> Result<Environment, TemplateError> {
    let mut variables = Vec::new();
    for at in at.list("EnvironmentVariables")? {
        variables.push(Variable::read(&at, "Name", "Value", "Type")?);
    }
    let word = |key: &str| -> Result<Option<String>, TemplateError> { Ok(at.word(key)?.map(str::to_owned)) };
    Ok(Environment {
        image: at.text("Image")?.cloned(),
        kind: word("Type")?,
        compute: word("ComputeType")?,
        is_privileged: at.flag("PrivilegedMode")?,
        privileged_place: at.key("PrivilegedMode").map(|at| at.place()),
        variables,
    })
}

fn source(at: &At<'_>, is_secondary: bool) -> Result<ProjectSource, TemplateError> {
    let identifier = at.word("SourceIdentifier")?.map(str::to_owned);
    if is_secondary && identifier.is_none() {
        return Err(at.error("expected `SourceIdentifier` of a secondary source, found none"));
    }
    Ok(ProjectSource {
        kind: at.required_text("Type")?.text().unwrap_or_default().to_owned(),
        location: at.text("Location")?.cloned(),
        buildspec: at.text("BuildSpec")?.filter(|text| text.text() != Some("")).cloned().map(buildspec),
        identifier,
        place: at.place(),
    })
}

/// What a text of `BuildSpec` is: the buildspec itself, an object's ARN, or a file.
///
/// Source: AWS CodeBuild User Guide, "Buildspec file name and storage location".
fn buildspec(text: Resolved) -> Buildspec {
    let written = text.text().unwrap_or_default();
    let is_map = || parse(written, &Limits::default()).is_ok_and(|node| matches!(node.value, Value::Map(_)));
    if written.starts_with("arn:") && written.contains(":s3:::") {
        Buildspec::Object(text)
    } else if written.trim_end().contains('\n') || is_map() {
        Buildspec::Inline(text)
    } else {
        Buildspec::File(text)
    }
}

fn artifacts(at: &At<'_>, is_secondary: bool) -> Result<Artifacts, TemplateError> {
    let identifier = at.word("ArtifactIdentifier")?.map(str::to_owned);
    if is_secondary && identifier.is_none() {
        return Err(at.error("expected `ArtifactIdentifier` of a secondary artifact, found none"));
    }
    Ok(Artifacts {
        kind: at.required_text("Type")?.text().unwrap_or_default().to_owned(),
        location: at.text("Location")?.cloned(),
        name: at.text("Name")?.cloned(),
        identifier,
    })
}
