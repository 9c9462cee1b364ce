//! What is said to a shell so that it runs commands one by one and tells how each ended.
//!
//! The shell reads from its input, `sh -s`, and is given lines of ours alone; a command is in a file of its own, so that
//! an open quote or a here-document cannot swallow what follows. Its output and errors are one pipe; what was its error
//! pipe carries the exit status of each command, and is closed while commands run.

use std::path::{Path, PathBuf};

use crate::spec::Shell;

/// The last line of a state that was written whole.
pub(crate) const STATE_END: &str = "# end";

/// How one shell is talked to.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) program: String,
    is_bash: bool,
    /// Number of the pipe for exit statuses: one that no command is likely to use. Only bash takes more than one digit.
    marks: u8,
    folder: PathBuf,
}

impl Dialect {
    pub(crate) fn new(shell: &Shell, folder: &Path) -> Self {
        let program = match shell {
            Shell::Sh => "/bin/sh".to_owned(),
            Shell::Bash => "bash".to_owned(),
            Shell::Other(program) => program.clone(),
        };
        let is_bash = program.rsplit('/').next() == Some("bash");
        Self { program, is_bash, marks: if is_bash { 249 } else { 7 }, folder: folder.to_owned() }
    }

    /// The file of the command with this number.
    pub(crate) fn script(&self, number: u32) -> PathBuf {
        self.folder.join(format!("command-{number}.sh"))
    }

    /// Where the shell leaves its variables, functions and options.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// As [`Self::state`], while it is written.
    pub(crate) fn new_state(&self) -> PathBuf {
        self.folder.join("state.new")
    }

    /// Where the shell leaves its folder.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.join("directory")
    }

    /// The first lines for a new shell. `keeps_state`: it takes up where another one ended.
    pub(crate) fn setup(&self, keeps_state: bool) -> String {
        let marks = self.marks;
        if !keeps_state {
            return format!("exec {marks}>&2 2>&1\n");
        }
        let dump = self.dump();
        let state = quoted(&self.state());
        // `allexport`: CodeBuild carries variables from command to command in the environment, so that scripts see
        // those that were only assigned.
        format!(
            "exec {marks}>&2 2>&1\nset -a\ntrap {trap} EXIT\nif [ -r {state} ]; then . {state} >/dev/null 2>&1; unset PLIMSOLL_STATUS; fi\n",
            trap = quote(&dump)
        )
    }

    /// The lines that run one command and tell its exit status.
    pub(crate) fn run(&self, number: u32, is_succeeding: bool, keeps_state: bool) -> String {
        let (marks, script) = (self.marks, quoted(&self.script(number)));
        let dump = if keeps_state { self.dump() } else { ":".to_owned() };
        let succeeding = u8::from(is_succeeding);
        format!(
            "{{ CODEBUILD_BUILD_SUCCEEDING={succeeding}; export CODEBUILD_BUILD_SUCCEEDING; }} 2>/dev/null\n\
             . {script} </dev/null {marks}>&-\n\
             {{ PLIMSOLL_STATUS=$?; {dump}; printf '%s\\n' \"$PLIMSOLL_STATUS\" >&{marks}; unset PLIMSOLL_STATUS; }} \
             2>/dev/null || :\n"
        )
    }

    /// Writes folder, variables, options and, under bash, functions: what a new shell is told.
    fn dump(&self) -> String {
        let more = if self.is_bash { "declare -f; shopt -p; alias -p; " } else { "" };
        let (state, directory) = (quoted(&self.new_state()), quoted(&self.directory()));
        format!(
            "{{ export -p; {more}printf 'umask %s\\n' \"$(umask)\"; set +o; printf '%s\\n' '{STATE_END}'; }} >|{state} \
             2>/dev/null || :; pwd >|{directory} 2>/dev/null || :"
        )
    }
}

fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// A text as one word of the shell.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold() {
        assert_eq!(quote("it's $(x)"), r"'it'\''s $(x)'");
    }

    #[test]
    fn only_bash_is_given_a_long_number() {
        assert!(Dialect::new(&Shell::Bash, Path::new("/f")).run(1, true, true).contains("249>&-"));
        assert!(Dialect::new(&Shell::Sh, Path::new("/f")).run(1, false, true).contains("SUCCEEDING=0"));
    }
}
