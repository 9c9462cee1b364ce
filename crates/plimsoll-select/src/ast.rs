//! A statement as it was understood.

mod print;

use crate::like::Like;
use crate::number::{Arithmetic, Number};
use crate::pattern::Pattern;
use crate::timestamp::{Part, Timestamp};

/// A whole statement.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) list: List,
    pub(crate) from: From,
    pub(crate) filter: Option<Expr>,
    pub(crate) limit: Option<u64>,
}

/// What is selected.
#[derive(Clone, Debug)]
pub(crate) enum List {
    /// `*`, or `s.*`.
    All {
        alias: Option<Name>,
    },
    Items(Vec<Item>),
}

/// A column of the result.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) expr: Expr,
    pub(crate) alias: Option<String>,
}

/// Where records come from.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// Below the object's root values, after the `[*]` that stands for them.
    pub(crate) steps: Vec<Step>,
    pub(crate) alias: Option<String>,
}

/// A name as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// Between double quotes: then case counts.
    pub(crate) quoted: bool,
    /// In small letters, where that is more than ASCII's.
    small: Option<String>,
}

impl Name {
    pub(crate) fn new(text: &str, quoted: bool) -> Name {
        let small = if quoted || text.is_ascii() { None } else { Some(text.to_lowercase()) };
        Name { text: text.to_owned(), quoted, small }
    }

    /// What to say where no column has the name: which there are, and what double quotes mean.
    pub(crate) fn hint(&self, columns: &str) -> String {
        if self.quoted {
            let text = self.text.replace('\'', "''");
            format!("{columns}; between double quotes stands a name, text is `'{text}'`")
        } else {
            columns.to_owned()
        }
    }

    /// Whether the name can mean a field whose name is so many bytes long.
    #[inline]
    pub(crate) fn may_fit(&self, bytes: usize) -> bool {
        self.text.len() == bytes || self.small.is_some()
    }

    /// Whether the name means a field of that name.
    #[inline]
    pub(crate) fn fits(&self, field: &str) -> bool {
        if let Some(small) = &self.small {
            return *small == field.to_lowercase();
        }
        self.text.len() == field.len()
            && if self.quoted { self.text == field } else { self.text.eq_ignore_ascii_case(field) }
    }
}

/// A step of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// `.name`, `."name"`, `['name']`.
    Name(Name),
    /// `[3]`.
    Index(usize),
    /// `[*]`: all elements of an array.
    Elements,
    /// `.*`: the values of all members of an object.
    Members,
}

/// A path below the record.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// As it was written, from the alias or a field's name on.
    pub(crate) first: Name,
    pub(crate) rest: Vec<Step>,
    /// Set when names are bound: what it begins at, and how many of `rest` that takes.
    pub(crate) begin: Begin,
    pub(crate) taken: usize,
}

impl Path {
    pub(crate) fn below(&self) -> &[Step] {
        &self.rest[self.taken..]
    }

    /// The name of a column that is this path: its last step, if that is a name.
    pub(crate) fn last_name(&self) -> Option<&str> {
        match self.rest.last() {
            None => Some(&self.first.text),
            Some(Step::Name(name)) => Some(&name.text),
            Some(_) => None,
        }
    }
}

/// What a path begins at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Begin {
    /// The record itself.
    Record,
    /// The field with this place in the list of fields that the statement asks for.
    Field(usize),
}

/// An expression and where it stands in the statement.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) offset: usize,
    /// Levels of expressions, this one among them.
    pub(crate) depth: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Missing,
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Time(Timestamp),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::Unequal => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// What `IS` asks.
#[derive(Clone, Debug)]
pub(crate) enum Quality {
    Null,
    Missing,
    /// `IS TRUE`, `IS NOT ''`: the same value, and known to be.
    Value(Literal),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    Bool,
    Int,
    Text,
    Float,
    Decimal,
    Time,
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Bool => "BOOL",
            Type::Int => "INT",
            Type::Text => "STRING",
            Type::Float => "FLOAT",
            Type::Decimal => "DECIMAL",
            Type::Time => "TIMESTAMP",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Leading,
    Trailing,
    Both,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    CharLength,
    Lower,
    Upper,
    Substring,
    ToString,
    ToTimestamp,
    UtcNow,
    Coalesce,
    NullIf,
    Size,
}

