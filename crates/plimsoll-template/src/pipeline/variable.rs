//! Variables of actions and pipelines, `#{namespace.name}`.
//!
//! Source: AWS CodePipeline User Guide, "Variables reference".

use crate::document::quoted;

/// A variable that a text asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableReference {
    /// `codepipeline`, `variables` (the pipeline's own), or the namespace of an action.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The variables that a text asks for, in order.
///
/// # Errors
/// What is wrong with a `#{…}` that is none.
pub fn references(text: &str) -> Result<Vec<VariableReference>, String> {
    let mut found = Vec::new();
    each(text, |reference| {
        found.push(reference);
        Ok(String::new())
    })?;
    Ok(found)
}

/// The text with each `#{namespace.name}` replaced. What is put in is not looked at again.
///
/// # Errors
/// What is wrong with a `#{…}`, or that `value` knows no value.
pub fn substitute(
    text: &str,
    mut value: impl FnMut(&VariableReference) -> Option<String>,
) -> Result<String, String> {
    each(text, |reference| {
        value(&reference).ok_or_else(|| {
            let VariableReference { namespace, name } = &reference;
            format!("expected a variable that is set, found `#{{{}.{}}}`", quoted(namespace), quoted(name))
        })
    })
}

fn each(
    text: &str,
    mut replaced: impl FnMut(VariableReference) -> Result<String, String>,
) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("#{") {
        let Some(length) = rest[start..].find('}') else { break };
        let inside = &rest[start + 2..start + length];
        result.push_str(&rest[..start]);
        rest = &rest[start + length + 1..];
        let fits = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_' | '.'))
        };
        match inside.split_once('.') {
            Some((namespace, name)) if fits(namespace) && fits(name) => {
                let reference = VariableReference { namespace: namespace.to_owned(), name: name.to_owned() };
                result.push_str(&replaced(reference)?);
            }
            _ => return Err(format!("expected `#{{namespace.name}}`, found `#{{{}}}`", quoted(inside))),
        }
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_and_replaced() {
        let value = |reference: &VariableReference| {
            (reference.namespace == "a").then(|| format!("<{}>", reference.name))
        };
        for (text, expected) in [
            ("", Ok("")),
            ("plain # { $", Ok("plain # { $")),
            ("x#{a.b}y#{a.c-d}", Ok("x<b>y<c-d>")),
            ("#{a.b", Ok("#{a.b")),
            ("#{z.b}", Err("expected a variable that is set, found `#{z.b}`")),
            ("#{a}", Err("expected `#{namespace.name}`, found `#{a}`")),
            ("#{a.#{a.b}}", Err("expected `#{namespace.name}`, found `#{a.#{a.b}`")),
        ] {
            assert_eq!(substitute(text, value), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(references("#{a.b}").unwrap().len(), 1);
    }
}
