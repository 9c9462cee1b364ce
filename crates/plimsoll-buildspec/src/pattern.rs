//! Patterns of paths: `**/*`, `target/*.jar`.

/// Most words that braces may stand for.
const MAX_ALTERNATIVES: usize = 64;

/// A pattern of paths.
///
/// `*` and `?` stand for characters of one name, `**` as a name for any number of folders, `[a-z]` and `[!a-z]` for one
/// character, `{a,b}` for one of several words; a backslash takes the next character as it is. Names that begin with a
/// dot are matched like others.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `artifacts/files` and `artifacts/exclude-paths`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    alternatives: Vec<Vec<Vec<char>>>,
}

impl Pattern {
    /// Reads a pattern; every text is one. A leading `./` and a trailing `/` mean nothing.
    pub fn new(text: &str) -> Self {
        let mut alternatives = Vec::new();
        let mut open = vec![text.to_owned()];
        while let Some(word) = open.pop() {
            match braces(&word) {
                Some((before, words, after))
                    if open.len() + alternatives.len() + words.len() <= MAX_ALTERNATIVES =>
                {
                    open.extend(words.iter().rev().map(|word| format!("{before}{word}{after}")));
                }
                _ => alternatives.push(names(&word)),
            }
        }
        Self { text: text.to_owned(), alternatives }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it begins at the root of the file system.
    pub(crate) fn is_absolute(&self) -> bool {
        self.text.starts_with('/')
    }

    /// For each alternative, the folders before the first name that is a pattern; the whole path if none is.
    pub(crate) fn prefixes(&self) -> Vec<(Vec<String>, bool)> {
        let prefix = |names: &Vec<Vec<char>>| {
            let literal: Vec<String> = names.iter().map_while(|name| literal(name)).collect();
            let is_whole = literal.len() == names.len();
            (literal, is_whole)
        };
        self.alternatives.iter().map(prefix).collect()
    }

    /// Whether the path, without `.` and `..` in it, is one of those that are meant.
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<Vec<char>> = names(path);
        self.alternatives.iter().any(|names| matches_names(names, &path))
    }
}

/// The names of a path.
fn names(text: &str) -> Vec<Vec<char>> {
    text.split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .map(|name| name.chars().collect())
        .collect()
}

/// The first pair of braces that holds a comma: what stands before, the words, what stands after.
fn braces(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let mut start = None;
    let mut commas = Vec::new();
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => {}
            '{' => (start, commas) = (Some(at), Vec::new()),
            ',' if start.is_some() => commas.push(at),
            '}' => {
                if let Some(open) = start.take()
                    && !commas.is_empty()
                {
                    let mut words = Vec::new();
                    let mut from = open + 1;
                    for comma in commas.iter().chain([&at]) {
                        words.push(&text[from..*comma]);
                        from = comma + 1;
                    }
                    return Some((&text[..open], words, &text[at + 1..]));
                }
            }
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

/// The name itself, if it is no pattern.
fn literal(name: &[char]) -> Option<String> {
    let mut text = String::new();
    let mut chars = name.iter();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return None,
            '\\' => text.push(*chars.next().unwrap_or(&'\\')),
            _ => text.push(*c),
        }
    }
    Some(text)
}

