//! Templates: references, what does not fit together, and the buildspecs of the projects.

use std::collections::BTreeSet;

use super::buildspecs::{Source, Surroundings, findings, variable};
use super::commands::{SECRETS, Session, Text, look};
use super::{Finding, sorted};
use crate::document::{Limits, Place, quoted};
use crate::error::TemplateError;
use crate::pipeline::{
    Action, Buildspec, Pipeline, Plan, Project, Role, Variable, VariableKind, pipelines, projects,
};
use crate::template::{Inputs, Template, Value};

/// The buildspec of a project that names none.
const DEFAULT_BUILDSPEC: &str = "buildspec.yml";

/// Everything that is wrong with a template, its pipelines and their buildspecs.
///
/// `read` gives the text of a file of the sources, by its path from their root; nothing where there is none. Give
/// [`Inputs::allow_missing`], so that parameters that nobody gave are no findings.
pub fn template(
    file: &str,
    text: &str,
    inputs: Inputs,
    read: &mut dyn FnMut(&str) -> Option<String>,
) -> Vec<Finding> {
    let template = match Template::read(file, text, &Limits::default()) {
        Ok(template) => template,
        Err(error) => return vec![of_error("unreadable", error)],
    };
    let unknown = template.unknown_references();
    if !unknown.is_empty() {
        return sorted(unknown.into_iter().map(|error| of_error("unknown-reference", error)).collect());
    }
    let stack = match template.resolve(inputs) {
        Ok(stack) => stack,
        Err(error) => return vec![of_error("does-not-fit", error)],
    };
    let mut out = Vec::new();
    let projects = projects(&stack).unwrap_or_else(|error| {
        out.push(of_error("does-not-fit", error));
        Vec::new()
    });
    let pipelines = pipelines(&stack).unwrap_or_else(|error| {
        out.push(of_error("does-not-fit", error));
        Vec::new()
    });
    for pipeline in &pipelines {
        match Plan::new(&stack, pipeline.clone(), projects.clone()) {
            Err(errors) => out.extend(errors.into_iter().map(|error| of_error("does-not-fit", error))),
            Ok(plan) => {
                for refusal in plan.refusals {
                    let name = refusal.action.as_deref().unwrap_or("condition");
                    let message = format!("`{}/{name}`: {}", refusal.stage, refusal.reason);
                    out.push(Finding::new("runs-elsewhere", file, refusal.place, message));
                }
            }
        }
        for action in pipeline.stages.iter().flat_map(|stage| &stage.actions) {
            of_action(file, action, &mut out);
        }
    }
    for project in &projects {
        of_project(&Checked { file, text, pipelines: &pipelines }, project, read, &mut out);
    }
    sorted(out)
}

fn of_error(rule: &'static str, error: TemplateError) -> Finding {
    let message =
        if error.path.is_empty() { error.reason } else { format!("`{}`: {}", error.path, error.reason) };
    Finding { hint: error.hint, ..Finding::new(rule, &error.file, error.place, message) }
}

struct Checked<'c> {
    file: &'c str,
    text: &'c str,
    pipelines: &'c [Pipeline],
}

fn of_action(file: &str, action: &Action, out: &mut Vec<Finding>) {
    variables(file, &action.environment, out);
    if let Some(token) = action.setting("OAuthToken")
        && matches!(token.value, Value::Text(_))
        && token.text().is_some_and(|text| !text.is_empty())
        && !token.is_secret
    {
        let message = "the token of the source stands in the open";
        out.push(Finding::new("plain-secret", file, token.place, message).hinted(SECRETS));
    }
    let moving = match action.provider.role {
        Role::Image => Some(("ImageTag", action.setting_text("ImageTag").unwrap_or("latest"))),
        Role::BuildImage => Some(("ImageTags", action.setting_text("ImageTags").unwrap_or("latest"))),
        _ => None,
    };
    if let Some((key, tags)) = moving
        && tags.split(',').any(|tag| tag.trim() == "latest")
    {
        let place = action.setting(key).map_or(action.place, |value| value.place);
        let message = format!("`{}` passes an image on by the tag `latest`, which moves", action.name);
        out.push(
            Finding::new("latest-promoted", file, place, message).hinted(format!("set `{key}` to a version")),
        );
    }
    let mut session = Session::default();
    for command in &action.commands {
        let place = |_, _| command.place;
        look(&Text { file, commands: command.text().unwrap_or_default(), place: &place }, &mut session, out);
    }
}

