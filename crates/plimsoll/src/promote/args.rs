//! The arguments of `plimsoll promote`.

use std::path::PathBuf;

use clap::Args;

use crate::args::{RegistryArgs, TextOrJson, switch};
use crate::passed::PassArgs;

/// Behind the help.
pub(crate) const EXAMPLES: &str = "\
Copied is the digest that was judged, with all platforms and all that is
attached, and tagged last. Exit status 1 where it did not pass.

  plimsoll promote staging.example/app:1.2 production.example/app:1.2 \\
    --store s3://results
  plimsoll promote staging.example/app@sha256:4f1a… production.example/app:1.2 \\
    --key gate.pub --dry-run";

#[derive(Debug, Args)]
pub(crate) struct PromoteArgs {
    /// The image: `staging.example/app:1.2`, or by its digest. A tag and a digest that are both given must agree.
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// Where it goes: `production.example/app:1.2`. Without a tag it keeps the one it has.
    #[arg(value_name = "DST")]
    pub(crate) destination: String,
    /// Leave signatures, attestations and all else that is attached behind.
    #[arg(long, env = "PLIMSOLL_NO_REFERRERS", value_parser = switch())]
    pub(crate) no_referrers: bool,
    /// Say what would be done, and do nothing.
    #[arg(long, env = "PLIMSOLL_DRY_RUN", value_parser = switch())]
    pub(crate) dry_run: bool,
    /// Who promotes it, for the record.
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_BY")]
    pub(crate) by: Option<String>,
    /// Blobs that are on their way at once.
    #[arg(long, value_name = "N", env = "PLIMSOLL_JOBS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// Sign the promotion, and keep it beside the image where it went.
    #[arg(long)]
    pub(crate) attest: bool,
    /// Sign with this private key: PEM, Ed25519 or ECDSA over P-256, or as cosign encrypts it (`COSIGN_PASSWORD`).
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: TextOrJson,
    /// Of an image for several platforms this one alone, as in `linux/arm64`.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    #[command(flatten)]
    pub(crate) reach: RegistryArgs,
    #[command(flatten)]
    pub(crate) pass: PassArgs,
}
