//! The order of tags, for people.

use std::cmp::Ordering;

/// Numbers in names by their value: `1.9` goes before `1.10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        if left.is_empty() || right.is_empty() {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        }
        let (one, left_rest) = part(left);
        let (other, right_rest) = part(right);
        let both_numbers =
            one.starts_with(|c: char| c.is_ascii_digit()) && other.starts_with(|c: char| c.is_ascii_digit());
        let order = if both_numbers {
            let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            one.cmp(other)
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

/// The digits that a text begins with, or what stands before its first digit.
fn part(text: &str) -> (&str, &str) {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_by_their_value() {
        let mut tags = vec!["latest", "1.10", "1.9", "v2", "1", "v10", "01", "1.9-rc", "", "v2a"];
        tags.sort_by(|a, b| natural(a, b));
        assert_eq!(tags, ["", "01", "1", "1.9", "1.9-rc", "1.10", "latest", "v2", "v2a", "v10"]);
    }
}
