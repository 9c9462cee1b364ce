//! A template with its inputs: conditions decided, circles refused, values when they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::Evaluator;
use super::inputs::{Inputs, PSEUDO};
use super::parameter::{self, Parameter, ParameterInfo};
use super::reference::{Walk, What, drawn, ordered};
use super::value::{Resolved, Value};
use super::{Resource, Template};
use crate::document::{Place, quoted};
use crate::error::{Note, TemplateError, nearest};

/// A template whose values can be asked for.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(super) template: Template,
    pub(super) inputs: Inputs,
    pub(super) parameters: BTreeMap<String, Parameter>,
    pub(super) conditions: BTreeMap<String, bool>,
    notes: Vec<Note>,
}

impl Template {
    /// The parameters as they are declared.
    pub fn parameters(&self) -> Vec<ParameterInfo> {
        parameter::infos(&self.parameters)
    }

    /// Every reference to what is not declared, in the order of the file.
    pub fn unknown_references(&self) -> Vec<TemplateError> {
        let mut errors = Vec::new();
        let mut walk = |path: String, node: &crate::document::Node, among_conditions: bool| {
            for found in walked(path, node, among_conditions, &|_| None) {
                if let Some(error) = self.unknown(&found.what, found.place, &found.path) {
                    errors.push(error);
                }
            }
        };
        for (name, node) in &self.conditions {
            walk(format!("Conditions/{}", quoted(name)), node, true);
        }
        for resource in &self.resources {
            if let Some(node) = &resource.properties {
                walk(format!("Resources/{}/Properties", quoted(&resource.name)), node, false);
            }
        }
        for (name, node) in &self.outputs {
            walk(format!("Outputs/{}", quoted(name)), node, false);
        }
        for resource in &self.resources {
            let path = format!("Resources/{}", quoted(&resource.name));
            if let Some((name, place)) = &resource.condition {
                errors.extend(self.unknown(
                    &What::Condition(name.clone()),
                    *place,
                    &format!("{path}/Condition"),
                ));
            }
            for (name, place) in &resource.depends_on {
                if !self.resources.iter().any(|resource| &resource.name == name) {
                    let reason = format!("expected a resource, found `{}`", quoted(name));
                    let path = format!("{path}/DependsOn");
                    errors.push(TemplateError::new(&self.file, *place, path, reason));
                }
            }
        }
        errors.sort_by_key(|error| error.place);
        errors
    }

    fn unknown(&self, what: &What, place: Place, path: &str) -> Option<TemplateError> {
        let error = |reason: String, near: Option<String>| {
            let error = TemplateError::new(&self.file, place, path, reason);
            match near {
                Some(near) => error.hinted(format!("`{near}` was meant")),
                None => error,
            }
        };
        match what {
            What::Name(name) => {
                let mut names = self.names();
                if names.any(|known| known == name) {
                    return None;
                }
                let reason = format!("expected a parameter or a resource, found `{}`", quoted(name));
                Some(error(reason, nearest(name, self.names())))
            }
            What::Condition(name) => {
                if self.conditions.contains_key(name) {
                    return None;
                }
                let reason = format!("expected a condition, found `{}`", quoted(name));
                Some(error(reason, nearest(name, self.conditions.keys().map(String::as_str))))
            }
        }
    }

    /// What `Ref` knows.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let parameters = self.parameters.iter().map(|(name, _)| name.as_str());
        parameters.chain(self.resources.iter().map(|resource| resource.name.as_str())).chain(PSEUDO)
    }

    /// Puts the inputs in: values of parameters, conditions, and an order of the resources without circles.
    ///
    /// # Errors
    /// [`TemplateError`] for a parameter's value that is missing or not allowed, an unknown reference in conditions
    /// and resources, and a circle, which is told whole.
    pub fn resolve(self, inputs: Inputs) -> Result<Stack, TemplateError> {
        if let Some(error) = self.unknown_references().into_iter().next() {
            return Err(error);
        }
        let mut notes = Vec::new();
        let parameters = parameter::values(&self.file, &self.parameters, &inputs, &mut notes)?;
        if let Some(place) = self.rules {
            let message = "the rules are not judged here".to_owned();
            notes.push(Note { place, path: "Rules".to_owned(), message });
        }
        for resource in &self.resources {
            let path = format!("Resources/{}", quoted(&resource.name));
            let message = match resource.kind.as_str() {
                "AWS::CloudFormation::Stack" => {
                    "the nested stack is not looked into: a pipeline in it is not run"
                }
                "AWS::CloudFormation::Macro" => "the macro is not applied",
                _ => continue,
            };
            notes.push(Note { place: resource.place, path, message: message.to_owned() });
        }
        let mut stack = Stack { template: self, inputs, parameters, conditions: BTreeMap::new(), notes };
        stack.decide_conditions()?;
        stack.refuse_circles()?;
        Ok(stack)
    }
}

