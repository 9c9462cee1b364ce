//! Expressions: a Pratt parser over the tokens of a statement.

use super::{Parsed, Parser};
use crate::ast::{Aggregate, Begin, Comparison, Expr, Function, Kind, Literal, Path, Quality, Side, Type};
use crate::error::Code;
use crate::keyword::is_used;
use crate::lexer::{TokenKind, place};
use crate::like::Like;
use crate::limits::MAX_EXPRESSION_DEPTH;
use crate::number::{Arithmetic, Number};
use crate::pattern::Pattern;
use crate::timestamp::Part;

/// How firmly operators bind, the loosest first. Not among them are operators of one operand.
mod power {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const EQUAL: u8 = 4;
    pub(super) const LESS: u8 = 5;
    pub(super) const LIKE: u8 = 6;
    pub(super) const BETWEEN: u8 = 7;
    pub(super) const IN: u8 = 8;
    pub(super) const ADD: u8 = 9;
    pub(super) const MULTIPLY: u8 = 10;
}

impl Parser<'_> {
    /// An expression of operators that bind more firmly than `least`.
    pub(super) fn expr(&mut self, least: u8) -> Parsed<Expr> {
        self.nesting += 1;
        if self.nesting > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep(self.offset()));
        }
        let mut left = self.prefix()?;
        while let Some(next) = self.infix(&mut left, least)? {
            left = next;
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// One operator more behind `left`, of which only the shell is left then; `None` where none follows.
    fn infix(&mut self, left: &mut Expr, least: u8) -> Parsed<Option<Expr>> {
        let offset = self.offset();
        let take = |left: &mut Expr| {
            let nothing = Expr { kind: Kind::Literal(Literal::Missing), offset, depth: 1 };
            Box::new(std::mem::replace(left, nothing))
        };
        let kind = match self.peek().clone() {
            TokenKind::Symbol(symbol) => {
                if let Some((operator, power)) = arithmetic(symbol) {
                    if power <= least {
                        return Ok(None);
                    }
                    self.advance();
                    let right = Box::new(self.expr(power)?);
                    match operator {
                        Some(operator) => Kind::Arithmetic(operator, take(left), right),
                        None => Kind::Concat(take(left), right),
                    }
                } else if let Some((comparison, power)) = comparison(symbol) {
                    if power <= least {
                        return Ok(None);
                    }
                    self.advance();
                    let right = Box::new(self.expr(power)?);
                    Kind::Compare(comparison, take(left), right)
                } else {
                    return Ok(None);
                }
            }
            TokenKind::Word(word) => match word.to_ascii_uppercase().as_str() {
                "OR" if least < power::OR => {
                    self.advance();
                    let right = self.expr(power::OR)?;
                    return self.joined(*take(left), right, true, offset).map(Some);
                }
                "AND" if least < power::AND => {
                    self.advance();
                    let right = self.expr(power::AND)?;
                    return self.joined(*take(left), right, false, offset).map(Some);
                }
                "IS" if least < power::EQUAL => {
                    self.advance();
                    let negated = self.take_word("NOT");
                    let quality = self.quality()?;
                    Kind::Is { value: take(left), quality, negated }
                }
                "NOT" => match self.peek_second() {
                    TokenKind::Word(second) if is_predicate(second) > least => {
                        self.advance();
                        return self.predicate(take(left), true, offset).map(Some);
                    }
                    _ => return Ok(None),
                },
                word if is_predicate(word) > least => {
                    return self.predicate(take(left), false, offset).map(Some);
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.make(kind, offset).map(Some)
    }

    /// Chains of one operator are one list, however long; its depth is known without going through it again.
    fn joined(&self, left: Expr, right: Expr, or: bool, offset: usize) -> Parsed<Expr> {
        let mut depth = 0;
        let mut split = |expr: Expr| {
            let (levels, items) = match expr.kind {
                Kind::Or(items) if or => (expr.depth, items),
                Kind::And(items) if !or => (expr.depth, items),
                _ => (expr.depth + 1, vec![expr]),
            };
            depth = depth.max(levels);
            items
        };
        let mut items = split(left);
        items.extend(split(right));
        if depth > MAX_EXPRESSION_DEPTH {
            return Err(self.too_deep(offset));
        }
        let kind = if or { Kind::Or(items) } else { Kind::And(items) };
        Ok(Expr { kind, offset, depth })
    }

    fn quality(&mut self) -> Parsed<Quality> {
        if self.take_word("NULL") {
            return Ok(Quality::Null);
        }
        if self.take_word("MISSING") {
            return Ok(Quality::Missing);
        }
        let offset = self.offset();
        if let Kind::Literal(literal @ (Literal::Bool(_) | Literal::Text(_))) = self.prefix()?.kind {
            Ok(Quality::Value(literal))
        } else {
            let message = "expected `NULL`, `MISSING`, a boolean or a text, found an expression";
            Err(self.refused(Code::ParseUnexpectedTerm, offset, message))
        }
    }

    /// `LIKE`, `BETWEEN` or `IN`, of which the word comes next.
    fn predicate(&mut self, value: Box<Expr>, negated: bool, offset: usize) -> Parsed<Expr> {
        let kind = if self.take_word("LIKE") {
            let pattern = Box::new(self.expr(power::LIKE)?);
            let escape =
                if self.take_word("ESCAPE") { Some(Box::new(self.expr(power::LIKE)?)) } else { None };
            let compiled = self.compile_like(&pattern, escape.as_deref())?;
            Kind::Like { value, pattern, escape, negated, compiled }
        } else if self.take_word("BETWEEN") {
            let low = Box::new(self.expr(power::BETWEEN)?);
            self.expect_word("AND")?;
            let high = Box::new(self.expr(power::BETWEEN)?);
            Kind::Between { value, low, high, negated }
        } else {
            self.expect_word("IN")?;
            let start = self.offset();
            let list = if self.is_symbol("(") {
                self.advance();
                let items = self.arguments(")")?;
                self.make(Kind::List(items), start)?
            } else {
                self.prefix()?
            };
            // What is calculated is no array, and would be a list of one where it is printed.
            if matches!(list.kind, Kind::Literal(_) | Kind::Negative(_) | Kind::Not(_)) {
                let message = "expected a list of values or an array, found neither";
                return Err(self.refused(Code::ParseExpectedLeftParenValueConstructor, start, message));
            }
            Kind::In { value, list: Box::new(list), negated }
        };
        self.make(kind, offset)
    }

    fn compile_like(&self, pattern: &Expr, escape: Option<&Expr>) -> Parsed<Option<Like>> {
        let Kind::Literal(Literal::Text(text)) = &pattern.kind else { return Ok(None) };
        let escape = match escape.map(|escape| &escape.kind) {
            None => None,
            Some(Kind::Literal(Literal::Text(escape))) => {
                let mut letters = escape.chars();
                let (Some(letter), None) = (letters.next(), letters.next()) else {
                    let message = format!("expected one escape character, found `'{escape}'`");
                    let code = Code::EvaluatorLikePatternInvalidEscapeSequence;
                    return Err(self.refused(code, pattern.offset, message));
                };
                Some(letter)
            }
            Some(_) => return Ok(None),
        };
        let like =
            Like::parse(text, escape).map_err(|error| error.at(place(self.statement, pattern.offset)))?;
        Ok(Some(like))
    }

    /// What an expression begins with: an operand, or an operator of one operand.
    fn prefix(&mut self) -> Parsed<Expr> {
        let offset = self.offset();
        let kind = match self.peek().clone() {
            TokenKind::Text(text) => {
                self.advance();
                Kind::Literal(Literal::Text(text))
            }
            TokenKind::Number(number) => {
                self.advance();
                Kind::Literal(Literal::Number(self.number(&number, offset)?))
            }
            TokenKind::Ion(text) => {
                self.advance();
                Kind::Literal(self.ion(&text, offset)?)
            }
            TokenKind::Symbol("(") => {
                self.advance();
                let mut items = self.arguments(")")?;
                match items.len() {
                    1 => return Ok(items.remove(0)),
                    _ => Kind::List(items),
                }
            }
            TokenKind::Symbol("[") => {
                self.advance();
                if self.take_symbol("]") { Kind::List(Vec::new()) } else { Kind::List(self.arguments("]")?) }
            }
            TokenKind::Symbol("-") => {
                self.advance();
                if let TokenKind::Number(number) = self.peek().clone() {
                    self.advance();
                    Kind::Literal(Literal::Number(self.number(&format!("-{number}"), offset)?))
                } else {
                    Kind::Negative(Box::new(self.expr(power::MULTIPLY)?))
                }
            }
            TokenKind::Symbol("+") => {
                self.advance();
                return self.expr(power::MULTIPLY);
            }
            TokenKind::Symbol("*") => {
                return Err(
                    self.unexpected(Code::ParseInvalidContextForWildcardInSelectList, "an expression")
                );
            }
            TokenKind::Symbol(_) => {
                return Err(self.unexpected(Code::ParseUnexpectedOperator, "an expression"));
            }
            TokenKind::End => return Err(self.unexpected(Code::ParseExpectedExpression, "an expression")),
            TokenKind::Quoted(_) => self.path()?,
            TokenKind::Word(word) => return self.word(&word, offset),
        };
        self.make(kind, offset)
    }

    fn number(&self, text: &str, offset: usize) -> Parsed<Number> {
        Number::parse(text).ok_or_else(|| {
            self.refused(Code::LexerInvalidLiteral, offset, format!("expected a number, found `{text}`"))
        })
    }

    /// A literal of Amazon's Ion notation: a time, or a scalar.
    fn ion(&self, text: &str, offset: usize) -> Parsed<Literal> {
        let trimmed = text.trim();
        if let Ok(time) = trimmed.parse() {
            return Ok(Literal::Time(time));
        }
        if let Some(number) = Number::parse(trimmed) {
            return Ok(Literal::Number(number));
        }
        match trimmed {
            "null" => return Ok(Literal::Null),
            "true" => return Ok(Literal::Bool(true)),
            "false" => return Ok(Literal::Bool(false)),
            _ => {}
        }
        // Text, and a symbol, which is compared as text is.
        for quote in ['"', '\''] {
            if let Some(inner) = trimmed.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote))
                && !inner.contains([quote, '\\'])
            {
                return Ok(Literal::Text(inner.to_owned()));
            }
        }
        let is_letter = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | '$');
        if trimmed.starts_with(is_letter)
            && trimmed.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
            && trimmed != "nan"
        {
            return Ok(Literal::Text(trimmed.to_owned()));
        }
        let message = format!("expected a time between backticks, found `{text}`");
        let error = self.refused(Code::LexerInvalidIonLiteral, offset, message);
        Err(error.hint("times are like `2007-02-23T12:14:33.079-08:00` or `2007-02-23T`"))
    }

    fn path(&mut self) -> Parsed<Kind> {
        let first = self.name(Code::ParseExpectedExpression, "an expression")?;
        let rest = self.steps()?;
        Ok(Kind::Path(Path { first, rest, begin: Begin::Record, taken: 0 }))
    }

    /// Expressions up to the closing symbol, at least one.
    fn arguments(&mut self, close: &str) -> Parsed<Vec<Expr>> {
        let mut items = vec![self.expr(0)?];
        while self.take_symbol(",") {
            items.push(self.expr(0)?);
        }
        let code = if close == ")" {
            Code::ParseExpectedRightParenBuiltinFunctionCall
        } else {
            Code::ParseExpectedTokenType
        };
        self.expect_symbol(close, code)?;
        Ok(items)
    }

    /// An expression that begins with a word: a literal, an operator, a function or a path.
    fn word(&mut self, word: &str, offset: usize) -> Parsed<Expr> {
        let upper = word.to_ascii_uppercase();
        let literal = match upper.as_str() {
            "NULL" => Some(Literal::Null),
            "MISSING" => Some(Literal::Missing),
            "TRUE" => Some(Literal::Bool(true)),
            "FALSE" => Some(Literal::Bool(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.advance();
            return self.make(Kind::Literal(literal), offset);
        }
        let kind = match upper.as_str() {
            "NOT" => {
                self.advance();
                Kind::Not(Box::new(self.expr(power::NOT)?))
            }
            "CASE" => self.case()?,
            "CAST" => self.cast()?,
            "SELECT" => {
                let error = self.unexpected(Code::UnsupportedSqlStructure, "an expression");
                return Err(error.hint("S3 Select has no subqueries"));
            }
            _ if *self.peek_second() == TokenKind::Symbol("(") => self.call(&upper)?,
            _ if is_function(&upper) && is_used(word) => {
                self.advance();
                let code = Code::ParseExpectedLeftParenBuiltinFunctionCall;
                let hint = format!("`{word}` is a function; write `\"{word}\"` for a field of that name");
                return Err(self.unexpected(code, "`(`").hint(hint));
            }
            _ => self.path()?,
        };
        self.make(kind, offset)
    }

    fn case(&mut self) -> Parsed<Kind> {
        self.advance();
        let operand = if self.is_word("WHEN") { None } else { Some(Box::new(self.expr(0)?)) };
        let mut branches = Vec::new();
        while self.take_word("WHEN") {
            let when = self.expr(0)?;
            self.expect_word("THEN")?;
            branches.push((when, self.expr(0)?));
        }
        if branches.is_empty() {
            return Err(self.unexpected(Code::ParseExpectedWhenClause, "`WHEN`"));
        }
        let otherwise = if self.take_word("ELSE") { Some(Box::new(self.expr(0)?)) } else { None };
        self.expect_word("END")?;
        Ok(Kind::Case { operand, branches, otherwise })
    }

    fn cast(&mut self) -> Parsed<Kind> {
        self.advance();
        self.expect_symbol("(", Code::ParseExpectedLeftParenAfterCast)?;
        let value = Box::new(self.expr(0)?);
        if !self.take_word("AS") {
            return Err(self.unexpected(Code::ParseCastArity, "`AS` and a type"));
        }
        let TokenKind::Word(word) = self.peek().clone() else {
            return Err(self.unexpected(Code::ParseExpectedTypeName, "a type"));
        };
        let Some(kind) = type_named(&word) else {
            let expected = "BOOL, INT, STRING, FLOAT, DECIMAL or TIMESTAMP";
            return Err(self.unexpected(Code::ParseExpectedTypeName, expected));
        };
        self.advance();
        self.take_word("PRECISION");
        // Precision and scale are read and ignored, as Amazon does.
        if self.is_symbol("(") {
            if !matches!(kind, Type::Decimal | Type::Text | Type::Float) {
                return Err(self.unexpected(Code::ParseInvalidTypeParam, "`)`"));
            }
            self.advance();
            loop {
                let whole = matches!(self.peek(), TokenKind::Number(text) if text.parse::<u32>().is_ok());
                if !whole {
                    return Err(self.unexpected(Code::ParseInvalidTypeParam, "a whole number"));
                }
                self.advance();
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.expect_symbol(")", Code::ParseInvalidTypeParam)?;
        }
        self.expect_symbol(")", Code::ParseExpectedRightParenBuiltinFunctionCall)?;
        Ok(Kind::Cast(value, kind))
    }

    /// A function of that name, of which the name and the parenthesis come next.
    fn call(&mut self, name: &str) -> Parsed<Kind> {
        let offset = self.offset();
        // `INT(x)`, which other servers of this dialect have, is a cast.
        if let Some(kind) = type_named(name) {
            self.advance();
            self.advance();
            let value = Box::new(self.expr(0)?);
            self.close()?;
            return Ok(Kind::Cast(value, kind));
        }
        if !is_function(name) {
            let error = self.unexpected(Code::UnsupportedFunction, "a function");
            return Err(error.hint("functions are listed in the SQL reference for Amazon S3 Select"));
        }
        self.advance();
        self.advance();
        if let Some((aggregate, _)) = Aggregate::ALL.iter().find(|(_, word)| *word == name) {
            return self.aggregate(*aggregate);
        }
        match name {
            "TRIM" => return self.trim(),
            "EXTRACT" => {
                let part = self.date_part()?;
                self.expect_word("FROM")?;
                let value = Box::new(self.expr(0)?);
                self.close()?;
                return Ok(Kind::Extract(part, value));
            }
            "DATE_ADD" | "DATE_DIFF" => {
                let part = self.date_part()?;
                if matches!(part, Part::TimezoneHour | Part::TimezoneMinute) {
                    let message =
                        format!("expected a part of a date from year to second, found `{}`", part.name());
                    return Err(self.refused(Code::ParseExpectedDatePart, offset, message));
                }
                self.expect_symbol(",", Code::ParseExpectedArgumentDelimiter)?;
                let one = Box::new(self.expr(0)?);
                self.expect_symbol(",", Code::ParseExpectedArgumentDelimiter)?;
                let two = Box::new(self.expr(0)?);
                self.close()?;
                return Ok(if name == "DATE_ADD" {
                    Kind::DateAdd(part, one, two)
                } else {
                    Kind::DateDiff(part, one, two)
                });
            }
            _ => {}
        }
        let found = Function::ALL.iter().find(|(_, word, ..)| *word == name);
        let (function, _, fewest, most) = *found.expect("a name of `is_function` is in one of the lists");
        if self.is_symbol("*") {
            return Err(self.unexpected(Code::ParseUnsupportedCallWithStar, "an argument"));
        }
        let mut arguments = Vec::new();
        if !self.take_symbol(")") {
            arguments.push(self.expr(0)?);
            // `SUBSTRING(x FROM 2 FOR 3)` and `SUBSTRING(x, 2, 3)`.
            while self.take_symbol(",")
                || (function == Function::Substring
                    && (arguments.len() == 1 && self.take_word("FROM")
                        || arguments.len() == 2 && self.take_word("FOR")))
            {
                arguments.push(self.expr(0)?);
            }
            self.close()?;
        }
        if arguments.len() < fewest || arguments.len() > most {
            let expected = if fewest == most { fewest.to_string() } else { format!("{fewest} or more") };
            let message = format!("expected {expected} arguments of `{name}`, found {}", arguments.len());
            return Err(self.refused(Code::EvaluatorInvalidArguments, offset, message));
        }
        let pattern = match (function, arguments.get(1).map(|argument| &argument.kind)) {
            (Function::ToString | Function::ToTimestamp, Some(Kind::Literal(Literal::Text(text)))) => {
                let read = Pattern::parse(text);
                Some(read.map_err(|error| error.at(place(self.statement, arguments[1].offset)))?)
            }
            _ => None,
        };
        Ok(Kind::Call { function, arguments, pattern })
    }

    fn close(&mut self) -> Parsed<()> {
        self.expect_symbol(")", Code::ParseExpectedRightParenBuiltinFunctionCall)
    }

    fn aggregate(&mut self, aggregate: Aggregate) -> Parsed<Kind> {
        if self.is_word("DISTINCT") {
            let error = self.unexpected(Code::UnsupportedSqlStructure, "an argument");
            return Err(error.hint("S3 Select has no `DISTINCT`"));
        }
        if self.is_symbol("*") {
            if aggregate != Aggregate::Count {
                return Err(self.unexpected(Code::ParseUnsupportedCallWithStar, "an argument"));
            }
            self.advance();
            self.close()?;
            return Ok(Kind::Aggregate { aggregate, argument: None, number: 0 });
        }
        if self.is_symbol(")") {
            return Err(self.unexpected(Code::ParseNonUnaryAggregateFunctionCall, "one argument"));
        }
        let argument = self.expr(0)?;
        if self.is_symbol(",") {
            return Err(self.unexpected(Code::ParseNonUnaryAggregateFunctionCall, "one argument"));
        }
        self.close()?;
        Ok(Kind::Aggregate { aggregate, argument: Some(Box::new(argument)), number: 0 })
    }

    fn trim(&mut self) -> Parsed<Kind> {
        let side = if self.take_word("LEADING") {
            Some(Side::Leading)
        } else if self.take_word("TRAILING") {
            Some(Side::Trailing)
        } else if self.take_word("BOTH") {
            Some(Side::Both)
        } else {
            None
        };
        let first = if self.is_word("FROM") { None } else { Some(Box::new(self.expr(0)?)) };
        let from = self.take_word("FROM");
        let kind = match (side, first, from) {
            (side, characters, true) => {
                let value = Box::new(self.expr(0)?);
                Kind::Trim { side: side.unwrap_or(Side::Both), characters, value }
            }
            (None, Some(value), false) => Kind::Trim { side: Side::Both, characters: None, value },
            _ => return Err(self.unexpected(Code::ParseExpectedKeyword, "`FROM`")),
        };
        self.close()?;
        Ok(kind)
    }

    fn date_part(&mut self) -> Parsed<Part> {
        let part = match self.peek() {
            TokenKind::Word(word) => Part::from_name(word),
            _ => None,
        };
        let Some(part) = part else {
            return Err(
                self.unexpected(Code::ParseExpectedDatePart, "year, month, day, hour, minute or second")
            );
        };
        self.advance();
        Ok(part)
    }
}

/// The type of a name, in any case.
fn type_named(name: &str) -> Option<Type> {
    Some(match name.to_ascii_uppercase().as_str() {
        "BOOL" | "BOOLEAN" => Type::Bool,
        "INT" | "INTEGER" | "SMALLINT" | "BIGINT" => Type::Int,
        "STRING" | "VARCHAR" | "CHAR" | "CHARACTER" => Type::Text,
        "FLOAT" | "DOUBLE" | "REAL" => Type::Float,
        "DECIMAL" | "NUMERIC" | "DEC" => Type::Decimal,
        "TIMESTAMP" => Type::Time,
        _ => return None,
    })
}

fn is_function(name: &str) -> bool {
    Function::ALL.iter().any(|(_, word, ..)| *word == name)
        || Aggregate::ALL.iter().any(|(_, word)| *word == name)
        || matches!(name, "TRIM" | "EXTRACT" | "DATE_ADD" | "DATE_DIFF")
}

/// How firmly `LIKE`, `BETWEEN` and `IN` bind; 0 for all other words.
fn is_predicate(word: &str) -> u8 {
    match word.to_ascii_uppercase().as_str() {
        "LIKE" => power::LIKE,
        "BETWEEN" => power::BETWEEN,
        "IN" => power::IN,
        _ => 0,
    }
}

fn arithmetic(symbol: &str) -> Option<(Option<Arithmetic>, u8)> {
    Some(match symbol {
        "+" => (Some(Arithmetic::Add), power::ADD),
        "-" => (Some(Arithmetic::Subtract), power::ADD),
        "||" => (None, power::ADD),
        "*" => (Some(Arithmetic::Multiply), power::MULTIPLY),
        "/" => (Some(Arithmetic::Divide), power::MULTIPLY),
        "%" => (Some(Arithmetic::Remainder), power::MULTIPLY),
        _ => return None,
    })
}

fn comparison(symbol: &str) -> Option<(Comparison, u8)> {
    Some(match symbol {
        "=" => (Comparison::Equal, power::EQUAL),
        "<>" | "!=" => (Comparison::Unequal, power::EQUAL),
        "<" => (Comparison::Less, power::LESS),
        "<=" => (Comparison::LessOrEqual, power::LESS),
        ">" => (Comparison::Greater, power::LESS),
        ">=" => (Comparison::GreaterOrEqual, power::LESS),
        _ => return None,
    })
}
