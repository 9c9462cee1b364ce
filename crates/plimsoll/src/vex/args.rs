//! The command line, as far as it is about VEX.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_vex::Justification;

/// Where the documents of a scan are.
#[derive(Debug, Args)]
#[command(next_help_heading = "VEX")]
pub(crate) struct VexSources {
    /// Take VEX documents into account: a file, a folder, `oci` for what is attached to the image in its registry, or
    /// `repo:URL` for a VEX repository. See `docs/vex.md`.
    #[arg(
        long,
        value_name = "SOURCE",
        env = "PLIMSOLL_VEX",
        // An address may bear a password, and help prints what a variable holds.
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) vex: Vec<String>,
    /// Take of what is attached to the image only what the owner of this public key has signed; PEM, Ed25519 or ECDSA
    /// over P-256. Of several keys any will do.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_VEX_KEY", value_delimiter = ',')]
    pub(crate) vex_key: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VexArgs {
    #[command(subcommand)]
    pub(super) action: VexAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum VexAction {
    /// Write a statement in OpenVEX: into a new document, or behind those of one that is there.
    #[command(after_help = "\
  plimsoll vex add --output app.openvex.json --author 'ACME <security@acme.example>' \\
      --id CVE-2021-44228 --product registry.example/app --subcomponent pkg:maven/org.apache.logging.log4j/log4j-core \\
      --status not_affected --justification vulnerable_code_not_in_execute_path
  plimsoll scan registry.example/app:1.2 --vex app.openvex.json")]
    Add(AddArgs),
    /// Read documents, and list their statements and what is wrong with them.
    Check {
        /// Files, or folders whose `.json` files are read.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Check signed documents by this public key.
        #[arg(long = "vex-key", value_name = "FILE", env = "PLIMSOLL_VEX_KEY", value_delimiter = ',')]
        keys: Vec<PathBuf>,
        /// Say of each statement what became of it in this JSON report: for how many findings it holds, or what came nearest.
        #[arg(long, value_name = "REPORT")]
        against: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The document; a new one goes to stdout by default.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The flaw: `CVE-2021-44228`.
    #[arg(long, value_name = "CVE")]
    pub(super) id: String,
    /// Another name of the flaw: `GHSA-jfh8-c2jp-5v3q`.
    #[arg(long = "alias", value_name = "ID", value_delimiter = ',')]
    pub(super) aliases: Vec<String>,
    /// What it speaks of: a package URL, an image's name (with a tag, a digest, or neither for all of them), or a digest.
    #[arg(long = "product", value_name = "PURL|IMAGE", required = true)]
    pub(super) products: Vec<String>,
    /// The part of each product in which the flaw is, as a package URL.
    #[arg(long = "subcomponent", value_name = "PURL")]
    pub(super) subcomponents: Vec<String>,
    /// What it says.
    #[arg(long, value_name = "STATUS")]
    pub(super) status: StatusWord,
    /// Why it is not affected, in a fixed word.
    #[arg(long, value_name = "WORD", value_parser = justification_parser())]
    pub(super) justification: Option<Justification>,
    /// Why it is not affected, in your words.
    #[arg(long, value_name = "TEXT")]
    pub(super) impact: Option<String>,
    /// What to do, where it is affected.
    #[arg(long, value_name = "TEXT")]
    pub(super) action: Option<String>,
    /// Who says so; a document that is there keeps its own.
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_VEX_AUTHOR")]
    pub(super) author: Option<String>,
    /// The name of a new document, an IRI; one is made by default.
    #[arg(long, value_name = "IRI")]
    pub(super) document_id: Option<String>,
}

/// A status, as `OpenVEX` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum StatusWord {
    /// The flaw does no harm: say why with `--justification`, `--impact`, or both.
    NotAffected,
    /// It does: say what to do with `--action`.
    Affected,
    /// It did, and does no more.
    Fixed,
    /// Not known yet.
    UnderInvestigation,
}

/// The words that `OpenVEX` has.
fn justification_parser() -> impl clap::builder::TypedValueParser<Value = Justification> {
    let words = || Justification::ALL.iter().filter(|word| word.word() == word.openvex());
    PossibleValuesParser::new(words().map(|word| word.word()))
        .try_map(|word| Justification::from_word(&word).ok_or("a word of the list"))
}
