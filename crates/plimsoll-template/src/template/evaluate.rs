//! Values evaluated: functions applied, references followed.

use super::Resource;
use super::local::{filled, kind};
use super::parameter::Parameter;
use super::reference::{Call, call, long};
use super::stack::Stack;
use super::value::{Pieces, Resolved, Value};
use crate::document::{self, Node, Place, quoted};
use crate::error::{TemplateError, nearest};

/// Deepest nesting while a value is evaluated, over all resources whose names it asks for.
const MAX_DEPTH: usize = 160;
/// Most values that are looked at for one question.
const MAX_VALUES: usize = 200_000;
/// Most bytes of texts that are put together for one question.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// Evaluates what is asked of one place of a template.
pub(super) struct Evaluator<'s> {
    pub(super) stack: &'s Stack,
    path: Vec<String>,
    depth: usize,
    values: usize,
    text_bytes: usize,
}

impl<'s> Evaluator<'s> {
    pub(super) fn new(stack: &'s Stack, path: String) -> Self {
        Self { stack, path: vec![path], depth: 0, values: 0, text_bytes: 0 }
    }

    pub(super) fn error(&self, place: Place, reason: impl Into<String>) -> TemplateError {
        TemplateError::new(self.stack.file(), place, self.path.join("/"), reason)
    }

    /// Does something one step further down, named in the path.
    pub(super) fn at<T>(
        &mut self,
        step: impl Into<String>,
        inside: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        self.path.push(step.into());
        let result = inside(self);
        // The path of an error is taken when it is made.
        self.path.pop();
        result
    }

    /// Counts bytes of a text that is put together.
    pub(super) fn count(&mut self, place: Place, bytes: usize) -> Result<(), TemplateError> {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        if self.text_bytes > MAX_TEXT_BYTES {
            let reason = format!("expected texts of at most {MAX_TEXT_BYTES} bytes in all, found more");
            return Err(self.error(place, reason));
        }
        Ok(())
    }

    /// The value of a node.
    pub(super) fn value(&mut self, node: &Node) -> Result<Resolved, TemplateError> {
        match call(node, false).map_err(|reason| self.error(node.place, reason))? {
            Some(call) => self.deeper(node, |this| this.apply(node.place, &call)),
            None => self.deeper(node, |this| this.plain(node)),
        }
    }

    /// The value of what a function is applied to.
    pub(super) fn argument(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let node = call.argument;
        if !call.is_tag {
            return self.value(node);
        }
        // `!ImportValue {"Fn::Sub": …}`: two tags cannot stand together, so the second function is a key.
        match long(node, false).map_err(|reason| self.error(node.place, reason))? {
            Some(call) => self.deeper(node, |this| this.apply(node.place, &call)),
            None => self.deeper(node, |this| this.plain(node)),
        }
    }

