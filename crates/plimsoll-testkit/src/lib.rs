//! Parts for tests: an image builder that reads images written as text, a registry and a web server on loopback,
//! folders that are removed, scans of a made-up fleet.

#[cfg(feature = "fleet")]
pub mod fleet;
mod folder;
pub mod image;
mod loopback;
pub mod registry;
#[cfg(feature = "http")]
mod requests;
mod web;

pub use folder::Folder;
#[cfg(feature = "http")]
pub use requests::hasty_requests;
pub use web::{FileServer, WebFault, WebRequest};
