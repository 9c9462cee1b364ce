//! How much one document may say.

use crate::Error;
use crate::document::Component;
use crate::json::Node;

/// Most statements of a document.
pub const MAX_STATEMENTS: usize = 100_000;
/// Most products, subcomponents and references to them of a document, counted as often as they are named.
pub const MAX_PRODUCTS: usize = 300_000;
/// Most references from flags, remediations and threats to products.
const MAX_LINKS: usize = 3_000_000;

/// Most bytes of names that are kept more than once, since several statements speak of them.
const MAX_COPIED_BYTES: usize = 256 << 20;
/// What a copy of a component takes beside its names, in bytes.
const COPY_BYTES: usize = 200;
/// Most names of one vulnerability.
const MAX_NAMES: usize = 1_000;
/// Most digests of one component.
pub(crate) const MAX_DIGESTS: usize = 64;

/// What is left of all that.
pub(crate) struct Budget {
    statements: usize,
    products: usize,
    links: usize,
    copied_bytes: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            statements: MAX_STATEMENTS,
            products: MAX_PRODUCTS,
            links: MAX_LINKS,
            copied_bytes: MAX_COPIED_BYTES,
        }
    }

    /// Takes one statement on a vulnerability of these names, that stands at `node`.
    pub(crate) fn statement(&mut self, node: &Node<'_, '_>, names: &[String]) -> Result<(), Error> {
        take(&mut self.statements, 1, node, || format!("at most {MAX_STATEMENTS} statements in a document"))?;
        self.copied(names.iter().map(|name| name.len() + size_of::<String>()).sum(), node)
    }

    /// Takes one product, that stands at `node`.
    pub(crate) fn product(&mut self, node: &Node<'_, '_>) -> Result<(), Error> {
        take(&mut self.products, 1, node, || format!("at most {MAX_PRODUCTS} products in a document"))
    }

    /// Takes one reference to a product, that stands at `node`.
    pub(crate) fn link(&mut self, node: &Node<'_, '_>) -> Result<(), Error> {
        take(&mut self.links, 1, node, || format!("at most {MAX_LINKS} references to products"))
    }

    /// Copies a component for a statement that stands at `node`.
    pub(crate) fn copy(&mut self, component: &Component, node: &Node<'_, '_>) -> Result<Component, Error> {
        let Component { id, purls, digests, references, cpes, versions } = component;
        let names = [purls, digests, references, cpes].into_iter().flatten().chain(versions);
        self.copied(names.map(String::len).sum::<usize>() + id.len() + COPY_BYTES, node)?;
        Ok(component.clone())
    }

    fn copied(&mut self, bytes: usize, node: &Node<'_, '_>) -> Result<(), Error> {
        take(&mut self.copied_bytes, bytes, node, || {
            format!("at most {MAX_COPIED_BYTES} bytes of names in the document's statements")
        })
    }
}

fn take(
    left: &mut usize,
    amount: usize,
    node: &Node<'_, '_>,
    expected: impl FnOnce() -> String,
) -> Result<(), Error> {
    match left.checked_sub(amount) {
        Some(rest) => *left = rest,
        None => return Err(node.unexpected(expected())),
    }
    Ok(())
}

/// Adds a vulnerability's name, that stands at `node`, if it is not among them yet.
pub(crate) fn add_name(names: &mut Vec<String>, node: &Node<'_, '_>) -> Result<(), Error> {
    let name = node.text()?;
    if !names.iter().any(|known| known == name) {
        if names.len() == MAX_NAMES {
            return Err(node.unexpected(format!("at most {MAX_NAMES} names of a vulnerability")));
        }
        names.push(name.to_owned());
    }
    Ok(())
}
