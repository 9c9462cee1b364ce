//! The rules about commands.

use std::collections::BTreeSet;

use super::Finding;
use super::scanner::{Scan, base, is_name, is_scanner, program, scan};
use super::secret::by_shape;
use super::shell::{Command, Operator, commands};
use crate::document::{Place, quoted};
use crate::error::listed;

/// What is known while the commands of one shell are read in order.
#[derive(Default)]
pub(super) struct Session {
    options: Options,
    /// The variables that are set, if all of them are known.
    pub(super) variables: Option<BTreeSet<String>>,
    pub(super) seen: Seen,
}

/// What the shell was told by `set`.
#[derive(Default)]
struct Options {
    /// `set +e`, and `set -e` not since.
    goes_on: bool,
    /// `set -e`.
    stops: bool,
    /// `set -o pipefail`.
    has_pipefail: bool,
}

/// What kinds of commands there were.
#[derive(Default)]
pub(super) struct Seen {
    /// Containers are run or built.
    pub(super) containers: bool,
    /// Scripts are called whose commands nobody reads here.
    pub(super) scripts: bool,
    /// Something scans.
    pub(super) scans: bool,
}

impl Session {
    pub(super) fn new(variables: Option<BTreeSet<String>>) -> Self {
        Self { variables, ..Self::default() }
    }
}

/// Where a text of commands stands.
pub(super) struct Text<'t> {
    pub(super) file: &'t str,
    pub(super) commands: &'t str,
    /// The place of a command, from its lines and characters before it in the text.
    pub(super) place: &'t dyn Fn(usize, usize) -> Place,
}

/// Looks at one entry of `commands`.
pub(super) fn look(text: &Text<'_>, session: &mut Session, out: &mut Vec<Finding>) {
    let list = commands(text.commands);
    if let Some(what) = by_shape(text.commands) {
        let message = format!("{what} stands in a command");
        out.push(Finding::new("plain-secret", text.file, (text.place)(0, 0), message).hinted(SECRETS));
    }
    // What is set anywhere in the entry counts, so that a loop's variable is known inside it.
    if sets_anything(&list) {
        session.variables = None;
    }
    if let Some(variables) = &mut session.variables {
        declared(&list, variables);
    }
    look_at(text, &list, session, out);
}

/// What is said where a secret stands in the open.
pub(super) const SECRETS: &str = "keep it in Secrets Manager or the parameter store, and name it there";

fn look_at(text: &Text<'_>, list: &[Command], session: &mut Session, out: &mut Vec<Finding>) {
    for (index, command) in list.iter().enumerate() {
        let place = (text.place)(command.line, command.column);
        look_at(text, &command.inner, session, out);
        let words = program(&command.words);
        let Some(first) = words.first() else { continue };
        settings(words, session);
        match base(first) {
            "docker" | "docker-compose" | "dockerd" | "podman" | "buildah" | "buildctl" | "nerdctl"
            | "kaniko" | "executor" | "sam" | "cdk" | "pack" | "jib" => session.seen.containers = true,
            "bash" | "sh" | "make" | "source" | "." | "mvn" | "gradle" | "npm" | "yarn" | "python"
            | "python3" | "just" => {
                session.seen.scripts = true;
            }
            _ if first.contains('/') => session.seen.scripts = true,
            _ => {}
        }
        if let Some(scan) = scan(command) {
            session.seen.scans = true;
            gate(text, place, &scan, list, index, session, out);
            target(text, place, &scan, session, out);
        }
        piped(text, place, list, index, out);
        unpinned(text, place, words, out);
        latest(text, place, words, out);
    }
}

fn settings(words: &[String], session: &mut Session) {
    if words[0] != "set" {
        return;
    }
    for (at, word) in words.iter().enumerate().skip(1) {
        let follows = words.get(at + 1).map(String::as_str);
        let is_option = |sign: &str, letter: char, name: &str| {
            (word.starts_with(sign) && word[1..].contains(letter))
                || (word == &format!("{sign}o") && follows == Some(name))
                || (word.starts_with(sign) && word.ends_with('o') && follows == Some(name))
        };
        if is_option("-", 'e', "errexit") {
            (session.options.goes_on, session.options.stops) = (false, true);
        }
        if is_option("+", 'e', "errexit") {
            (session.options.goes_on, session.options.stops) = (true, false);
        }
        if follows == Some("pipefail") && word.ends_with('o') {
            session.options.has_pipefail = word.starts_with('-');
        }
    }
}

