//! Two scans compared: which findings are new and why, which are gone and why, what became of the packages.
//!
//! - *What a finding is known by*: the flaw, under any of its names, in a package of one kind and name. Neither path nor
//!   layer nor the order of a report counts. The version counts where it has to: see [`mark`].
//! - [`mark`] says of each finding of a scan whether a baseline has it ([`plimsoll_model::Newness`]); the gate reads it.
//! - [`compare`] puts two scans side by side.
//! - [`layers_of_base`] says how many of an image's layers are those of another image.
//!
//! It is pure: it reads no file, no clock and no environment, and it decides nothing.
//!
//! ```
//! use plimsoll_diff::{Earlier, Packages, compare, mark};
//! use plimsoll_model::{DatabaseInfo, Inventory, Package, PackageKind, Scan};
//!
//! let old = Scan::default();
//! let mut new = Scan::default();
//! new.inventory.packages.push(Package::new(PackageKind::Npm, "lodash", "4.17.15", "node-package"));
//! assert_eq!(compare(&old, &new).packages.added[0].name, "lodash");
//!
//! let earlier = Earlier { name: "last", scan: &old, packages: Packages::All };
//! let marked = mark(&mut new.findings, &new.inventory, &new.database, &earlier);
//! assert_eq!(marked.baseline.gone.total(), 0);
//! ```

mod base;
mod compare;
mod mark;
mod notices;
mod packages;
mod side;
#[cfg(test)]
mod testing;

pub use base::{NotBuiltOn, layers_of_base};
pub use compare::{Difference, FindingChange, Gone, GoneFinding, LayerChange, compare};
pub use mark::{Earlier, Marked, Packages, mark};
pub use packages::{Direction, PackageChange, PackageChanges, PackageEntry};
