//! What other programs do: SQL, clusters and services. They are called with the very arguments, in place of this one.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use crate::exit::{Exit, Failure};

/// Arguments that are the other program's.
#[derive(Debug, Args)]
pub(crate) struct HandedOver {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true, value_name = "ARGUMENT")]
    _words: Vec<OsString>,
}

/// A program beside this one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// SQL and clusters.
    Fleet,
    /// Services.
    Daemon,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Fleet => "plimsoll-fleet",
            Self::Daemon => "plimsolld",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Fleet => {
                "it is a program of its own, to lie beside `plimsoll` or on the PATH: `cargo build --profile fleet --package \
                 plimsoll-fleet`"
            }
            Self::Daemon => {
                "it is a program of its own, to lie beside `plimsoll` or on the PATH: `cargo build --release --package \
                 plimsolld`"
            }
        }
    }

    /// Becomes that program. The one beside this executable is taken before one on the PATH.
    ///
    /// # Errors
    /// Where there is none, or it cannot be started; else this does not return.
    pub(crate) fn call(self) -> Result<Exit, Failure> {
        let name = self.name();
        let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(name)));
        let program = beside.filter(|program| program.is_file()).unwrap_or_else(|| PathBuf::from(name));
        let error = std::process::Command::new(&program).args(std::env::args_os().skip(1)).exec();
        Err(if error.kind() == io::ErrorKind::NotFound {
            Failure::new(Exit::Usage, anyhow!("cannot find the program `{name}`")).hint(self.hint())
        } else {
            let what = format!("cannot start `{}`", program.display());
            Failure::new(Exit::CouldNotScan, anyhow!(error).context(what))
        })
    }
}