/// Whether what a scan says by its exit status is heard.
fn gate(
    text: &Text<'_>,
    place: Place,
    scan: &Scan,
    list: &[Command],
    index: usize,
    session: &Session,
    out: &mut Vec<Finding>,
) {
    let name = scan.name;
    let off = |message: String| {
        let hint = "let the failure through; what may pass belongs into a policy or a waiver";
        Finding::new("gate-off", text.file, place, message).hinted(hint)
    };
    if let Some(flag) = scan.off {
        out.push(off(format!("`{name}` never fails with `{flag}`")));
        return;
    }
    let behind: Vec<&Command> = list[index + 1..].iter().collect();
    match list[index].next {
        Operator::Or => {
            if let Some(swallowed) = swallows(&behind) {
                out.push(off(format!("the failure of `{name}` is thrown away by `|| {swallowed}`")));
                return;
            }
        }
        Operator::Background => {
            out.push(off(format!("`{name}` runs in the background, where its failure is not heard")));
            return;
        }
        Operator::Then => {
            if let Some(next) = behind.first()
                && let Some(nothing) = nothing(next)
            {
                out.push(off(format!("the failure of `{name}` is thrown away by `; {nothing}`")));
                return;
            }
        }
        _ => {}
    }
    if session.options.goes_on {
        out.push(off(format!("`set +e` before `{name}`: the shell goes on when it fails")));
        return;
    }
    let is_heard = behind
        .iter()
        .any(|command| command.words.iter().any(|word| word.contains("$?") || word.contains("PIPESTATUS")))
        || list[index]
            .words
            .first()
            .is_some_and(|word| matches!(word.as_str(), "if" | "while" | "until" | "elif" | "!"));
    let replaced = |message: String| Finding::new("gate-status-lost", text.file, place, message);
    if list[index].next == Operator::Pipe && !session.options.has_pipefail && !is_heard {
        let message = format!("the exit status of `{name}` is replaced by that of the command behind `|`");
        out.push(replaced(message).hinted("say `set -o pipefail` before, or write the report with a flag"));
    }
    let is_last = list[index + 1..].iter().all(|command| matches!(program(&command.words), []));
    if list[index].next == Operator::Then && !is_last && !session.options.stops && !is_heard {
        let message = format!(
            "the exit status of `{name}` is replaced by that of the commands behind it in this entry"
        );
        out.push(replaced(message).hinted("give the scan an entry of its own, or say `set -e` before"));
    }
    if !scan.never_fails.is_empty() {
        let message = format!("no finding makes `{name}` fail");
        let hint = format!("a gate needs {}", listed(scan.never_fails));
        out.push(Finding::new("gate-never-fails", text.file, place, message).hinted(hint));
    }
}

/// What throws a status away: `true`, `:`, `exit 0`.
fn nothing(command: &Command) -> Option<&'static str> {
    let words = program(&command.words);
    let second = words.get(1).map(String::as_str);
    match (words.first().map(|word| base(word)), second) {
        (Some("true"), _) => Some("true"),
        (Some(":"), _) => Some(":"),
        (Some("exit"), Some("0")) => Some("exit 0"),
        (Some("return"), Some("0")) => Some("return 0"),
        _ => None,
    }
}

/// What stands behind `||` and ends without failure.
fn swallows(behind: &[&Command]) -> Option<&'static str> {
    let first = behind.first()?;
    if let Some(nothing) = nothing(first) {
        return Some(nothing);
    }
    let fails = |command: &&Command| {
        let words = program(&command.words);
        match (words.first().map(String::as_str), words.get(1).map(String::as_str)) {
            (Some("exit" | "return"), status) => status != Some("0"),
            (Some("false"), _) => true,
            _ => false,
        }
    };
    if first.words[0] == "{" {
        let inside = behind.iter().take_while(|command| command.words[0] != "}");
        return if inside.clone().any(fails) { None } else { Some("{ … }") };
    }
    let is_told = matches!(program(&first.words).first().map(|word| base(word)), Some("echo" | "printf"));
    let then_fails = behind.get(1).is_some_and(fails) && matches!(first.next, Operator::Then | Operator::And);
    (is_told && !then_fails).then_some("echo …")
}

