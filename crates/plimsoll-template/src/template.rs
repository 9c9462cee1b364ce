//! CloudFormation templates: what is in one, and what its values are once parameters are given.
//!
//! [`Template::read`] knows the sections. [`Template::resolve`] takes [`Inputs`], decides conditions, refuses circles,
//! and gives a [`Stack`] that evaluates the properties of a resource when they are asked for. Nothing is created: what
//! only AWS would know (an ARN, a repository's URI) becomes a [`Value::Local`], for the types of resources in
//! [`known_types`]; another type's attributes are an error where they are used.
//!
//! Refused by name: macros and transforms but `AWS::LanguageExtensions`, `Fn::Transform`, `Fn::ForEach`, and the outputs
//! of nested stacks.

mod condition;
mod encode;
mod evaluate;
mod function;
mod inputs;
mod local;
mod parameter;
mod reference;
mod stack;
mod value;

use std::collections::BTreeMap;

pub use inputs::Inputs;
pub use local::known_types;
pub use parameter::ParameterInfo;
pub use stack::Stack;
pub use value::{Resolved, Value};

use crate::document::{Limits, Node, Place, parse, quoted};
use crate::error::{TemplateError, listed, nearest};

/// Most resources of a template. CloudFormation takes 500.
const MAX_RESOURCES: usize = 500;

/// The sections of a template.
///
/// Source: AWS CloudFormation User Guide, "Template sections".
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// What a resource may have.
///
/// Source: AWS CloudFormation User Guide, "Resources section" and "Resource attribute reference".
const ATTRIBUTES: [&str; 9] = [
    "Type",
    "Properties",
    "Condition",
    "DependsOn",
    "CreationPolicy",
    "DeletionPolicy",
    "Metadata",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// A template whose sections are known and whose values are not.
#[derive(Clone, Debug)]
pub struct Template {
    pub(crate) file: String,
    pub(crate) parameters: Vec<(String, Node)>,
    pub(crate) mappings: BTreeMap<String, Node>,
    pub(crate) conditions: BTreeMap<String, Node>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) outputs: Vec<(String, Node)>,
    /// Whether the functions of `AWS::LanguageExtensions` may be used.
    pub(crate) has_extensions: bool,
    /// Rules are not judged; where they stand.
    pub(crate) rules: Option<Place>,
}

/// One resource as it is written.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its logical ID.
    pub name: String,
    /// Its type, `AWS::CodeBuild::Project`.
    pub kind: String,
    /// Where its logical ID stands.
    pub place: Place,
    pub(crate) condition: Option<(String, Place)>,
    pub(crate) depends_on: Vec<(String, Place)>,
    pub(crate) properties: Option<Node>,
}

impl Template {
    /// Reads the sections of a template; `file` is its name in errors.
    ///
    /// # Errors
    /// [`TemplateError`] for what is no YAML or JSON, an unknown section, a transform, and a resource without a type.
    pub fn read(file: &str, text: &str, limits: &Limits) -> Result<Self, TemplateError> {
        let root = parse(text, limits).map_err(|error| TemplateError::document(file, error))?;
        let error =
            |node: &Node, path: &str, reason: String| TemplateError::new(file, node.place, path, reason);
        let Some(entries) = root.entries() else {
            let reason = format!("expected a map of sections, found {}", root.kind());
            return Err(error(&root, "", reason));
        };
        for (key, value) in entries {
            let name = key.scalar().unwrap_or_default();
            if name == "Transform" {
                transform(file, value)?;
            } else if !SECTIONS.contains(&name) {
                let refused = error(key, "", format!("expected a section, found `{}`", quoted(name)));
                let hint = nearest(name, SECTIONS.into_iter()).map(|near| format!("`{near}` was meant"));
                let hint = hint.unwrap_or_else(|| format!("the sections are {}", listed(&SECTIONS)));
                return Err(refused.hinted(hint));
            }
        }
        let section = |name: &str| -> Result<Vec<(String, Node, Place)>, TemplateError> {
            let Some(node) = root.get(name).filter(|node| !node.is_null()) else { return Ok(Vec::new()) };
            let Some(entries) = node.entries() else {
                return Err(error(node, name, format!("expected a map, found {}", node.kind())));
            };
            let named = |(key, value): &(Node, Node)| {
                (key.scalar().unwrap_or_default().to_owned(), value.clone(), key.place)
            };
            Ok(entries.iter().map(named).collect())
        };
        let pairs = |name: &str| -> Result<Vec<(String, Node)>, TemplateError> {
            Ok(section(name)?.into_iter().map(|(name, node, _)| (name, node)).collect())
        };
        let mut resources = Vec::new();
        for (name, node, place) in section("Resources")? {
            resources.push(resource(file, name, &node, place)?);
        }
        if resources.is_empty() {
            let place = root.get("Resources").map_or(Place::START, |node| node.place);
            return Err(TemplateError::new(file, place, "Resources", "expected a resource, found none"));
        }
        if let Some(excess) = resources.get(MAX_RESOURCES) {
            let reason = format!("expected at most {MAX_RESOURCES} resources, found {}", resources.len());
            return Err(TemplateError::new(file, excess.place, "Resources", reason));
        }
        Ok(Self {
            file: file.to_owned(),
            parameters: pairs("Parameters")?,
            mappings: pairs("Mappings")?.into_iter().collect(),
            conditions: pairs("Conditions")?.into_iter().collect(),
            resources,
            outputs: pairs("Outputs")?,
            has_extensions: root.get("Transform").is_some_and(|node| !node.is_null()),
            rules: root.entry("Rules").map(|(key, _)| key.place),
        })
    }

