//! Which format some bytes are in, and what the readers of all formats share.

use plimsoll_model::Purl;

use crate::document::{Component, Document, Problem, Product};
use crate::json::{self, Node, short};
use crate::{Error, csaf, cyclonedx, openvex};

/// Largest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 32 << 20;

/// What a justification is expected to be.
pub(crate) const JUSTIFICATIONS: &str = "`component_not_present`, `vulnerable_code_not_present`, \
    `vulnerable_code_not_in_execute_path`, `vulnerable_code_cannot_be_controlled_by_adversary` or \
    `inline_mitigations_already_exist`";

/// Reads a VEX document, bare or as the predicate of an in-toto statement; its format is told by its content. `name`
/// is what the caller calls it.
///
/// A document in which a field has another shape than its format gives it is refused as a whole: what it left unsaid
/// could be what matters. A statement that can be read and is not valid is left out, or counts all the same, and is
/// among the document's [problems](Document::problems).
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Syntax`], [`Error::UnknownFormat`], [`Error::Field`].
pub fn read(bytes: &[u8], name: &str) -> Result<Document, Error> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::TooLarge {
            name: name.to_owned(),
            limit_bytes: MAX_DOCUMENT_BYTES,
            found_bytes: bytes.len(),
        });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let unknown = |found: String| Error::UnknownFormat { name: name.to_owned(), found };
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(b'<') => return Err(unknown("XML or HTML".to_owned())),
        Some(b'[') => return Err(unknown("a JSON list".to_owned())),
        Some(_) => return Err(unknown("no JSON object".to_owned())),
        None => return Err(unknown("nothing".to_owned())),
    }
    let value = json::parse(bytes).map_err(|source| Error::Syntax { name: name.to_owned(), source })?;
    let root = Node::root(name, &value);
    let mut document = if root.field("_type").as_text().is_some_and(is_in_toto) {
        let inherited = subjects(&root)?;
        by_content(&root.field("predicate"), &inherited)
    } else {
        by_content(&root, &[])
    }
    .map_err(|found| found.unwrap_or_else(unknown_format(name, &root)))?;
    name.clone_into(&mut document.name);
    Ok(document)
}

fn unknown_format<'a>(name: &'a str, root: &'a Node<'a, 'a>) -> impl FnOnce() -> Error + 'a {
    move || {
        let found = if let Some(kind) = root.field("predicateType").as_text() {
            format!("an in-toto statement of `{}`", short(kind))
        } else if root.field("payloadType").as_text().is_some() {
            "a signed envelope, which must be opened first".to_owned()
        } else if root.field("spdxVersion").as_text().is_some() {
            "an SPDX document".to_owned()
        } else if let Some(version) = root.field("specVersion").as_text() {
            format!("CycloneDX {}", short(version))
        } else if let Some(version) = root.field("document").field("csaf_version").as_text() {
            format!("CSAF {}", short(version))
        } else if let Some(context) = root.field("@context").as_text() {
            format!("the `@context` `{}`", short(context))
        } else {
            "JSON without the marks of one".to_owned()
        };
        Error::UnknownFormat { name: name.to_owned(), found }
    }
}

/// `Err(None)`: of no format that is known.
fn by_content(root: &Node<'_, '_>, inherited: &[Product]) -> Result<Document, Option<Error>> {
    let is = |name: &str, accepted: &dyn Fn(&str) -> bool| root.field(name).as_text().is_some_and(accepted);
    let read = if is("@context", &|context| context.starts_with(openvex::CONTEXT)) {
        openvex::document(root, inherited)
    } else if is("bomFormat", &|format| format == "CycloneDX")
        && is("specVersion", &|version| cyclonedx::VERSIONS.contains(&version))
    {
        cyclonedx::document(root)
    } else if root.field("document").field("csaf_version").as_text() == Some(csaf::VERSION) {
        csaf::document(root)
    } else {
        return Err(None);
    };
    read.map_err(Some)
}

/// Whether a document's `_type` is that of an in-toto statement.
pub(crate) fn is_in_toto(kind: &str) -> bool {
    kind.starts_with("https://in-toto.io/")
}

/// What an in-toto statement speaks of.
///
/// Source: in-toto attestation framework, Statement v1, `subject`.
fn subjects(root: &Node<'_, '_>) -> Result<Vec<Product>, Error> {
    let mut products = Vec::new();
    for node in root.field("subject").items_or_none()? {
        let mut component =
            Component { id: node.field("name").text_or_empty()?.to_owned(), ..Component::default() };
        for (algorithm, value) in node.field("digest").fields_or_none()? {
            component.add_hash(algorithm, value.text()?);
        }
        products.push(Product { component, subcomponents: Vec::new() });
    }
    Ok(products)
}

/// The problem of a `not_affected` that does not say why.
pub(crate) fn unjustified(at: String) -> Problem {
    Problem {
        at,
        reason: "expected a justification or an impact statement beside `not_affected`, found none"
            .to_owned(),
        ignored: true,
    }
}

/// Checks a package URL that stands at `node`.
pub(crate) fn purl(node: &Node<'_, '_>, text: &str) -> Result<Purl, Error> {
    text.parse::<Purl>().map_err(|error| node.unexpected(format!("a package URL ({})", error.reason)))
}

/// Takes a component's own name, which may tell what it is.
pub(crate) fn name(node: &Node<'_, '_>, text: &str, component: &mut Component) -> Result<(), Error> {
    if text.starts_with("pkg:") {
        purl(node, text)?;
    }
    text.clone_into(&mut component.id);
    component.add_name(text);
    Ok(())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
