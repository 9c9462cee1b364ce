//! Secrets in the open, by the name of what holds them and by their shape. Their values are not repeated.

/// Parts of names of what is secret.
const NAMES: [&str; 14] = [
    "ACCESS_KEY",
    "ACCESSKEY",
    "API_KEY",
    "APIKEY",
    "AUTH_KEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PRIVATE_KEY",
    "PRIVATEKEY",
    "SECRET",
    "SIGNING_KEY",
    "TOKEN",
];

/// Ends of names of what only says where a secret is.
const PLACES: [&str; 11] =
    ["_ARN", "_FILE", "_ID", "_LENGTH", "_NAME", "_PARAMETER", "_PATH", "_TTL", "_TYPE", "_URL", "_VERSION"];

/// Beginnings of what is secret by its shape, how long it is at least, and what it is.
///
/// Source: the documentation of those who give them out.
const SHAPES: [(&str, usize, &str); 15] = [
    ("AKIA", 20, "an access key of AWS"),
    ("ASIA", 20, "an access key of AWS"),
    ("ghp_", 40, "a token of GitHub"),
    ("gho_", 40, "a token of GitHub"),
    ("ghs_", 40, "a token of GitHub"),
    ("github_pat_", 60, "a token of GitHub"),
    ("glpat-", 26, "a token of GitLab"),
    ("dckr_pat_", 30, "a token of Docker Hub"),
    ("npm_", 40, "a token of npm"),
    ("xoxb-", 30, "a token of Slack"),
    ("xoxp-", 30, "a token of Slack"),
    ("sk_live_", 30, "a key of Stripe"),
    ("hvs.", 30, "a token of Vault"),
    ("pypi-AgEI", 60, "a token of PyPI"),
    ("-----BEGIN", 30, "a private key"),
];

/// What is secret about a name, if it holds this text.
pub(super) fn by_name(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let is_named = NAMES.iter().any(|part| name.contains(part));
    // An access key's ID is no secret, but stands beside one; by its shape it is found.
    let is_place = PLACES.iter().any(|end| name.ends_with(end));
    is_named && !is_place && is_literal(value)
}

/// Whether a value is written out, rather than asked for elsewhere.
fn is_literal(value: &str) -> bool {
    let value = value.trim();
    let is_word =
        matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "none" | "null" | "changeme");
    !(value.is_empty()
        || is_word
        || value.starts_with("arn:")
        || value.starts_with('/')
        || value.contains("{{resolve:")
        || value.contains("#{")
        || value.starts_with('$'))
}

/// What a text holds that is secret by its shape.
pub(super) fn by_shape(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.split(|c: char| !is_part(c)).find_map(|word| {
        let shape =
            SHAPES.iter().find(|(start, least, _)| word.starts_with(start) && word.len() >= *least)?;
        let is_key = shape.0 != "AKIA" && shape.0 != "ASIA"
            || (word.len() == 20 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
        // Examples in documentation end in this word.
        (is_key && !word.ends_with("EXAMPLE") && shape.0 != "-----BEGIN").then_some(shape.2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        for (name, value, is_secret) in [
            ("DB_PASSWORD", "hunter2", true),
            ("github-token", "abc", true),
            ("DB_PASSWORD", "", false),
            ("DB_PASSWORD", "{{resolve:secretsmanager:db}}", false),
            ("DB_PASSWORD", "#{S.x}", false),
            ("SECRET_NAME", "shop/db", false),
            ("SECRET_ARN", "x", false),
            ("TOKEN", "arn:aws:secretsmanager:x", false),
            ("TOKEN", "$OTHER", false),
            ("IMAGE", "x", false),
        ] {
            assert_eq!(by_name(name, value), is_secret, "{name}={value}");
        }
    }

    #[test]
    fn secrets_are_known_by_shape() {
        let key = format!("AK{}", "IAQ7ZT2M4N6P8R0S1U");
        let token = format!("gh{}_{}", 'p', "a1B2".repeat(9));
        for (text, found) in [
            (format!("export K={key}"), Some("an access key of AWS")),
            (format!("curl -H 'token {token}'"), Some("a token of GitHub")),
            (format!("AKIA{}EXAMPLE", "IOSFODNN7"), None),
            ("npm_config_cache".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(by_shape(&text), found, "{text}");
        }
    }
}