/// Whether a scan of an image names one.
fn target(text: &Text<'_>, place: Place, scan: &Scan, session: &Session, out: &mut Vec<Finding>) {
    if !scan.is_image {
        return;
    }
    let has_input =
        scan.arguments.iter().any(|word| word.starts_with("--input") || word.starts_with("--image"));
    if !has_input && scan.operands().next().is_none() {
        let message = format!("`{}` names no image", scan.name);
        out.push(Finding::new("no-target-image", text.file, place, message));
        return;
    }
    let Some(known) = &session.variables else { return };
    for name in scan.operands().flat_map(asked) {
        let is_given = name.starts_with("CODEBUILD_")
            || name.starts_with("AWS_")
            || matches!(name, "HOME" | "PATH" | "PWD" | "USER" | "HOSTNAME");
        if !is_given && !known.contains(name) {
            let message = format!("`{}` asks for `${}`, which nobody sets", scan.name, quoted(name));
            out.push(Finding::new("no-target-image", text.file, place, message));
        }
    }
}

/// The variables that a word asks for, without those that have a value for the case that they are not set.
fn asked(word: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        let (inside, is_braced) = match rest.strip_prefix('{') {
            Some(inside) => (inside, true),
            None => (rest, false),
        };
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
        let has_other = is_braced && inside[end..].starts_with([':', '-', '+', '=', '?']);
        if is_name(&inside[..end]) && !has_other {
            names.push(&inside[..end]);
        }
    }
    names
}

/// Whether a file or a text of settings is read, which may set anything.
fn sets_anything(list: &[Command]) -> bool {
    list.iter().any(|command| {
        let first = program(&command.words).first().map(String::as_str);
        matches!(first, Some("source" | "." | "eval")) || sets_anything(&command.inner)
    })
}

/// The variables that commands set.
fn declared(list: &[Command], variables: &mut BTreeSet<String>) {
    for command in list {
        let words = &command.words;
        let mut takes_names = false;
        for (at, word) in words.iter().enumerate() {
            let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name.trim_end_matches('+'));
            let is_assignment = word.contains('=') && is_name(name);
            if is_assignment || (takes_names && is_name(name)) {
                variables.insert(name.to_owned());
            }
            takes_names |=
                matches!(word.as_str(), "export" | "read" | "declare" | "local" | "readonly" | "mapfile");
            takes_names |= at == 0 && word == "for";
            if word == "in" {
                takes_names = false;
            }
        }
        declared(&command.inner, variables);
    }
}

/// `curl … | bash`, `bash <(curl …)`, `sh -c "$(curl …)"`.
fn piped(text: &Text<'_>, place: Place, list: &[Command], index: usize, out: &mut Vec<Finding>) {
    let command = &list[index];
    let fetched = |command: &Command| -> Option<String> {
        let words = program(&command.words);
        if !matches!(base(words.first()?), "curl" | "wget") {
            return None;
        }
        let url = words.iter().find(|word| word.contains("://")).cloned();
        url.filter(|url| !is_pinned(url))
            .or_else(|| (!words.iter().any(|word| word.contains("://"))).then(String::new))
    };
    let is_shell = |command: &Command| {
        program(&command.words).first().is_some_and(|word| {
            matches!(base(word), "sh" | "bash" | "dash" | "zsh" | "python" | "python3" | "node" | "perl")
        })
    };
    let mut found = None;
    if is_shell(command) {
        found = command.inner.iter().find_map(fetched);
    }
    if let Some(url) = fetched(command) {
        let mut at = index;
        while list[at].next == Operator::Pipe
            && let Some(next) = list.get(at + 1)
        {
            if is_shell(next) {
                found = Some(url.clone());
            }
            at += 1;
        }
    }
    if let Some(url) = found {
        let what = if url.is_empty() { "a script".to_owned() } else { format!("`{}`", quoted(&url)) };
        let message = format!("{what} is run as it comes from the network, in whatever version it is there");
        let hint = "fetch a version by its tag or commit, check its digest, then run it";
        out.push(Finding::new("piped-script", text.file, place, message).hinted(hint));
    }
}

