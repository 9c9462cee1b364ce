//! Other people's libraries for attestations: `securesystemslib`, `in-toto-attestation`, `cryptography`, `PyNaCl`.

use serde_json::Value;

use crate::surroundings::{root, work_folder};
use crate::tool::{run, tool};

/// What `attest.py` prints.
///
/// # Panics
///
/// Where it fails.
pub fn attest_judge(arguments: &[&str]) -> Value {
    let script = root().join("tests/real/attest.py");
    let printed = run(tool(work_folder().join("attest/bin/python3")).arg(script).args(arguments));
    serde_json::from_slice(&printed).expect("our script prints JSON")
}
