//! CVSS vectors of versions 2.0, 3.0, 3.1 and 4.0, and the scores computed from them.
//!
//! A thin, total layer over the `cvss` crate.