impl Function {
    /// Name, fewest and most arguments.
    pub(crate) const ALL: [(Function, &'static str, usize, usize); 11] = [
        (Function::CharLength, "CHAR_LENGTH", 1, 1),
        (Function::CharLength, "CHARACTER_LENGTH", 1, 1),
        (Function::Lower, "LOWER", 1, 1),
        (Function::Upper, "UPPER", 1, 1),
        (Function::Substring, "SUBSTRING", 2, 3),
        (Function::ToString, "TO_STRING", 2, 2),
        (Function::ToTimestamp, "TO_TIMESTAMP", 1, 2),
        (Function::UtcNow, "UTCNOW", 0, 0),
        (Function::Coalesce, "COALESCE", 1, usize::MAX),
        (Function::NullIf, "NULLIF", 2, 2),
        (Function::Size, "SIZE", 1, 1),
    ];

    pub(crate) fn name(self) -> &'static str {
        Function::ALL.iter().find(|(function, ..)| *function == self).map_or("", |(_, name, ..)| name)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
}

impl Aggregate {
    pub(crate) const ALL: [(Aggregate, &'static str); 5] = [
        (Aggregate::Count, "COUNT"),
        (Aggregate::Sum, "SUM"),
        (Aggregate::Average, "AVG"),
        (Aggregate::Minimum, "MIN"),
        (Aggregate::Maximum, "MAX"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Aggregate::ALL.iter().find(|(aggregate, _)| *aggregate == self).map_or("", |(_, name)| name)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Literal(Literal),
    Path(Path),
    /// `(1, 2)` or `[1, 2]`.
    List(Vec<Expr>),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Like {
        value: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
        /// The pattern, where it is a literal.
        compiled: Option<Like>,
    },
    Between {
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    In {
        value: Box<Expr>,
        list: Box<Expr>,
        negated: bool,
    },
    Is {
        value: Box<Expr>,
        quality: Quality,
        negated: bool,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast(Box<Expr>, Type),
    Call {
        function: Function,
        arguments: Vec<Expr>,
        /// The time pattern, where it is a literal.
        pattern: Option<Pattern>,
    },
    Trim {
        side: Side,
        characters: Option<Box<Expr>>,
        value: Box<Expr>,
    },
    Extract(Part, Box<Expr>),
    DateAdd(Part, Box<Expr>, Box<Expr>),
    DateDiff(Part, Box<Expr>, Box<Expr>),
    /// `COUNT(*)` has no argument; `number` is its place among the statement's aggregates.
    Aggregate {
        aggregate: Aggregate,
        argument: Option<Box<Expr>>,
        number: usize,
    },
}

/// Calls `$visit` with each expression directly below one of this kind, by `$iter` where they stand in a list.
macro_rules! for_each_below {
    ($kind:expr, $iter:ident, $visit:ident) => {
        match $kind {
            Kind::Literal(_) | Kind::Path(_) => {}
            Kind::List(list) | Kind::And(list) | Kind::Or(list) => list.$iter().for_each($visit),
            Kind::Call { arguments, .. } => arguments.$iter().for_each($visit),
            Kind::Negative(one) | Kind::Not(one) | Kind::Cast(one, _) | Kind::Extract(_, one) => $visit(one),
            Kind::Is { value, .. } => $visit(value),
            Kind::Arithmetic(_, one, two)
            | Kind::Concat(one, two)
            | Kind::Compare(_, one, two)
            | Kind::DateAdd(_, one, two)
            | Kind::DateDiff(_, one, two)
            | Kind::In { value: one, list: two, .. } => {
                $visit(one);
                $visit(two);
            }
            Kind::Like { value, pattern, escape, .. } => {
                $visit(value);
                $visit(pattern);
                if let Some(escape) = escape {
                    $visit(escape);
                }
            }
            Kind::Between { value, low, high, .. } => {
                $visit(value);
                $visit(low);
                $visit(high);
            }
            Kind::Case { operand, branches, otherwise } => {
                if let Some(operand) = operand {
                    $visit(operand);
                }
                for (when, then) in branches {
                    $visit(when);
                    $visit(then);
                }
                if let Some(otherwise) = otherwise {
                    $visit(otherwise);
                }
            }
            Kind::Trim { characters, value, .. } => {
                if let Some(characters) = characters {
                    $visit(characters);
                }
                $visit(value);
            }
            Kind::Aggregate { argument, .. } => argument.$iter().for_each(|argument| $visit(argument)),
        }
    };
}

impl Expr {
    pub(crate) fn new(kind: Kind, offset: usize) -> Expr {
        let mut expr = Expr { kind, offset, depth: 1 };
        let mut below = 0;
        expr.for_each(&mut |child| below = below.max(child.depth));
        expr.depth += below;
        expr
    }

    fn is_exact_number(&self) -> bool {
        matches!(self.kind, Kind::Literal(Literal::Number(Number::Int(_) | Number::Decimal(_))))
    }

    /// Calls `visit` with each expression directly below this one.
    pub(crate) fn for_each<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        for_each_below!(&self.kind, iter, visit);
    }

    /// The same, to change them.
    pub(crate) fn for_each_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        for_each_below!(&mut self.kind, iter_mut, visit);
    }
}
