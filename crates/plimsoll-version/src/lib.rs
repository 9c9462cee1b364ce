//! How package versions are written and ordered, one file a scheme, and which versions a range holds.
//!
//! This crate is the one source of truth for version order: the matcher, SQL and the console call it. It reads
//! no file, knows no package and never guesses: a version that does not parse is an [`InvalidVersion`], and a
//! range that needs it answers [`Affectedness::Undetermined`].

mod range;
mod scheme;

pub use range::{Affectedness, Event, EventKind, affectedness};
pub use scheme::{InvalidVersion, Scheme, Version, compare};
