//! Buildspecs, as far as the rules need them. Who runs them reads them more closely.

use std::collections::BTreeSet;

use super::commands::{SECRETS, Session, Text, look};
use super::secret::{by_name, by_shape};
use super::{Finding, sorted};
use crate::document::{Limits, Node, Place, parse, quoted};

/// The phases in the order in which they run.
///
/// Source: AWS CodeBuild User Guide, "Buildspec syntax".
const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];

/// What is known of where a buildspec runs.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The variables that the project and its actions set; nothing where that is not known.
    pub variables: Option<BTreeSet<String>>,
    /// Where `PrivilegedMode: true` stands, with the file.
    pub privileged: Option<(String, Place)>,
}

/// What a buildspec alone tells. `file` is its name in findings.
pub fn buildspec(file: &str, text: &str, surroundings: &Surroundings) -> Vec<Finding> {
    sorted(findings(file, text, surroundings, &Source { text, inline: None }))
}

/// Where the text of a buildspec stands.
pub(super) struct Source<'t> {
    /// The text of the whole file.
    pub(super) text: &'t str,
    /// Where the buildspec begins in it, if it stands in a template: the line before its first, and the characters
    /// before each line.
    pub(super) inline: Option<(u32, u32)>,
}

impl Source<'_> {
    /// A place of the buildspec as a place of the file.
    pub(super) fn place(&self, place: Place) -> Place {
        match self.inline {
            None => place,
            Some((line, column)) => Place { line: place.line + line, column: place.column + column },
        }
    }
}

pub(super) fn findings(
    file: &str,
    text: &str,
    surroundings: &Surroundings,
    source: &Source<'_>,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let root = match parse(text, &Limits::default()) {
        Ok(root) => root,
        Err(error) => {
            let found = Finding::new("unreadable", file, source.place(error.place), error.reason);
            return vec![Finding { hint: error.hint, ..found }];
        }
    };
    let mut session = Session::new(surroundings.variables.clone());
    environment(file, &root, source, &mut session, &mut out);
    for phase in PHASES {
        let Some(phase) = root.get("phases").and_then(|phases| phases.get(phase)) else { continue };
        let is_heard = session.seen.scans;
        session.seen.scans = false;
        for list in ["commands", "finally"] {
            let Some(node) = phase.get(list) else { continue };
            let one = std::slice::from_ref(node);
            for item in node.items().unwrap_or(one) {
                command(file, item, source, &mut session, &mut out);
            }
        }
        if session.seen.scans
            && let Some((key, value)) = phase.entry("on-failure")
            && value.scalar().is_some_and(|word| word.eq_ignore_ascii_case("CONTINUE"))
        {
            let message =
                "`on-failure: CONTINUE` in a phase that scans: the build goes on when the gate fails";
            out.push(
                Finding::new("gate-off", file, source.place(key.place), message)
                    .hinted("leave it out, or scan in a phase of its own"),
            );
        }
        session.seen.scans |= is_heard;
    }
    if let Some((project, place)) = &surroundings.privileged
        && !session.seen.containers
        && !session.seen.scripts
    {
        let message = "the build is privileged, and its buildspec runs no containers";
        out.push(
            Finding::new("needless-privilege", project, *place, message)
                .hinted("set `PrivilegedMode: false`"),
        );
    }
    out
}

fn environment(file: &str, root: &Node, source: &Source<'_>, session: &mut Session, out: &mut Vec<Finding>) {
    let Some(env) = root.get("env") else { return };
    for group in ["variables", "parameter-store", "secrets-manager"] {
        for (key, value) in env.get(group).and_then(Node::entries).unwrap_or_default() {
            let name = key.scalar().unwrap_or_default();
            if let Some(variables) = &mut session.variables {
                variables.insert(name.to_owned());
            }
            if group == "variables" {
                let text = value.scalar().unwrap_or_default();
                out.extend(variable(file, name, text, source.place(value.place)));
            }
        }
    }
}

/// What is wrong with a variable whose value stands in the open.
pub(super) fn variable(file: &str, name: &str, value: &str, place: Place) -> Option<Finding> {
    let secret = |message: String| Finding::new("plain-secret", file, place, message).hinted(SECRETS);
    if let Some(what) = by_shape(value) {
        return Some(secret(format!("{what} stands in variable `{}`", quoted(name))));
    }
    if by_name(name, value) {
        return Some(secret(format!(
            "variable `{}` is secret by its name, and its value stands in the open",
            quoted(name)
        )));
    }
    if value == "latest" && name.to_ascii_uppercase().ends_with("TAG") {
        let message = format!("variable `{}` names an image by a tag that moves", quoted(name));
        return Some(Finding::new("latest-promoted", file, place, message));
    }
    None
}

fn command(file: &str, item: &Node, source: &Source<'_>, session: &mut Session, out: &mut Vec<Finding>) {
    let Some(text) = item.scalar() else {
        let message = format!("expected a text as command, found {}", item.kind());
        let found = Finding::new("does-not-fit", file, source.place(item.place), message);
        out.push(found.hinted("a command with `: ` or a `:` at its end stands in quotes"));
        return;
    };
    let place = |line: usize, column: usize| -> Place {
        let (line, column) = (u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0));
        let start = source.place(item.place);
        // Of a block the lines are those of the file; of other texts they need not be.
        let is_block = text.contains('\n')
            && (source.text.lines().nth(start.line as usize - 1)).is_some_and(|written| {
                text.lines().next().is_some_and(|first| written.trim() == first.trim())
            });
        match line {
            0 if is_block => Place { column: start.column + column, ..start },
            0 => start,
            _ if is_block => Place { line: start.line + line, column: start.column + column },
            _ => start,
        }
    };
    look(&Text { file, commands: text, place: &place }, session, out);
}
