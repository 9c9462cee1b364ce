//! Parts for tests: an image builder that reads images written as text, a registry and a web server on loopback.

pub mod image;
pub mod registry;
mod web;

pub use web::{FileServer, WebFault, WebRequest};
