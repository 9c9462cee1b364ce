//! CycloneDX: the analyses of vulnerabilities, in a document of their own or in a bill of materials.
//!
//! Where the document describes one product (`metadata.component`) that has a name which can be told, a component of
//! it is meant inside that product and nowhere else.
//!
//! Source: CycloneDX 1.6, `vulnerabilities[].analysis`, `vulnerabilities[].affects`; BOM-Link, `urn:cdx:…`.

use std::collections::BTreeMap;

use crate::document::{Component, Document, Format, Justification, Problem, Product, Statement, Status};
use crate::json::{Node, short};
use crate::limits::{self, Budget};
use crate::{Error, read};

/// The versions that are read.
pub(crate) const VERSIONS: &[&str] = &["1.4", "1.5", "1.6", "1.7"];

const STATES: &str =
    "`resolved`, `resolved_with_pedigree`, `exploitable`, `in_triage`, `false_positive` or `not_affected`";

/// Reads a document.
pub(crate) fn document(root: &Node<'_, '_>) -> Result<Document, Error> {
    let metadata = root.field("metadata");
    let timestamp = metadata.field("timestamp").instant_or_empty()?;
    let mut document = Document {
        name: String::new(),
        format: Format::CycloneDx,
        id: root.field("serialNumber").text_or_empty()?.to_owned(),
        author: author(&metadata)?,
        timestamp: timestamp.to_owned(),
        version: root.field("version").number()?.unwrap_or(1).to_string(),
        statements: Vec::new(),
        problems: Vec::new(),
    };
    let mut budget = Budget::new();
    let components = Components::read(root, &document.id, &mut budget)?;
    for node in root.field("vulnerabilities").items_or_none()? {
        node.object()?;
        if !node.field("analysis").is_absent() {
            vulnerability(&node, &components, &mut document, &mut budget)?;
        }
    }
    Ok(document)
}

fn author(metadata: &Node<'_, '_>) -> Result<String, Error> {
    for name in ["supplier", "manufacturer", "manufacture"] {
        let organization = metadata.field(name);
        let name = organization.field("name").text_or_empty()?;
        if !name.is_empty() {
            return Ok(name.to_owned());
        }
    }
    for author in metadata.field("authors").items_or_none()? {
        for field in ["email", "name"] {
            let name = author.field(field).text_or_empty()?;
            if !name.is_empty() {
                return Ok(name.to_owned());
            }
        }
    }
    Ok(String::new())
}

fn vulnerability(
    node: &Node<'_, '_>,
    components: &Components,
    document: &mut Document,
    budget: &mut Budget,
) -> Result<(), Error> {
    let mut names = vec![node.field("id").text()?.to_owned()];
    for reference in node.field("references").items_or_none()? {
        let id = reference.field("id");
        if !id.is_absent() {
            limits::add_name(&mut names, &id)?;
        }
    }
    let analysis = node.field("analysis");
    let timestamp = [
        analysis.field("lastUpdated").instant_or_empty()?,
        analysis.field("firstIssued").instant_or_empty()?,
        node.field("updated").instant_or_empty()?,
        &document.timestamp,
    ]
    .into_iter()
    .find(|timestamp| !timestamp.is_empty())
    .unwrap_or("")
    .to_owned();
    let Some(whole) = status(&analysis, &mut document.problems)? else { return Ok(()) };
    // Products under what is said of them: mostly one status; a list of versions may say another of some.
    let mut said: Vec<(Status, Vec<Product>)> = Vec::new();
    let mut say = |status: Status, product: Product| match said.iter_mut().find(|(known, _)| *known == status)
    {
        Some((_, products)) => products.push(product),
        None => said.push((status, vec![product])),
    };
    for affected in node.field("affects").items_or_none()? {
        budget.product(&affected)?;
        let reference = affected.field("ref");
        let product = components.product(reference.text()?, &reference, budget)?;
        let versions = affected.field("versions");
        if versions.is_absent() {
            say(whole.clone(), product);
            continue;
        }
        for entry in versions.items()? {
            budget.product(&entry)?;
            let text = match entry.field("version").text_or_empty()? {
                "" => entry.field("range").text()?,
                version => version,
            };
            if let Some(status) = status_of_version(&whole, &entry, &mut document.problems)? {
                let component = budget.copy(&product.component, &entry)?;
                let parts = product.subcomponents.iter().map(|part| budget.copy(part, &entry));
                let subcomponents = parts.collect::<Result<_, _>>()?;
                say(status, Product { component, subcomponents }.of_version(text));
            }
        }
    }
    for (status, products) in said {
        budget.statement(node, &names)?;
        document.statements.push(Statement {
            at: node.at(),
            vulnerability: names.clone(),
            products,
            status,
            timestamp: timestamp.clone(),
        });
    }
    Ok(())
}

