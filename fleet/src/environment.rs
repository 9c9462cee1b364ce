//! The only place that looks at the environment and the machine.

use std::io::IsTerminal as _;
use std::path::PathBuf;

/// What the surroundings of the program say.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Columns of the terminal on stdout, or what `COLUMNS` says; `None` where there is none.
    pub width: Option<usize>,
    /// Whether a person sits at both ends.
    pub is_interactive: bool,
    /// Whether stdin is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// The store by default.
    pub store: PathBuf,
    /// Where what one call leaves for the next is kept: the shell's history.
    pub state_folder: PathBuf,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one module that reads the environment")]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = |name: &str, default: &str| {
            variable(name).map_or_else(|| home.join(default), PathBuf::from).join("plimsoll")
        };
        let stdin_is_terminal = std::io::stdin().is_terminal();
        let stdout_is_terminal = std::io::stdout().is_terminal();
        let columns = variable("COLUMNS").and_then(|text| text.to_str()?.parse().ok());
        Self {
            width: columns.or_else(|| stdout_is_terminal.then(console_width)),
            is_interactive: stdin_is_terminal && stdout_is_terminal,
            stdin_is_terminal,
            stdout_is_terminal,
            store: folder("XDG_DATA_HOME", ".local/share").join("store"),
            state_folder: folder("XDG_STATE_HOME", ".local/state"),
        }
    }
}

fn console_width() -> usize {
    usize::from(console::Term::stdout().size().1)
}