impl Stack {
    /// The template's file, as it was given.
    pub fn file(&self) -> &str {
        &self.template.file
    }

    /// What was given from outside.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// What is told: what is passed over, or is another thing here than on AWS.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether each condition holds.
    pub fn conditions(&self) -> &BTreeMap<String, bool> {
        &self.conditions
    }

    /// The resources that would be created, in the order of the file.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.template.resources.iter().filter(|resource| self.is_created(resource))
    }

    /// The resource of this name, if it would be created.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources().find(|resource| resource.name == name)
    }

    pub(super) fn is_created(&self, resource: &Resource) -> bool {
        resource.condition.as_ref().is_none_or(|(name, _)| self.conditions.get(name) == Some(&true))
    }

    /// The properties of a resource with all functions applied; an empty map where it has none.
    ///
    /// # Errors
    /// [`TemplateError`] for a function that is applied wrongly or is refused, and for what nobody gave.
    pub fn properties(&self, name: &str) -> Result<Resolved, TemplateError> {
        let Some(resource) = self.resource(name) else {
            let reason = format!("expected a resource that is created, found `{}`", quoted(name));
            return Err(TemplateError::new(self.file(), Place::START, "Resources", reason));
        };
        let Some(properties) = &resource.properties else {
            return Ok(Resolved::new(resource.place, Value::Map(Vec::new())));
        };
        let mut evaluator = Evaluator::new(self, format!("Resources/{}/Properties", quoted(name)));
        evaluator.value(properties)
    }

    /// What `Ref` gives of a resource.
    ///
    /// # Errors
    /// As [`Stack::properties`].
    pub fn reference(&self, name: &str) -> Result<Resolved, TemplateError> {
        let place = self.resource(name).map_or(Place::START, |resource| resource.place);
        Evaluator::new(self, format!("Resources/{}", quoted(name))).named(name, place)
    }

    /// The values of the outputs whose conditions hold.
    ///
    /// # Errors
    /// As [`Stack::properties`].
    pub fn outputs(&self) -> Result<Vec<(String, Resolved)>, TemplateError> {
        let mut outputs = Vec::new();
        for (name, node) in &self.template.outputs {
            let condition = node.get("Condition").and_then(|node| node.scalar());
            if condition.is_some_and(|name| self.conditions.get(name) == Some(&false)) {
                continue;
            }
            let path = format!("Outputs/{}", quoted(name));
            let Some(value) = node.get("Value") else {
                return Err(TemplateError::new(
                    self.file(),
                    node.place,
                    path,
                    "expected a `Value`, found none",
                ));
            };
            outputs.push((name.clone(), Evaluator::new(self, path).value(value)?));
        }
        Ok(outputs)
    }

    /// Decides each condition behind those that it refers to.
    fn decide_conditions(&mut self) -> Result<(), TemplateError> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, node) in &self.template.conditions {
            let found = walked(format!("Conditions/{}", quoted(name)), node, true, &|_| None);
            let to = found.into_iter().filter_map(|found| match found.what {
                What::Condition(name) => Some(name),
                What::Name(_) => None,
            });
            edges.insert(name.clone(), to.collect());
        }
        let order = ordered(&edges).map_err(|circle| {
            let first = circle.first().and_then(|name| self.template.conditions.get(name));
            let place = first.map_or(Place::START, |node| node.place);
            let reason = format!("expected conditions without a circle, found {}", drawn(&circle));
            TemplateError::new(self.file(), place, "Conditions", reason)
        })?;
        for name in order {
            let Some(node) = self.template.conditions.get(&name) else { continue };
            let holds = Evaluator::new(self, format!("Conditions/{}", quoted(&name))).condition(node)?;
            self.conditions.insert(name, holds);
        }
        Ok(())
    }

    fn refuse_circles(&self) -> Result<(), TemplateError> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let chosen = |name: &str| self.conditions.get(name).copied();
        for resource in self.resources() {
            let to = edges.entry(resource.name.clone()).or_default();
            to.extend(resource.depends_on.iter().map(|(name, _)| name.clone()));
            let Some(node) = &resource.properties else { continue };
            for found in walked(String::new(), node, false, &chosen) {
                if let What::Name(name) = found.what {
                    to.insert(name);
                }
            }
        }
        // Names of parameters are no edges: they lead nowhere.
        ordered(&edges).map(|_| ()).map_err(|circle| {
            let place =
                circle.first().and_then(|name| self.resource(name)).map_or(Place::START, |first| first.place);
            let reason = format!("expected resources without a circle, found {}", drawn(&circle));
            TemplateError::new(self.file(), place, "Resources", reason)
        })
    }
}

fn walked(
    path: String,
    node: &crate::document::Node,
    among_conditions: bool,
    chosen: &dyn Fn(&str) -> Option<bool>,
) -> Vec<super::reference::Found> {
    let mut walk = Walk { path: vec![path], among_conditions, chosen, found: Vec::new() };
    walk.node(node);
    walk.found
}
