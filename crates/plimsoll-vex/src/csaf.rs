//! CSAF 2.0: the VEX profile, and security advisories, which say the same things in the same places.
//!
//! Source: CSAF 2.0 (OASIS standard), 3.2.1 document, 3.2.2 product tree, 3.2.3 vulnerabilities, 4.5 VEX profile.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Component, Document, Format, Justification, Problem, Product, Statement, Status};
use crate::json::Node;
use crate::limits::{self, Budget};
use crate::{Error, read};

/// The version that is read.
pub(crate) const VERSION: &str = "2.0";
/// The profiles that say of products whether they are affected.
const CATEGORIES: &[&str] = &["csaf_vex", "csaf_security_advisory"];
/// Most relationships from a product to the whole that it is in at the end.
const MAX_HOPS: usize = 16;

/// Reads a document.
pub(crate) fn document(root: &Node<'_, '_>) -> Result<Document, Error> {
    let head = root.field("document");
    let category = head.field("category");
    if !CATEGORIES.contains(&category.text()?) {
        return Err(category.unexpected("`csaf_vex` or `csaf_security_advisory`"));
    }
    let tracking = head.field("tracking");
    let timestamp = tracking.field("current_release_date").instant()?;
    let mut document = Document {
        name: String::new(),
        format: Format::Csaf,
        id: tracking.field("id").text()?.to_owned(),
        author: head.field("publisher").field("name").text()?.to_owned(),
        timestamp: timestamp.to_owned(),
        version: tracking.field("version").text()?.to_owned(),
        statements: Vec::new(),
        problems: Vec::new(),
    };
    let status = tracking.field("status");
    match status.text()? {
        "final" | "interim" => {}
        "draft" => document.problems.push(Problem {
            at: status.at(),
            reason: "expected a document that is `final` or `interim`, found `draft`".to_owned(),
            ignored: false,
        }),
        _ => return Err(status.unexpected("`draft`, `final` or `interim`")),
    }
    let mut budget = Budget::new();
    let tree = Tree::read(&root.field("product_tree"), &mut budget)?;
    for node in root.field("vulnerabilities").items_or_none()? {
        vulnerability(&node, &tree, timestamp, &mut document, &mut budget)?;
    }
    Ok(document)
}

/// The statements on one vulnerability: one for each list of products and each reason among them.
fn vulnerability(
    node: &Node<'_, '_>,
    tree: &Tree,
    timestamp: &str,
    document: &mut Document,
    budget: &mut Budget,
) -> Result<(), Error> {
    node.object()?;
    let mut names = Vec::new();
    let cve = node.field("cve");
    if !cve.is_absent() {
        names.push(cve.text()?.to_owned());
    }
    for id in node.field("ids").items_or_none()? {
        limits::add_name(&mut names, &id.field("text"))?;
    }
    if names.is_empty() {
        return Err(cve.unexpected("a CVE, or another ID under `ids`"));
    }
    let flags = linked(&node.field("flags"), "label", None, tree, budget)?;
    let impacts = linked(&node.field("threats"), "details", Some("impact"), tree, budget)?;
    let actions = linked(&node.field("remediations"), "details", None, tree, budget)?;
    let lists = node.field("product_status");
    for (list, products) in lists.fields_or_none()? {
        let mut groups: BTreeMap<(Option<Justification>, &str), Vec<Product>> = BTreeMap::new();
        let mut without_reason = 0usize;
        for product in products.items()? {
            let id = product.text()?;
            budget.product(&product)?;
            let thing = tree.product(id, &product, budget)?;
            let flag = flags.of(id);
            let reason = match list {
                "known_not_affected" => {
                    let justification = match flag {
                        "" => None,
                        word => Some(
                            Justification::from_word(word)
                                .filter(|found| found.openvex() == word)
                                .ok_or_else(|| node.field("flags").unexpected(read::JUSTIFICATIONS))?,
                        ),
                    };
                    let impact = impacts.of(id);
                    if justification.is_none() && impact.is_empty() {
                        without_reason += 1;
                        continue;
                    }
                    (justification, impact)
                }
                "known_affected" | "first_affected" | "last_affected" => (None, actions.of(id)),
                _ => (None, ""),
            };
            groups.entry(reason).or_default().push(thing);
        }
        if without_reason > 0 {
            let mut problem = read::unjustified(products.at());
            problem.reason = format!("{}, for {without_reason} product(s)", problem.reason);
            document.problems.push(problem);
        }
        for ((justification, text), group) in groups {
            let status = match list {
                "known_not_affected" => Status::NotAffected { justification, impact: text.to_owned() },
                "known_affected" | "first_affected" | "last_affected" => {
                    Status::Affected { action: text.to_owned() }
                }
                "fixed" | "first_fixed" => Status::Fixed,
                "under_investigation" => Status::UnderInvestigation,
                "recommended" => continue,
                _ => {
                    return Err(lists.unexpected(format!(
                        "lists that CSAF 2.0 knows instead of `{}`",
                        crate::json::short(list)
                    )));
                }
            };
            budget.statement(&products, &names)?;
            document.statements.push(Statement {
                at: products.at(),
                vulnerability: names.clone(),
                products: group,
                status,
                timestamp: timestamp.to_owned(),
            });
        }
    }
    Ok(())
}

/// Texts that are said of some products, or of all.
struct Linked<'a> {
    of_products: BTreeMap<String, &'a str>,
    of_all: &'a str,
}

impl Linked<'_> {
    fn of(&self, product: &str) -> &str {
        self.of_products.get(product).copied().unwrap_or(self.of_all)
    }
}

