//! Layers and whiteouts folded into one tree, and that tree's files into packages.
//!
//! A layer is read once, as one stream: hashed, decompressed and walked, and only the files that a cataloger wants are
//! held, one at a time. What a layer holds never changes, so the result is cached under its diff ID. The fold then
//! decides from the results alone which files are visible in the image, who installed them, and which layer brought
//! each package. Nothing is unpacked to disk.

mod analyze;
mod cache;
mod error;
mod fold;
mod folder;
mod layer;
mod limits;
mod links;
mod path_hash;
mod spool;

pub use analyze::{NoProgress, Options, Progress, catalog_folder, catalog_image};
pub use cache::LayerCache;
pub use error::Error;
pub use limits::Limits;
