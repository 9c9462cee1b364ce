//! Tests against real registries, engines, images and other scanners.