/// Whether a URL names a version or a commit.
fn is_pinned(url: &str) -> bool {
    let parts = url.split(['/', '-', '_', '?', '=']);
    parts.skip(3).any(|part| {
        let number = part.strip_prefix('v').unwrap_or(part);
        let is_version = number.starts_with(|c: char| c.is_ascii_digit())
            && number.contains('.')
            && number
                .split('.')
                .take(2)
                .all(|part| !part.is_empty() && part.starts_with(|c: char| c.is_ascii_digit()));
        let is_commit = part.len() >= 40 && part.chars().all(|c| c.is_ascii_hexdigit());
        is_version || is_commit
    })
}

/// Scanners that are installed without a version.
fn unpinned(text: &Text<'_>, place: Place, words: &[String], out: &mut Vec<Finding>) {
    let mut tell = |what: &str, hint: &str| {
        let message = format!("`{}` is installed in whatever version is newest", quoted(what));
        out.push(Finding::new("unpinned-scanner", text.file, place, message).hinted(hint));
    };
    let is_module =
        words.len() > 2 && base(&words[0]).starts_with("python") && words[1] == "-m" && words[2] == "pip";
    let words = if is_module { &words[2..] } else { words };
    let has_install = words
        .get(1..)
        .unwrap_or_default()
        .iter()
        .take(2)
        .any(|word| matches!(word.as_str(), "install" | "i" | "add"));
    match base(&words[0]) {
        "pip" | "pip3" | "pipx" | "uv" if has_install => {
            for word in words.iter().skip(2).filter(|word| !word.starts_with('-')) {
                let name = word.split(['[', '=', '<', '>', '~', '!']).next().unwrap_or_default();
                if is_scanner(name) && !word.contains("==") && !word.contains("===") {
                    tell(name, "write its version: `name==1.2.3`");
                }
            }
        }
        "npm" | "yarn" | "pnpm" if has_install => {
            for word in words.iter().skip(2) {
                let (name, version) =
                    word.rsplit_once('@').filter(|(name, _)| !name.is_empty()).unwrap_or((word, ""));
                if is_scanner(name) && (version.is_empty() || version == "latest") {
                    tell(name, "write its version: `name@1.2.3`");
                }
            }
        }
        "go" if has_install => {
            for word in words.iter().skip(2) {
                if let Some(path) = word.strip_suffix("@latest")
                    && path.split('/').any(is_scanner)
                {
                    tell(path, "write its version: `path@v1.2.3`");
                }
            }
        }
        "gem" if has_install => {
            let is_versioned = words.iter().any(|word| word == "-v" || word.starts_with("--version"));
            for word in words.iter().skip(2) {
                if is_scanner(word) && !is_versioned {
                    tell(word, "write its version: `--version 1.2.3`");
                }
            }
        }
        "docker" | "podman" if words.get(1).is_some_and(|word| word == "run" || word == "pull") => {
            let image = words.iter().skip(2).find(|word| !word.starts_with('-') && is_scanner(base(word)));
            if let Some(image) = image {
                let last = image.rsplit('/').next().unwrap_or(image);
                let tag = last.split_once(':').map(|(_, tag)| tag);
                if !image.contains('@') && matches!(tag, None | Some("latest")) {
                    tell(image, "name the image by its digest");
                }
            }
        }
        _ => {}
    }
}

/// Images that are passed on as `:latest`.
fn latest(text: &Text<'_>, place: Place, words: &[String], out: &mut Vec<Finding>) {
    let is_spelt_out = words.get(1).is_some_and(|word| word == "image");
    let verb = words.get(if is_spelt_out { 2 } else { 1 }).map_or("", String::as_str);
    let passes_on = match base(&words[0]) {
        "docker" | "podman" | "buildah" | "nerdctl" => matches!(verb, "push" | "tag"),
        "crane" => matches!(verb, "copy" | "cp" | "push" | "tag"),
        "skopeo" | "regctl" | "oras" => words.iter().any(|word| word == "copy" || word == "cp"),
        "plimsoll" => verb == "promote",
        _ => false,
    };
    if passes_on && let Some(image) = words.iter().find(|word| word.ends_with(":latest")) {
        let message = format!("`{}` is passed on by a tag that moves", quoted(image));
        let hint = "pass on the digest that was scanned";
        out.push(Finding::new("latest-promoted", text.file, place, message).hinted(hint));
    }
}
