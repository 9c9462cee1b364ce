//! A record as expressions see it: fields found in one pass, paths followed where they are asked.

use std::borrow::Cow;

use crate::ast::{Begin, Name, Path, Step};
use crate::error::{Code, SelectError};
use crate::json::{Flaw, Members, skip_value};
use crate::limits::MAX_PATH_VALUES;
use crate::row::Row;
use crate::value::{CHECKED, Value, for_each_member};

/// Where a field's value begins and ends.
pub(crate) type Span = Option<(usize, usize)>;

/// What expressions are asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Record<'v> {
    /// A path of `FROM` that led nowhere.
    Missing,
    /// A JSON value; of an object, the fields that the statement names.
    Json { text: &'v str, names: &'v [Name], fields: &'v [Span] },
    /// A line of CSV; for each name of the statement, the column's place.
    Csv { fields: &'v [Cow<'v, str>], columns: &'v [usize] },
    /// A row of Parquet.
    Row(&'v Row<'v>),
}

impl<'v> Record<'v> {
    /// The value a path leads to.
    pub(crate) fn get(&self, path: &Path) -> Result<Value<'v>, SelectError> {
        match *self {
            Record::Missing => Ok(Value::Missing),
            Record::Json { text, names, fields } => {
                let begin = match path.begin {
                    Begin::Record => text,
                    Begin::Field(place) => match fields.get(place) {
                        Some(Some((from, to))) => &text[*from..*to],
                        // The record itself, where it has no such field.
                        _ if names.get(place).is_some_and(|name| name.text == "_1") => text,
                        _ => return Ok(Value::Missing),
                    },
                };
                follow(begin, path.below())
            }
            Record::Csv { fields, columns } => {
                let Begin::Field(place) = path.begin else { return Ok(Value::Missing) };
                if !path.below().is_empty() {
                    return Ok(Value::Missing);
                }
                let field = columns.get(place).and_then(|column| fields.get(*column));
                // A line that is too short.
                Ok(field.map_or(Value::Null, |field| Value::Field(Cow::Borrowed(field.as_ref()))))
            }
            Record::Row(row) => {
                let Begin::Field(place) = path.begin else { return Ok(Value::Missing) };
                let Some(column) = row.places.get(place) else { return Ok(Value::Missing) };
                match (row.value(*column), path.below()) {
                    (value, []) => Ok(value),
                    (Value::Json(text), below) => follow(text, below),
                    _ => Ok(Value::Missing),
                }
            }
        }
    }
}

fn ambiguous(name: &Name) -> SelectError {
    SelectError::evaluation(
        Code::AmbiguousFieldName,
        format!("expected one field `{}`, found several that differ in case", name.text),
    )
    .hint("put the name between double quotes, where case counts")
}

/// Which of an object's members the names mean; of several of one spelling it is the first. Checks the object at `at`,
/// and says where it ends.
pub(crate) fn find_fields(
    text: &str,
    at: usize,
    depth: usize,
    names: &[Name],
    fields: &mut Vec<Span>,
) -> Result<Result<usize, SelectError>, Flaw> {
    fields.clear();
    fields.resize(names.len(), None);
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'{') {
        return Ok(Ok(skip_value(bytes, at, depth)?));
    }
    let mut members = Members::new(bytes, at, depth)?;
    let mut trouble = None;
    // What the first member of each name is called, where there are several.
    let mut firsts: Vec<Option<Cow<'_, str>>> = Vec::new();
    while let Some(member) = members.next_key()? {
        let end = members.skip(&member)?;
        let (from, to) = member.name;
        // Most names are seen by their length to be others.
        if !member.escaped && !names.iter().any(|name| name.may_fit(to - from)) {
            continue;
        }
        let written = &text[from..to];
        let key = if member.escaped { crate::json::unescape(written) } else { Cow::Borrowed(written) };
        let key = key.as_ref();
        for (number, (name, field)) in names.iter().zip(fields.iter_mut()).enumerate() {
            if !name.fits(key) {
                continue;
            }
            match field {
                None => *field = Some((member.value, end)),
                Some(_) if name.quoted => {}
                // Rare: look whether the first one is called the same.
                Some((first, _)) => {
                    firsts.resize(names.len(), None);
                    let first = firsts[number].get_or_insert_with(|| name_of(text, at, *first));
                    if first != key {
                        trouble = Some(ambiguous(name));
                    }
                }
            }
        }
    }
    Ok(trouble.map_or(Ok(members.end()), Err))
}

