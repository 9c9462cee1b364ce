//! The shell: statements line by line, with history and completion. Ctrl-C ends a query, Ctrl-D the shell.

mod commands;
mod editor;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::output::Place;
use crate::reports::Warnings;
use crate::run::{Answer, Runner};
use commands::{Command, Said};
use editor::{Assistant, words};

/// The file of earlier lines, in the state folder.
const HISTORY: &str = "sql_history";

/// Lines that it keeps.
const HISTORY_LINES: usize = 1000;

const PROMPT: &str = "plimsoll> ";

/// Runs it until the person leaves.
///
/// # Errors
/// Where the terminal cannot be read.
pub(crate) async fn run(
    mut runner: Runner,
    environment: &Environment,
    warnings: &Warnings,
) -> Result<Answer, Failure> {
    let cannot = |error: ReadlineError| {
        let error = anyhow::Error::new(error).context("cannot read from the terminal");
        Failure::new(Exit::Failed, error)
    };
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY_LINES)
        .map_err(cannot)?
        .auto_add_history(false)
        .build();
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config).map_err(cannot)?;
    editor.set_helper(Some(Assistant::new(words(&runner.context).await)));
    let history = history(environment);
    if let Some(history) = &history {
        // Without earlier lines the shell works as well.
        let _ = editor.load_history(history);
    }
    println!("Ask in SQL, end with `;`. \\h for help, \\q to leave.");
    loop {
        // The queries' threads go on meanwhile.
        let line = tokio::task::block_in_place(|| editor.readline(PROMPT));
        let line = match line {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(cannot(error)),
        };
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        // What cannot be kept is only not found again.
        let _ = editor.add_history_entry(text);
        let sql = match Command::of(text) {
            None => text.to_owned(),
            Some(command) => match command.run(&mut runner) {
                Said::Leave => break,
                Said::Text(text) => {
                    println!("{text}");
                    continue;
                }
                Said::Ask(sql) => sql,
            },
        };
        ask(&runner, &sql).await;
        warnings.tell(false);
    }
    if let Some(history) = &history {
        let _ = editor.save_history(history);
    }
    Ok(Answer::Whole)
}

/// Runs statements; Ctrl-C gives them up.
async fn ask(runner: &Runner, sql: &str) {
    let result = tokio::select! {
        result = runner.run(sql, &Place::Stdout) => result,
        _ = tokio::signal::ctrl_c() => {
            println!("given up");
            return;
        }
    };
    match result {
        Ok(Answer::Cut) => eprintln!("note: there are more rows than `--max-rows`; the others were left out"),
        Ok(Answer::Whole | Answer::Unwanted) => {}
        Err(failure) => eprintln!("{failure}"),
    }
}

/// The file of earlier lines, which others cannot read. `None` where there can be none.
fn history(environment: &Environment) -> Option<PathBuf> {
    fs::create_dir_all(&environment.state_folder).context("no state folder").ok()?;
    let file = environment.state_folder.join(HISTORY);
    OpenOptions::new().append(true).create(true).mode(0o600).open(&file).ok()?;
    Some(file)
}
