//! Paths of archives, as text.

/// A path from the root: no leading `/`, no `.`, no empty segments; the root itself is the empty text. `None` where
/// a `..` would leave the root.
pub fn normalize(path: &str) -> Option<String> {
    let is_plain = !path.is_empty() && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    if is_plain {
        return Some(path.to_owned());
    }
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                if out.is_empty() {
                    return None;
                }
                out.truncate(out.rfind('/').unwrap_or(0));
            }
            _ => {
                if !out.is_empty() {
                    out.push('/');
                }
                out.push_str(segment);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_brought_to_one_form_and_stay_inside() {
        for (given, expected) in [
            ("etc/passwd", Some("etc/passwd")),
            ("./etc//passwd", Some("etc/passwd")),
            ("/etc/passwd/", Some("etc/passwd")),
            ("a/../b", Some("b")),
            ("a/b/../../c", Some("c")),
            ("", Some("")),
            ("./", Some("")),
            ("../x", None),
            ("a/../../x", None),
        ] {
            assert_eq!(normalize(given).as_deref(), expected, "{given}");
        }
    }
}
