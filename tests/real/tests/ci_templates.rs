//! Files that `pipeline init` writes, by the programs and schemas of the places where they run.

use std::fs;
use std::path::PathBuf;

use plimsoll_real::{PipelineFile, Plimsoll, Scratch, actionlint, is_taken, whole_lines};

/// Every file, and who knows its form. A buildspec's is known to our own `pipeline check`.
const FILES: [(&str, Option<PipelineFile>); 5] = [
    (".github/workflows/plimsoll.yml", Some(PipelineFile::GithubWorkflow)),
    (".github/actions/plimsoll/action.yml", Some(PipelineFile::GithubAction)),
    (".gitlab/plimsoll.gitlab-ci.yml", Some(PipelineFile::Gitlab)),
    ("Jenkinsfile", Some(PipelineFile::Jenkinsfile)),
    ("buildspec.yml", None),
];

fn written() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let folder = scratch.path("repository");
    let flags =
        ["--github", "--gitlab", "--jenkins", "--buildspec", "--output", &folder.display().to_string()];
    Plimsoll::bare(&["pipeline", "init"]).arguments(&flags).bytes();
    (scratch, folder)
}

#[test]
fn each_is_valid_where_it_runs() {
    let (_scratch, folder) = written();
    for (name, file) in FILES {
        if let Some(file) = file {
            assert_eq!(file.violations(&folder.join(name)), "", "{name}");
        }
    }
    fs::create_dir_all(folder.join(".git")).unwrap();
    assert_eq!(actionlint(&folder), "");
    let buildspec = folder.join("buildspec.yml").display().to_string();
    Plimsoll::bare(&["pipeline", "check", &buildspec, "--strict"]).bytes();
}

#[test]
fn those_who_judge_see_what_is_wrong() {
    let scratch = Scratch::new();
    let wrong = |name: &str, text: &str| {
        let file = scratch.path(name);
        fs::write(&file, text).unwrap();
        file
    };
    let file = wrong("a.yml", "name: x\non: push\njobs: {a: {steps: 1}}\n");
    assert_ne!(PipelineFile::GithubWorkflow.violations(&file), "");
    let file = wrong("b.yml", "name: x\nruns: {using: composite}\n");
    assert_ne!(PipelineFile::GithubAction.violations(&file), "");
    let file = wrong("c.yml", "plimsoll: {script: [a], artifacts: {when: never-ever}}\n");
    assert_ne!(PipelineFile::Gitlab.violations(&file), "");
    let file = wrong("Jenkinsfile", "pipeline { stages { ( } }\n");
    assert_ne!(PipelineFile::Jenkinsfile.violations(&file), "");
    assert!(!is_taken(&["scan".to_owned(), "--no-such-flag".to_owned()]));
}

#[test]
fn every_call_of_ours_is_one_that_we_take() {
    let (_scratch, folder) = written();
    let mut count = 0;
    for (name, _) in FILES {
        for line in whole_lines(&folder.join(name)) {
            for words in calls(&line) {
                assert!(is_taken(&words), "{name}: {words:?}");
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} calls");
}

#[test]
fn what_others_made_is_pinned() {
    let (_scratch, folder) = written();
    for (name, _) in FILES {
        let lines = whole_lines(&folder.join(name));
        for line in &lines {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            let action = action.split(" #").next().unwrap_or_default();
            let is_pinned = action.rsplit_once('@').is_some_and(|(_, hash)| {
                hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            assert!(is_pinned || action.starts_with("./"), "{name}: {line}");
        }
        // What is fetched is held against a digest, and never goes straight into a shell.
        let is_fetched = lines.iter().any(|line| line.contains("curl "));
        assert_eq!(
            is_fetched,
            lines.iter().any(|line| line.contains("sha256sum --check --strict")),
            "{name}"
        );
        assert!(!lines.iter().any(|line| line.contains("| sh ") || line.contains("| bash")), "{name}");
        assert!(!lines.iter().any(|line| line.contains("|| true")), "{name}");
    }
}

/// Calls of the program in a line: the words behind `plimsoll`, as a shell would split them, up to what ends a command.
/// What a variable holds is not known: it is `high` here, which a level, a folder and a commit may be.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().split(" # ").next().unwrap_or_default();
    if line.starts_with('#') || line.starts_with("//") {
        return Vec::new();
    }
    let mut calls = Vec::new();
    for (at, _) in line.match_indices("plimsoll ") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || "/.-_$\"`".contains(c)) {
            continue;
        }
        let words = words(&line[at + "plimsoll ".len()..]);
        // Elsewhere the name is but a name.
        let is_call =
            ["scan", "db", "pipeline", "convert", "summary"].contains(&words.first().map_or("", |word| word));
        if is_call {
            calls.push(words);
        }
    }
    calls
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut is_quoted, mut depth) = (false, 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' | '{' if depth > 0 => depth += 1,
            ')' | '}' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '$' => {
                word.get_or_insert_default().push_str("high");
                match chars.peek() {
                    Some('(' | '{') => depth += usize::from(chars.next().is_some()),
                    _ => while chars.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {},
                }
            }
            // What ends a command, or the text of another language around it.
            '\'' | ';' | '|' | '&' | '>' | '<' | '`' | '#' if !is_quoted => break,
            c if c.is_whitespace() && !is_quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn calls_are_found_as_a_shell_would_find_them() {
    let found = calls(
        r#"sh 'plimsoll pipeline run --fail-on "$FAIL_ON" --output "a=$R/$(basename "$r" .json)"' # plimsoll db"#,
    );
    assert_eq!(
        found,
        [["pipeline", "run", "--fail-on", "high", "--output", "a=high/high"].map(str::to_owned)]
    );
    assert!(calls("# plimsoll scan").is_empty() && calls("name: plimsoll x").is_empty());
}
