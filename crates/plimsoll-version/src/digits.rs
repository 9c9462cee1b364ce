//! Numbers of any length, compared as the digits they are written with.

use std::cmp::Ordering;

/// The place of one run of digits against another. Leading zeros do not count, no digits at all are zero.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (significant(left), significant(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Whether the digits mean zero.
pub(crate) fn is_zero(digits: &[u8]) -> bool {
    significant(digits).is_empty()
}

/// The digits from the first on that is not zero.
pub(crate) fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_decides_before_digits_do() {
        for (left, order, right) in [
            ("", Ordering::Equal, "000"),
            ("7", Ordering::Equal, "007"),
            ("9", Ordering::Less, "10"),
            ("99999999999999999999999999", Ordering::Less, "100000000000000000000000000"),
        ] {
            assert_eq!(compare(left.as_bytes(), right.as_bytes()), order, "{left} {right}");
            assert_eq!(compare(right.as_bytes(), left.as_bytes()), order.reverse(), "{right} {left}");
        }
    }
}
