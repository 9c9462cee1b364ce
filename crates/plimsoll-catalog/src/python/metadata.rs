//! The header fields of core metadata, which is an e-mail header.
//!
//! Source: `PyPA` "Core metadata specifications" 2.4; RFC 822, section 3.1 (folding).

/// The part of a file that is looked at, in bytes. Behind the header stands the description, often a whole
/// README, which is never read; licence texts and descriptions in the header rarely pass 100 KiB.
pub(super) const MAX_HEADER_BYTES: usize = 2 << 20;

/// Licences kept of one distribution.
const MAX_LICENSES: usize = 20;

/// Characters of a name or a version: longer ones are kept cut, so that they match nothing but are shown.
const MAX_FIELD_CHARS: usize = 300;

/// What of the metadata is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) author: Option<String>,
    expression: Option<String>,
    license: Option<String>,
    classifiers: Vec<String>,
}

impl Metadata {
    /// Reads up to the first empty line. A line that is no field is passed over, as Python's own reader does.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = bytes.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut metadata = Self::default();
        let mut next = lines.next();
        while let Some(line) = next.filter(|line| !line.is_empty()) {
            // Only whether a field goes on is of use: no field that is kept may span lines.
            let mut folded = false;
            next = lines.next();
            while next.is_some_and(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
                folded |= next.is_some_and(|line| !line.trim_ascii().is_empty());
                next = lines.next();
            }
            if let Some(colon) = line.iter().position(|&b| b == b':') {
                metadata.field(&line[..colon], &line[colon + 1..], folded);
            }
        }
        metadata
    }

    fn field(&mut self, key: &[u8], value: &[u8], folded: bool) {
        let key = key.trim_ascii();
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        let value = value.trim_ascii();
        if value.is_empty() || value == b"UNKNOWN" {
            return;
        }
        let text = || String::from_utf8_lossy(value).chars().take(MAX_FIELD_CHARS).collect::<String>();
        // The first of two fields counts, as for the e-mail reader of Python's standard library.
        let set = |field: &mut Option<String>| {
            field.get_or_insert_with(text);
        };
        if is("Name") {
            set(&mut self.name);
        } else if is("Version") {
            set(&mut self.version);
        } else if is("Author") && !folded {
            set(&mut self.author);
        } else if is("License-Expression") {
            set(&mut self.expression);
        } else if is("License") && !folded {
            // Folded, it is the licence's whole text.
            set(&mut self.license);
        } else if is("Classifier") && self.classifiers.len() < MAX_LICENSES {
            self.classifiers.extend(license_of_classifier(&text()));
        }
    }

    /// The licences by the best of three fields: the expression, the classifiers, the free text.
    pub(super) fn licenses(&self) -> Vec<String> {
        match (&self.expression, &self.license) {
            (Some(expression), _) => vec![expression.clone()],
            (None, _) if !self.classifiers.is_empty() => self.classifiers.clone(),
            (None, license) => license.iter().cloned().collect(),
        }
    }
}

/// `License :: OSI Approved :: MIT License` is the MIT License; `License :: OSI Approved` names none.
fn license_of_classifier(text: &str) -> Option<String> {
    let name = text.strip_prefix("License :: ")?.rsplit(" :: ").next()?.trim();
    (name != "OSI Approved" && !name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, version: &str, licenses: &[&str]) {
        let metadata = Metadata::parse(text.as_bytes());
        assert_eq!(metadata.name.as_deref().unwrap_or("none"), name, "{text}");
        assert_eq!(metadata.version.as_deref().unwrap_or("none"), version, "{text}");
        assert_eq!(metadata.licenses(), licenses, "{text}");
    }

    #[test]
    fn fields_are_read_up_to_the_first_empty_line() {
        check("Name: a\nVersion: 1\nLicense: MIT\n\nVersion: 2\n", "a", "1", &["MIT"]);
        check("name:a\r\nVERSION :  1.0 \r\n\r\nLicense: MIT", "a", "1.0", &[]);
        check("\u{feff}Name: a\nVersion: 1", "a", "1", &[]);
        check("", "none", "none", &[]);
        check("\nName: a\nVersion: 1", "none", "none", &[]);
        check("Name: a\nVersion: 1\nVersion: 2", "a", "1", &[]);
        check("Name: a\nVersion: UNKNOWN\nno field\nLicense: UNKNOWN", "a", "none", &[]);
    }

    #[test]
    fn the_best_licence_field_counts() {
        let classifiers = "Classifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License\n\
                           Classifier: Topic :: Software\n";
        check(&format!("{classifiers}License: x\nLicense-Expression: MIT"), "none", "none", &["MIT"]);
        check(&format!("{classifiers}License: x"), "none", "none", &["MIT License"]);
        check("License: Apache 2.0\nClassifier: License", "none", "none", &["Apache 2.0"]);
    }

    #[test]
    fn a_folded_field_is_one_field() {
        check("License: Copyright\n  Name: evil\n\tVersion: 9\nName: a\nVersion: 1", "a", "1", &[]);
        check("Description: one\n        two\n        \nName: a\nVersion: 1", "a", "1", &[]);
        check(" Name: a\nVersion: 1", "a", "1", &[]);
    }

    #[test]
    fn bytes_that_are_no_text_and_long_lines_are_survived() {
        let mut bytes = b"Name: \xff\xfe\nVersion: 1\nDescription: ".to_vec();
        bytes.extend(vec![b'x'; 3 << 20]);
        let metadata = Metadata::parse(&bytes);
        assert_eq!(metadata.name.as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!(metadata.version.as_deref(), Some("1"));
        assert_eq!(Metadata::parse(&vec![b'\n'; 4 << 20]), Metadata::default());
    }
}
