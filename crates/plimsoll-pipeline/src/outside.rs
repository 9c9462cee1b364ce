//! What lies outside of this machine or behind a person: seams that the caller fills.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is asked of stores, registries and people. Errors are one line each, as they are told.
pub trait Outside: Sync {
    /// What a registry says of an image.
    ///
    /// # Errors
    /// Why it does not say.
    fn image(&self, reference: &str) -> Result<ImageFacts, String>;

    /// Copies an object, or all objects below a prefix (an address that ends with `/`), into a folder.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn fetch(&self, address: &str, into: &Path) -> Result<Fetched, String>;

    /// Writes an object: `s3://bucket/key`.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn put(&self, address: &str, file: &Path) -> Result<(), String>;

    /// Asks somebody for approval.
    fn ask(&self, question: &Question<'_>) -> Answer;
}

/// What a registry says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// Registry and repository, `registry.example/shop`.
    pub name: String,
    /// Registry's repository alone, `shop`.
    pub repository: String,
    /// The tag, if the reference has one.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: String,
}

/// What was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The only file, if it was one object.
    pub file: Option<String>,
    /// Its entity tag.
    pub e_tag: Option<String>,
}

/// A question to a person.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The stage.
    pub stage: &'q str,
    /// The action.
    pub action: &'q str,
    /// The pipeline.
    pub pipeline: &'q str,
    /// The execution.
    pub execution: &'q str,
    /// What the template says to whoever decides.
    pub custom_data: Option<&'q str>,
    /// What there is to look at.
    pub link: Option<&'q str>,
    /// How long an answer is waited for.
    pub timeout: Option<Duration>,
    /// Becomes true when nobody waits any more.
    pub stop: &'q AtomicBool,
}

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, with a comment.
    Approved(String),
    /// No, with a comment.
    Rejected(String),
    /// There is nobody to ask, or no answer came in time.
    Nobody,
    /// The execution was stopped meanwhile.
    Stopped,
}
