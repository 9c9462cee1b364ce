//! Conditions: CEL expressions over the fields of a finding. The only file that knows the `cel` crate.
//!
//! A condition is checked when it is read: every name is known, both sides of a comparison are of one kind, and the
//! whole is true or false. What is left to go wrong when it runs is arithmetic that overflows.
//!
//! A field that nobody has said makes what is computed from it neither true nor false, as NULL does in SQL: `epss >
//! 0.1` and `!(epss > 0.1)` both do not hold, `kev || epss > 0.1` holds where `kev` does. In CEL's own words such a
//! field is an error, which `&&` and `||` absorb from either side. `known(epss)` asks whether it was said.
//!
//! Source: CEL specification, language definition, "Logical Operators", "Evaluation".

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::extractors::This;
use cel::{Context, Env, ExecutionError, Value};
use plimsoll_model::Severity;

use super::field::{FIELDS, Field, FieldKind};
use crate::input::{listed, nearest, quoted};
use crate::pattern::Pattern;

/// Longest condition, in bytes.
const MAX_BYTES: usize = 8 << 10;
/// Deepest nesting of brackets. The parser needs some 120 KiB of stack for each in a debug build.
const MAX_BRACKETS: usize = 8;
/// Most signs of one condition that can make a chain, as `+`, `.` and `[` do; not `&&` and `||`.
const MAX_CHAINED: usize = 200;
/// Deepest tree of a condition, in operators and calls; `&&` and `||` are balanced by the parser.
const MAX_DEPTH: usize = 40;

/// `package` is a word that CEL keeps for itself; the parser is given this name of the same length.
const PACKAGE: &str = "Package";
/// What stands for `severity` on either side of `<`, so that a severity nobody has said has no place in the order.
const SEVERITY_ORDER: &str = "severity_order";
/// Begins the names under which `known(field)` is asked for.
const KNOWN: &str = "known_";

/// A condition that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    tree: Arc<IdedExpr>,
    fields: Vec<Field>,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Byte of the condition.
    pub(crate) offset: usize,
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Truth(bool),
    Number(f64),
    Level(Severity),
    Text(String),
    Texts(Vec<String>),
}

/// Evaluates conditions. Made once for many findings.
pub(crate) struct Evaluator(Context<'static, 'static>);

impl Evaluator {
    pub(crate) fn new() -> Self {
        let mut context = Context::with_env(Arc::new(Env::stdlib()));
        context
            .add_function("like", |This(text): This<Arc<String>>, pattern: Arc<String>| {
                Pattern::new(&pattern).is_some_and(|pattern| pattern.matches(&text))
            })
            .expect("the standard library has no `like`");
        for level in Severity::WORST_FIRST {
            context.add_variable_from_value(level.as_str(), rank(level));
        }
        Self(context)
    }

    /// Whether a condition holds; `None` where that hangs on what nobody has said. `datum` is asked for the fields
    /// that the condition names.
    ///
    /// # Errors
    /// What went wrong, in words: arithmetic that overflows.
    pub(crate) fn holds(
        &self,
        expression: &Expression,
        mut datum: impl FnMut(Field) -> Option<Datum>,
    ) -> Result<Option<bool>, String> {
        let mut context = self.0.new_inner_scope();
        for &field in &expression.fields {
            let name = field.info().name;
            let name = if field == Field::Package { PACKAGE } else { name };
            let datum = datum(field);
            context.add_variable_from_value(format!("{KNOWN}{name}"), is_known(datum.as_ref()));
            match datum {
                None => {}
                Some(Datum::Truth(truth)) => context.add_variable_from_value(name, truth),
                Some(Datum::Number(number)) => context.add_variable_from_value(name, number),
                Some(Datum::Text(text)) => context.add_variable_from_value(name, text),
                Some(Datum::Texts(texts)) => context.add_variable_from_value(name, texts),
                Some(Datum::Level(level)) => {
                    context.add_variable_from_value(name, rank(level));
                    if level != Severity::Unknown {
                        context.add_variable_from_value(SEVERITY_ORDER, rank(level));
                    }
                }
            }
        }
        match Value::resolve(&expression.tree, &context) {
            Ok(Value::Bool(truth)) => Ok(Some(truth)),
            Ok(other) => Err(format!("expected true or false, found {}", other.type_of())),
            // Every name was checked, so one that is not there is a field that nobody has said.
            Err(ExecutionError::UndeclaredReference(_)) => Ok(None),
            Err(error) => Err(quoted(&error.to_string())),
        }
    }
}

