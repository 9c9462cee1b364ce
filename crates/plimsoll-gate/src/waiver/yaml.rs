//! YAML whose values know their lines, by the parser's events, without recursion.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::input::{Input, InputError, quoted};

/// Deepest nesting of lists and tables.
const MAX_DEPTH: usize = 32;
/// Most values of a file.
const MAX_VALUES: usize = 500_000;

/// A value with its line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

enum Open {
    List(usize, Vec<Node>),
    Table(usize, Vec<(String, Node)>, Option<String>),
}

/// Reads the first document; an empty file is [`Value::Null`].
pub(super) fn read(input: &Input<'_>) -> Result<Node, InputError> {
    input.bounded()?;
    let text = input.text.trim_start_matches('\u{feff}');
    let mut open: Vec<Open> = Vec::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| input.error_in_line(error.marker().line(), "", quoted(error.info())))?;
        let line = span.start.line();
        let is_start = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if is_start && open.len() == MAX_DEPTH {
            return Err(input.error_in_line(
                line,
                "",
                format!("expected at most {MAX_DEPTH} levels, found more"),
            ));
        }
        values += 1;
        if values > MAX_VALUES {
            return Err(input.error_in_line(
                line,
                "",
                format!("expected at most {MAX_VALUES} values, found more"),
            ));
        }
        let node = match event {
            Event::Scalar(text, style, ..) => {
                let is_null = style == ScalarStyle::Plain && matches!(text.as_ref(), "" | "~" | "null");
                Node { line, value: if is_null { Value::Null } else { Value::Text(text.into_owned()) } }
            }
            Event::Alias(_) => {
                return Err(input.error_in_line(line, "", "expected a value, found an alias `*…`"));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(line, Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(line, Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(line, items)) => Node { line, value: Value::List(items) },
                Some(Open::Table(line, entries, _)) => Node { line, value: Value::Table(entries) },
                None => return Err(input.error_in_line(line, "", "expected a start before its end")),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        match open.last_mut() {
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Table(_, entries, key)) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match node.value {
                    Value::Text(text) => *key = Some(text),
                    _ => return Err(input.error_in_line(node.line, "", "expected a text as key")),
                },
            },
            None => return Ok(node),
        }
    }
    Ok(Node { line: 1, value: Value::Null })
}

impl Node {
    /// The entries of a table; none of nothing.
    pub(super) fn entries(&self, input: &Input<'_>, name: &str) -> Result<&[(String, Node)], InputError> {
        match &self.value {
            Value::Table(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            _ => Err(input.error_in_line(self.line, "", format!("expected {name} to be a table"))),
        }
    }

    /// The items of a list; none of nothing.
    pub(super) fn items(&self, input: &Input<'_>, name: &str) -> Result<&[Node], InputError> {
        match &self.value {
            Value::List(items) => Ok(items),
            Value::Null => Ok(&[]),
            _ => Err(input.error_in_line(self.line, "", format!("expected {name} to be a list"))),
        }
    }

    /// A text; `None` of nothing.
    pub(super) fn text(&self, input: &Input<'_>, name: &str) -> Result<Option<&str>, InputError> {
        match &self.value {
            Value::Text(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Value::Null => Ok(None),
            _ => Err(input.error_in_line(self.line, "", format!("expected {name} to be a text"))),
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self, input: &Input<'_>, name: &str) -> Result<Vec<(String, usize)>, InputError> {
        let mut texts = Vec::new();
        for item in self.items(input, name)? {
            if let Some(text) = item.text(input, name)? {
                texts.push((text.to_owned(), item.line));
            }
        }
        Ok(texts)
    }
}
