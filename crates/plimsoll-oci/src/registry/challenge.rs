//! What a registry says of how it wants to be asked.
//!
//! Source: RFC 9110, 11.6.1 (`WWW-Authenticate`); Distribution, "Token Authentication Specification".

/// The most challenges that are read from one answer.
const MAX_CHALLENGES: usize = 16;

/// One way of being let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer(Bearer),
    /// A scheme that is not spoken here, lower case.
    Other(String),
}

/// A token is to be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) realm: String,
    pub(crate) service: String,
    /// Empty where the registry leaves it to the client.
    pub(crate) scope: String,
}

/// Reads one `WWW-Authenticate` header, which may hold several challenges. What is malformed is passed over.
pub(crate) fn parse(text: &str) -> Vec<Challenge> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() && out.len() < MAX_CHALLENGES {
        let (scheme, behind) = token(rest);
        if scheme.is_empty() {
            break;
        }
        rest = behind.trim_start_matches([' ', '\t']);
        let mut bearer = Bearer::default();
        // Parameters go on until something follows that is no `name=value`: the next scheme.
        loop {
            let start = rest.trim_start_matches([' ', '\t', ',']);
            let (name, behind) = token(start);
            let Some(behind) = behind.trim_start_matches([' ', '\t']).strip_prefix('=') else {
                rest = start;
                break;
            };
            if name.is_empty() {
                rest = "";
                break;
            }
            let (value, behind) = value(behind.trim_start_matches([' ', '\t']));
            match name.to_ascii_lowercase().as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = value,
                "scope" => bearer.scope = value,
                _ => {}
            }
            rest = behind;
        }
        out.push(match scheme.to_ascii_lowercase().as_str() {
            "basic" => Challenge::Basic,
            "bearer" => Challenge::Bearer(bearer),
            other => Challenge::Other(other.to_owned()),
        });
    }
    out
}

fn token(text: &str) -> (&str, &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !plain(c)).unwrap_or(text.len()))
}

/// A quoted string, or all up to the next comma or blank.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut out = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, &quoted[at + 1..]),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
    }
    (out, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        Challenge::Bearer(Bearer { realm: realm.into(), service: service.into(), scope: scope.into() })
    }

    #[test]
    fn challenges_of_real_shapes() {
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
                vec![bearer("https://auth.example/token", "registry.example", "repository:a/b:pull,push")],
            ),
            (r#"Basic realm="Registry, \"ours\"""#, vec![Challenge::Basic]),
            (
                r#"Basic realm="x", bearer Realm = "https://t/" , error="invalid_token""#,
                vec![Challenge::Basic, bearer("https://t/", "", "")],
            ),
            ("Negotiate, Basic", vec![Challenge::Other("negotiate".into()), Challenge::Basic]),
            ("Bearer realm=https://t/,service=s", vec![bearer("https://t/", "s", "")]),
            (r#"Bearer realm="unclosed"#, vec![bearer("unclosed", "", "")]),
            ("", vec![]),
            (",,,", vec![]),
            ("\u{1}garbage", vec![]),
            (r#"Bearer ="x""#, vec![bearer("", "", "")]),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_hostile_header_ends() {
        assert_eq!(parse(&"Basic,".repeat(10_000)).len(), MAX_CHALLENGES);
        parse(&"\"\\".repeat(10_000));
        parse(&"a=".repeat(10_000));
        parse("Bearer realm=\"\\");
    }
}
