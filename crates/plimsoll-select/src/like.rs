//! Patterns of `LIKE`: `%` for any characters, `_` for one.

use crate::error::{Code, SelectError};
use crate::limits::MAX_LIKE_CHARACTERS;

/// A pattern that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Like {
    parts: Vec<Part>,
    shape: Shape,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    /// `%`.
    Any,
    /// `_`.
    One,
    Letter(char),
}

/// Forms that need no search character by character.
#[derive(Clone, Debug)]
enum Shape {
    /// `abc`
    Exact(String),
    /// `abc%`
    Begins(String),
    /// `%abc`
    Ends(String),
    /// `%abc%`
    Contains(Box<memchr::memmem::Finder<'static>>),
    Other,
}

impl Like {
    pub(crate) fn parse(pattern: &str, escape: Option<char>) -> Result<Like, SelectError> {
        let mut parts = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            if Some(letter) == escape {
                match letters.next() {
                    Some(next) if matches!(next, '%' | '_') || Some(next) == escape => {
                        parts.push(Part::Letter(next));
                    }
                    found => {
                        let found = found
                            .map_or_else(|| "the end of the pattern".to_owned(), |next| format!("`{next}`"));
                        return Err(SelectError::evaluation(
                            Code::EvaluatorLikePatternInvalidEscapeSequence,
                            format!(
                                "expected `%`, `_` or `{letter}` after the escape character, found {found}"
                            ),
                        ));
                    }
                }
                continue;
            }
            match letter {
                // Several `%` are one.
                '%' if parts.last() == Some(&Part::Any) => {}
                '%' => parts.push(Part::Any),
                '_' => parts.push(Part::One),
                letter => parts.push(Part::Letter(letter)),
            }
        }
        let shape = shape(&parts);
        if matches!(shape, Shape::Other) && parts.len() > MAX_LIKE_CHARACTERS {
            let message = format!(
                "expected a pattern of `LIKE` of at most {MAX_LIKE_CHARACTERS} characters, found one of {}",
                parts.len()
            );
            return Err(SelectError::evaluation(Code::LikeInvalidInputs, message));
        }
        Ok(Like { parts, shape })
    }

    /// Whether the whole text is as the pattern says.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.shape {
            Shape::Exact(word) => text == word,
            Shape::Begins(word) => text.starts_with(word.as_str()),
            Shape::Ends(word) => text.ends_with(word.as_str()),
            Shape::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Shape::Other => self.search(text),
        }
    }

    /// Goes back to the last `%` alone, which takes one character more: so the time is at most their product.
    fn search(&self, text: &str) -> bool {
        let (mut rest, mut part) = (text.chars(), 0);
        let mut retry: Option<(std::str::Chars<'_>, usize)> = None;
        loop {
            let next = rest.clone().next();
            let fits = match (self.parts.get(part), next) {
                (Some(Part::Any), _) => {
                    part += 1;
                    retry = Some((rest.clone(), part));
                    continue;
                }
                (None, None) => return true,
                (Some(Part::One), Some(_)) => true,
                (Some(Part::Letter(letter)), Some(next)) => *letter == next,
                (_, None) | (None, Some(_)) => false,
            };
            if fits {
                rest.next();
                part += 1;
                continue;
            }
            let Some((from, after)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            (rest, part) = (from.clone(), *after);
        }
    }
}

fn shape(parts: &[Part]) -> Shape {
    let word = |parts: &[Part]| -> Option<String> {
        parts
            .iter()
            .map(|part| match part {
                Part::Letter(letter) => Some(*letter),
                Part::Any | Part::One => None,
            })
            .collect()
    };
    let found = match parts {
        [Part::Any, inner @ .., Part::Any] => word(inner)
            .map(|word| Shape::Contains(Box::new(memchr::memmem::Finder::new(word.as_bytes()).into_owned()))),
        [Part::Any, inner @ ..] => word(inner).map(Shape::Ends),
        [inner @ .., Part::Any] => word(inner).map(Shape::Begins),
        all => word(all).map(Shape::Exact),
    };
    found.unwrap_or(Shape::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_or_not() {
        for (text, pattern, escape, expected) in [
            ("", "", None, true),
            ("", "%", None, true),
            ("", "_", None, false),
            ("abc", "abc", None, true),
            ("abc", "ABC", None, false),
            ("abc", "a%", None, true),
            ("abc", "%c", None, true),
            ("abc", "%b%", None, true),
            ("abc", "%%b%%", None, true),
            ("abc", "a_c", None, true),
            ("abc", "___", None, true),
            ("abc", "____", None, false),
            ("abc", "_%_%_", None, true),
            ("aXbXc", "a%b%c", None, true),
            ("mississippi", "m%iss%ip%i", None, true),
            ("mississippi", "m%iss%ipx%i", None, false),
            ("10%", "10\\%", Some('\\'), true),
            ("100", "10\\%", Some('\\'), false),
            ("a_b", "a!_b", Some('!'), true),
            ("axb", "a!_b", Some('!'), false),
            ("a!b", "a!!b", Some('!'), true),
            ("é", "_", None, true),
            ("new\nline", "new%line", None, true),
            ("1%", "1%%", Some('%'), true),
        ] {
            let like = Like::parse(pattern, escape).unwrap();
            assert_eq!(like.matches(text), expected, "{text:?} {pattern:?}");
            assert_eq!(like.search(text), expected, "{text:?} {pattern:?}, the slow way");
        }
    }

    #[test]
    fn an_escape_needs_something_to_escape() {
        for pattern in ["abc\\", "a\\bc"] {
            let error = Like::parse(pattern, Some('\\')).unwrap_err();
            assert_eq!(error.code(), Code::EvaluatorLikePatternInvalidEscapeSequence);
        }
    }

    #[test]
    fn patterns_that_must_be_searched_have_a_length() {
        let long = "a".repeat(MAX_LIKE_CHARACTERS);
        assert!(Like::parse(&format!("%{long}%"), None).unwrap().matches(&format!("b{long}c")));
        let error = Like::parse(&format!("_{long}"), None).unwrap_err();
        assert_eq!(error.code(), Code::LikeInvalidInputs);
    }

    #[test]
    fn many_wildcards_take_no_exponential_time() {
        let pattern = "%a".repeat(200) + "%b_";
        assert!(!Like::parse(&pattern, None).unwrap().matches(&"a".repeat(10_000)));
    }
}
