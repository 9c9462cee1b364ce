//! Actions.

use super::Generation;
use super::project::{Variable, VariableKind};
use super::provider::{PROVIDERS, ProviderInfo, provider};
use super::reader::At;
use crate::document::{Place, quoted};
use crate::error::{Note, TemplateError, listed, nearest};
use crate::template::Resolved;

/// Longest name of a stage or an action, in characters, and largest `RunOrder`.
///
/// Source: AWS CodePipeline API Reference, `ActionDeclaration`.
const MAX_NAME_CHARS: usize = 100;
const MAX_RUN_ORDER: u32 = 999;
/// Longest time that an action may be given, in minutes.
const MAX_TIMEOUT_MINUTES: u32 = 86_400;

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Where it stands in the template.
    pub path: String,
    /// Its provider.
    pub provider: &'static ProviderInfo,
    /// The provider's name as it is written; another than the provider's for what a team made for itself.
    pub provider_name: String,
    /// When it runs in its stage; those of one number run at the same time. From 1.
    pub run_order: u32,
    /// The artifacts that go in; the first is the primary one unless the configuration says otherwise.
    pub inputs: Vec<String>,
    /// The artifacts that come out.
    pub outputs: Vec<OutputArtifact>,
    /// Its configuration in the order of the file.
    pub configuration: Vec<(String, Resolved)>,
    /// The commands of `Commands`.
    pub commands: Vec<Resolved>,
    /// Variables of its environment: of `Commands`, or those that a build is started with.
    pub environment: Vec<Variable>,
    /// The variables of the environment that it passes on, of `Commands`.
    pub output_variables: Vec<String>,
    /// The name under which its variables are asked for.
    pub namespace: Option<String>,
    /// Its region, if that is another.
    pub region: Option<Resolved>,
    /// The role that it runs as on AWS.
    pub role: Option<Resolved>,
    /// How long it may run, in minutes.
    pub timeout_minutes: Option<u32>,
}

/// An artifact that comes out of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputArtifact {
    /// Its name.
    pub name: String,
    /// The files that belong to it, of `Commands`.
    pub files: Vec<String>,
}

