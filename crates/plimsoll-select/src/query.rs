//! A statement that was understood: names bound, aggregates numbered, columns named.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ast::{Aggregate, Begin, Expr, Kind, List, Name, Path, Select, Step};
use crate::error::{Code, SelectError};
use crate::lexer::place;
use crate::limits::{DEFAULT_COLUMNS, MAX_AGGREGATES};
use crate::parser;
use crate::record::Span;

/// A statement of S3 Select's SQL, ready to run on any number of objects.
///
/// ```
/// use plimsoll_select::Query;
///
/// let query = Query::parse("select s.id from s3object[*].Results[*].Vulnerabilities[*] s where s.Severity = 'HIGH'")?;
/// assert_eq!(
///     query.to_string(),
///     "SELECT s.id FROM S3Object[*].Results[*].Vulnerabilities[*] AS \"s\" WHERE (s.Severity = 'HIGH')"
/// );
/// # Ok::<(), plimsoll_select::SelectError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) select: Select,
    /// Fields of the record that the statement names.
    pub(crate) names: Vec<Name>,
    /// Aggregates and their arguments; `COUNT(*)` has none.
    pub(crate) aggregates: Vec<(Aggregate, Option<Expr>)>,
    /// Names of the result's columns; none for `*`.
    pub(crate) columns: Vec<String>,
    /// Whether the record as a whole is asked for.
    pub(crate) whole_record: bool,
    /// For each name, whether a record had such a field.
    seen: Arc<[AtomicBool]>,
}

impl Query {
    /// Reads a statement. Of the words that Amazon reserves, those are taken as names that cannot be mistaken here.
    ///
    /// # Errors
    ///
    /// With Amazon's code and the place, whatever is wrong with it before a record is seen.
    pub fn parse(statement: &str) -> Result<Query, SelectError> {
        Query::bind(statement, parser::parse(statement, false)?)
    }

    /// Reads a statement, and refuses as Amazon does every reserved word that is a name without quotes.
    ///
    /// # Errors
    ///
    /// As [`Query::parse`], and [`Code::ParseUnexpectedKeyword`].
    pub fn parse_strict(statement: &str) -> Result<Query, SelectError> {
        Query::bind(statement, parser::parse(statement, true)?)
    }

    fn bind(statement: &str, mut select: Select) -> Result<Query, SelectError> {
        let mut binder =
            Binder { alias: alias(&select), object: false, names: Vec::new(), aggregates: Vec::new() };
        binder.object = select.from.steps.is_empty();
        let refused = |code, offset, message: String| {
            SelectError::new(code, "cannot parse statement", message).at(place(statement, offset))
        };
        if let Some(filter) = &mut select.filter {
            binder.bind(filter);
            if let Some((aggregate, offset)) = find_aggregate(filter) {
                let message = format!("expected no aggregate in `WHERE`, found `{}`", aggregate.name());
                return Err(refused(Code::UnsupportedSqlStructure, offset, message));
            }
        }
        let mut columns = Vec::new();
        match &mut select.list {
            List::All { alias: Some(name) } => {
                let known = name.fits(&binder.alias) || (binder.object && is_object(name));
                if !known {
                    let message =
                        format!("expected the alias `{}` before `.*`, found `{name}`", binder.alias);
                    return Err(refused(Code::EvaluatorBindingDoesNotExist, 0, message));
                }
            }
            List::All { alias: None } => {}
            List::Items(items) => {
                for (number, item) in items.iter_mut().enumerate() {
                    binder.bind(&mut item.expr);
                    columns.push(match (&item.alias, &item.expr.kind) {
                        (Some(alias), _) => alias.clone(),
                        (None, Kind::Path(path)) if path.last_name().is_some() => {
                            path.last_name().unwrap_or_default().to_owned()
                        }
                        _ => format!("_{}", number + 1),
                    });
                }
                if !binder.aggregates.is_empty() {
                    for item in items.iter() {
                        check_aggregates(&item.expr, false).map_err(|(offset, message)| {
                            refused(Code::UnsupportedSqlStructure, offset, message.to_owned())
                        })?;
                    }
                }
            }
        }
        let Binder { names, aggregates, .. } = binder;
        if aggregates.len() > MAX_AGGREGATES {
            let message = format!("expected at most {MAX_AGGREGATES} aggregates, found {}", aggregates.len());
            return Err(refused(Code::UnsupportedSqlStructure, 0, message));
        }
        if names.len() > DEFAULT_COLUMNS {
            let message =
                format!("expected at most {DEFAULT_COLUMNS} names of columns, found {}", names.len());
            return Err(refused(Code::OverMaxColumn, 0, message));
        }
        let seen = names.iter().map(|_| AtomicBool::new(false)).collect();
        let mut query = Query { select, names, aggregates, columns, whole_record: false, seen };
        query.whole_record = query.asks_for_whole_record();
        Ok(query)
    }

    fn asks_for_whole_record(&self) -> bool {
        let items: &[_] = match &self.select.list {
            List::All { .. } => return true,
            List::Items(items) => items,
        };
        let mut whole = false;
        for expr in items.iter().map(|item| &item.expr).chain(&self.select.filter) {
            visit_paths(expr, &mut |path| whole |= path.begin == Begin::Record);
        }
        whole
    }

