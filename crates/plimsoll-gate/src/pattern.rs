//! Patterns with wildcards, for paths, images and parts of package URLs.
//!
//! `*` stands for any run of characters without `/`, `?` for one such character, `**` for any run, and `**/` for any
//! number of folders, none too. Everything else stands for itself.

/// Longest pattern, in bytes.
pub(crate) const MAX_PATTERN_BYTES: usize = 1024;

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Just(char),
    One,
    Run,
    Deep,
    Folders,
}

impl Pattern {
    /// Reads a pattern; `None` where it is too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.len() > MAX_PATTERN_BYTES {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let at_segment = parts.last().is_none_or(|&part| matches!(part, Part::Just('/') | Part::Folders));
            let (part, length) = match next {
                '*' if at_segment && rest.starts_with("**/") => (Part::Folders, 3),
                '*' if rest.starts_with("**") => (Part::Deep, 2),
                '*' => (Part::Run, 1),
                '?' => (Part::One, 1),
                other => (Part::Just(other), other.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        Some(Self { text: text.to_owned(), parts })
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it holds for the whole text. Costs at most their lengths multiplied.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let end = self.parts.len();
        let mut at = vec![false; end + 1];
        self.enter(&mut at, 0);
        let mut previous = '/';
        for next in text.chars() {
            let mut then = vec![false; end + 1];
            for (index, part) in self.parts.iter().enumerate().filter(|&(index, _)| at[index]) {
                match part {
                    Part::Just(just) if *just == next => self.enter(&mut then, index + 1),
                    Part::One if next != '/' => self.enter(&mut then, index + 1),
                    Part::Run if next != '/' => self.enter(&mut then, index),
                    Part::Deep => self.enter(&mut then, index),
                    Part::Folders => {
                        then[index] = true;
                        if next == '/' && previous != '/' {
                            self.enter(&mut then, index + 1);
                        }
                    }
                    Part::Just(_) | Part::One | Part::Run => {}
                }
            }
            previous = next;
            at = then;
        }
        at[end]
    }

    /// Stands at a part, and behind those that may be empty.
    fn enter(&self, at: &mut [bool], mut index: usize) {
        at[index] = true;
        while matches!(self.parts.get(index), Some(Part::Run | Part::Deep | Part::Folders)) {
            index += 1;
            at[index] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stay_in_their_folder_unless_they_are_two() {
        for (pattern, text, found) in [
            ("", "", true),
            ("", "a", false),
            ("a.jar", "a.jar", true),
            ("a.jar", "aXjar", false),
            ("*.jar", "a.jar", true),
            ("*.jar", "lib/a.jar", false),
            ("**/*.jar", "lib/x/a.jar", true),
            ("**/*.jar", "a.jar", true),
            ("app/**", "app/lib/a.jar", true),
            ("app/**", "apple", false),
            ("app/**/a.jar", "app/a.jar", true),
            ("app/**/a.jar", "app/b/c/a.jar", true),
            ("app/**/a.jar", "app/b/ca.jar", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("lib*-dev", "libssl-dev", true),
            ("*", "é", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(text), found, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_its_length() {
        let pattern = Pattern::new(&"*a".repeat(500)).unwrap();
        assert!(!pattern.matches(&"a".repeat(2000).replace("aaaa", "aaab")[..1990].replace('a', "b")));
        assert!(Pattern::new(&"a".repeat(MAX_PATTERN_BYTES + 1)).is_none());
    }
}