/// The name of the member of the object at `at` whose value begins at `value`, up to which the object was checked.
fn name_of(text: &str, at: usize, value: usize) -> Cow<'_, str> {
    let Ok(mut members) = Members::new(text.as_bytes(), at, CHECKED) else { return Cow::Borrowed("") };
    while let Ok(Some(member)) = members.next_key() {
        if member.value == value {
            let written = &text[member.name.0..member.name.1];
            return if member.escaped { crate::json::unescape(written) } else { Cow::Borrowed(written) };
        }
        if members.skip(&member).is_err() {
            break;
        }
    }
    Cow::Borrowed("")
}

fn find_member<'v>(text: &'v str, name: &Name) -> Result<Option<&'v str>, SelectError> {
    let mut found: Option<(Cow<'v, str>, &'v str)> = None;
    for_each_member(text, |key, value| {
        if name.fits(&key) {
            match &found {
                None => found = Some((key, value)),
                Some((first, _)) if *first == key => {}
                Some(_) => return Err(ambiguous(name)),
            }
        }
        Ok(())
    })?;
    Ok(found.map(|(_, value)| value))
}

/// Follows steps from a value; with wildcards among them, to a list.
fn follow<'v>(text: &'v str, steps: &[Step]) -> Result<Value<'v>, SelectError> {
    let mut text = text;
    for (number, step) in steps.iter().enumerate() {
        let next = match step {
            Step::Name(name) if text.starts_with('{') => find_member(text, name)?,
            Step::Index(index) if text.starts_with('[') => nth(text, *index),
            Step::Name(_) | Step::Index(_) => None,
            Step::Elements | Step::Members => {
                let mut list = Vec::new();
                collect(text, &steps[number..], &mut list)?;
                return Ok(Value::List(list));
            }
        };
        match next {
            Some(next) => text = next,
            None => return Ok(Value::Missing),
        }
    }
    Ok(Value::from_json(text))
}

fn nth(text: &str, index: usize) -> Option<&str> {
    let mut elements = crate::json::Elements::new(text.as_bytes(), 0, CHECKED).ok()?;
    let mut number = 0;
    while let Ok(Some((from, to))) = elements.next() {
        if number == index {
            return text.get(from..to);
        }
        number += 1;
    }
    None
}

/// All values that steps lead to; how deep it goes is bounded by how many steps a path may have.
fn collect<'v>(text: &'v str, steps: &[Step], list: &mut Vec<Value<'v>>) -> Result<(), SelectError> {
    let Some((step, rest)) = steps.split_first() else {
        if list.len() >= MAX_PATH_VALUES {
            let message = format!(
                "expected at most {MAX_PATH_VALUES} values that a path with wildcards leads to, found more"
            );
            return Err(SelectError::evaluation(Code::OverMaxRecordSize, message)
                .hint("let the path stand in `FROM`, where each value is a record"));
        }
        list.push(Value::from_json(text));
        return Ok(());
    };
    match step {
        Step::Name(name) if text.starts_with('{') => match find_member(text, name)? {
            Some(value) => collect(value, rest, list),
            None => Ok(()),
        },
        Step::Index(index) if text.starts_with('[') => match nth(text, *index) {
            Some(value) => collect(value, rest, list),
            None => Ok(()),
        },
        Step::Elements if text.starts_with('[') => {
            let mut elements = crate::json::Elements::new(text.as_bytes(), 0, CHECKED).map_err(broken)?;
            while let Some((from, to)) = elements.next().map_err(broken)? {
                collect(&text[from..to], rest, list)?;
            }
            Ok(())
        }
        Step::Members if text.starts_with('{') => {
            for_each_member(text, |_, value| collect(value, rest, list))
        }
        _ => Ok(()),
    }
}

fn broken(flaw: Flaw) -> SelectError {
    SelectError::evaluation(Code::JsonParsingError, format!("expected {}", flaw.expected))
}

/// What `FROM` yields below one root value: see [`walk`].
pub(crate) enum Yield<'v> {
    Missing,
    Value(&'v str),
}

