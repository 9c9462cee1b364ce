//! CSAF documents of the VEX profile: one flaw, the products it is in, and what is done about it.
//!
//! This reads the format; what a publisher means by it is in the publisher's file. Texts are borrowed from the
//! document wherever it does not escape them. A document beyond one of the limits is refused as a whole: one that was
//! cut would miss products in silence.
//!
//! Source: OASIS, Common Security Advisory Framework 2.0, sections 3.1 (`branches_t`), 3.2.2 (`product_tree`), 3.2.3
//! (`vulnerabilities`) and 4.5 (profile 5, VEX).

use std::collections::HashMap;
use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::bounded_json::{Text, UpTo};
use crate::error::InvalidRecord;

/// Products of one document's tree.
pub(crate) const MAX_PRODUCTS: usize = 400_000;
/// Relationships of one document's tree.
pub(crate) const MAX_RELATIONSHIPS: usize = 800_000;
/// Product IDs of one list: of a status, a remediation, a flag, a threat or a score.
pub(crate) const MAX_PRODUCT_IDS: usize = 800_000;
/// Notes, references, remediations, flags, threats or scores of one document.
pub(crate) const MAX_ENTRIES: usize = 50_000;
/// Flaws of one document.
pub(crate) const MAX_VULNERABILITIES: usize = 1000;
/// How deep branches may be nested; publishers nest four or five.
pub(crate) const MAX_BRANCH_DEPTH: usize = 24;
/// Relationships from a component to the product it is of: one, or two where a module stands between.
const MAX_RELATIONSHIP_STEPS: usize = 4;

/// Reads a document of the VEX profile. `storage` holds its text where the bytes are no UTF-8: some publishers let a
/// byte of another encoding through in a description, which is no reason to lose the flaw.
///
/// # Errors
/// [`InvalidRecord`] for what is no JSON, no CSAF document, one of another profile, or one beyond the limits.
pub(crate) fn parse<'a>(bytes: &'a [u8], storage: &'a mut String) -> Result<Csaf<'a>, InvalidRecord> {
    let text = if let Ok(text) = std::str::from_utf8(bytes) {
        text
    } else {
        *storage = String::from_utf8_lossy(bytes).into_owned();
        storage.as_str()
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let csaf: Csaf<'a> =
        serde_json::from_str(text).map_err(|error| InvalidRecord::json("a CSAF document", &error))?;
    if *csaf.document.category != *"csaf_vex" {
        let category: String = csaf.document.category.chars().take(60).collect();
        return Err(InvalidRecord {
            expected: "a CSAF document of category `csaf_vex`",
            found: format!("`{}`", category.escape_debug()),
        });
    }
    Ok(csaf)
}

/// Whether the beginning of a file is that of a VEX document that bears one of the publisher's marks.
pub(crate) fn is_vex_of(path: &str, head: &[u8], marks: &[&str]) -> bool {
    let contains = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
    path.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("json"))
        && contains("\"csaf_vex\"")
        && marks.iter().any(|mark| contains(mark))
}

/// Whether a CVE's description says that its number was taken back. CSAF has no field for it, so publishers repeat
/// the words of the CVE list.
///
/// Source: CVE Program, "CVE Record State: Rejected", and the words of rejected records of 1999 to 2024.
pub(crate) fn is_rejected(description: &str) -> bool {
    const WORDS: &[&str] = &[
        "** reject **",
        "do not use this candidate number",
        "do not use this cve record",
        "has been rejected or withdrawn",
    ];
    let description = description.to_ascii_lowercase();
    WORDS.iter().any(|words| description.contains(words))
}

type Ids<'a> = UpTo<MAX_PRODUCT_IDS, Text<'a>>;
type Entries<T> = UpTo<MAX_ENTRIES, T>;

/// A document.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Csaf<'a> {
    #[serde(borrow)]
    pub(crate) document: Document<'a>,
    #[serde(borrow, default)]
    pub(crate) product_tree: ProductTree<'a>,
    #[serde(borrow, default)]
    pub(crate) vulnerabilities: UpTo<MAX_VULNERABILITIES, Vulnerability<'a>>,
}

/// What is said of the document itself.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Document<'a> {
    #[serde(borrow, default)]
    pub(crate) category: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) title: Text<'a>,
    #[serde(borrow)]
    pub(crate) aggregate_severity: Option<AggregateSeverity<'a>>,
    #[serde(borrow, default)]
    pub(crate) notes: Entries<Note<'a>>,
    #[serde(borrow, default)]
    pub(crate) references: Entries<Reference<'a>>,
    #[serde(borrow, default)]
    pub(crate) tracking: Tracking<'a>,
}

