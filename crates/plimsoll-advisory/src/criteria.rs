//! What the criteria of an OVAL definition say of packages: in which product, in which module, which versions.
//!
//! Publishers write criteria in few forms: *this product is installed, and one of these packages is earlier than …*. So
//! a tree is read from its root down, and what must hold beside a package (product, module) is gathered on the way.
//! Packages that must all be there are read as if each alone were enough, so rather too much is found than too little.
//! What is negated, or not understood, is passed over and counted.

use std::collections::BTreeMap;

use plimsoll_model::Namespace;

use crate::erratum::is_word;
use crate::oval::{Definition, Fact, Node, Oval, TextId};

/// Definitions that one may extend, one through the other.
const MAX_EXTENDED: usize = 8;

/// Nodes that are visited for all definitions of one document; a tree is passed twice at each of its levels.
const MAX_VISITS: u64 = 100_000_000;

/// Statements of one definition; SUSE's longest has some 30,000.
const MAX_STATEMENTS: usize = 1_000_000;

/// What a test means to its publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// A product is installed.
    Product(Namespace),
    /// A product that has no advisories of its own here.
    OtherProduct,
    /// A module's stream is enabled: `nodejs:18`.
    Module(String),
    /// A package's version is one of these.
    Package {
        /// Its name.
        name: String,
        /// Its versions.
        versions: Versions,
    },
    /// It holds wherever the package is of that product: a signature, an architecture.
    Given,
    /// It is not understood: why, in the plural.
    Unknown(&'static str),
}

/// A test that says nothing its publisher is known to say.
pub(crate) const UNKNOWN: Leaf = Leaf::Unknown("criteria that are not understood");

impl Leaf {
    /// That a package's version is one of these, if they can be told and the name can be one.
    pub(crate) fn package(name: &str, versions: Option<Versions>) -> Self {
        match versions.filter(|_| is_word(name)) {
            Some(versions) => Self::Package { name: name.to_owned(), versions },
            None => Self::Unknown("packages without a range or version that can be compared"),
        }
    }
}

/// Versions of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Versions {
    /// Those before the fixed one are affected.
    Before(String),
    /// All are affected.
    All,
    /// All are *not* affected.
    NotAffected,
}

/// What a definition says of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The product.
    pub(crate) namespace: Namespace,
    /// The module's stream; empty where it is of no module.
    pub(crate) module: String,
    /// The package.
    pub(crate) name: String,
    /// Its versions.
    pub(crate) versions: Versions,
}

/// Reads the criteria of one document's definitions.
pub(crate) struct Criteria<'a> {
    oval: &'a Oval,
    leaf: &'a dyn Fn(&Fact<'_>) -> Leaf,
    visits: u64,
    statements: Vec<Statement>,
    unknown: BTreeMap<&'static str, u64>,
}

/// What must hold beside a package.
#[derive(Clone, Debug, Default)]
struct Context {
    products: Vec<Namespace>,
    module: String,
    /// Whether a product is asked for that has no advisories here.
    other_product: bool,
}