impl Action {
    /// A value of the configuration.
    pub fn setting(&self, key: &str) -> Option<&Resolved> {
        self.configuration.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a value of the configuration; nothing where it is empty.
    pub fn setting_text(&self, key: &str) -> Option<&str> {
        self.setting(key).and_then(Resolved::text).filter(|text| !text.is_empty())
    }

    /// The artifact that a build runs in: `PrimarySource`, or the first.
    pub fn primary_input(&self) -> Option<&str> {
        self.setting_text("PrimarySource").or_else(|| self.inputs.first().map(String::as_str))
    }
}

/// The name of a stage or an action.
pub(super) fn name(at: &At<'_>) -> Result<String, TemplateError> {
    let name = at.required_text("Name")?.text().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_');
    if name.len() > MAX_NAME_CHARS || !name.chars().all(fits) {
        let expected = format!("at most {MAX_NAME_CHARS} letters, digits, `.`, `@`, `-` and `_`");
        return Err(at.refused("Name", &expected, name));
    }
    Ok(name.to_owned())
}

/// The properties that are read.
///
/// Source: AWS CloudFormation User Guide, `ActionDeclaration` of `AWS::CodePipeline::Pipeline`.
const PROPERTIES: [&str; 13] = [
    "ActionTypeId",
    "Commands",
    "Configuration",
    "EnvironmentVariables",
    "InputArtifacts",
    "Name",
    "Namespace",
    "OutputArtifacts",
    "OutputVariables",
    "Region",
    "RoleArn",
    "RunOrder",
    "TimeoutInMinutes",
];

pub(super) fn action(
    at: &At<'_>,
    generation: Generation,
    notes: &mut Vec<Note>,
) -> Result<Action, TemplateError> {
    at.tell_unknown(&PROPERTIES, notes);
    let name = name(at)?;
    let kind = at.required("ActionTypeId")?;
    let category = kind.required_text("Category")?.text().unwrap_or_default();
    let owner = kind.required_text("Owner")?.text().unwrap_or_default();
    let provider_name = kind.required_text("Provider")?.text().unwrap_or_default();
    let version = kind.required_text("Version")?.text().unwrap_or_default();
    let Some(provider) = provider(category, owner, provider_name) else {
        return Err(unknown_provider(&kind, category, owner, provider_name));
    };
    if version != "1" && provider.owner != "Custom" {
        return Err(kind.refused("Version", "`1`", version));
    }
    if provider.is_v2 && generation == Generation::V1 {
        let reason = format!("expected `PipelineType: V2` for provider `{}`, found V1", provider.name);
        return Err(kind.error(reason));
    }
    let configuration = at.map("Configuration")?.to_vec();
    for (key, value) in &configuration {
        if value.text().is_none() {
            let reason = format!("expected a text as `{}`, found {}", quoted(key), value.kind());
            return Err(at.required("Configuration")?.error(reason));
        }
    }
    for key in provider.required {
        if !configuration.iter().any(|(name, _)| name == key) {
            let found = at.key("Configuration").unwrap_or_else(|| at.clone());
            return Err(found.error(format!("expected `{key}` for provider `{}`, found none", provider.name)));
        }
    }
    let mut inputs: Vec<String> = Vec::new();
    for at in at.list("InputArtifacts")? {
        inputs.push(artifact(&at)?);
    }
    let mut outputs = Vec::new();
    for at in at.list("OutputArtifacts")? {
        let files = at.list("Files")?.iter().filter_map(|at| at.value().text()).map(str::to_owned).collect();
        outputs.push(OutputArtifact { name: artifact(&at)?, files });
    }
    for (count, (least, most), what) in
        [(inputs.len(), provider.inputs, "input"), (outputs.len(), provider.outputs, "output")]
    {
        if count < least || count > most {
            let bounds = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let reason =
                format!("expected {bounds} {what} artifacts for provider `{}`, found {count}", provider.name);
            return Err(at.error(reason));
        }
    }
    let commands: Vec<Resolved> = at.list("Commands")?.iter().map(|at| at.value().clone()).collect();
    if provider.name == "Commands" && commands.is_empty() {
        return Err(at.error("expected `Commands` for provider `Commands`, found none"));
    }
    let mut environment = Vec::new();
    for at in at.list("EnvironmentVariables")? {
        environment.push(Variable::read(&at, "Name", "Value", "Type")?);
    }
    if provider.name == "CodeBuild" {
        environment.extend(build_environment(at, &configuration)?);
    }
    primary(at, &configuration, &inputs)?;
    Ok(Action {
        name,
        place: at.place(),
        path: at.path().to_owned(),
        provider,
        provider_name: provider_name.to_owned(),
        run_order: at.number("RunOrder", 1, MAX_RUN_ORDER)?.unwrap_or(1),
        inputs,
        outputs,
        configuration,
        commands,
        environment,
        output_variables: at
            .list("OutputVariables")?
            .iter()
            .filter_map(|at| at.value().text())
            .map(str::to_owned)
            .collect(),
        namespace: at.word("Namespace")?.map(str::to_owned),
        region: at.text("Region")?.cloned(),
        role: at.text("RoleArn")?.cloned(),
        timeout_minutes: at.number("TimeoutInMinutes", 1, MAX_TIMEOUT_MINUTES)?,
    })
}

fn unknown_provider(kind: &At<'_>, category: &str, owner: &str, name: &str) -> TemplateError {
    let reason = format!(
        "expected a provider that is known here, found `{}` of `{}` in category `{}`",
        quoted(name),
        quoted(owner),
        quoted(category)
    );
    let of_name: Vec<String> = PROVIDERS
        .iter()
        .filter(|info| info.name == name)
        .map(|info| format!("{} {}", info.category, info.owner))
        .collect();
    let error = kind.error(reason);
    if !of_name.is_empty() {
        return error.hinted(format!("`{}` is {}", quoted(name), listed(&of_name)));
    }
    match nearest(name, PROVIDERS.iter().map(|info| info.name).filter(|name| *name != "*")) {
        Some(near) => error.hinted(format!("`{near}` was meant")),
        None => error,
    }
}

fn artifact(at: &At<'_>) -> Result<String, TemplateError> {
    let name = at.required_text("Name")?.text().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.len() > MAX_NAME_CHARS || !name.chars().all(fits) {
        let expected = format!("at most {MAX_NAME_CHARS} letters, digits, `-` and `_`");
        return Err(at.refused("Name", &expected, name));
    }
    Ok(name.to_owned())
}

/// Of several artifacts, one is the primary source of a build.
///
/// Source: AWS CodePipeline User Guide, "AWS CodeBuild build and test action reference", `PrimarySource`.
fn primary(
    at: &At<'_>,
    configuration: &[(String, Resolved)],
    inputs: &[String],
) -> Result<(), TemplateError> {
    let Some((_, value)) = configuration.iter().find(|(key, _)| key == "PrimarySource") else {
        return Ok(());
    };
    let name = value.text().unwrap_or_default();
    if inputs.iter().any(|input| input == name) || name.contains("#{") {
        return Ok(());
    }
    let found = at.required("Configuration")?;
    Err(found.refused("PrimarySource", &format!("one of the input artifacts {}", listed(inputs)), name))
}

/// `EnvironmentVariables` of a build: a list of maps in a text of JSON.
///
/// Source: AWS CodePipeline User Guide, "AWS CodeBuild build and test action reference", `EnvironmentVariables`.
fn build_environment(
    at: &At<'_>,
    configuration: &[(String, Resolved)],
) -> Result<Vec<Variable>, TemplateError> {
    let Some((_, value)) = configuration.iter().find(|(key, _)| key == "EnvironmentVariables") else {
        return Ok(Vec::new());
    };
    let found = at.required("Configuration")?;
    let refuse = |reason: String| {
        let at = found.key("EnvironmentVariables").unwrap_or_else(|| found.clone());
        at.error(reason)
    };
    let text = value.text().unwrap_or_default();
    let limits = crate::document::Limits::default();
    let list = crate::document::parse(text, &limits)
        .map_err(|error| refuse(format!("expected a list of variables in JSON: {error}")))?;
    let Some(items) = list.items() else {
        return Err(refuse(format!("expected a list of variables in JSON, found {}", list.kind())));
    };
    let mut variables = Vec::new();
    for item in items {
        let text = |key: &str| item.get(key).and_then(|node| node.scalar());
        let (Some(name), Some(content)) = (text("name"), text("value")) else {
            return Err(refuse("expected `name` and `value` of each variable".to_owned()));
        };
        let Some(kind) = VariableKind::of(text("type").unwrap_or("PLAINTEXT")) else {
            let found = quoted(text("type").unwrap_or_default());
            return Err(refuse(format!("expected {}, found `{found}`", VariableKind::EXPECTED)));
        };
        variables.push(Variable {
            name: name.to_owned(),
            value: value.with_text(content),
            kind,
            place: value.place,
        });
    }
    Ok(variables)
}