    /// The file's name, as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether it declares a parameter of this name.
    pub fn declares(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|(name, _)| name == parameter)
    }

    /// The resources in the order of the file, those of conditions that do not hold included.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Whether this is the text of a template rather than of a buildspec: a map with `Resources`.
    pub fn is_one(root: &Node) -> bool {
        root.get("Resources").is_some()
    }
}

/// Refuses what would rewrite the template.
fn transform(file: &str, node: &Node) -> Result<(), TemplateError> {
    let one = std::slice::from_ref(node);
    for item in node.items().unwrap_or(one) {
        match item.scalar() {
            Some("AWS::LanguageExtensions") => {}
            None if item.is_null() => {}
            _ => {
                let found =
                    item.scalar().map_or(item.kind().to_owned(), |name| format!("`{}`", quoted(name)));
                let reason = format!(
                    "expected no transform but `AWS::LanguageExtensions`, since macros run on AWS; found {found}"
                );
                return Err(TemplateError::new(file, item.place, "Transform", reason)
                    .hinted("give the template as it is once the transform is applied"));
            }
        }
    }
    Ok(())
}

fn resource(file: &str, name: String, node: &Node, place: Place) -> Result<Resource, TemplateError> {
    let path = format!("Resources/{}", quoted(&name));
    let error = |place: Place, reason: String| TemplateError::new(file, place, path.as_str(), reason);
    if name.starts_with("Fn::ForEach") || name.starts_with("Fn::Transform") {
        let refused =
            error(place, format!("expected resources that are written out, found `{}`", quoted(&name)));
        return Err(refused.hinted("give the template as it is once the function is applied"));
    }
    let Some(entries) = node.entries() else {
        return Err(error(node.place, format!("expected a map, found {}", node.kind())));
    };
    for (key, _) in entries {
        let written = key.scalar().unwrap_or_default();
        if !ATTRIBUTES.contains(&written) {
            let refused =
                error(key.place, format!("expected an attribute of a resource, found `{}`", quoted(written)));
            let hint = nearest(written, ATTRIBUTES.into_iter()).map(|near| format!("`{near}` was meant"));
            let hint = hint.unwrap_or_else(|| "properties stand under `Properties`".to_owned());
            return Err(refused.hinted(hint));
        }
    }
    let Some(kind) = node.get("Type").and_then(Node::scalar) else {
        return Err(error(place, "expected a `Type`, found none".to_owned()));
    };
    let condition = match node.get("Condition") {
        None => None,
        Some(node) => match node.scalar() {
            Some(name) => Some((name.to_owned(), node.place)),
            None => {
                return Err(error(node.place, format!("expected a condition's name, found {}", node.kind())));
            }
        },
    };
    let mut depends_on = Vec::new();
    if let Some(node) = node.get("DependsOn") {
        let one = std::slice::from_ref(node);
        for item in node.items().unwrap_or(one) {
            let Some(name) = item.scalar() else {
                let reason = format!("expected names of resources in `DependsOn`, found {}", item.kind());
                return Err(error(item.place, reason));
            };
            depends_on.push((name.to_owned(), item.place));
        }
    }
    let properties = node.get("Properties").filter(|node| !node.is_null()).cloned();
    if let Some(node) = properties.as_ref().filter(|node| node.entries().is_none()) {
        return Err(error(node.place, format!("expected `Properties` to be a map, found {}", node.kind())));
    }
    Ok(Resource { name, kind: kind.to_owned(), place, condition, depends_on, properties })
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