fn is_known(datum: Option<&Datum>) -> bool {
    !matches!(datum, None | Some(Datum::Level(Severity::Unknown)))
}

/// A level's place in the order.
fn rank(level: Severity) -> i64 {
    match level {
        Severity::Unknown => 0,
        Severity::Negligible => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

impl Expression {
    /// Reads and checks a condition.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub(crate) fn read(source: &str) -> Result<Self, Fault> {
        let fault = |offset, reason: String| Fault { offset, reason, hint: None };
        if source.len() > MAX_BYTES {
            return Err(fault(
                0,
                format!("expected a condition of at most {MAX_BYTES} bytes, found {}", source.len()),
            ));
        }
        if source.trim().is_empty() {
            return Err(fault(0, "expected a condition, found an empty text".to_owned()));
        }
        let renamed = prepared(source)?;
        let parsed = Env::stdlib().parser().enable_optional_syntax(false).parse_with_source_info(&renamed);
        let (mut tree, places) = parsed.map_err(|errors| {
            let Some(first) = errors.errors.first() else {
                return fault(0, "expected a condition".to_owned());
            };
            Fault {
                offset: offset_of(source, first.pos),
                reason: format!("expected a condition, found {}", quoted(first.msg.trim())),
                hint: meant(source),
            }
        })?;
        let mut checker =
            Checker { source, places: &places, scope: Vec::new(), fields: Vec::new(), depth: 0 };
        let kind = checker.check(&mut tree)?;
        if kind != Kind::Truth {
            return Err(fault(
                0,
                format!("expected a condition that is true or false, found {}", kind.words()),
            ));
        }
        let mut fields = checker.fields;
        fields.sort_unstable();
        fields.dedup();
        Ok(Self { tree: Arc::new(tree), fields })
    }

    /// The fields it names, sorted.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// The byte at line and column, both counted from 1 by the parser.
fn offset_of(source: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(0).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    (before + column).min(source.len())
}

/// What people write who come from elsewhere.
fn meant(source: &str) -> Option<String> {
    for (written, meant) in [(" and ", "&&"), (" or ", "||"), (" not ", "!"), (" AND ", "&&"), (" OR ", "||")]
    {
        if source.contains(written) {
            return Some(format!("write `{meant}` for `{}`", written.trim()));
        }
    }
    let single = source.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "").contains('=');
    single.then(|| "write `==` to compare".to_owned())
}

/// The source with `package` under a name that the parser takes, outside of texts.
///
/// What the parser would follow down its stack without end is refused before it sees it, and so are comments and the
/// rarer forms of texts, inside of which this could not be told.
fn prepared(source: &str) -> Result<String, Fault> {
    let mut out = String::with_capacity(source.len());
    let mut brackets = 0_usize;
    let mut chained = 0_usize;
    let mut quote: Option<char> = None;
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let offset = out.len();
        let fault = |reason: String| Err(Fault { offset, reason, hint: None });
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut length = next.len_utf8();
        match quote {
            Some(_) if next == '\\' => length += rest[length..].chars().next().map_or(0, char::len_utf8),
            Some(open) if next == open => quote = None,
            Some(_) => {}
            None if rest.starts_with("\"\"\"") || rest.starts_with("'''") => {
                return fault("expected a text in single quotes or double ones, found three".to_owned());
            }
            None if rest.starts_with("//") => {
                return fault("expected a condition without comments, found `//`".to_owned());
            }
            None if next == '"' || next == '\'' => quote = Some(next),
            None if is_word(next) => {
                length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                if rest[length..].starts_with(['"', '\'']) {
                    return fault(format!("expected a text without `{}` before it", quoted(&rest[..length])));
                }
                if &rest[..length] == "package" {
                    out += PACKAGE;
                    rest = &rest[length..];
                    continue;
                }
            }
            None => {
                match next {
                    '(' | '[' | '{' => brackets += 1,
                    ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
                    _ => {}
                }
                chained += usize::from("+-*/%.[{(?=<>!".contains(next));
                if brackets > MAX_BRACKETS {
                    return fault(format!(
                        "expected at most {MAX_BRACKETS} brackets in each other, found more"
                    ));
                }
                if chained > MAX_CHAINED {
                    return fault(format!("expected at most {MAX_CHAINED} signs, found more"));
                }
            }
        }
        out += &rest[..length];
        rest = &rest[length..];
    }
    Ok(out)
}

