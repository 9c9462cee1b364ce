//! YAML by the parser's events, without recursion.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Budget, DocumentError, Limits, Node, Place, Size, Value, quoted};

/// The prefix of YAML's own tags, which `!!` stands for.
const CORE: &str = "tag:yaml.org,2002:";

/// A list or map that is not at its end.
struct Open {
    place: Place,
    tag: Option<String>,
    anchor: usize,
    size: Size,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<(Node, Node)>, key: Option<Node>, seen: HashSet<String> },
}

/// Reads the only document of a text; an empty text is [`Value::Null`].
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Node, DocumentError> {
    let mut reader =
        Reader { budget: Budget::new(limits), open: Vec::new(), anchors: HashMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| scan_error(text, *error.marker(), error.info()))?;
        reader.event(event, place(span.start))?;
    }
    Ok(reader.root.unwrap_or(Node::new(Place::START, Value::Null)))
}

struct Reader<'l> {
    budget: Budget<'l>,
    open: Vec<Open>,
    /// What stands under each anchor, with its size.
    anchors: HashMap<usize, (Node, Size)>,
    root: Option<Node>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), DocumentError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let size = Size { nodes: 1, scalar_bytes: text.len(), depth: 0 };
                self.budget.take(size, self.open.len(), place)?;
                let node = scalar(text.into_owned(), style, tag.as_deref(), place)?;
                self.complete(node, anchor, size)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    let reason =
                        "expected an alias of what stands before it, found one inside its own anchor";
                    return Err(DocumentError::new(place, reason));
                };
                let size = *size;
                // Counted before it is copied.
                self.budget.take(size, self.open.len(), place)?;
                let node = Node { place, ..node.clone() };
                self.complete(node, 0, size)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(anchor, tag.as_deref(), place, Inside::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Map { entries: Vec::new(), key: None, seen: HashSet::new() };
                self.start(anchor, tag.as_deref(), place, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Err(DocumentError::new(place, "expected a start before its end"));
                };
                let value = match open.inside {
                    Inside::List(items) => Value::List(items),
                    Inside::Map { entries, .. } => Value::Map(merged(entries, &mut self.budget)?),
                };
                let node = Node { place: open.place, tag: open.tag, value };
                self.complete(node, open.anchor, open.size)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(DocumentError::new(place, "expected one document, found a second"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn start(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        place: Place,
        inside: Inside,
    ) -> Result<(), DocumentError> {
        let size = Size { nodes: 1, scalar_bytes: 0, depth: 1 };
        self.budget.take(size, self.open.len(), place)?;
        let expected = if matches!(inside, Inside::List(_)) { "seq" } else { "map" };
        let tag = match written(tag, place)? {
            Written::Core(name) if name != expected => {
                let reason = format!("expected the tag `!!{expected}`, found `!!{}`", quoted(&name));
                return Err(DocumentError::new(place, reason));
            }
            Written::Core(_) | Written::None => None,
            Written::Own(tag) => Some(tag),
        };
        self.open.push(Open { place, tag, anchor, size, inside });
        Ok(())
    }

    /// Puts a node that is complete where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, size: Size) -> Result<(), DocumentError> {
        if anchor != 0 {
            // The copy is held in memory too.
            self.budget.take(Size { depth: 0, ..size }, 0, node.place)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size.nodes += size.nodes;
        open.size.scalar_bytes += size.scalar_bytes;
        open.size.depth = open.size.depth.max(size.depth + 1);
        match &mut open.inside {
            Inside::List(items) => items.push(node),
            Inside::Map { entries, key, seen } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(checked_key(node, seen)?),
            },
        }
        Ok(())
    }
}

/// A key: a scalar that the map does not have.
fn checked_key(node: Node, seen: &mut HashSet<String>) -> Result<Node, DocumentError> {
    let text = match &node.value {
        // `: value` and `~: value` have no name, but a file that is not in use anywhere need not be refused for it.
        Value::Null => "",
        _ => node.scalar().ok_or_else(|| {
            DocumentError::new(node.place, format!("expected a text as key, found {}", node.kind()))
        })?,
    };
    if text != "<<" && !seen.insert(text.to_owned()) {
        let reason = format!("expected each key once, found `{}` again", quoted(text));
        return Err(DocumentError::new(node.place, reason));
    }
    Ok(node)
}

/// The entries with those of the maps under `<<`; what is written in the map itself comes first.
///
/// Source: YAML 1.1, "Merge Key Language-Independent Type".
fn merged(entries: Vec<(Node, Node)>, budget: &mut Budget<'_>) -> Result<Vec<(Node, Node)>, DocumentError> {
    if !entries.iter().any(|(key, _)| is_merge(key)) {
        return Ok(entries);
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| is_merge(key));
    let mut seen: HashSet<String> =
        own.iter().filter_map(|(key, _)| key.scalar().map(str::to_owned)).collect();
    for (key, value) in merges {
        let place = value.place;
        let maps = match value.value {
            Value::List(maps) => maps,
            _ => vec![value],
        };
        for map in maps {
            let Value::Map(more) = map.value else {
                let reason = format!("expected a map or a list of maps under `<<`, found {}", map.kind());
                return Err(DocumentError::new(place, reason));
            };
            for (name, value) in more {
                // What is merged was counted when its alias was unfolded; the keys are copied once more.
                budget.take(Size { nodes: 1, ..Size::default() }, 0, key.place)?;
                if seen.insert(name.scalar().unwrap_or_default().to_owned()) {
                    own.push((name, value));
                }
            }
        }
    }
    Ok(own)
}

fn is_merge(key: &Node) -> bool {
    key.tag.is_none() && key.scalar() == Some("<<")
}

/// A tag as it was written.
enum Written {
    None,
    /// YAML's own, without `!!`.
    Core(String),
    /// Any other, with its `!`.
    Own(String),
}

fn written(tag: Option<&Tag>, place: Place) -> Result<Written, DocumentError> {
    let Some(tag) = tag else { return Ok(Written::None) };
    let whole = format!("{}{}", tag.handle, tag.suffix);
    if let Some(name) = whole.strip_prefix(CORE) {
        return Ok(Written::Core(name.to_owned()));
    }
    if whole == "!" {
        return Ok(Written::Core("str".to_owned()));
    }
    if whole.starts_with('!') {
        return Ok(Written::Own(whole));
    }
    let reason = format!("expected a tag as `!Name`, found `{}`", quoted(&whole));
    Err(DocumentError::new(place, reason))
}

/// A scalar by its text, style and tag.
///
/// Source: YAML 1.2.2, 10.3.2 "Tag Resolution" of the core schema, without `.inf` and `.nan`, which stay texts.
fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Node, DocumentError> {
    let plain = style == ScalarStyle::Plain;
    let (tag, resolve) = match written(tag, place)? {
        Written::None => (None, plain),
        Written::Own(tag) => (Some(tag), plain),
        Written::Core(name) => match name.as_str() {
            "str" => (None, false),
            "null" | "bool" | "int" | "float" => (None, true),
            _ => {
                let reason = format!(
                    "expected a tag that CloudFormation and CodeBuild know, found `!!{}`",
                    quoted(&name)
                );
                return Err(DocumentError::new(place, reason));
            }
        },
    };
    let value = match text.as_str() {
        _ if !resolve => Value::Text(text),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(&text) => Value::Number(text),
        _ => Value::Text(text),
    };
    Ok(Node { place, tag, value })
}

/// `[-+]?digits`, `0xhex`, `0ooctal`, or a decimal fraction with or without an exponent.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(hex) = text.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| matches!(b, b'0'..=b'7'));
    }
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits = exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)));
    exponent_fits
        && match mantissa.split_once('.') {
            None => digits(mantissa),
            Some(("", fraction)) => digits(fraction),
            Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        }
}

fn place(marker: Marker) -> Place {
    Place::counted(marker.line(), marker.col() + 1)
}

/// What the scanner says, and that there is a tab where one stands in the indentation.
fn scan_error(text: &str, marker: Marker, info: &str) -> DocumentError {
    let place = place(marker);
    let mut error = DocumentError::new(place, quoted(info));
    let last = place.line as usize;
    let lines: Vec<&str> = text.lines().take(last + 1).collect();
    // The scanner often stops one line behind the cause, or says where the value began.
    for number in [last, last.saturating_sub(1), last + 1] {
        let Some(line) = number.checked_sub(1).and_then(|index| lines.get(index)) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indentation.find('\t') {
            let place = Place::counted(number, indentation[..tab].chars().count() + 1);
            error = DocumentError::new(place, "expected spaces as indentation, found a tab");
            error.hint = Some("YAML does not allow tabs there: replace each by spaces".to_owned());
            break;
        }
    }
    error
}
