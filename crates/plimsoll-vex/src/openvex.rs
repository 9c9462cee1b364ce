//! OpenVEX.
//!
//! Source: OpenVEX specification 0.2.0. The older form, in which vulnerabilities and products are texts and
//! subcomponents stand beside the products, is read too: its meaning is the same.

use crate::document::{Component, Document, Format, Justification, Problem, Product, Statement, Status};
use crate::json::Node;
use crate::limits::{self, Budget};
use crate::{Error, read};

/// How the `@context` of every version begins.
pub(crate) const CONTEXT: &str = "https://openvex.dev/ns";

/// Reads a document. `inherited`: what its envelope speaks of, for statements that name no product.
pub(crate) fn document(root: &Node<'_, '_>, inherited: &[Product]) -> Result<Document, Error> {
    let version = match root.field("version").number()? {
        Some(version) => version.to_string(),
        None => return Err(root.field("version").unexpected("the document's version, a whole number")),
    };
    let timestamp = root.field("timestamp").instant()?;
    let mut document = Document {
        name: String::new(),
        format: Format::OpenVex,
        id: root.field("@id").text()?.to_owned(),
        author: root.field("author").text()?.to_owned(),
        timestamp: timestamp.to_owned(),
        version,
        statements: Vec::new(),
        problems: Vec::new(),
    };
    let mut budget = Budget::new();
    for node in root.field("statements").items()? {
        node.object()?;
        let at = node.at();
        let products = products(&node, inherited, &mut budget)?;
        if !products.iter().any(|product| product.component.is_identified()) {
            document.problems.push(Problem {
                at: at.clone(),
                reason: "expected a product with a package URL, a digest or an image's name, found none"
                    .to_owned(),
                ignored: false,
            });
        }
        let vulnerability = vulnerability(&node.field("vulnerability"))?;
        budget.statement(&node, &vulnerability)?;
        let Some(status) = status(&node, &mut document.problems)? else { continue };
        let updated = node.field("last_updated").instant_or_empty()?;
        let own = node.field("timestamp").instant_or_empty()?;
        document.statements.push(Statement {
            at,
            vulnerability,
            products,
            status,
            timestamp: [updated, own, timestamp].into_iter().find(|t| !t.is_empty()).unwrap_or("").to_owned(),
        });
    }
    Ok(document)
}

fn vulnerability(node: &Node<'_, '_>) -> Result<Vec<String>, Error> {
    if let Some(name) = node.as_text().filter(|name| !name.is_empty()) {
        return Ok(vec![name.to_owned()]);
    }
    node.object()?;
    let mut names = vec![node.field("name").text()?.to_owned()];
    for alias in node.field("aliases").items_or_none()? {
        limits::add_name(&mut names, &alias)?;
    }
    Ok(names)
}

fn products(node: &Node<'_, '_>, inherited: &[Product], budget: &mut Budget) -> Result<Vec<Product>, Error> {
    let mut shared = Vec::new();
    for item in node.field("subcomponents").items_or_none()? {
        budget.product(&item)?;
        shared.push(component(&item)?);
    }
    let mut products = Vec::new();
    for item in node.field("products").items_or_none()? {
        budget.product(&item)?;
        let mut product = Product { component: component(&item)?, subcomponents: Vec::new() };
        for part in item.field("subcomponents").items_or_none()? {
            budget.product(&part)?;
            product.subcomponents.push(component(&part)?);
        }
        products.push(product);
    }
    if products.is_empty() {
        for product in inherited {
            budget.product(node)?;
            let component = budget.copy(&product.component, node)?;
            products.push(Product { component, subcomponents: Vec::new() });
        }
    }
    for product in &mut products {
        for part in &shared {
            budget.product(node)?;
            product.subcomponents.push(budget.copy(part, node)?);
        }
    }
    Ok(products)
}

fn component(node: &Node<'_, '_>) -> Result<Component, Error> {
    let mut component = Component::default();
    if let Some(name) = node.as_text() {
        read::name(node, name, &mut component)?;
        return Ok(component);
    }
    node.object()?;
    let id = node.field("@id");
    read::name(&id, id.text_or_empty()?, &mut component)?;
    for (kind, value) in node.field("identifiers").fields_or_none()? {
        match kind.trim_start_matches('@') {
            "purl" => {
                let purl = value.text()?;
                read::purl(&value, purl)?;
                component.add_name(purl);
            }
            "cpe22" | "cpe23" => component.add_name(value.text()?),
            _ => {}
        }
    }
    for (algorithm, value) in node.field("hashes").fields_or_none()? {
        component.add_hash(algorithm, value.text()?);
    }
    Ok(component)
}

/// The status; `None` where it is not valid and was reported.
fn status(node: &Node<'_, '_>, problems: &mut Vec<Problem>) -> Result<Option<Status>, Error> {
    let field = node.field("status");
    let justification = node.field("justification");
    let justification = match justification.text_or_empty()? {
        "" => None,
        word => Some(
            Justification::from_word(word)
                .filter(|found| found.openvex() == word)
                .ok_or_else(|| justification.unexpected(read::JUSTIFICATIONS))?,
        ),
    };
    let impact = node.field("impact_statement").text_or_empty()?.trim();
    let notes = node.field("status_notes").text_or_empty()?.trim();
    let action = node.field("action_statement").text_or_empty()?.trim();
    let status = match field.text()? {
        "not_affected" => {
            if justification.is_none() && impact.is_empty() {
                problems.push(read::unjustified(node.at()));
                return Ok(None);
            }
            // Beside a justification, notes say more of it; alone they say nothing that counts.
            let impact = if impact.is_empty() { notes } else { impact };
            Status::NotAffected { justification, impact: impact.to_owned() }
        }
        "affected" => {
            if action.is_empty() {
                problems.push(Problem {
                    at: node.at(),
                    reason: "expected an `action_statement` beside `affected`, found none".to_owned(),
                    ignored: false,
                });
            }
            Status::Affected { action: action.to_owned() }
        }
        "fixed" => Status::Fixed,
        "under_investigation" => Status::UnderInvestigation,
        _ => return Err(field.unexpected("`not_affected`, `affected`, `fixed` or `under_investigation`")),
    };
    Ok(Some(status))
}