/// `**` is any number of names; without recursion, by going back to the last `**` alone.
fn matches_names(pattern: &[Vec<char>], path: &[Vec<char>]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while s < path.len() {
        if p < pattern.len() && pattern[p][..] == ['*', '*'] {
            back = Some((p, s));
            p += 1;
        } else if p < pattern.len() && matches_name(&pattern[p], &path[s]) {
            (p, s) = (p + 1, s + 1);
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            (p, s) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    // A `**` at the end wants a name, as `dir/**` means what is inside the folder.
    p == pattern.len()
}

fn matches_name(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while s < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                back = Some((p, s));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => set(&pattern[p..], name[s]),
            Some('\\') if p + 1 < pattern.len() => (pattern[p + 1] == name[s]).then_some(2),
            Some(c) => (*c == name[s]).then_some(1),
            None => None,
        };
        match (step, back) {
            (Some(length), _) => (p, s) = (p + length, s + 1),
            (None, Some((star, from))) => {
                back = Some((star, from + 1));
                (p, s) = (star + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of the set `[…]` at the beginning of the pattern, if it has the character. One that is not closed is a
/// bracket.
fn set(pattern: &[char], c: char) -> Option<usize> {
    let is_negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = 1 + usize::from(is_negated);
    let Some(end) = (first + 1..pattern.len()).find(|at| pattern[*at] == ']') else {
        return (c == '[').then_some(1);
    };
    let mut at = first;
    let mut has = false;
    while at < end {
        if at + 2 < end && pattern[at + 1] == '-' {
            has |= (pattern[at]..=pattern[at + 2]).contains(&c);
            at += 3;
        } else {
            has |= pattern[at] == c;
            at += 1;
        }
    }
    (has != is_negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_documented() {
        for (pattern, yes, no) in [
            ("**/*", &["a", "a/b", ".ebextensions/x.config"][..], &[""][..]),
            ("my-file.jar", &["my-file.jar"], &["a/my-file.jar", "my-file.jars"]),
            ("my-subdirectory/*", &["my-subdirectory/a"], &["my-subdirectory/a/b", "my-subdirectory"]),
            (
                "my-subdirectory/**/*",
                &["my-subdirectory/a", "my-subdirectory/a/b/c"],
                &["other/a", "my-subdirectory"],
            ),
            ("*/my-file3.txt", &["my-subdirectory/my-file3.txt"], &["my-file3.txt", "a/b/my-file3.txt"]),
            ("**/*.jar", &["a.jar", "target/x/a.jar"], &["a.jar/b"]),
            ("**/a/**/b", &["a/b", "x/a/y/z/b"], &["b", "a/c"]),
            ("a**", &["abc"], &["a/b"]),
            ("./target/", &["target"], &["target/a"]),
            ("[a-c]?[!x]\\*", &["b1y*"], &["d1y*", "b1x*", "b1yz"]),
            ("*.{jar,war}", &["a.jar", "a.war"], &["a.ear", "a.{jar,war}"]),
            ("{a,b}/{c,d}", &["a/c", "b/d"], &["a/b"]),
            ("[", &["["], &["a"]),
            ("dir/**", &["dir/a", "dir/a/b"], &["dir"]),
            ("**", &["a", "a/b"], &[]),
        ] {
            let read = Pattern::new(pattern);
            for path in yes {
                assert!(read.matches(path), "{pattern} {path}");
            }
            for path in no {
                assert!(!read.matches(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn hostile_patterns_end() {
        let many = Pattern::new(&"{a,b}".repeat(40));
        assert!(many.alternatives.len() <= MAX_ALTERNATIVES);
        let stars = Pattern::new(&"**/*a".repeat(200));
        assert!(!stars.matches(&"b/".repeat(500)));
        assert!(!Pattern::new(&"*a".repeat(2000)).matches(&"b".repeat(5000)));
        for text in ["", "\\", "[!]", "[]]", "{", "}", "{,}", "{{{", "a\\"] {
            let _ = Pattern::new(text).matches("a/b");
        }
    }

    #[test]
    fn what_stands_before_a_pattern_is_literal() {
        let shown = |text: &str| {
            let prefixes = Pattern::new(text).prefixes();
            prefixes
                .iter()
                .map(|(names, whole)| format!("{} {whole}", names.join("/")))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(shown("a/b/*.jar"), "a/b false");
        assert_eq!(shown("a/b"), "a/b true");
        assert_eq!(shown("**/*"), " false");
        assert_eq!(shown("x/{a,b*}"), "x/a true, x false");
    }
}