/// What the analysis says; `None` where it is not valid and was reported.
fn status(analysis: &Node<'_, '_>, problems: &mut Vec<Problem>) -> Result<Option<Status>, Error> {
    analysis.object()?;
    let word = analysis.field("justification");
    let justification = match word.text_or_empty()? {
        "" => None,
        text => Some(
            Justification::from_word(text)
                .ok_or_else(|| word.unexpected("a justification that CycloneDX knows"))?,
        ),
    };
    let detail = analysis.field("detail").text_or_empty()?.trim();
    let state = analysis.field("state");
    if state.is_absent() {
        problems.push(Problem {
            at: analysis.at(),
            reason: format!("expected a `state`, one of {STATES}, found none"),
            ignored: true,
        });
        return Ok(None);
    }
    Ok(Some(match state.text()? {
        "resolved" | "resolved_with_pedigree" => Status::Fixed,
        "exploitable" => {
            let mut answers = Vec::new();
            for answer in analysis.field("response").items_or_none()? {
                answers.push(answer.text()?.to_owned());
            }
            let action = [answers.join(", "), detail.to_owned()];
            Status::Affected {
                action: action.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(": "),
            }
        }
        "in_triage" => Status::UnderInvestigation,
        "false_positive" if justification.is_none() && detail.is_empty() => {
            Status::NotAffected { justification, impact: "false positive".to_owned() }
        }
        "not_affected" if justification.is_none() && detail.is_empty() => {
            problems.push(read::unjustified(analysis.at()));
            return Ok(None);
        }
        "false_positive" | "not_affected" => Status::NotAffected { justification, impact: detail.to_owned() },
        _ => return Err(state.unexpected(STATES)),
    }))
}

