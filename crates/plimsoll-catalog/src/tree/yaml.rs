//! YAML by the parser's events, without recursion.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{MAX_DEPTH, Tree};

/// A list or table that is not at its end.
enum Open {
    List(Vec<Tree>),
    Table { entries: Vec<(String, Tree)>, key: Option<String> },
}

impl Open {
    /// Takes a value that is complete. A key that is no text gets an empty name, and its value stays.
    fn take(&mut self, value: Tree) {
        match self {
            Self::List(items) => items.push(value),
            Self::Table { entries, key } => match key.take() {
                Some(key) => entries.push((key, value)),
                None => {
                    *key = Some(match value {
                        Tree::Text(text) => text,
                        _ => String::new(),
                    });
                }
            },
        }
    }

    fn closed(self) -> Tree {
        match self {
            Self::List(items) => Tree::List(items),
            Self::Table { entries, .. } => Tree::Table(entries),
        }
    }
}

/// Reads every document; the error says what was found. Keys do not count as values.
pub(super) fn read(text: &str, max_values: usize) -> Result<Vec<Tree>, String> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut values = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| format!("{} at line {}", error.info(), error.marker().line()))?;
        let is_start = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if is_start && open.len() == MAX_DEPTH {
            return Err(format!("nesting deeper than {MAX_DEPTH} at line {}", span.start.line()));
        }
        let is_key = matches!(open.last(), Some(Open::Table { key: None, .. }));
        let is_value = is_start || matches!(event, Event::Scalar(..) | Event::Alias(_));
        values += usize::from(is_value && !is_key);
        if values > max_values {
            return Err(format!("more values than are read at line {}", span.start.line()));
        }
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(text.into_owned(), style),
            Event::Alias(_) => Tree::Null,
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table { entries: Vec::new(), key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(last) => last.closed(),
                None => return Err("an end without a start".to_owned()),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        match open.last_mut() {
            Some(last) => last.take(value),
            None => documents.push(value),
        }
    }
    Ok(documents)
}

/// Only what is written without quotes can be nothing.
fn scalar(text: String, style: ScalarStyle) -> Tree {
    if style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null") {
        Tree::Null
    } else {
        Tree::Text(text)
    }
}