    pub(super) fn deeper<T>(
        &mut self,
        node: &Node,
        inside: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        self.values += 1;
        if self.depth == MAX_DEPTH || self.values > MAX_VALUES {
            let reason = if self.depth == MAX_DEPTH {
                format!("expected at most {MAX_DEPTH} levels of functions and references, found more")
            } else {
                format!("expected at most {MAX_VALUES} values, found more")
            };
            return Err(self.error(node.place, reason));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    /// A node that is no function.
    fn plain(&mut self, node: &Node) -> Result<Resolved, TemplateError> {
        let value = match &node.value {
            document::Value::Null => Value::Null,
            document::Value::Bool(truth) => Value::Bool(*truth),
            document::Value::Number(text) => Value::Number(text.clone()),
            document::Value::Text(text) => {
                self.count(node.place, text.len())?;
                return Ok(self.dynamic(text, node.place));
            }
            document::Value::List(items) => {
                let mut values = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let value = self.at(index.to_string(), |this| this.value(item))?;
                    if value.value != Value::NoValue {
                        values.push(value);
                    }
                }
                Value::List(values)
            }
            document::Value::Map(entries) => {
                let mut values = Vec::new();
                for (key, item) in entries {
                    let key = key.scalar().unwrap_or_default();
                    let value = self.at(quoted(key), |this| this.value(item))?;
                    if value.value != Value::NoValue {
                        values.push((key.to_owned(), value));
                    }
                }
                Value::Map(values)
            }
        };
        Ok(Resolved::new(node.place, value))
    }

    /// A text whose references `{{resolve:ssm:NAME}}` are replaced, as far as their values are given. The others stay as
    /// they are, marked: only AWS knows them.
    ///
    /// Source: AWS CloudFormation User Guide, "Get values stored in other services using dynamic references".
    fn dynamic(&self, text: &str, place: Place) -> Resolved {
        const OPEN: &str = "{{resolve:";
        if !text.contains(OPEN) {
            return Resolved::new(place, Value::Text(text.to_owned()));
        }
        let mut pieces = Pieces::default();
        let mut rest = text;
        while let Some(start) = rest.find(OPEN) {
            let Some(length) = rest[start..].find("}}") else { break };
            pieces.push(&rest[..start]);
            let whole = &rest[start..start + length + 2];
            let inside = &whole[OPEN.len()..whole.len() - 2];
            rest = &rest[start + length + 2..];
            let name = inside.strip_prefix("ssm:").map(|name| name.split(':').next().unwrap_or_default());
            let value = match name.and_then(|name| self.stack.inputs.ssm.get(name)) {
                Some(value) => Value::Text(value.clone()),
                None => Value::Local { text: whole.to_owned(), of: vec![whole.to_owned()] },
            };
            pieces.add(&Resolved::new(place, value));
        }
        pieces.push(rest);
        pieces.into_resolved(place)
    }

    /// What `Ref` gives.
    pub(super) fn named(&mut self, name: &str, place: Place) -> Result<Resolved, TemplateError> {
        if let Some(value) = self.stack.inputs.pseudo(name, place) {
            return Ok(value);
        }
        match self.stack.parameters.get(name) {
            Some(Parameter::Known(value)) => {
                let value = Resolved { place, ..value.clone() };
                self.count(place, value.text().map_or(0, str::len))?;
                return Ok(value);
            }
            Some(Parameter::Missing(why)) => {
                let reason = format!("expected a value for parameter `{}`: {why}", quoted(name));
                return Err(self.error(place, reason));
            }
            None => {}
        }
        let resource = self.created(name, place)?;
        let Some(kind) = kind(&resource.kind) else {
            let reason = format!(
                "expected a resource whose reference is known here, found `{}` of type `{}`",
                quoted(name),
                quoted(&resource.kind)
            );
            return Err(self.error(place, reason));
        };
        self.filled(resource, kind.reference, name, place)
    }

    /// What `Fn::GetAtt` gives.
    pub(super) fn attribute(
        &mut self,
        name: &str,
        attribute: &str,
        place: Place,
    ) -> Result<Resolved, TemplateError> {
        let resource = self.created(name, place)?;
        let Some(kind) = kind(&resource.kind) else {
            let what = match resource.kind.as_str() {
                "AWS::CloudFormation::Stack" => "the nested stack".to_owned(),
                kind => format!("type `{}`", quoted(kind)),
            };
            let reason = format!(
                "expected an attribute that is known here, found `{}` of `{}`, {what}",
                quoted(attribute),
                quoted(name)
            );
            return Err(self.error(place, reason));
        };
        let Some((_, text)) = kind.attributes.iter().find(|(known, _)| *known == attribute) else {
            let reason = format!(
                "expected an attribute of `{}` that is known here, found `{}`",
                kind.name,
                quoted(attribute)
            );
            let near = nearest(attribute, kind.attributes.iter().map(|(name, _)| *name));
            let error = self.error(place, reason);
            return Err(match near {
                Some(near) => error.hinted(format!("`{near}` was meant")),
                None => error,
            });
        };
        self.filled(resource, text, &format!("{name}.{attribute}"), place)
    }

    fn created(&self, name: &str, place: Place) -> Result<&'s Resource, TemplateError> {
        let stack = self.stack;
        let Some(resource) = stack.template.resources.iter().find(|resource| resource.name == name) else {
            let reason = format!("expected a parameter or a resource, found `{}`", quoted(name));
            let error = self.error(place, reason);
            return Err(match nearest(name, stack.template.names()) {
                Some(near) => error.hinted(format!("`{near}` was meant")),
                None => error,
            });
        };
        if !stack.is_created(resource) {
            let condition = resource.condition.as_ref().map_or("", |(name, _)| name);
            let reason = format!(
                "expected a resource that is created, found `{}`, whose condition `{}` does not hold",
                quoted(name),
                quoted(condition)
            );
            return Err(self.error(place, reason));
        }
        Ok(resource)
    }

    /// A text of the table of resources, filled; marked as `of` unless it is the name that the template gives.
    fn filled(
        &mut self,
        resource: &'s Resource,
        text: &str,
        of: &str,
        place: Place,
    ) -> Result<Resolved, TemplateError> {
        let kind = kind(&resource.kind).expect("the caller found it");
        let property = |this: &mut Self, name: &str| -> Result<Option<Resolved>, TemplateError> {
            let Some(node) = resource.properties.as_ref().and_then(|node| node.get(name)) else {
                return Ok(None);
            };
            let path = vec![format!("Resources/{}/Properties/{name}", quoted(&resource.name))];
            let outer = std::mem::replace(&mut this.path, path);
            let value = this.value(node);
            this.path = outer;
            Ok(Some(value?).filter(|value| value.text().is_some()))
        };
        let given = match kind.name_property {
            Some(name) => property(self, name)?,
            None => None,
        };
        if let Some(given) = &given
            && text == "{name}"
            && !of.contains('.')
        {
            return Ok(Resolved { place, ..given.clone() });
        }
        let mut pieces = Pieces::default();
        let name = if let Some(given) = &given {
            pieces.take_marks(given);
            given.text().unwrap_or_default().to_owned()
        } else {
            let name = format!("{}-{}", self.stack.inputs.stack_name, resource.name);
            if kind.is_lower { name.to_lowercase() } else { name }
        };
        let mut others = Vec::new();
        for (start, _) in text.match_indices("{.") {
            let inside = text[start + 2..].split(['|', '}']).next().unwrap_or_default();
            if let Some(value) = property(self, inside)? {
                pieces.take_marks(&value);
                others.push((inside, value.text().unwrap_or_default().to_owned()));
            }
        }
        let value = |key: &str| others.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
        pieces.push(&filled(text, &self.stack.inputs, &name, &resource.name, value));
        self.count(place, pieces.len())?;
        pieces
            .take_marks(&Resolved::new(place, Value::Local { text: String::new(), of: vec![of.to_owned()] }));
        Ok(pieces.into_resolved(place))
    }
}