/// Gives `visit` each value that the steps of `FROM` lead to; what leads nowhere yields MISSING once.
///
/// A root value that is no object is one whose only field `_1` it is.
pub(crate) fn walk<'v>(
    text: &'v str,
    steps: &[Step],
    root: bool,
    visit: &mut dyn FnMut(Yield<'v>) -> Result<(), SelectError>,
) -> Result<(), SelectError> {
    let Some((step, rest)) = steps.split_first() else { return visit(Yield::Value(text)) };
    match step {
        Step::Name(name) if text.starts_with('{') => match find_member(text, name)? {
            Some(value) => walk(value, rest, false, visit),
            None => visit(Yield::Missing),
        },
        Step::Name(name) if root && name.text == "_1" => walk(text, rest, false, visit),
        Step::Index(index) if text.starts_with('[') => match nth(text, *index) {
            Some(value) => walk(value, rest, false, visit),
            None => visit(Yield::Missing),
        },
        Step::Elements if text.starts_with('[') => {
            let mut elements = crate::json::Elements::new(text.as_bytes(), 0, CHECKED).map_err(broken)?;
            let mut any = false;
            while let Some((from, to)) = elements.next().map_err(broken)? {
                any = true;
                walk(&text[from..to], rest, false, visit)?;
            }
            if any { Ok(()) } else { visit(Yield::Missing) }
        }
        Step::Members if text.starts_with('{') => {
            let mut any = false;
            for_each_member(text, |_, value| {
                any = true;
                walk(value, rest, false, visit)
            })?;
            if any { Ok(()) } else { visit(Yield::Missing) }
        }
        _ => visit(Yield::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, quoted: bool) -> Name {
        Name::new(text, quoted)
    }

    #[test]
    fn fields_are_found_by_name() {
        let text = r#"{"A": 1, "b" : [2, {"a": 3}], "\u0063":"x", "b": 4}"#;
        let names = [name("a", false), name("b", false), name("a", true), name("C", false), name("d", false)];
        let mut fields = Vec::new();
        let end = find_fields(text, 0, 9, &names, &mut fields).unwrap().unwrap();
        assert_eq!(end, text.len());
        let found: Vec<Option<&str>> =
            fields.iter().map(|span| span.map(|(from, to)| &text[from..to])).collect();
        assert_eq!(found, [Some("1"), Some("[2, {\"a\": 3}]"), None, Some("\"x\""), None]);
    }

    #[test]
    fn names_that_differ_in_case_need_quotes() {
        let text = r#"{"NAME": 1, "name": 2}"#;
        let mut fields = Vec::new();
        let error = find_fields(text, 0, 9, &[name("Name", false)], &mut fields).unwrap().unwrap_err();
        assert_eq!(error.code(), Code::AmbiguousFieldName);
        assert!(find_fields(text, 0, 9, &[name("name", true)], &mut fields).unwrap().is_ok());
        assert_eq!(fields, [Some((20, 21))]);
        let error = find_member(text, &name("name", false)).unwrap_err();
        assert_eq!(error.code(), Code::AmbiguousFieldName);
        assert_eq!(find_member(r#"{"a": 1, "a": 2}"#, &name("A", false)).unwrap(), Some("1"));
    }

    #[test]
    fn wildcards_make_lists_of_so_many_values() {
        let path = [Step::Elements];
        let text = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
        let most = text(MAX_PATH_VALUES);
        assert_eq!(follow(&most, &path).unwrap().elements().unwrap().count(), MAX_PATH_VALUES);
        let error = follow(&text(MAX_PATH_VALUES + 1), &path).unwrap_err();
        assert_eq!(error.code(), Code::OverMaxRecordSize);
    }

    #[test]
    fn wildcards_make_lists() {
        let text = r#"{"a": [{"b": 1}, {"c": 2}, {"b": [3, 4]}], "o": {"x": 5, "y": [6]}}"#;
        let path = |steps: &[Step]| match follow(text, steps).unwrap() {
            Value::List(list) => list.iter().map(Value::describe).collect::<Vec<_>>().join(" "),
            value => value.describe(),
        };
        let field = |text: &str| Step::Name(name(text, false));
        assert_eq!(path(&[field("a"), Step::Elements, field("b")]), "a number `1` an array");
        assert_eq!(
            path(&[field("a"), Step::Elements, field("b"), Step::Elements]),
            "a number `3` a number `4`"
        );
        assert_eq!(path(&[field("o"), Step::Members]), "a number `5` an array");
        assert_eq!(path(&[field("a"), Step::Index(2), field("b"), Step::Index(1)]), "a number `4`");
        assert_eq!(path(&[field("a"), field("b")]), "MISSING");
        assert_eq!(path(&[field("a"), Step::Index(3)]), "MISSING");
        assert_eq!(path(&[field("o"), Step::Elements]), "");
    }
}
