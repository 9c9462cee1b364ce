//! Published schemas, and those who know them: whether a document is valid.

use std::path::PathBuf;

use crate::surroundings::{root, work_folder};
use crate::tool::{read_text, run_with_input, tool};

/// A schema that documents are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// AWS Security Hub's findings, by the model of the call that imports them.
    Asff,
    /// CSAF 2.0.
    Csaf,
    /// `CycloneDX` in JSON, of the version that the document names.
    CycloneDx,
    /// GitLab's container scanning report, restated in `schemas/`.
    Gitlab,
    /// Test reports in XML, as Jenkins has them.
    Junit,
    /// `OpenVEX` 0.2.0, restated in `schemas/`.
    OpenVex,
    /// SARIF 2.1.0.
    Sarif,
    /// SPDX 2.3 in JSON.
    Spdx,
}

impl Schema {
    fn word(self) -> &'static str {
        match self {
            Self::Asff => "asff",
            Self::Csaf => "csaf",
            Self::CycloneDx => "cyclonedx",
            Self::Gitlab => "gitlab",
            Self::Junit => "junit",
            Self::OpenVex => "openvex",
            Self::Sarif => "sarif",
            Self::Spdx => "spdx",
        }
    }

    /// What violates it, a line each; empty for a valid document.
    ///
    /// # Panics
    ///
    /// Where the validator cannot be run, or the document is not even JSON or XML.
    pub fn violations(self, document: &[u8]) -> String {
        let mut validate = tool(work_folder().join("venv/bin/python3"));
        validate
            .args(["-c", include_str!("validate.py"), self.word()])
            .arg(work_folder().join("schemas"))
            .arg(root().join("tests/real/schemas"));
        let output = run_with_input(&mut validate, document);
        String::from_utf8_lossy(&output).trim_end().to_owned()
    }
}

/// A document of the project itself, by its path from the project's root.
pub fn own_document(path: &str) -> Vec<u8> {
    let file: PathBuf = root().join(path);
    read_text(&file).into_bytes()
}
