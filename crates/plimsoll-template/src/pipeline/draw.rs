//! A plan drawn as text, at most 80 columns wide.

use super::provider::Role;
use super::{Action, ExecutionMode, Generation, Plan};
use crate::template::Resolved;

/// Columns of a terminal.
const COLUMNS: usize = 80;

impl Plan {
    /// The plan as text: stages from top to bottom, actions of one time beside one bracket, artifacts as arrows.
    pub fn draw(&self) -> String {
        let pipeline = &self.pipeline;
        let mut lines = Vec::new();
        let generation = match pipeline.generation {
            Generation::V1 => "V1",
            Generation::V2 => "V2",
        };
        let mode = match pipeline.mode {
            ExecutionMode::Superseded => "superseded",
            ExecutionMode::Queued => "queued",
            ExecutionMode::Parallel => "parallel",
        };
        lines.push(cut(&format!("{} ({generation}, {mode})", pipeline.name.shown())));
        for variable in &pipeline.variables {
            let default = variable.default.as_ref().map_or("no default", Resolved::shown);
            lines.push(cut(&format!("  variable {} = {default}", variable.name)));
        }
        let last = pipeline.stages.len().saturating_sub(1);
        for (index, (stage, planned)) in pipeline.stages.iter().zip(&self.stages).enumerate() {
            let closed = if stage.disabled.is_some() { "  (the way in is closed)" } else { "" };
            let (corner, bar) = if index == last { ('└', ' ') } else { ('├', '│') };
            lines.push(cut(&format!("{corner}─ {} {}{closed}", index + 1, stage.name)));
            for group in &planned.groups {
                let end = group.actions.len() - 1;
                for (place, action) in group.actions.iter().enumerate() {
                    let action = &stage.actions[*action];
                    let order = if place == 0 { group.run_order.to_string() } else { String::new() };
                    let bracket = match (place, end) {
                        (_, 0) => '─',
                        (0, _) => '┬',
                        (place, end) if place == end => '└',
                        _ => '├',
                    };
                    let refused = self.refusals.iter().any(|refusal| {
                        refusal.stage == stage.name && refusal.action.as_ref() == Some(&action.name)
                    });
                    let mark = if refused { "  ✗ refused" } else { "" };
                    let what = format!("{}  {}{mark}", action.name, subject(action));
                    lines.push(cut(&format!("{bar}  {order:>3} {bracket} {what}")));
                    let through = if place < end { '│' } else { ' ' };
                    wrap(&flow(action), &format!("{bar}      {through}   "), &mut lines);
                }
            }
        }
        for refusal in &self.refusals {
            let name = refusal.action.as_deref().map_or(String::new(), |action| format!("/{action}"));
            wrap(&format!("✗ {}{name}: {}", refusal.stage, refusal.reason), "", &mut lines);
        }
        let mut text = String::new();
        for line in lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// What an action works on, in a few words.
fn subject(action: &Action) -> String {
    let setting = |key: &str| action.setting(key).map_or("?", Resolved::shown);
    let provider = &action.provider_name;
    match (action.provider.role, action.provider.name) {
        (Role::Repository, "CodeCommit") => {
            format!("{provider} {}@{}", setting("RepositoryName"), setting("BranchName"))
        }
        (Role::Repository, "GitHub") => {
            format!("{provider} {}/{}@{}", setting("Owner"), setting("Repo"), setting("Branch"))
        }
        (Role::Repository, _) => {
            format!("{provider} {}@{}", setting("FullRepositoryId"), setting("BranchName"))
        }
        (Role::Object, _) => format!("{provider} {}/{}", setting("S3Bucket"), setting("S3ObjectKey")),
        (Role::Image, _) => {
            let tag = action.setting("ImageTag").map_or("latest", Resolved::shown);
            format!("{provider} {}:{tag}", setting("RepositoryName"))
        }
        (Role::Build, _) => format!("{provider} {}", setting("ProjectName")),
        (Role::BuildImage, _) => {
            let tags = action.setting("ImageTags").map_or("latest", Resolved::shown);
            format!("{provider} {}:{tags}", setting("ECRRepositoryName"))
        }
        (Role::Scan, _) => format!("{provider} {}", setting("InspectorRunMode")),
        (Role::Commands, _) => match action.commands.len() {
            1 => format!("{provider}: 1 command"),
            count => format!("{provider}: {count} commands"),
        },
        (Role::CopyToBucket, _) => format!("{provider} {}", setting("BucketName")),
        (Role::Approval | Role::Elsewhere, _) => format!("{} {provider}", action.provider.category),
    }
}

/// `A, B → C`; empty where nothing goes in or out.
fn flow(action: &Action) -> String {
    let outputs: Vec<&str> = action.outputs.iter().map(|output| output.name.as_str()).collect();
    match (action.inputs.join(", "), outputs.join(", ")) {
        (inputs, outputs) if inputs.is_empty() && outputs.is_empty() => String::new(),
        (inputs, outputs) if outputs.is_empty() => format!("{inputs} →"),
        (inputs, outputs) => format!("{inputs} → {outputs}").trim_start().to_owned(),
    }
}

/// A line that is no longer than the terminal is wide.
fn cut(line: &str) -> String {
    let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if line.chars().count() <= COLUMNS {
        return line;
    }
    line.chars().take(COLUMNS - 1).chain(['…']).collect()
}

/// Adds a text in as many lines as it takes, each behind `start`.
fn wrap(text: &str, start: &str, lines: &mut Vec<String>) {
    let mut line = start.to_owned();
    for word in text.split_whitespace() {
        let is_begun = line.chars().count() > start.chars().count();
        if is_begun && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(cut(&line));
            line = format!("{start}  ");
        } else if is_begun {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !text.is_empty() {
        lines.push(cut(&line));
    }
}