/// The publisher's word for the flaw's severity.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct AggregateSeverity<'a> {
    #[serde(borrow, default)]
    pub(crate) text: Text<'a>,
}

/// Name and dates of the document.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Tracking<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) initial_release_date: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) current_release_date: Text<'a>,
}

/// A text for people.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Note<'a> {
    #[serde(borrow, default)]
    pub(crate) category: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) text: Text<'a>,
}

/// A link.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Reference<'a> {
    #[serde(borrow, default)]
    pub(crate) category: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) summary: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
}

/// The products, and which is a part of which.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct ProductTree<'a> {
    #[serde(borrow, default)]
    branches: Branches<'a>,
    #[serde(borrow, default)]
    full_product_names: UpTo<MAX_PRODUCTS, Product<'a>>,
    #[serde(borrow, default)]
    relationships: UpTo<MAX_RELATIONSHIPS, Relationship<'a>>,
}

/// A product: a platform, or a package in one version or in none.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Product<'a> {
    #[serde(borrow, default, rename = "product_id")]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, rename = "product_identification_helper")]
    helper: Option<Helper<'a>>,
}

impl Product<'_> {
    /// Its CPE; empty where it has none.
    pub(crate) fn cpe(&self) -> &str {
        self.helper.as_ref().map_or("", |helper| &helper.cpe)
    }

    /// Its package URL; empty where it has none.
    pub(crate) fn purl(&self) -> &str {
        self.helper.as_ref().map_or("", |helper| &helper.purl)
    }
}

/// What machines know a product by.
#[derive(Debug, serde::Deserialize)]
struct Helper<'a> {
    #[serde(borrow, default)]
    cpe: Text<'a>,
    #[serde(borrow, default)]
    purl: Text<'a>,
}

/// That a product is a part of another; the two together are a product of their own.
#[derive(Debug, serde::Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    full_product_name: FullProductName<'a>,
    #[serde(borrow, default)]
    product_reference: Text<'a>,
    #[serde(borrow, default)]
    relates_to_product_reference: Text<'a>,
}

#[derive(Debug, serde::Deserialize)]
struct FullProductName<'a> {
    #[serde(borrow, default)]
    product_id: Text<'a>,
}

/// One flaw.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Vulnerability<'a> {
    #[serde(borrow, default)]
    pub(crate) cve: Text<'a>,
    #[serde(borrow)]
    pub(crate) cwe: Option<Cwe<'a>>,
    #[serde(borrow, default)]
    pub(crate) title: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) notes: Entries<Note<'a>>,
    #[serde(borrow, default)]
    pub(crate) references: Entries<Reference<'a>>,
    #[serde(borrow, default)]
    pub(crate) product_status: ProductStatus<'a>,
    #[serde(borrow, default)]
    pub(crate) remediations: Entries<Remediation<'a>>,
    #[serde(borrow, default)]
    pub(crate) flags: Entries<Flag<'a>>,
    #[serde(borrow, default)]
    pub(crate) threats: Entries<Threat<'a>>,
    #[serde(borrow, default)]
    pub(crate) scores: Entries<Score<'a>>,
}

/// The flaw's kind.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Cwe<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
}

/// Product IDs by what the flaw means to them.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct ProductStatus<'a> {
    #[serde(borrow, default)]
    pub(crate) fixed: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) first_fixed: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) recommended: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) known_affected: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) first_affected: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) last_affected: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) under_investigation: Ids<'a>,
    #[serde(borrow, default)]
    pub(crate) known_not_affected: Ids<'a>,
}

/// What is done about the flaw in some products.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Remediation<'a> {
    #[serde(borrow, default)]
    pub(crate) category: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) details: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) product_ids: Ids<'a>,
}

/// Why some products are not affected.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Flag<'a> {
    #[serde(borrow, default)]
    pub(crate) label: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) product_ids: Ids<'a>,
}

/// How bad the flaw is for some products, in a word; for all of them where none is named.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Threat<'a> {
    #[serde(borrow, default)]
    pub(crate) category: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) details: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) product_ids: Ids<'a>,
}