impl<'a> Criteria<'a> {
    /// For the definitions of that document; `leaf` tells what a test means.
    pub(crate) fn new(oval: &'a Oval, leaf: &'a dyn Fn(&Fact<'_>) -> Leaf) -> Self {
        Self { oval, leaf, visits: 0, statements: Vec::new(), unknown: BTreeMap::new() }
    }

    /// What a definition says, and what of it was left out, and how often.
    ///
    /// # Errors
    /// What is wrong with criteria that refer to each other without an end, or say too much.
    pub(crate) fn of(
        &mut self,
        definition: &Definition,
    ) -> Result<(Vec<Statement>, BTreeMap<&'static str, u64>), String> {
        self.statements.clear();
        self.unknown.clear();
        if !definition.criteria.is_empty() {
            self.read(definition.criteria.start, &Context::default(), 0)?;
        }
        Ok((std::mem::take(&mut self.statements), std::mem::take(&mut self.unknown)))
    }

    fn read(&mut self, at: usize, context: &Context, extended: usize) -> Result<(), String> {
        self.visit()?;
        match self.oval.nodes[at] {
            Node::Criteria { negated: true, .. }
            | Node::Criterion { negated: true, .. }
            | Node::Extend { negated: true, .. } => self.pass_over("criteria that are negated"),
            Node::Criterion { test, comment, .. } => match self.leaf(test, comment) {
                Leaf::Package { name, versions } => self.state(context, &name, &versions)?,
                Leaf::Unknown(why) => self.pass_over(why),
                Leaf::Product(_) | Leaf::OtherProduct | Leaf::Module(_) | Leaf::Given => {}
            },
            Node::Extend { definition, .. } => {
                if let Some(root) = self.extend(definition, extended)? {
                    self.read(root, context, extended + 1)?;
                }
            }
            Node::Criteria { all, .. } => {
                let children = self.children(at);
                let mut inner = context.clone();
                let mut rest = Vec::new();
                for child in children {
                    match self.context(child, extended)? {
                        Some(given) if all => inner.add(given),
                        // One of several products alone, beside packages: it says nothing of them.
                        Some(_) => {}
                        None => rest.push(child),
                    }
                }
                for child in rest {
                    self.read(child, &inner, extended)?;
                }
            }
        }
        Ok(())
    }

    fn leaf(&self, test: TextId, comment: TextId) -> Leaf {
        let fact = self.oval.fact(test, comment);
        if fact.none {
            return Leaf::Unknown("criteria that packages must not be there");
        }
        (self.leaf)(&fact)
    }

    /// What a node says of products and modules, where it says nothing of packages.
    fn context(&mut self, at: usize, extended: usize) -> Result<Option<Context>, String> {
        self.visit()?;
        Ok(match self.oval.nodes[at] {
            Node::Criteria { negated: true, .. }
            | Node::Criterion { negated: true, .. }
            | Node::Extend { negated: true, .. } => None,
            Node::Criterion { test, comment, .. } => match self.leaf(test, comment) {
                Leaf::Product(product) => Some(Context { products: vec![product], ..Context::default() }),
                Leaf::OtherProduct => Some(Context { other_product: true, ..Context::default() }),
                Leaf::Module(module) => Some(Context { module, ..Context::default() }),
                Leaf::Given => Some(Context::default()),
                Leaf::Package { .. } | Leaf::Unknown(_) => None,
            },
            Node::Extend { definition, .. } => match self.extend(definition, extended)? {
                Some(root) => self.context(root, extended + 1)?,
                None => Some(Context::default()),
            },
            Node::Criteria { .. } => {
                let mut context = Context::default();
                for child in self.children(at) {
                    match self.context(child, extended)? {
                        Some(given) => context.add(given),
                        None => return Ok(None),
                    }
                }
                Some(context)
            }
        })
    }

    /// The root of a definition that another extends; `None` where the document has none of that ID, which is counted.
    fn extend(&mut self, definition: u32, extended: usize) -> Result<Option<usize>, String> {
        if extended == MAX_EXTENDED {
            return Err(format!("definitions that extend each other more than {MAX_EXTENDED} times"));
        }
        let found = self.oval.by_id.get(&definition).and_then(|&index| self.oval.definitions.get(index));
        let Some(found) = found.filter(|definition| !definition.criteria.is_empty()) else {
            self.pass_over("criteria that are of a missing definition");
            return Ok(None);
        };
        Ok(Some(found.criteria.start))
    }

    fn children(&self, at: usize) -> Vec<usize> {
        let Node::Criteria { end, .. } = self.oval.nodes[at] else { return Vec::new() };
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let mut children = Vec::new();
        let mut child = at + 1;
        while child < end {
            children.push(child);
            child = match self.oval.nodes[child] {
                Node::Criteria { end, .. } => usize::try_from(end).unwrap_or(usize::MAX),
                Node::Criterion { .. } | Node::Extend { .. } => child + 1,
            };
        }
        children
    }

    fn state(&mut self, context: &Context, name: &str, versions: &Versions) -> Result<(), String> {
        if context.products.is_empty() {
            self.pass_over(if context.other_product {
                "packages of products that are not known"
            } else {
                "packages of no product"
            });
        }
        if self.statements.len() + context.products.len() > MAX_STATEMENTS {
            return Err(format!("more than {MAX_STATEMENTS} packages"));
        }
        self.statements.extend(context.products.iter().map(|namespace| Statement {
            namespace: namespace.clone(),
            module: context.module.clone(),
            name: name.to_owned(),
            versions: versions.clone(),
        }));
        Ok(())
    }

    fn pass_over(&mut self, why: &'static str) {
        *self.unknown.entry(why).or_default() += 1;
    }

    fn visit(&mut self) -> Result<(), String> {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return Err(format!("criteria of more than {MAX_VISITS} steps in this document"));
        }
        Ok(())
    }
}

impl Context {
    fn add(&mut self, other: Self) {
        for product in other.products {
            if !self.products.contains(&product) {
                self.products.push(product);
            }
        }
        if !other.module.is_empty() {
            self.module = other.module;
        }
        self.other_product |= other.other_product;
    }
}

#[cfg(test)]
#[path = "criteria_tests.rs"]
mod tests;
