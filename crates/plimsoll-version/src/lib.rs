//! How package versions are written and ordered, one file a scheme, and which versions a range holds.
//!
//! This crate is the one source of truth for version order: the matcher, SQL and the console call it. It reads
//! no file, knows no package and never guesses: a version that does not parse is an [`InvalidVersion`], and a
//! range that needs it answers [`Affectedness::Undetermined`].
//!
//! Each scheme follows the tool that decides for its ecosystem, down to what that tool refuses; the tables in
//! `testdata` are the tools' own answers. Numbers are compared as digits, of any length.
//!
//! ```
//! use plimsoll_version::{Affectedness, Event, EventKind, Scheme, Version, affectedness};
//!
//! let installed = Version::parse(Scheme::Debian, "1.1.1n-0+deb11u3")?;
//! let range = [
//!     Event { kind: EventKind::Introduced, version: "0" },
//!     Event { kind: EventKind::Fixed, version: "1.1.1n-0+deb11u10" },
//! ];
//! let Affectedness::Affected { fixed, range } = affectedness(&installed, &[&range], &[]) else { panic!() };
//! assert_eq!(fixed.as_deref(), Some("1.1.1n-0+deb11u10"));
//! assert_eq!(range, "<1.1.1n-0+deb11u10");
//! # Ok::<(), plimsoll_version::InvalidVersion>(())
//! ```

mod alpm;
mod apk;
mod composer;
mod cursor;
mod debian;
mod digits;
mod evr;
mod gem;
mod go;
mod maven;
mod npm;
mod nuget;
mod pep440;
mod range;
mod rpm;
mod scheme;
mod semver;

pub use range::{Affectedness, Event, EventKind, affectedness, affectedness_of_text, surely_differ};
pub use scheme::{InvalidVersion, MAX_VERSION_BYTES, Scheme, Version, compare};
