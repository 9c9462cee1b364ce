//! Parts for tests: an image builder that reads images written as text, and a registry on loopback.

pub mod image;
pub mod registry;
