//! Parameters: their types, defaults and bounds, and the values that are given for them.

use std::collections::BTreeMap;

use regex::RegexBuilder;

use super::inputs::Inputs;
use super::value::{Resolved, Value};
use crate::document::{Node, Place, quoted};
use crate::error::{Note, TemplateError, listed, nearest};

/// Most parameters of a template. CloudFormation takes 200.
const MAX_PARAMETERS: usize = 200;
/// Longest value of a parameter, in bytes. CloudFormation takes 4,096.
const MAX_VALUE_BYTES: usize = 4096;
/// Most memory that a pattern may take when it is compiled, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// What a parameter may have.
///
/// Source: AWS CloudFormation User Guide, "Parameters section".
const FIELDS: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

/// A parameter as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Its name.
    pub name: String,
    /// Its type, `String` or `List<AWS::EC2::Subnet::Id>`.
    pub kind: String,
    /// Its default, unless it is not to be shown.
    pub default: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Whether its value is secret.
    pub no_echo: bool,
}

/// What stands for a parameter.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    Known(Resolved),
    /// Nothing was given; the reason is told where it is used.
    Missing(String),
}

/// What is declared, without values.
pub(super) fn infos(declared: &[(String, Node)]) -> Vec<ParameterInfo> {
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::scalar).map(str::to_owned);
    declared
        .iter()
        .map(|(name, node)| {
            let no_echo = is_true(node.get("NoEcho"));
            ParameterInfo {
                name: name.clone(),
                kind: text(node, "Type").unwrap_or_default(),
                default: text(node, "Default").filter(|_| !no_echo),
                description: text(node, "Description"),
                no_echo,
            }
        })
        .collect()
}

/// The values of all parameters.
pub(super) fn values(
    file: &str,
    declared: &[(String, Node)],
    inputs: &Inputs,
    notes: &mut Vec<Note>,
) -> Result<BTreeMap<String, Parameter>, TemplateError> {
    if let Some((_, excess)) = declared.get(MAX_PARAMETERS) {
        let reason = format!("expected at most {MAX_PARAMETERS} parameters, found {}", declared.len());
        return Err(TemplateError::new(file, excess.place, "Parameters", reason));
    }
    for name in inputs.parameters.keys() {
        if !declared.iter().any(|(declared, _)| declared == name) {
            let place = declared.first().map_or(Place::START, |(_, node)| node.place);
            let reason =
                format!("expected a value for a declared parameter, found one for `{}`", quoted(name));
            let error = TemplateError::new(file, place, "Parameters", reason);
            let near = nearest(name, declared.iter().map(|(name, _)| name.as_str()));
            return Err(match near {
                Some(near) => error.hinted(format!("`{near}` was meant")),
                None => error,
            });
        }
    }
    let mut values = BTreeMap::new();
    for (name, node) in declared {
        let reader = Reader { file, name, node, inputs };
        values.insert(name.clone(), reader.value(notes)?);
    }
    Ok(values)
}

struct Reader<'a> {
    file: &'a str,
    name: &'a str,
    node: &'a Node,
    inputs: &'a Inputs,
}

