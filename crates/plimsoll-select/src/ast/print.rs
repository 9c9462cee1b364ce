//! A statement written again, with every default and parenthesis.

use std::fmt;

use super::{Expr, Kind, List, Literal, Name, Quality, Select, Side, Step};
use crate::number::Number;

fn quoted(formatter: &mut fmt::Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    let doubled: String = [quote, quote].iter().collect();
    write!(formatter, "{quote}{}{quote}", text.replace(quote, &doubled))
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quoted { quoted(formatter, &self.text, '"') } else { formatter.write_str(&self.text) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Name(name) => write!(formatter, ".{name}"),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Elements => formatter.write_str("[*]"),
            Step::Members => formatter.write_str(".*"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Missing => formatter.write_str("MISSING"),
            Literal::Null => formatter.write_str("NULL"),
            Literal::Bool(true) => formatter.write_str("TRUE"),
            Literal::Bool(false) => formatter.write_str("FALSE"),
            // There are no literals of floats, but numbers that are too long for all others.
            Literal::Number(Number::Float(number)) => {
                write!(formatter, "CAST('{}' AS FLOAT)", Number::Float(*number))
            }
            Literal::Number(number) => write!(formatter, "{number}"),
            Literal::Text(text) => quoted(formatter, text, '\''),
            Literal::Time(time) => write!(formatter, "`{time}`"),
        }
    }
}

/// Items with commas between them.
fn list(formatter: &mut fmt::Formatter<'_>, items: &[Expr], between: &str) -> fmt::Result {
    for (number, item) in items.iter().enumerate() {
        let before = if number == 0 { "" } else { between };
        write!(formatter, "{before}{item}")?;
    }
    Ok(())
}

fn not(negated: bool) -> &'static str {
    if negated { " NOT" } else { "" }
}

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Literal(literal) => write!(formatter, "{literal}"),
            Kind::Path(path) => {
                write!(formatter, "{}", path.first)?;
                path.rest.iter().try_for_each(|step| write!(formatter, "{step}"))
            }
            Kind::List(items) => {
                formatter.write_str("[")?;
                list(formatter, items, ", ")?;
                formatter.write_str("]")
            }
            // A minus before a number would become a part of it.
            Kind::Negative(value) if value.is_exact_number() => {
                write!(formatter, "(- ({value}))")
            }
            Kind::Negative(value) => write!(formatter, "(- {value})"),
            Kind::Not(value) => write!(formatter, "(NOT {value})"),
            Kind::And(items) | Kind::Or(items) => {
                formatter.write_str("(")?;
                list(formatter, items, if matches!(self.kind, Kind::And(_)) { " AND " } else { " OR " })?;
                formatter.write_str(")")
            }
            Kind::Arithmetic(operator, one, two) => write!(formatter, "({one} {} {two})", operator.symbol()),
            Kind::Concat(one, two) => write!(formatter, "({one} || {two})"),
            Kind::Compare(comparison, one, two) => write!(formatter, "({one} {} {two})", comparison.symbol()),
            Kind::Like { value, pattern, escape, negated, .. } => {
                write!(formatter, "({value}{} LIKE {pattern}", not(*negated))?;
                if let Some(escape) = escape {
                    write!(formatter, " ESCAPE {escape}")?;
                }
                formatter.write_str(")")
            }
            Kind::Between { value, low, high, negated } => {
                write!(formatter, "({value}{} BETWEEN {low} AND {high})", not(*negated))
            }
            Kind::In { value, list, negated } => write!(formatter, "({value}{} IN {list})", not(*negated)),
            Kind::Is { value, quality, negated } => {
                write!(formatter, "({value} IS{} ", not(*negated))?;
                match quality {
                    Quality::Null => formatter.write_str("NULL)"),
                    Quality::Missing => formatter.write_str("MISSING)"),
                    Quality::Value(literal) => write!(formatter, "{literal})"),
                }
            }
            Kind::Case { operand, branches, otherwise } => {
                formatter.write_str("CASE")?;
                operand.iter().try_for_each(|operand| write!(formatter, " {operand}"))?;
                branches.iter().try_for_each(|(when, then)| write!(formatter, " WHEN {when} THEN {then}"))?;
                otherwise.iter().try_for_each(|otherwise| write!(formatter, " ELSE {otherwise}"))?;
                formatter.write_str(" END")
            }
            Kind::Cast(value, kind) => write!(formatter, "CAST({value} AS {})", kind.name()),
            Kind::Call { function, arguments, .. } => {
                write!(formatter, "{}(", function.name())?;
                list(formatter, arguments, ", ")?;
                formatter.write_str(")")
            }
            Kind::Trim { side, characters, value } => {
                let side = match side {
                    Side::Leading => "LEADING",
                    Side::Trailing => "TRAILING",
                    Side::Both => "BOTH",
                };
                write!(formatter, "TRIM({side} ")?;
                characters.iter().try_for_each(|characters| write!(formatter, "{characters} "))?;
                write!(formatter, "FROM {value})")
            }
            Kind::Extract(part, value) => write!(formatter, "EXTRACT({} FROM {value})", part.name()),
            Kind::DateAdd(part, one, two) => write!(formatter, "DATE_ADD({}, {one}, {two})", part.name()),
            Kind::DateDiff(part, one, two) => write!(formatter, "DATE_DIFF({}, {one}, {two})", part.name()),
            Kind::Aggregate { aggregate, argument: Some(argument), .. } => {
                write!(formatter, "{}({argument})", aggregate.name())
            }
            Kind::Aggregate { aggregate, argument: None, .. } => write!(formatter, "{}(*)", aggregate.name()),
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SELECT ")?;
        match &self.list {
            List::All { alias: None } => formatter.write_str("*")?,
            List::All { alias: Some(alias) } => write!(formatter, "{alias}.*")?,
            List::Items(items) => {
                for (number, item) in items.iter().enumerate() {
                    write!(formatter, "{}{}", if number == 0 { "" } else { ", " }, item.expr)?;
                    if let Some(alias) = &item.alias {
                        formatter.write_str(" AS ")?;
                        quoted(formatter, alias, '"')?;
                    }
                }
            }
        }
        formatter.write_str(" FROM S3Object[*]")?;
        self.from.steps.iter().try_for_each(|step| write!(formatter, "{step}"))?;
        if let Some(alias) = &self.from.alias {
            formatter.write_str(" AS ")?;
            quoted(formatter, alias, '"')?;
        }
        self.filter.iter().try_for_each(|filter| write!(formatter, " WHERE {filter}"))?;
        self.limit.iter().try_for_each(|limit| write!(formatter, " LIMIT {limit}"))
    }
}