/// Variables whose values stand in the template.
fn variables(file: &str, variables: &[Variable], out: &mut Vec<Finding>) {
    for given in variables.iter().filter(|given| given.kind == VariableKind::Plain) {
        let value = given.value.text().unwrap_or_default();
        if given.value.is_secret {
            let message =
                format!("variable `{}` shows a parameter with `NoEcho` in the open", quoted(&given.name));
            out.push(Finding::new("plain-secret", file, given.place, message).hinted(SECRETS));
        } else {
            // What is made up here is no value that anybody wrote, and an image's tag of a parameter is its default.
            let is_written = matches!(given.value.value, Value::Text(_) | Value::Number(_));
            out.extend(variable(file, &given.name, value, given.place).filter(|_| is_written));
        }
    }
}

fn of_project(
    checked: &Checked<'_>,
    project: &Project,
    read: &mut dyn FnMut(&str) -> Option<String>,
    out: &mut Vec<Finding>,
) {
    let file = checked.file;
    variables(file, &project.environment.variables, out);
    let mut known: BTreeSet<String> =
        project.environment.variables.iter().map(|variable| variable.name.clone()).collect();
    let mut is_used = false;
    for action in
        checked.pipelines.iter().flat_map(|pipeline| &pipeline.stages).flat_map(|stage| &stage.actions)
    {
        let named = action.setting_text("ProjectName");
        if action.provider.role == Role::Build && named.is_some() && named == project.name.text() {
            is_used = true;
            known.extend(action.environment.iter().map(|variable| variable.name.clone()));
        }
    }
    let privileged = project.environment.privileged_place.filter(|_| project.environment.is_privileged);
    let surroundings = Surroundings {
        // Who starts a project that no pipeline uses may set more.
        variables: is_used.then_some(known),
        privileged: privileged.map(|place| (file.to_owned(), place)),
    };
    match &project.source.buildspec {
        Some(Buildspec::Inline(inline)) => {
            let inline_text = inline.text().unwrap_or_default();
            let source =
                Source { text: checked.text, inline: Some(begin(checked.text, inline_text, inline.place)) };
            out.extend(findings(file, inline_text, &surroundings, &source));
        }
        Some(Buildspec::Object(object)) => {
            let message =
                format!("the buildspec of `{}`, an object of a bucket, is not looked at", project.logical_id);
            out.push(Finding::new("runs-elsewhere", file, object.place, message));
        }
        named => {
            let (path, place) = match named {
                Some(Buildspec::File(path)) => (path.text().unwrap_or_default(), path.place),
                _ => (DEFAULT_BUILDSPEC, project.source.place),
            };
            let path = path.strip_prefix("./").unwrap_or(path);
            match read(path) {
                Some(text) => {
                    out.extend(findings(path, &text, &surroundings, &Source { text: &text, inline: None }));
                }
                None if project.source.kind == "NO_SOURCE" && named.is_none() => {
                    let message =
                        format!("project `{}` has neither sources nor a buildspec", project.logical_id);
                    out.push(Finding::new("missing-buildspec", file, place, message));
                }
                None => {
                    let message = format!(
                        "the buildspec `{}` of project `{}` is not there",
                        quoted(path),
                        project.logical_id
                    );
                    out.push(Finding::new("missing-buildspec", file, place, message));
                }
            }
        }
    }
}

/// Where a buildspec that stands in a template begins: the lines before its first, and the characters before each.
fn begin(template: &str, inline: &str, place: Place) -> (u32, u32) {
    let first = inline.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let blank = inline.lines().take_while(|line| line.trim().is_empty()).count();
    for (number, line) in template.lines().enumerate().skip(place.line as usize - 1) {
        if line.trim() == first.trim() {
            let before = line.len() - line.trim_start().len();
            let own = first.len() - first.trim_start().len();
            let lines = u32::try_from(number.saturating_sub(blank)).unwrap_or(0);
            return (lines, u32::try_from(before.saturating_sub(own)).unwrap_or(0));
        }
    }
    // Put together by functions: the line where it begins is all that is known.
    (place.line - 1, 0)
}
