//! `plimsoll catalogers`: what can be read.

use std::fmt::Write as _;

use plimsoll_catalog::CATALOGERS;

use crate::exit::{Exit, Failure};
use crate::output;

pub(crate) fn run() -> Result<Exit, Failure> {
    let mut text = String::new();
    for cataloger in CATALOGERS {
        writeln!(text, "{:24} revision {}", cataloger.name(), cataloger.revision())
            .expect("a string takes every line");
    }
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}
