//! Parameters of Systems Manager's Parameter Store.
//!
//! Source: AWS Systems Manager API Reference, `GetParameters`; AWS Systems Manager User Guide, "Working with parameter
//! versions" and "Working with parameter labels".

use std::collections::BTreeMap;

use plimsoll_http::Secret;
use serde::{Deserialize, Serialize};

use crate::service::{Ask, Service};
use crate::{Aws, Error};

/// Parameters that one request may ask for.
pub const MAX_PARAMETERS: usize = 10;
/// Names that an error tells.
const MAX_TOLD: usize = 3;
/// Parts of the ARN of a parameter before a version: `arn:aws:ssm:region:account:parameter/name`.
const ARN_PARTS: usize = 6;

const SSM: Service = Service { host: "ssm", signed: "ssm", variable: "SSM", target: "AmazonSSM" };

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameters<'a> {
    names: &'a [&'a str],
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Name")]
    name: String,
    #[serde(default, rename = "ARN")]
    arn: String,
    #[serde(rename = "Value")]
    value: String,
}

impl Aws {
    /// The values of these parameters, decrypted; `None` for one that is not there. A name may be an ARN, and may bear a
    /// version or a label: `/shop/password:3`.
    ///
    /// # Errors
    /// [`Error`]. The whole call fails where one of them may not be read.
    pub fn parameters(&self, names: &[&str]) -> Result<BTreeMap<String, Option<Secret>>, Error> {
        let mut values: BTreeMap<&str, Option<Secret>> = names.iter().map(|name| (*name, None)).collect();
        let wanted: Vec<&str> = values.keys().copied().collect();
        for batch in batches(&wanted) {
            let what = described(&batch);
            let body = GetParameters { names: &batch, with_decryption: true };
            let ask = Ask {
                service: &SSM,
                action: "GetParameters",
                permission: "ssm:GetParameters",
                what: &what,
                region: None,
                body: &body,
            };
            let answer: Parameters = self.ask(&ask)?;
            for parameter in answer.parameters {
                let value = Secret::new(parameter.value);
                let names = [without_version(&parameter.name), without_version(&parameter.arn)];
                for asked in &batch {
                    if names.contains(&without_version(asked)) {
                        values.insert(asked, Some(value.clone()));
                    }
                }
            }
        }
        Ok(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Names in groups that may be asked for at once. No group has a name twice, in two versions: answers bear the name alone.
fn batches<'a>(names: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut batches: Vec<Vec<&str>> = Vec::new();
    for &name in names {
        let has_room = |batch: &&mut Vec<&str>| {
            let bare = without_version(name);
            batch.len() < MAX_PARAMETERS && batch.iter().all(|other| without_version(other) != bare)
        };
        match batches.iter_mut().find(has_room) {
            Some(batch) => batch.push(name),
            None => batches.push(vec![name]),
        }
    }
    batches
}

/// A name without the version or label behind it.
fn without_version(name: &str) -> &str {
    let parts = if name.starts_with("arn:") { ARN_PARTS } else { 1 };
    match name.match_indices(':').nth(parts - 1) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

fn described(names: &[&str]) -> String {
    let told: Vec<String> = names.iter().take(MAX_TOLD).map(|name| format!("`{name}`")).collect();
    let word = if names.len() == 1 { "parameter" } else { "parameters" };
    match names.len().saturating_sub(MAX_TOLD) {
        0 => format!("read {word} {}", told.join(", ")),
        more => format!("read {word} {} and {more} more", told.join(", ")),
    }
}

/// Reads an answer, for fuzzing: a name without its version begins as the name does.
pub(crate) fn fuzz_answer(bytes: &[u8]) {
    for parameter in
        serde_json::from_slice::<Parameters>(bytes).map(|answer| answer.parameters).unwrap_or_default()
    {
        for name in [&parameter.name, &parameter.arn] {
            assert!(name.starts_with(without_version(name)), "{name}");
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let names: Vec<&str> = text.lines().collect();
        assert_eq!(batches(&names).iter().map(Vec::len).sum::<usize>(), names.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_labels_stand_behind_names() {
        for (name, expected) in [
            ("/a/b", "/a/b"),
            ("/a/b:3", "/a/b"),
            ("b:live", "b"),
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b",
                "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b",
            ),
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/a:3",
                "arn:aws:ssm:eu-west-1:123456789012:parameter/a",
            ),
            ("", ""),
            (":", ""),
            ("arn:", "arn:"),
        ] {
            assert_eq!(without_version(name), expected, "{name}");
        }
    }

    #[test]
    fn ten_are_asked_for_at_once_and_none_in_two_versions() {
        let names: Vec<String> = (0..12).map(|number| format!("p{number:02}")).collect();
        let batches_of = |names: &[&str]| batches(names).iter().map(Vec::len).collect::<Vec<_>>();
        let many: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(batches_of(&many), [10, 2]);
        assert_eq!(batches_of(&["a:1", "a:2", "b"]), [2, 1]);
        assert!(batches_of(&[]).is_empty());
        assert_eq!(described(&["a"]), "read parameter `a`");
        assert_eq!(described(&["a", "b", "c", "d", "e"]), "read parameters `a`, `b`, `c` and 2 more");
    }
}
