//! Intrinsic functions, applied.
//!
//! Source: AWS CloudFormation User Guide, "Intrinsic function reference", a page for each.

use super::encode::{base64, json, subnets};
use super::evaluate::Evaluator;
use super::reference::{Call, Piece, pieces};
use super::value::{Pieces, Resolved, Value};
use crate::document::{Node, Place, quoted};
use crate::error::{TemplateError, listed, nearest};

/// The functions that are applied to values.
const FUNCTIONS: [&str; 15] = [
    "Ref",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Condition",
];

impl Evaluator<'_> {
    /// The value of a function that stands at `place`.
    pub(super) fn apply(&mut self, place: Place, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let value = self.at(call.name.as_str(), |this| match call.name.as_str() {
            "Ref" => match call.argument.scalar() {
                Some(name) => this.named(name, place),
                None => Err(this.wanted(call, "a name")),
            },
            "Fn::Base64" => {
                let text = this.argument(call)?;
                let mut pieces = Pieces::default();
                pieces.push(&base64(this.text_of(&text)?.as_bytes()));
                pieces.take_marks(&text);
                Ok(pieces.into_resolved(place))
            }
            "Fn::Cidr" => this.cidr(call),
            "Fn::FindInMap" => this.find_in_map(call),
            "Fn::GetAZs" => this.zones(call),
            "Fn::GetAtt" => this.get_att(call),
            "Fn::If" => this.choose(call),
            "Fn::ImportValue" => this.import(call),
            "Fn::Join" => this.join(call),
            "Fn::Length" => {
                this.extension(call)?;
                let list = this.argument(call)?;
                let items = this.list_of(&list)?;
                Ok(Resolved::new(place, Value::Number(items.len().to_string())))
            }
            "Fn::Select" => this.select(call),
            "Fn::Split" => this.split(call),
            "Fn::Sub" => this.sub(call),
            "Fn::ToJsonString" => {
                this.extension(call)?;
                let value = this.argument(call)?;
                let mut text = String::new();
                json(&value, &mut text);
                this.count(place, text.len())?;
                let mut pieces = Pieces::default();
                pieces.push(&text);
                marks(&value, &mut pieces);
                Ok(pieces.into_resolved(place))
            }
            "Condition" => {
                let name = call.argument.scalar().unwrap_or_default();
                Ok(Resolved::new(place, Value::Bool(this.decided(name, place)?)))
            }
            "Fn::Transform" => Err(this.error(place, "expected no `Fn::Transform`, since macros run on AWS")),
            name if name.starts_with("Fn::ForEach") => {
                Err(this.error(place, "expected values that are written out, found `Fn::ForEach`"))
            }
            name => {
                let error = this.error(place, format!("expected a function, found `{}`", quoted(name)));
                let hint = nearest(name, FUNCTIONS.into_iter()).map(|near| format!("`{near}` was meant"));
                Err(error.hinted(hint.unwrap_or_else(|| format!("the functions are {}", listed(&FUNCTIONS)))))
            }
        })?;
        Ok(Resolved { place, ..value })
    }

    fn wanted(&self, call: &Call<'_>, expected: &str) -> TemplateError {
        let found = call.argument.kind();
        self.error(call.argument.place, format!("expected {expected} for `{}`, found {found}", call.name))
    }

    /// The items that a function is applied to, not yet evaluated.
    fn items<'n>(&self, call: &Call<'n>, least: usize, most: usize) -> Result<&'n [Node], TemplateError> {
        let Some(items) = call.argument.items() else { return Err(self.wanted(call, "a list")) };
        if items.len() < least || items.len() > most {
            let bounds = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let reason = format!("expected {bounds} values for `{}`, found {}", call.name, items.len());
            return Err(self.error(call.argument.place, reason));
        }
        Ok(items)
    }

    fn extension(&self, call: &Call<'_>) -> Result<(), TemplateError> {
        if self.stack.template.has_extensions {
            return Ok(());
        }
        let reason =
            format!("expected `Transform: AWS::LanguageExtensions` in the template for `{}`", call.name);
        Err(self.error(call.argument.place, reason))
    }

    fn text_of(&self, value: &Resolved) -> Result<String, TemplateError> {
        match value.text() {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.error(value.place, format!("expected a text, found {}", value.kind()))),
        }
    }

    fn text(&mut self, node: &Node) -> Result<Resolved, TemplateError> {
        let value = self.value(node)?;
        self.text_of(&value)?;
        Ok(value)
    }

    fn number(&mut self, node: &Node) -> Result<u32, TemplateError> {
        let value = self.text(node)?;
        let text = value.text().unwrap_or_default();
        text.parse().map_err(|_| {
            self.error(node.place, format!("expected a whole number, found `{}`", quoted(value.shown())))
        })
    }

    fn list_of<'v>(&self, value: &'v Resolved) -> Result<&'v [Resolved], TemplateError> {
        match &value.value {
            Value::List(items) => Ok(items),
            _ => Err(self.error(value.place, format!("expected a list, found {}", value.kind()))),
        }
    }

    fn cidr(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let [block, count, bits] = self.items(call, 3, 3)? else { unreachable!("three were asked for") };
        let block = self.text(block)?;
        let (count, bits) = (self.number(count)?, self.number(bits)?);
        if !(1..=256).contains(&count) {
            return Err(self.error(call.argument.place, format!("expected 1 to 256 subnets, found {count}")));
        }
        let subnets = subnets(block.text().unwrap_or_default(), count, bits)
            .map_err(|reason| self.error(call.argument.place, reason))?;
        let item = |subnet: String| {
            let mut pieces = Pieces::default();
            pieces.push(&subnet);
            pieces.take_marks(&block);
            pieces.into_resolved(block.place)
        };
        Ok(Resolved::new(block.place, Value::List(subnets.into_iter().map(item).collect())))
    }

    fn find_in_map(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let items = self.items(call, 3, 4)?;
        let mut keys = Vec::new();
        for node in &items[..3] {
            let value = self.text(node)?;
            keys.push(self.text_of(&value)?);
        }
        let other = items.get(3).map(|options| (options, options.get("DefaultValue")));
        if let Some((options, default)) = other {
            self.extension(call)?;
            if default.is_none() {
                let reason = format!("expected a map with `DefaultValue`, found {}", options.kind());
                return Err(self.error(options.place, reason));
            }
        }
        let stack = self.stack;
        let mut found = stack.template.mappings.get(&keys[0]);
        let mut missing = ("a mapping", &keys[0]);
        for (expected, key) in [("a key of the mapping", &keys[1]), ("a second key of the mapping", &keys[2])]
        {
            if let Some(node) = found {
                found = node.get(key);
                missing = (expected, key);
            }
        }
        if let Some(node) = found {
            return self.value(node);
        }
        if let Some((_, Some(default))) = other {
            return self.value(default);
        }
        let (expected, key) = missing;
        Err(self.error(call.argument.place, format!("expected {expected}, found `{}`", quoted(key))))
    }

    /// Three zones of the region, which may have more or fewer on AWS.
    fn zones(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let region = self.argument(call)?;
        let mut region = self.text_of(&region)?;
        if region.is_empty() {
            region.clone_from(&self.stack.inputs.region);
        }
        let zone = |letter: &str| {
            let value =
                Value::Local { text: format!("{region}{letter}"), of: vec![format!("zones of {region}")] };
            Resolved::new(call.argument.place, value)
        };
        Ok(Resolved::new(call.argument.place, Value::List(["a", "b", "c"].map(zone).into())))
    }

    fn get_att(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let place = call.argument.place;
        if let Some(text) = call.argument.scalar() {
            let Some((name, attribute)) = text.split_once('.') else {
                let reason =
                    format!("expected `Resource.Attribute` for `Fn::GetAtt`, found `{}`", quoted(text));
                return Err(self.error(place, reason));
            };
            return self.attribute(name, attribute, place);
        }
        let [name, attribute] = self.items(call, 2, 2)? else { unreachable!("two were asked for") };
        let Some(name) = name.scalar() else {
            return Err(self.error(name.place, format!("expected a resource's name, found {}", name.kind())));
        };
        let attribute = self.text(attribute)?;
        let attribute = self.text_of(&attribute)?;
        self.attribute(name, &attribute, place)
    }

    fn choose(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let [condition, yes, no] = self.items(call, 3, 3)? else { unreachable!("three were asked for") };
        let Some(name) = condition.scalar() else {
            let reason = format!("expected a condition's name for `Fn::If`, found {}", condition.kind());
            return Err(self.error(condition.place, reason));
        };
        let holds = self.decided(name, condition.place)?;
        self.value(if holds { yes } else { no })
    }

    fn import(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let name = self.argument(call)?;
        let name = self.text_of(&name)?;
        match self.stack.inputs.exports.get(&name) {
            Some(value) => Ok(Resolved::new(call.argument.place, Value::Text(value.clone()))),
            None if self.stack.inputs.allow_missing => {
                Ok(Resolved::new(call.argument.place, Value::Local { text: name.clone(), of: vec![name] }))
            }
            None => {
                let reason = format!("expected a value for the export `{}`, found none given", quoted(&name));
                Err(self.error(call.argument.place, reason))
            }
        }
    }

    fn join(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let [delimiter, list] = self.items(call, 2, 2)? else { unreachable!("two were asked for") };
        let delimiter = self.text(delimiter)?;
        let list = self.value(list)?;
        let mut pieces = Pieces::default();
        pieces.take_marks(&delimiter);
        for (index, item) in self.list_of(&list)?.iter().enumerate() {
            let before = pieces.len();
            if index > 0 {
                pieces.push(delimiter.text().unwrap_or_default());
            }
            if !pieces.add(item) {
                return Err(self.error(item.place, format!("expected a text, found {}", item.kind())));
            }
            self.count(item.place, pieces.len() - before)?;
        }
        Ok(pieces.into_resolved(call.argument.place))
    }

    fn select(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let [index, list] = self.items(call, 2, 2)? else { unreachable!("two were asked for") };
        let at = self.number(index)?;
        let list = self.value(list)?;
        let items = self.list_of(&list)?;
        items.get(at as usize).cloned().ok_or_else(|| {
            self.error(index.place, format!("expected an index below {}, found {at}", items.len()))
        })
    }

    fn split(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let [delimiter, text] = self.items(call, 2, 2)? else { unreachable!("two were asked for") };
        let delimiter = self.text(delimiter)?;
        let delimiter = self.text_of(&delimiter)?;
        if delimiter.is_empty() {
            return Err(
                self.error(call.argument.place, "expected a delimiter for `Fn::Split`, found an empty text")
            );
        }
        let text = self.text(text)?;
        let part = |part: &str| {
            let mut pieces = Pieces::default();
            pieces.push(part);
            pieces.take_marks(&text);
            pieces.into_resolved(text.place)
        };
        let parts: Vec<Resolved> =
            text.text().unwrap_or_default().split(delimiter.as_str()).map(part).collect();
        self.count(text.place, parts.len())?;
        Ok(Resolved::new(text.place, Value::List(parts)))
    }

    fn sub(&mut self, call: &Call<'_>) -> Result<Resolved, TemplateError> {
        let (text, own) = match call.argument.scalar() {
            Some(text) => (text, Vec::new()),
            None => self.sub_with_variables(call)?,
        };
        let place = call.argument.place;
        let mut result = Pieces::default();
        for piece in pieces(text).map_err(|reason| self.error(place, reason).hinted(SHELL))? {
            let before = result.len();
            match piece {
                Piece::Text(text) => result.push(text),
                Piece::Literal(text) => {
                    result.push("${");
                    result.push(text);
                    result.push("}");
                }
                Piece::Name(name) => {
                    let value = match own.iter().find(|(key, _)| *key == name) {
                        Some((_, value)) => value.clone(),
                        None => match name.split_once('.') {
                            Some((name, attribute)) => self.attribute(name, attribute, place)?,
                            None => self.named(name, place)?,
                        },
                    };
                    if !result.add(&value) {
                        let reason =
                            format!("expected a text for `${{{}}}`, found {}", quoted(name), value.kind());
                        return Err(self.error(place, reason));
                    }
                }
            }
            self.count(place, result.len() - before)?;
        }
        Ok(result.into_resolved(place))
    }

    /// The text and the variables of the form with a list.
    fn sub_with_variables<'n>(&mut self, call: &Call<'n>) -> Result<(&'n str, Variables<'n>), TemplateError> {
        let [text, own] = self.items(call, 2, 2)? else { unreachable!("two were asked for") };
        let Some(template) = text.scalar() else {
            let reason = format!("expected a text for `Fn::Sub`, found {}", text.kind());
            return Err(self.error(text.place, reason));
        };
        let Some(entries) = own.entries() else {
            let reason = format!("expected a map of variables for `Fn::Sub`, found {}", own.kind());
            return Err(self.error(own.place, reason));
        };
        let mut values = Vec::new();
        for (key, node) in entries {
            let key = key.scalar().unwrap_or_default();
            values.push((key, self.at(quoted(key), |this| this.text(node))?));
        }
        Ok((template, values))
    }
}

/// The variables of `Fn::Sub` with their values.
type Variables<'n> = Vec<(&'n str, Resolved)>;

const SHELL: &str = "a variable of the shell is written `${!NAME}` inside `Fn::Sub`";

/// Takes over the marks of a value and of all that is inside it, as deep as the value.
fn marks(value: &Resolved, pieces: &mut Pieces) {
    pieces.take_marks(value);
    match &value.value {
        Value::List(items) => items.iter().for_each(|item| marks(item, pieces)),
        Value::Map(entries) => entries.iter().for_each(|(_, item)| marks(item, pieces)),
        _ => {}
    }
}