/// What is said of versions that are listed: their own status is `affected` where they give none, as the schema has it.
/// Where that contradicts the analysis, the more cautious of the two counts, and the contradiction is reported.
fn status_of_version(
    whole: &Status,
    entry: &Node<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Status>, Error> {
    let field = entry.field("status");
    let own = match field.text_or_empty()? {
        "" | "affected" => Status::Affected { action: String::new() },
        "unknown" => Status::UnderInvestigation,
        "unaffected" if whole.settles() => return Ok(Some(whole.clone())),
        "unaffected" => {
            problems.push(Problem {
                at: entry.at(),
                reason: format!(
                    "expected versions that are {}, as the analysis says, found `unaffected`",
                    whole.word()
                ),
                ignored: true,
            });
            return Ok(None);
        }
        _ => return Err(field.unexpected("`affected`, `unaffected` or `unknown`")),
    };
    if whole.settles() {
        problems.push(Problem {
            at: entry.at(),
            reason: format!(
                "expected `status` to be `unaffected`, since the analysis says {}, found {}",
                whole.word(),
                if field.is_absent() {
                    "none, which means `affected`".to_owned()
                } else {
                    format!("`{}`", short(field.text()?))
                }
            ),
            ignored: false,
        });
    }
    Ok(Some(if own.caution() > whole.caution() { own } else { whole.clone() }))
}

impl Product {
    /// The same, narrowed to a version or a range, which a URL without a version needs.
    fn of_version(mut self, text: &str) -> Self {
        let component = self.subcomponents.first_mut().unwrap_or(&mut self.component);
        component.versions = Some(text.to_owned());
        self
    }
}

/// What stands under the references of the document.
struct Components {
    /// `urn:cdx:UUID/`, with which a link to this document begins; empty where it has no serial number.
    link: String,
    known: BTreeMap<String, Component>,
    /// What the document describes, where its name can be told.
    described: Option<Component>,
}

impl Components {
    fn read(root: &Node<'_, '_>, serial: &str, budget: &mut Budget) -> Result<Self, Error> {
        let uuid = serial.strip_prefix("urn:uuid:").unwrap_or_default();
        let link = if uuid.is_empty() { String::new() } else { format!("urn:cdx:{uuid}/") };
        let mut components = Self { link, known: BTreeMap::new(), described: None };
        let metadata = root.field("metadata");
        let described = metadata.field("component");
        if !described.is_absent() {
            let component = components.add(&described, budget)?;
            components.described = Some(component).filter(Component::is_identified);
        }
        components.list(root, budget)?;
        Ok(components)
    }

    /// Components, and components of components; their depth is bounded by the document's.
    fn list(&mut self, node: &Node<'_, '_>, budget: &mut Budget) -> Result<(), Error> {
        for item in node.field("components").items_or_none()? {
            self.add(&item, budget)?;
        }
        Ok(())
    }

    fn add(&mut self, node: &Node<'_, '_>, budget: &mut Budget) -> Result<Component, Error> {
        node.object()?;
        budget.product(node)?;
        let reference = node.field("bom-ref").text_or_empty()?;
        let mut component = Component { id: reference.to_owned(), ..Component::default() };
        let purl = node.field("purl");
        if !purl.is_absent() {
            read::purl(&purl, purl.text()?)?;
            component.add_name(purl.text()?);
        }
        for hash in node.field("hashes").items_or_none()? {
            component.add_hash(hash.field("alg").text()?, hash.field("content").text()?);
        }
        let cpe = node.field("cpe").text_or_empty()?;
        if !cpe.is_empty() {
            component.add_name(cpe);
        }
        if node.field("type").as_text() == Some("container") {
            // Without a package URL an image has its name, and a tag or a digest for a version.
            let (name, version) = (node.field("name").text()?, node.field("version").text_or_empty()?);
            if version.parse::<plimsoll_model::Digest>().is_ok() {
                component.add_name(version);
            } else if version.is_empty() || name.ends_with(&format!(":{version}")) {
                component.add_name(name);
            } else {
                component.add_name(&format!("{name}:{version}"));
            }
        }
        if !reference.is_empty() && self.known.insert(reference.to_owned(), component.clone()).is_some() {
            return Err(node.field("bom-ref").unexpected("a reference that is given out once"));
        }
        self.list(node, budget)?;
        Ok(component)
    }

    /// What a reference means: a component of this document, or of another one, whose reference may be a package URL.
    fn product(&self, reference: &str, node: &Node<'_, '_>, budget: &mut Budget) -> Result<Product, Error> {
        let own = match reference.strip_prefix(self.link.as_str()).filter(|_| !self.link.is_empty()) {
            Some(link) => link.split_once('#').map(|(_, fragment)| unescaped(fragment)),
            None => Some(reference.to_owned()),
        };
        if let Some(component) = own.as_ref().and_then(|own| self.known.get(own)) {
            return Ok(match &self.described {
                Some(described) if described.id != component.id => Product {
                    component: budget.copy(described, node)?,
                    subcomponents: vec![budget.copy(component, node)?],
                },
                _ => Product { component: budget.copy(component, node)?, subcomponents: Vec::new() },
            });
        }
        let foreign = match reference.strip_prefix("urn:cdx:") {
            Some(link) => {
                link.split_once('#').map_or_else(|| reference.to_owned(), |(_, fragment)| unescaped(fragment))
            }
            None => reference.to_owned(),
        };
        let mut component = Component::default();
        read::name(node, &foreign, &mut component)?;
        reference.clone_into(&mut component.id);
        Ok(match &self.described {
            Some(described) => {
                Product { component: budget.copy(described, node)?, subcomponents: vec![component] }
            }
            None => Product { component, subcomponents: Vec::new() },
        })
    }
}

/// A fragment of a link, percent-decoded; as it is where that is no text. Of a package URL the escapes of the link are
/// undone and its own are kept, which the link escapes once more.
fn unescaped(fragment: &str) -> String {
    if fragment.starts_with("pkg:") {
        return fragment.to_owned();
    }
    let decode = || {
        let mut out = Vec::with_capacity(fragment.len());
        let mut bytes = fragment.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            } else {
                out.push(byte);
            }
        }
        String::from_utf8(out).ok()
    };
    decode().unwrap_or_else(|| fragment.to_owned())
}