/// The field `text` of each entry, under the products that the entry names; the first is kept.
fn linked<'a>(
    list: &Node<'a, '_>,
    text: &str,
    category: Option<&str>,
    tree: &Tree,
    budget: &mut Budget,
) -> Result<Linked<'a>, Error> {
    let mut found = Linked { of_products: BTreeMap::new(), of_all: "" };
    for entry in list.items_or_none()? {
        entry.object()?;
        if category.is_some_and(|category| entry.field("category").as_text() != Some(category)) {
            continue;
        }
        let ids = entry.field("product_ids");
        let groups = entry.field("group_ids");
        let value = entry.field(text).text()?;
        if ids.is_absent() && groups.is_absent() && found.of_all.is_empty() {
            found.of_all = value;
        }
        for id in ids.items_or_none()? {
            budget.link(&id)?;
            found.of_products.entry(id.text()?.to_owned()).or_insert(value);
        }
        for group in groups.items_or_none()? {
            let name = group.text()?;
            let members =
                tree.groups.get(name).ok_or_else(|| group.unexpected("a product group of this document"))?;
            for id in members {
                budget.link(&group)?;
                found.of_products.entry(id.clone()).or_insert(value);
            }
        }
    }
    Ok(found)
}

/// The products that a document names.
#[derive(Default)]
struct Tree {
    products: BTreeMap<String, Component>,
    /// Of a product that stands in another: which, and in which.
    relations: BTreeMap<String, (String, String)>,
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl Tree {
    fn read(node: &Node<'_, '_>, budget: &mut Budget) -> Result<Self, Error> {
        let mut tree = Self::default();
        for name in node.field("full_product_names").items_or_none()? {
            budget.product(&name)?;
            tree.name(&name, None)?;
        }
        tree.branches(node, None, budget)?;
        for relation in node.field("relationships").items_or_none()? {
            budget.product(&relation)?;
            let part = relation.field("product_reference").text()?.to_owned();
            let whole = relation.field("relates_to_product_reference").text()?.to_owned();
            let name = relation.field("full_product_name");
            let id = tree.name(&name, None)?;
            tree.relations.insert(id, (part, whole));
        }
        for group in node.field("product_groups").items_or_none()? {
            let members = group.field("product_ids");
            let mut ids = BTreeSet::new();
            for id in members.items()? {
                budget.link(&id)?;
                ids.insert(id.text()?.to_owned());
            }
            tree.groups.insert(group.field("group_id").text()?.to_owned(), ids);
        }
        Ok(tree)
    }

    /// Walks branches; their depth is bounded by the document's.
    fn branches(
        &mut self,
        node: &Node<'_, '_>,
        versions: Option<&str>,
        budget: &mut Budget,
    ) -> Result<(), Error> {
        for branch in node.field("branches").items_or_none()? {
            branch.object()?;
            let name = branch.field("name");
            let versions = match branch.field("category").text()? {
                "product_version" | "product_version_range" => Some(name.text()?),
                _ => versions,
            };
            let product = branch.field("product");
            if !product.is_absent() {
                budget.product(&product)?;
                self.name(&product, versions)?;
            }
            self.branches(&branch, versions, budget)?;
        }
        Ok(())
    }

    /// Takes a `full_product_name`, and returns its ID.
    fn name(&mut self, node: &Node<'_, '_>, versions: Option<&str>) -> Result<String, Error> {
        let id = node.field("product_id");
        let text = id.text()?;
        let mut component = Component { id: text.to_owned(), ..Component::default() };
        let helper = node.field("product_identification_helper");
        let purl = helper.field("purl");
        if !purl.is_absent() {
            let named = read::purl(&purl, purl.text()?)?;
            component.add_name(purl.text()?);
            if named.version.is_empty() {
                // A vendor for whom no version is known puts the package's name in its place.
                component.versions = versions.filter(|versions| *versions != named.name).map(str::to_owned);
            }
        }
        let cpe = helper.field("cpe").text_or_empty()?;
        if !cpe.is_empty() {
            component.cpes.push(cpe.to_owned());
        }
        for hashes in helper.field("hashes").items_or_none()? {
            for hash in hashes.field("file_hashes").items_or_none()? {
                component.add_hash(hash.field("algorithm").text()?, hash.field("value").text()?);
            }
        }
        if self.products.insert(text.to_owned(), component).is_some() {
            return Err(id.unexpected("a product ID that is given out once"));
        }
        Ok(text.to_owned())
    }

    /// The product under an ID that was found at `node`: itself, or the part of a whole. Of a part of a part of a whole,
    /// the innermost is what is meant.
    fn product(&self, id: &str, node: &Node<'_, '_>, budget: &mut Budget) -> Result<Product, Error> {
        let mut whole = id;
        let mut innermost: Option<&str> = None;
        for _ in 0..MAX_HOPS {
            let Some((part, next)) = self.relations.get(whole) else {
                let find = |id: &str| {
                    self.products.get(id).ok_or_else(|| node.unexpected("a product ID of the product tree"))
                };
                let component = budget.copy(find(whole)?, node)?;
                let part = innermost.map(find).transpose()?;
                let subcomponents =
                    part.map(|part| budget.copy(part, node)).transpose()?.into_iter().collect();
                return Ok(Product { component, subcomponents });
            };
            innermost = innermost.or(Some(part));
            whole = next;
        }
        Err(node.unexpected(format!("a product at most {MAX_HOPS} relationships from its whole")))
    }
}
