//! `plimsoll pipeline run --template FILE --dry-run`: what would run, drawn.

use std::path::Path;

use anyhow::anyhow;
use plimsoll_template::TemplateError;
use plimsoll_template::document::Limits;
use plimsoll_template::pipeline::{Plan, Refusal, pipelines, projects};
use plimsoll_template::template::{Inputs, Template};
use sha2::{Digest as _, Sha256};

use crate::args::RunArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::texts::text_of;

/// A template with its pipelines, and what it was made of.
pub(super) struct Planned {
    /// The plans of its pipelines.
    pub(super) plans: Vec<Plan>,
    /// Texts that are not to be shown: parameters with `NoEcho`.
    pub(super) secrets: Vec<String>,
    /// Digest of the template and of what it was given, secrets left out.
    pub(super) digest: String,
    /// The region and the account that it was resolved for.
    pub(super) region: String,
    pub(super) account: String,
}

pub(super) fn run(
    path: &Path,
    arguments: &RunArgs,
    environment: &Environment,
    is_quiet: bool,
) -> Result<Exit, Failure> {
    let mut drawn = Vec::new();
    let mut is_refused = false;
    for plan in read(path, arguments, environment, is_quiet)?.plans {
        drawn.push(printable(&plan.draw()));
        // What is mapped is looked at by a run; here it is only not complained about.
        let is_mapped = |refusal: &&Refusal| {
            let Some(action) = &refusal.action else { return false };
            let name = format!("{}/{action}", refusal.stage);
            let mut maps = arguments.stages.map.iter();
            maps.any(|(key, place)| (*key == name || key == action) && place.starts_with("run:"))
        };
        for refusal in plan.refusals.iter().filter(|refusal| !is_mapped(refusal)) {
            is_refused = true;
            let action = refusal.action.as_deref().unwrap_or("condition");
            let text = format!(
                "error: cannot run `{}/{action}` here: {}: {}",
                refusal.stage, refusal.place, refusal.reason
            );
            eprintln!("{}", printable(&text));
        }
    }
    output::write(None, drawn.join("\n").as_bytes())?;
    Ok(if is_refused { Exit::Usage } else { Exit::Passed })
}

/// Reads a template and plans its pipelines, or the one that is asked for.
pub(super) fn read(
    path: &Path,
    arguments: &RunArgs,
    environment: &Environment,
    is_quiet: bool,
) -> Result<Planned, Failure> {
    let name = path.display().to_string();
    let text = text_of(path)?;
    let inputs = inputs(arguments, environment);
    let template = Template::read(&name, &text, &Limits::default()).map_err(failure)?;
    let hidden: Vec<String> =
        template.parameters().into_iter().filter(|info| info.no_echo).map(|info| info.name).collect();
    let is_hidden = |name: &String| hidden.contains(name);
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    for (name, value) in inputs.parameters.iter().filter(|(name, _)| !is_hidden(name)) {
        hash.update(format!("\0{name}\0{value}").as_bytes());
    }
    hash.update(format!("\0{}\0{}\0{}", inputs.region, inputs.account(), inputs.stack_name).as_bytes());
    let digest = hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let secrets = inputs.parameters.iter().filter(|(name, _)| is_hidden(name));
    let secrets = secrets.map(|(_, value)| value.clone()).collect();
    let (region, account) = (inputs.region.clone(), inputs.account().to_owned());
    let stack = template.resolve(inputs).map_err(failure)?;
    let projects = projects(&stack).map_err(failure)?;
    let mut pipelines = pipelines(&stack).map_err(failure)?;
    if pipelines.is_empty() {
        let what = anyhow!("cannot run `{name}`: expected an `AWS::CodePipeline::Pipeline`, found none");
        return Err(Failure::new(Exit::Usage, what));
    }
    if let Some(wanted) = &arguments.stages.pipeline {
        let names: Vec<String> =
            pipelines.iter().map(|pipeline| format!("`{}`", pipeline.logical_id)).collect();
        pipelines.retain(|pipeline| {
            pipeline.logical_id == *wanted || pipeline.name.text() == Some(wanted.as_str())
        });
        if pipelines.is_empty() {
            let what =
                anyhow!("cannot run `{name}`: expected pipeline `{wanted}`, found {}", names.join(", "));
            return Err(Failure::new(Exit::Usage, what));
        }
    }
    let mut plans = Vec::new();
    for pipeline in pipelines {
        let plan = Plan::new(&stack, pipeline, projects.clone()).map_err(|errors| {
            let mut errors = errors.into_iter();
            let first = errors.next().map_or_else(
                || Failure::new(Exit::Usage, anyhow!("cannot run `{name}`: its parts do not fit together")),
                failure,
            );
            errors.for_each(|error| eprintln!("{}", failure(error)));
            first
        })?;
        if !is_quiet {
            for note in &plan.notes {
                let text = format!("note: {}: `{}`: {}", note.place, note.path, note.message);
                eprintln!("{}", printable(&text));
            }
        }
        plans.push(plan);
    }
    Ok(Planned { plans, secrets, digest, region, account })
}

/// What is given to a template: pseudo-parameters by their names, from the surroundings where they are not given.
fn inputs(arguments: &RunArgs, environment: &Environment) -> Inputs {
    let mut inputs = Inputs {
        account_id: environment.aws_account.clone(),
        exports: arguments.stages.import.iter().cloned().collect(),
        ..Inputs::default()
    };
    if let Some(region) = &environment.aws_region {
        inputs.region.clone_from(region);
    }
    for (name, value) in &arguments.parameter {
        match name.as_str() {
            "AWS::AccountId" => inputs.account_id = Some(value.clone()),
            "AWS::Region" => inputs.region.clone_from(value),
            "AWS::StackName" => inputs.stack_name.clone_from(value),
            _ => {
                inputs.parameters.insert(name.clone(), value.clone());
            }
        }
    }
    inputs
}

fn failure(mut error: TemplateError) -> Failure {
    let hint = error.hint.take();
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
