//! Licences as SPDX wants them: expressions of known identifiers, or references to a text.

use std::collections::BTreeMap;

use serde::Serialize;

use super::NONE;
use crate::facts;
use crate::terminal::printable;

/// Identifiers of the SPDX licence list that packages mostly name. Another one is written as a reference with its
/// text, which loses nothing.
///
/// Source: SPDX licence list 3.25.
const KNOWN_LICENSES: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-4-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "EPL-1.0",
    "EPL-2.0",
    "FTL",
    "GFDL-1.3-only",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "Sleepycat",
    "TCL",
    "UPL-1.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "ZPL-2.1",
    "Zlib",
    "bzip2-1.0.6",
    "curl",
];

/// A text that an expression refers to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct License {
    license_id: String,
    name: String,
    extracted_text: String,
}

/// Texts that are no expression of known identifiers, by their reference.
#[derive(Default)]
pub(super) struct Licenses(BTreeMap<String, String>);

impl Licenses {
    pub(super) fn expression(&mut self, licenses: &[String]) -> String {
        let mut terms: Vec<String> = Vec::new();
        for license in licenses.iter().map(|license| license.trim()).filter(|license| !license.is_empty()) {
            let compound = is_expression(license) && license.contains(' ') && licenses.len() > 1;
            terms.push(match is_expression(license) {
                true if compound => format!("({license})"),
                true => license.to_owned(),
                false => self.reference(license),
            });
        }
        if terms.is_empty() { NONE.to_owned() } else { terms.join(" AND ") }
    }

    fn reference(&mut self, text: &str) -> String {
        let id = format!("LicenseRef-plimsoll-{}", &facts::hash(&[text])[..16]);
        self.0.entry(id.clone()).or_insert_with(|| text.to_owned());
        id
    }

    pub(super) fn all(self) -> Vec<License> {
        self.0
            .into_iter()
            .map(|(license_id, text)| License {
                license_id,
                name: printable(&facts::at_most(&text, 100)).into_owned(),
                extracted_text: text,
            })
            .collect()
    }
}

/// Whether it is known identifiers with `AND` or `OR` between them, without brackets.
fn is_expression(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.len() % 2 == 1
        && words.iter().enumerate().all(|(index, word)| {
            if index % 2 == 0 { KNOWN_LICENSES.contains(word) } else { matches!(*word, "AND" | "OR") }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_expressions_or_references() {
        let mut licenses = Licenses::default();
        for (given, expression) in [
            (&[][..], "NOASSERTION"),
            (&["MIT"], "MIT"),
            (&["MIT OR Apache-2.0"], "MIT OR Apache-2.0"),
            (&["MIT OR Apache-2.0", "Zlib"], "(MIT OR Apache-2.0) AND Zlib"),
            (&[" "], "NOASSERTION"),
        ] {
            let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(licenses.expression(&given), expression);
        }
        for odd in ["MIT OR", "OR MIT", "Eigenlizenz", "MIT AND (Zlib)", "MIT  OR Zlib"] {
            assert!(licenses.expression(&[odd.to_owned()]).starts_with("LicenseRef-plimsoll-"), "{odd}");
        }
        assert_eq!(licenses.all().len(), 5);
    }
}
