//! The nouns of Plimsoll: digests, packages, advisories, findings, verdicts.
//!
//! Values only. Nothing here reads a file, a socket, a clock or the environment, and nothing decides: the
//! catalogers make packages, the matcher findings, the gate verdicts.

mod advice;
mod advisory;
mod decision;
mod digest;
mod ecosystem;
mod finding;
mod gap;
mod inventory;
mod lookup;
mod os;
mod package;
mod purl;
mod scan;
mod severity;

pub use advice::{Advice, FixAction, Upgrade};
pub use advisory::{
    Advisory, Affected, AffectedEvent, AffectedRange, AffectedStatus, Epss, EventKind, KevEntry, Rating,
    RatingScale, Reference, VulnerabilityScore,
};
pub use decision::{
    Decision, Notice, NoticeKind, Outcome, Ruling, SeverityCounts, Suppressed, SuppressionKind, Verdict,
};
pub use digest::{ChainId, DiffId, Digest, InvalidDigest, LayerDigest};
pub use ecosystem::{Ecosystem, Namespace};
pub use finding::{
    Evidence, Finding, FixState, Newness, NotAffected, SeverityChoice, SeveritySource, Undetermined,
};
pub use gap::Gap;
pub use inventory::{Artifact, ArtifactKind, BaseImage, Inventory, LayerInfo, Platform};
pub use lookup::{AdvisoryLookup, Candidate, Known, LookupError, Texts};
pub use os::OsRelease;
pub use package::{Layer, Owner, Package, PackageKind, SourcePackage};
pub use purl::{InvalidPurl, Purl};
pub use scan::{Baseline, DatabaseInfo, Scan};
pub use severity::{Severity, UnknownSeverity};