    /// Notes which fields a record has.
    pub(crate) fn see(&self, fields: &[Span]) {
        for (seen, field) in self.seen.iter().zip(fields) {
            if field.is_some() && !seen.load(Ordering::Relaxed) {
                seen.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Names of the statement that no JSON record had as a field in the runs so far, as the statement writes them: they may be
    /// misspelled, or meant as text.
    pub fn unseen(&self) -> Vec<String> {
        let names = self.names.iter().zip(&*self.seen);
        names
            .filter(|(name, seen)| !seen.load(Ordering::Relaxed) && name.text != "_1")
            .map(|(name, _)| name.to_string())
            .collect()
    }

    pub(crate) fn is_aggregate(&self) -> bool {
        !self.aggregates.is_empty()
    }
}

impl fmt::Display for Query {
    /// The statement, with every default and parenthesis written out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.select)
    }
}

fn is_object(name: &Name) -> bool {
    name.text.eq_ignore_ascii_case("s3object")
}

/// What the record is called: by its alias, by the last name of the path, else `_1`; without a path, `S3Object`.
fn alias(select: &Select) -> String {
    match (&select.from.alias, select.from.steps.last()) {
        (Some(alias), _) => alias.clone(),
        (None, Some(Step::Name(name))) => name.text.clone(),
        (None, Some(_)) => "_1".to_owned(),
        (None, None) => "S3Object".to_owned(),
    }
}

struct Binder {
    alias: String,
    /// Whether the record may be called `S3Object` beside its alias.
    object: bool,
    names: Vec<Name>,
    aggregates: Vec<(Aggregate, Option<Expr>)>,
}

impl Binder {
    /// Depth is bounded by the parser.
    fn bind(&mut self, expr: &mut Expr) {
        expr.for_each_mut(&mut |below| self.bind(below));
        match &mut expr.kind {
            Kind::Path(path) => self.bind_path(path),
            Kind::Aggregate { aggregate, argument, number } => {
                *number = self.aggregates.len();
                self.aggregates.push((*aggregate, argument.as_deref().cloned()));
            }
            _ => {}
        }
    }

    fn bind_path(&mut self, path: &mut Path) {
        let is_record = path.first.fits(&self.alias) || (self.object && is_object(&path.first));
        let field = match (is_record, path.rest.first()) {
            (true, Some(Step::Name(name))) => {
                path.taken = 1;
                name
            }
            (true, _) => {
                path.begin = Begin::Record;
                return;
            }
            (false, _) => &path.first,
        };
        let place = self.names.iter().position(|name| name == field).unwrap_or_else(|| {
            self.names.push(field.clone());
            self.names.len() - 1
        });
        path.begin = Begin::Field(place);
    }
}

fn visit_paths(expr: &Expr, visit: &mut dyn FnMut(&Path)) {
    if let Kind::Path(path) = &expr.kind {
        visit(path);
    }
    expr.for_each(&mut |below| visit_paths(below, visit));
}

fn find_aggregate(expr: &Expr) -> Option<(Aggregate, usize)> {
    if let Kind::Aggregate { aggregate, .. } = &expr.kind {
        return Some((*aggregate, expr.offset));
    }
    let mut found = None;
    expr.for_each(&mut |below| found = found.or_else(|| find_aggregate(below)));
    found
}

/// Beside aggregates no record's fields can stand, nor aggregates within aggregates.
fn check_aggregates(expr: &Expr, within: bool) -> Result<(), (usize, &'static str)> {
    let is_aggregate = match &expr.kind {
        Kind::Path(_) if !within => {
            return Err((
                expr.offset,
                "expected aggregates only, found a field beside them, and there is no `GROUP BY`",
            ));
        }
        Kind::Aggregate { .. } if within => {
            return Err((expr.offset, "expected no aggregate within an aggregate, found one"));
        }
        kind => matches!(kind, Kind::Aggregate { .. }),
    };
    let mut result = Ok(());
    expr.for_each(&mut |below| {
        if result.is_ok() {
            result = check_aggregates(below, within || is_aggregate);
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(statement: &str) -> String {
        let query = Query::parse(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        let names: Vec<String> = query.names.iter().map(Name::to_string).collect();
        let whole = if query.whole_record { " whole" } else { "" };
        format!("{} -> {}{whole}", names.join(" "), query.columns.join(" "))
    }

    #[test]
    fn names_are_bound_to_the_record() {
        for (statement, expected) in [
            ("SELECT s.a.b, c FROM S3Object s WHERE s.a = s3object.d", "a d c -> b c"),
            ("SELECT S3Object.a FROM S3Object", "a -> a"),
            ("SELECT s FROM S3Object s", " -> s whole"),
            ("SELECT s[0], s.a[0], 1, a x FROM S3Object s", "a -> _1 _2 _3 x whole"),
            ("SELECT id FROM S3Object[*].Rules[*].id", " -> id whole"),
            ("SELECT _1.price FROM S3Object[*].books[*]", "price -> price"),
            ("SELECT _1.price FROM S3Object[*]", "_1 -> price"),
            ("SELECT \"S\".a FROM S3Object s", "\"S\" -> a"),
            ("SELECT COUNT(*), MAX(s.a) - 1 FROM S3Object s", "a -> _1 _2"),
            ("SELECT * FROM S3Object", " ->  whole"),
            ("SELECT s.* FROM S3Object s", " ->  whole"),
            ("SELECT COUNT(*) FROM S3Object", " -> _1"),
        ] {
            assert_eq!(names(statement), expected, "{statement}");
        }
    }

    #[test]
    fn aggregates_stand_alone() {
        for statement in [
            "SELECT COUNT(*), a FROM S3Object",
            "SELECT SUM(a) + a FROM S3Object",
            "SELECT SUM(MAX(a)) FROM S3Object",
            "SELECT a FROM S3Object WHERE COUNT(*) > 1",
        ] {
            assert_eq!(
                Query::parse(statement).unwrap_err().code(),
                Code::UnsupportedSqlStructure,
                "{statement}"
            );
        }
        let error = Query::parse("SELECT t.* FROM S3Object s").unwrap_err();
        assert_eq!(error.code(), Code::EvaluatorBindingDoesNotExist);
    }
}
