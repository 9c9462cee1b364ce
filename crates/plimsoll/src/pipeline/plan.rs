//! `plimsoll pipeline run --template FILE --dry-run`: what would run, drawn.

use std::path::Path;

use anyhow::anyhow;
use plimsoll_template::TemplateError;
use plimsoll_template::document::Limits;
use plimsoll_template::pipeline::{Plan, pipelines, projects};
use plimsoll_template::template::{Inputs, Template};

use crate::args::RunArgs;
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::texts::text_of;

pub(super) fn run(path: &Path, arguments: &RunArgs, is_quiet: bool) -> Result<Exit, Failure> {
    let name = path.display().to_string();
    let text = text_of(path)?;
    let inputs = Inputs { parameters: arguments.parameter.iter().cloned().collect(), ..Inputs::default() };
    let template = Template::read(&name, &text, &Limits::default()).map_err(failure)?;
    let stack = template.resolve(inputs).map_err(failure)?;
    let projects = projects(&stack).map_err(failure)?;
    let pipelines = pipelines(&stack).map_err(failure)?;
    if pipelines.is_empty() {
        let what = anyhow!("cannot run `{name}`: expected an `AWS::CodePipeline::Pipeline`, found none");
        return Err(Failure::new(Exit::Usage, what));
    }
    let mut drawn = Vec::new();
    let mut is_refused = false;
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
        drawn.push(printable(&plan.draw()));
        for refusal in &plan.refusals {
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

fn failure(mut error: TemplateError) -> Failure {
    let hint = error.hint.take();
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