impl Reader<'_> {
    fn error(&self, node: &Node, reason: impl Into<String>) -> TemplateError {
        TemplateError::new(self.file, node.place, format!("Parameters/{}", quoted(self.name)), reason)
    }

    fn value(&self, notes: &mut Vec<Note>) -> Result<Parameter, TemplateError> {
        let Some(entries) = self.node.entries() else {
            return Err(self.error(self.node, format!("expected a map, found {}", self.node.kind())));
        };
        for (key, _) in entries {
            let written = key.scalar().unwrap_or_default();
            if !FIELDS.contains(&written) {
                let reason = format!("expected {}, found `{}`", listed(&FIELDS), quoted(written));
                return Err(self.error(key, reason));
            }
        }
        let Some(kind) = self.node.get("Type").and_then(Node::scalar) else {
            return Err(self.error(self.node, "expected a `Type`, found none"));
        };
        let Some(kind) = Kind::of(kind) else {
            let reason = format!("expected a type of parameters, found `{}`", quoted(kind));
            return Err(self.error(self.node.get("Type").unwrap_or(self.node), reason));
        };
        let default = match self.node.get("Default") {
            None => None,
            Some(node) => match node.scalar() {
                Some(text) => Some(text.to_owned()),
                None if node.is_null() => Some(String::new()),
                None => {
                    let reason = format!("expected a text as `Default`, found {}", node.kind());
                    return Err(self.error(node, reason));
                }
            },
        };
        let no_echo = is_true(self.node.get("NoEcho"));
        let Some(given) = self.inputs.parameters.get(self.name).cloned().or(default) else {
            return self.missing(&kind, no_echo, "no value is given, and there is no default");
        };
        if given.len() > MAX_VALUE_BYTES {
            let reason =
                format!("expected a value of at most {MAX_VALUE_BYTES} bytes, found {}", given.len());
            return Err(self.error(self.node, reason));
        }
        self.constraints(&kind, &given, no_echo, notes)?;
        if !kind.is_ssm {
            return Ok(Parameter::Known(self.resolved(&kind, &given, no_echo)));
        }
        let Some(given) = self.inputs.ssm.get(&given) else {
            let why = format!("the value of `{}` in Systems Manager is not given", quoted(&given));
            return self.missing(&kind, no_echo, &why);
        };
        Ok(Parameter::Known(self.resolved(&kind, given, no_echo)))
    }

    /// A value that nobody gave: an error where it is used, or the name in its stead.
    fn missing(&self, kind: &Kind, no_echo: bool, why: &str) -> Result<Parameter, TemplateError> {
        if self.inputs.allow_missing {
            let text = if kind.is_number { "0".to_owned() } else { self.name.to_owned() };
            let local = Value::Local { text, of: vec![self.name.to_owned()] };
            let item = Resolved { place: self.node.place, value: local, is_secret: no_echo };
            let value = if kind.is_list {
                Resolved { place: item.place, is_secret: no_echo, value: Value::List(vec![item]) }
            } else {
                item
            };
            return Ok(Parameter::Known(value));
        }
        if kind.is_ssm {
            return Ok(Parameter::Missing(why.to_owned()));
        }
        Err(self.error(self.node, format!("expected a value for parameter `{}`: {why}", quoted(self.name))))
    }

    fn resolved(&self, kind: &Kind, text: &str, is_secret: bool) -> Resolved {
        let place = self.node.place;
        let scalar = |text: &str| {
            let text = text.to_owned();
            let value = if kind.is_number { Value::Number(text) } else { Value::Text(text) };
            Resolved { place, value, is_secret }
        };
        if !kind.is_list {
            return scalar(text);
        }
        // Spaces around the items are taken away, as the guide says of a list separated by commas.
        let items = if text.is_empty() {
            Vec::new()
        } else {
            text.split(',').map(|item| scalar(item.trim())).collect()
        };
        Resolved { place, value: Value::List(items), is_secret }
    }

    fn constraints(
        &self,
        kind: &Kind,
        given: &str,
        no_echo: bool,
        notes: &mut Vec<Note>,
    ) -> Result<(), TemplateError> {
        let shown = if no_echo { "[redacted]".to_owned() } else { quoted(given) };
        let because = self.node.get("ConstraintDescription").and_then(Node::scalar);
        let refuse = |node: &Node, expected: String| {
            let error = self.error(node, format!("expected {expected}, found `{shown}`"));
            match because {
                Some(text) => error.hinted(quoted(text)),
                None => error,
            }
        };
        let items: Vec<&str> =
            if kind.is_list { given.split(',').map(str::trim).collect() } else { vec![given] };
        for item in &items {
            if kind.is_number && !kind.is_ssm && item.parse::<f64>().is_err() {
                return Err(refuse(self.node, "a number".to_owned()));
            }
        }
        if let Some(node) = self.node.get("AllowedValues") {
            let Some(allowed) = node.items() else {
                return Err(self.error(node, format!("expected a list of values, found {}", node.kind())));
            };
            let allowed: Vec<&str> = allowed.iter().map(|node| node.scalar().unwrap_or_default()).collect();
            if let Some(item) = items.iter().find(|item| !allowed.contains(item)) {
                let shown = if no_echo { "[redacted]".to_owned() } else { quoted(item) };
                let expected = if no_echo { "an allowed value".to_owned() } else { listed(&allowed) };
                return Err(self.error(node, format!("expected {expected}, found `{shown}`")));
            }
        }
        if let Some(node) = self.node.get("AllowedPattern") {
            let pattern = node.scalar().unwrap_or_default();
            match RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MAX_PATTERN_BYTES).build() {
                Ok(regex) => {
                    if let Some(_item) = items.iter().find(|item| !regex.is_match(item)) {
                        return Err(refuse(node, format!("a value of the pattern `{}`", quoted(pattern))));
                    }
                }
                // Java's patterns know more than ours: look-around and back references.
                Err(_) => notes.push(Note {
                    place: node.place,
                    path: format!("Parameters/{}/AllowedPattern", quoted(self.name)),
                    message: format!("the pattern `{}` is not judged here", quoted(pattern)),
                }),
            }
        }
        let length = given.encode_utf16().count();
        for (field, is_minimum) in [("MinLength", true), ("MaxLength", false)] {
            let Some(node) = self.node.get(field) else { continue };
            let Some(bound) = node.scalar().and_then(|text| text.parse::<usize>().ok()) else {
                return Err(
                    self.error(node, format!("expected a number as `{field}`, found {}", node.kind()))
                );
            };
            if if is_minimum { length < bound } else { length > bound } {
                let most = if is_minimum { "least" } else { "most" };
                return Err(refuse(node, format!("a value of at {most} {bound} characters")));
            }
        }
        for (field, is_minimum) in [("MinValue", true), ("MaxValue", false)] {
            let Some(node) = self.node.get(field) else { continue };
            let Some(bound) = node.scalar().and_then(|text| text.parse::<f64>().ok()) else {
                return Err(
                    self.error(node, format!("expected a number as `{field}`, found {}", node.kind()))
                );
            };
            let outside = |item: &&&str| {
                item.parse::<f64>()
                    .is_ok_and(|number| if is_minimum { number < bound } else { number > bound })
            };
            if items.iter().find(outside).is_some() {
                let most = if is_minimum { "least" } else { "most" };
                return Err(refuse(node, format!("a number of at {most} {bound}")));
            }
        }
        Ok(())
    }
}

/// A type of parameters.
///
/// Source: AWS CloudFormation User Guide, "Parameters section", "Type"; "AWS-specific parameter types"; "SSM parameter
/// types".
struct Kind {
    is_list: bool,
    is_number: bool,
    is_ssm: bool,
}

impl Kind {
    fn of(written: &str) -> Option<Self> {
        if let Some(inner) =
            written.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|rest| rest.strip_suffix('>'))
        {
            return Some(Self { is_ssm: true, ..Self::plain(inner)? });
        }
        Self::plain(written)
    }

    fn plain(written: &str) -> Option<Self> {
        let inner = written.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
        let (item, is_list) = match inner {
            Some(inner) => (inner, true),
            None => (written, written == "CommaDelimitedList"),
        };
        let is_known =
            matches!(item, "String" | "Number" | "CommaDelimitedList") || item.starts_with("AWS::");
        is_known.then_some(Self { is_list, is_number: item == "Number", is_ssm: false })
    }
}

fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::scalar).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}