/// What an expression gives.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    /// What `size` gives: it is compared with numbers, and not computed with.
    Count,
    Level,
    Text,
    Word(&'static [&'static str]),
    Day,
    List(Box<Kind>),
    /// The element of an empty list.
    Any,
}

impl Kind {
    fn of(kind: FieldKind) -> Self {
        match kind {
            FieldKind::Truth => Self::Truth,
            FieldKind::Number => Self::Number,
            FieldKind::Level => Self::Level,
            FieldKind::Text => Self::Text,
            FieldKind::Word(words) => Self::Word(words),
            FieldKind::Texts => Self::List(Box::new(Self::Text)),
            FieldKind::Day => Self::Day,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Truth => "true or false".to_owned(),
            Self::Number | Self::Count => "a number".to_owned(),
            Self::Level => "a level".to_owned(),
            Self::Text | Self::Word(_) => "a text".to_owned(),
            Self::Day => "a day".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Any => "anything".to_owned(),
        }
    }
}

struct Checker<'s> {
    source: &'s str,
    places: &'s SourceInfo,
    /// Names that `exists` and `all` bind, innermost last.
    scope: Vec<(String, Kind)>,
    fields: Vec<Field>,
    depth: usize,
}

impl Checker<'_> {
    fn fault(&self, at: &IdedExpr, reason: impl Into<String>) -> Fault {
        let offset = self.places.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        Fault { offset: offset.min(self.source.len()), reason: reason.into(), hint: None }
    }

    fn check(&mut self, tree: &mut IdedExpr) -> Result<Kind, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault(tree, "expected a condition that is less deeply nested"));
        }
        let kind = self.check_inner(tree);
        self.depth -= 1;
        kind
    }

    fn check_inner(&mut self, tree: &mut IdedExpr) -> Result<Kind, Fault> {
        // Numbers are of one kind here, and the evaluator does not add an integer to another number.
        if let Expr::Literal(LiteralValue::Int(whole)) = &tree.expr {
            #[expect(clippy::cast_precision_loss, reason = "a number of a condition is far below 2^53")]
            let number = *whole.inner() as f64;
            tree.expr = Expr::Literal(LiteralValue::Double(number.into()));
        }
        match &tree.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Ok(Kind::Truth),
                LiteralValue::Int(_) | LiteralValue::Double(_) => Ok(Kind::Number),
                LiteralValue::UInt(_) => Err(self.fault(tree, "expected a number without `u`")),
                LiteralValue::String(_) => Ok(Kind::Text),
                LiteralValue::Null => {
                    let fault = self.fault(tree, "expected a value, found `null`");
                    Err(Fault {
                        hint: Some("`known(field)` asks whether a field was said".to_owned()),
                        ..fault
                    })
                }
                LiteralValue::Bytes(_) => Err(self.fault(tree, "expected a text, found bytes")),
            },
            Expr::Ident(name) => {
                let name = name.clone();
                self.name(tree, &name)
            }
            Expr::Select(select) => {
                let reason = format!("expected a field, found its part `{}`", quoted(&select.field));
                Err(Fault {
                    hint: Some("fields have no parts; a text stands in quotes".to_owned()),
                    ..self.fault(tree, reason)
                })
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(self.fault(tree, "expected a comparison, found `{`"))
            }
            Expr::List(_) => self.list(tree),
            Expr::Call(_) => self.call(tree),
            Expr::Comprehension(_) => self.comprehension(tree),
        }
    }

    fn name(&mut self, tree: &IdedExpr, name: &str) -> Result<Kind, Fault> {
        if let Some((_, kind)) = self.scope.iter().rev().find(|(bound, _)| bound == name) {
            return Ok(kind.clone());
        }
        if Severity::WORST_FIRST.iter().any(|level| level.as_str() == name) {
            return Ok(Kind::Level);
        }
        let written = if name == PACKAGE { "package" } else { name };
        if let Some(info) = Field::named(written) {
            self.fields.push(info.field);
            return Ok(Kind::of(info.kind));
        }
        let levels = Severity::WORST_FIRST.iter().map(|level| level.as_str());
        let names = FIELDS.iter().map(|info| info.name).chain(levels);
        let hint = nearest(written, names).map(|near| format!("`{near}` was meant"));
        let fault = self.fault(tree, format!("expected a field, found `{}`", quoted(written)));
        Err(Fault {
            hint: hint.or_else(|| Some(format!("put texts in quotes: \"{}\"", quoted(written)))),
            ..fault
        })
    }

    fn list(&mut self, tree: &mut IdedExpr) -> Result<Kind, Fault> {
        let Expr::List(list) = &mut tree.expr else { return Ok(Kind::Any) };
        let mut elements = std::mem::take(&mut list.elements);
        let mut kind = Kind::Any;
        for element in &mut elements {
            let found = self.check(element)?;
            if kind != Kind::Any && kind != found {
                let reason = format!("expected {} as before it, found {}", kind.words(), found.words());
                return Err(self.fault(element, reason));
            }
            kind = found;
        }
        if let Expr::List(list) = &mut tree.expr {
            list.elements = elements;
        }
        Ok(Kind::List(Box::new(kind)))
    }

    fn call(&mut self, tree: &mut IdedExpr) -> Result<Kind, Fault> {
        let Expr::Call(call) = &mut tree.expr else { return Ok(Kind::Any) };
        let mut call = std::mem::take(call);
        let kind = match call.target.take() {
            None if call.func_name == "known" => {
                let known = self.known(tree, &call)?;
                tree.expr = Expr::Ident(known);
                return Ok(Kind::Truth);
            }
            None => self.function(tree, &mut call)?,
            Some(mut target) => {
                let kind = self.method(tree, &mut target, &mut call)?;
                call.target = Some(target);
                kind
            }
        };
        tree.expr = Expr::Call(call);
        Ok(kind)
    }

    /// The name under which `known(field)` is asked for.
    fn known(&mut self, tree: &IdedExpr, call: &CallExpr) -> Result<String, Fault> {
        match call.args.as_slice() {
            [IdedExpr { expr: Expr::Ident(name), .. }]
                if !self.scope.iter().any(|(bound, _)| bound == name) =>
            {
                self.name(&call.args[0], name)?;
                Ok(format!("{KNOWN}{name}"))
            }
            _ => Err(self.fault(tree, "expected one field in `known(…)`")),
        }
    }

    fn function(&mut self, tree: &IdedExpr, call: &mut CallExpr) -> Result<Kind, Fault> {
        let mut kinds = Vec::with_capacity(call.args.len());
        for argument in &mut call.args {
            kinds.push(self.check(argument)?);
        }
        let name = call.func_name.as_str();
        match (name, kinds.as_slice()) {
            (
                operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::NOT_STRICTLY_FALSE,
                kinds,
            ) => {
                for (argument, kind) in call.args.iter().zip(kinds) {
                    if *kind != Kind::Truth {
                        let reason = format!("expected true or false, found {}", kind.words());
                        return Err(self.fault(argument, reason));
                    }
                }
                Ok(Kind::Truth)
            }
            (operators::CONDITIONAL, [condition, one, other]) => {
                let empty = Kind::List(Box::new(Kind::Any));
                let kind = if *one == empty { other } else { one };
                if *condition != Kind::Truth || !(kind == other || *other == empty) {
                    return Err(self.fault(tree, "expected `condition ? a : b` with `a` and `b` of one kind"));
                }
                Ok(kind.clone())
            }
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                self.comparable(tree, (one, &call.args[0]), (other, &call.args[1]))?;
                Ok(Kind::Truth)
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [one, other],
            ) => {
                self.comparable(tree, (one, &call.args[0]), (other, &call.args[1]))?;
                if !matches!(one, Kind::Number | Kind::Count | Kind::Level | Kind::Day)
                    && !matches!(other, Kind::Number | Kind::Count | Kind::Level | Kind::Day)
                {
                    let fault =
                        self.fault(tree, format!("expected numbers, levels or days, found {}", one.words()));
                    let hint = "texts have no order, and versions are not ordered as texts are".to_owned();
                    return Err(Fault { hint: Some(hint), ..fault });
                }
                for argument in &mut call.args {
                    if matches!(&argument.expr, Expr::Ident(name) if name == "severity") {
                        argument.expr = Expr::Ident(SEVERITY_ORDER.to_owned());
                    }
                }
                Ok(Kind::Truth)
            }
            (operators::IN, [one, Kind::List(element)]) => {
                if let Expr::List(list) = &call.args[1].expr {
                    for element in &list.elements {
                        let kind = if matches!(element.expr, Expr::Literal(LiteralValue::String(_))) {
                            &Kind::Text
                        } else {
                            one
                        };
                        self.comparable(tree, (one, &call.args[0]), (kind, element))?;
                    }
                }
                self.comparable(tree, (one, &call.args[0]), (element, &call.args[1]))?;
                Ok(Kind::Truth)
            }
            (operators::IN, [_, other]) => {
                let fault = self.fault(&call.args[1], format!("expected a list, found {}", other.words()));
                let hint = "`text.contains(\"part\")` looks into a text".to_owned();
                Err(Fault { hint: Some(hint), ..fault })
            }
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::NEGATE,
                [Kind::Number] | [Kind::Number, Kind::Number],
            ) => Ok(Kind::Number),
            // `exists_one`, `filter` and `map` gather with `+`.
            (operators::ADD, [Kind::List(one), Kind::List(_)]) if **one != Kind::Any => {
                Ok(Kind::List(one.clone()))
            }
            (operators::ADD, [Kind::List(_), Kind::List(other)]) => Ok(Kind::List(other.clone())),
            ("size", [Kind::List(_) | Kind::Text | Kind::Word(_)]) => Ok(Kind::Count),
            ("like", [Kind::Text | Kind::Word(_), Kind::Text]) => Ok(Kind::Truth),
            _ => Err(self.no_such_call(tree, name)),
        }
    }

    fn method(&mut self, tree: &IdedExpr, target: &mut IdedExpr, call: &mut CallExpr) -> Result<Kind, Fault> {
        let kind = self.check(target)?;
        let mut kinds = Vec::with_capacity(call.args.len());
        for argument in &mut call.args {
            kinds.push(self.check(argument)?);
        }
        if matches!(call.func_name.as_str(), "startsWith" | "like")
            && let [literal] = call.args.as_slice()
        {
            self.relative(target, literal)?;
        }
        match (kind, call.func_name.as_str(), kinds.as_slice()) {
            (Kind::Text | Kind::Word(_), "contains" | "startsWith" | "endsWith" | "like", [Kind::Text]) => {
                Ok(Kind::Truth)
            }
            (Kind::Text | Kind::Word(_) | Kind::List(_), "size", []) => Ok(Kind::Count),
            (Kind::List(_), "contains", _) => {
                let fault = self.fault(tree, "expected a text before `.contains`, found a list");
                Err(Fault { hint: Some("write `\"text\" in list`".to_owned()), ..fault })
            }
            (_, name, _) => {
                let name = name.to_owned();
                Err(self.no_such_call(tree, &name))
            }
        }
    }

    /// Refuses a text of a leading `/` for `path`, which never has one: a rule that fails would never hold.
    fn relative(&self, field: &IdedExpr, literal: &IdedExpr) -> Result<(), Fault> {
        match (&field.expr, &literal.expr) {
            (Expr::Ident(name), Expr::Literal(LiteralValue::String(text)))
                if name == Field::Path.info().name && text.inner().starts_with('/') =>
            {
                let fault = self.fault(literal, "expected a path without a leading `/`, found one with it");
                let hint = format!("write \"{}\"", quoted(text.inner().trim_start_matches('/')));
                Err(Fault { hint: Some(hint), ..fault })
            }
            _ => Ok(()),
        }
    }

    fn no_such_call(&self, tree: &IdedExpr, name: &str) -> Fault {
        let known = ["known", "like", "contains", "startsWith", "endsWith", "size", "exists", "all"];
        if name == "matches" {
            let hint = "`like` takes a pattern with `*`: path.like(\"usr/**\")".to_owned();
            return Fault {
                hint: Some(hint),
                ..self
                    .fault(tree, "expected another function than `matches`, there are no regular expressions")
            };
        }
        if let Some(sign) = name.strip_prefix('_').and_then(|name| name.strip_suffix('_')) {
            return self.fault(tree, format!("`{sign}` does not go with what stands beside it"));
        }
        if known.contains(&name) {
            return self.fault(tree, format!("`{name}` does not go with what it was given"));
        }
        let fault = self.fault(tree, format!("expected {}, found `{}`", listed(&known), quoted(name)));
        let hint = nearest(name, known.into_iter()).map(|near| format!("`{near}` was meant"));
        Fault { hint, ..fault }
    }

    /// Refuses to compare what can never be equal.
    fn comparable(
        &self,
        tree: &IdedExpr,
        one: (&Kind, &IdedExpr),
        other: (&Kind, &IdedExpr),
    ) -> Result<(), Fault> {
        for ((kind, field), (against, literal)) in [(one, other), (other, one)] {
            self.relative(field, literal)?;
            let text = match &literal.expr {
                Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
                _ => None,
            };
            match (kind, against, text) {
                (Kind::Day, Kind::Text, Some(text)) => {
                    let is_day = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
                    return if is_day {
                        Ok(())
                    } else {
                        let reason =
                            format!("expected a day as in \"2026-03-01\", found \"{}\"", quoted(text));
                        Err(self.fault(literal, reason))
                    };
                }
                (Kind::Word(words), Kind::Text, Some(text)) => {
                    if words.contains(&text) {
                        return Ok(());
                    }
                    let reason = format!("expected {}, found \"{}\"", listed(words), quoted(text));
                    let hint =
                        nearest(text, words.iter().copied()).map(|near| format!("\"{near}\" was meant"));
                    return Err(Fault { hint, ..self.fault(literal, reason) });
                }
                (Kind::Level, Kind::Text, Some(text)) => {
                    let fault =
                        self.fault(literal, format!("expected a level, found the text \"{}\"", quoted(text)));
                    let hint = text.parse::<Severity>().ok().map(|level| format!("`{level}` was meant"));
                    return Err(Fault { hint, ..fault });
                }
                (Kind::Level, Kind::Number, _) => {
                    let fault = self.fault(literal, "expected a level, found a number");
                    let hint = "write a level as `HIGH`; `cvss` is a number".to_owned();
                    return Err(Fault { hint: Some(hint), ..fault });
                }
                (Kind::Any, _, _)
                | (Kind::Count, Kind::Number, _)
                | (Kind::Word(_), Kind::Text | Kind::Word(_), None) => return Ok(()),
                _ => {}
            }
        }
        let compares = one.0 == other.0;
        compares.then_some(()).ok_or_else(|| {
            let reason = format!("cannot compare {} with {}", one.0.words(), other.0.words());
            self.fault(tree, reason)
        })
    }

    fn comprehension(&mut self, tree: &mut IdedExpr) -> Result<Kind, Fault> {
        let Expr::Comprehension(parts) = &mut tree.expr else { return Ok(Kind::Any) };
        let mut parts = std::mem::take(parts);
        let element = match self.check(&mut parts.iter_range)? {
            Kind::List(element) => *element,
            other => {
                let reason = format!("expected a list, found {}", other.words());
                return Err(self.fault(&parts.iter_range, reason));
            }
        };
        let gathered = self.check(&mut parts.accu_init)?;
        if parts.iter_var2.is_some() || parts.iter_var == PACKAGE || Field::named(&parts.iter_var).is_some() {
            let reason = format!("expected a new name for the element, found `{}`", quoted(&parts.iter_var));
            return Err(self.fault(tree, reason));
        }
        self.scope.push((parts.accu_var.clone(), gathered.clone()));
        self.scope.push((parts.iter_var.clone(), element));
        self.check(&mut parts.loop_cond)?;
        let step = self.check(&mut parts.loop_step)?;
        self.scope.pop();
        self.scope.pop();
        let gathered = if matches!(gathered, Kind::List(_)) { step } else { gathered };
        self.scope.push((parts.accu_var.clone(), gathered));
        let kind = self.check(&mut parts.result);
        self.scope.pop();
        tree.expr = Expr::Comprehension(parts);
        kind
    }
}

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
