//! The arguments of `plimsoll as`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// Takes another tool's command line.
#[derive(Debug, Args)]
#[command(
    override_usage = "plimsoll as NAME [ARGUMENT]...\n       \
                      plimsoll as --list [NAME]\n       \
                      plimsoll as --install DIR [--force] [NAME]...",
    after_help = "\
What stands behind the name is that tool's, and so is the exit status. Which
flags do what: `plimsoll as --list trivy`.

  plimsoll as trivy image --severity HIGH,CRITICAL --exit-code 1 app:1.2
  plimsoll as --install /usr/local/bin
  trivy image app:1.2"
)]
pub(crate) struct AsArgs {
    /// Make links of these names in a folder, of all of them by default; called by one, plimsoll is that tool.
    #[arg(long, value_name = "DIR", conflicts_with = "list")]
    pub(crate) install: Option<PathBuf>,
    /// Replace what is there and is not ours.
    #[arg(long, requires = "install")]
    pub(crate) force: bool,
    /// List the tools, or what becomes of each flag of one.
    #[arg(long)]
    pub(crate) list: bool,
    /// Print help.
    #[arg(long, short, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The tool, and its own command line.
    #[arg(value_name = "NAME", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}