/// The same as vectors.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Score<'a> {
    #[serde(borrow)]
    cvss_v2: Option<Cvss<'a>>,
    #[serde(borrow)]
    cvss_v3: Option<Cvss<'a>>,
    #[serde(borrow)]
    cvss_v4: Option<Cvss<'a>>,
    #[serde(borrow, default)]
    pub(crate) products: Ids<'a>,
}

impl<'a> Score<'a> {
    /// The vectors, that of the newest version first.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = &str> {
        let scores = [&self.cvss_v4, &self.cvss_v3, &self.cvss_v2];
        scores.into_iter().flatten().map(|cvss: &Cvss<'a>| &*cvss.vector_string)
    }
}

#[derive(Debug, serde::Deserialize)]
struct Cvss<'a> {
    #[serde(borrow, default, rename = "vectorString")]
    vector_string: Text<'a>,
}

/// The products of a tree of branches, in the order of the document. The tree itself tells nothing that the products'
/// own helpers do not, so it is never built.
#[derive(Debug, Default)]
struct Branches<'a>(Vec<Product<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Branches<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut products = Vec::new();
        BranchesSeed { products: &mut products, depth: 1 }.deserialize(deserializer)?;
        Ok(Self(products))
    }
}

/// A list of branches.
struct BranchesSeed<'s, 'a> {
    products: &'s mut Vec<Product<'a>>,
    depth: usize,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for BranchesSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_BRANCH_DEPTH {
            return Err(de::Error::custom(format_args!("branches nested more than {MAX_BRANCH_DEPTH} deep")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for BranchesSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of branches with at most {MAX_PRODUCTS} products")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(()) =
            list.next_element_seed(BranchSeed { products: self.products, depth: self.depth })?
        {
            if self.products.len() > MAX_PRODUCTS {
                return Err(de::Error::invalid_length(self.products.len(), &self));
            }
        }
        Ok(())
    }
}

/// One branch: a product, or further branches.
struct BranchSeed<'s, 'a> {
    products: &'s mut Vec<Product<'a>>,
    depth: usize,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for BranchSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum BranchKey {
    Branches,
    Product,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Visitor<'de> for BranchSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a branch of the product tree")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key()? {
            match key {
                BranchKey::Branches => map
                    .next_value_seed(BranchesSeed { products: &mut *self.products, depth: self.depth + 1 })?,
                BranchKey::Product => self.products.push(map.next_value()?),
                BranchKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The product tree, to be asked by product ID.
#[derive(Debug)]
pub(crate) struct Products<'t> {
    products: HashMap<&'t str, &'t Product<'t>>,
    relationships: HashMap<&'t str, &'t Relationship<'t>>,
}

/// A product that is a part of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component<'t> {
    /// What it is a part of, at last.
    pub(crate) platform: &'t Product<'t>,
    /// Its own ID: `openssl-1:3.0.7-27.el9.x86_64`.
    pub(crate) reference: &'t str,
    /// What the tree says of it besides, if anything.
    pub(crate) product: Option<&'t Product<'t>>,
    /// The ID of what stands between it and the platform, a module; empty where nothing does.
    pub(crate) between: &'t str,
}

impl<'t> Products<'t> {
    pub(crate) fn of(tree: &'t ProductTree<'t>) -> Self {
        let named = tree.full_product_names.iter().chain(&tree.branches.0);
        Self {
            products: named.map(|product| (&*product.id, product)).collect(),
            relationships: tree
                .relationships
                .iter()
                .map(|relationship| (&*relationship.full_product_name.product_id, relationship))
                .collect(),
        }
    }

    /// The component of that ID and the platform it is of. `None` for an ID that the tree does not have, that is no
    /// component, or whose relationships lead nowhere.
    pub(crate) fn component(&self, id: &str) -> Option<Component<'t>> {
        let relationship = *self.relationships.get(id)?;
        let reference = &*relationship.product_reference;
        let mut between = "";
        let mut whole = &*relationship.relates_to_product_reference;
        for _ in 0..MAX_RELATIONSHIP_STEPS {
            if let Some(&platform) = self.products.get(whole) {
                let product = self.products.get(reference).copied();
                return Some(Component { platform, reference, product, between });
            }
            let next = *self.relationships.get(whole)?;
            between = &next.product_reference;
            whole = &next.relates_to_product_reference;
        }
        None
    }

    /// The product of that ID.
    pub(crate) fn product(&self, id: &str) -> Option<&'t Product<'t>> {
        self.products.get(id).copied()
    }
}

#[cfg(test)]
#[path = "csaf_tests.rs"]
pub(crate) mod tests;
