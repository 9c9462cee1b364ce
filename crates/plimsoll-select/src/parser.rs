//! Tokens to a statement. Recursion is bounded.
//!
//! Source: Amazon S3 User Guide, "SQL reference for Amazon S3 Select": the `SELECT` command, operators and their precedence.

mod expression;

use crate::ast::{Expr, From, Item, Kind, List, Name, Select, Step};
use crate::error::{Code, SelectError};
use crate::keyword::{is_reserved, is_used};
use crate::lexer::{Token, TokenKind, place, tokens};
use crate::limits::{DEFAULT_COLUMNS, MAX_EXPRESSION_DEPTH};

/// Reads a statement; `strict` refuses every word that Amazon reserves as a name without quotes.
pub(crate) fn parse(statement: &str, strict: bool) -> Result<Select, SelectError> {
    let mut parser = Parser { statement, tokens: tokens(statement)?, next: 0, nesting: 0, strict };
    parser.select()
}

struct Parser<'s> {
    statement: &'s str,
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    strict: bool,
}

type Parsed<T> = Result<T, SelectError>;

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn peek_second(&self) -> &TokenKind {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].kind
    }

    fn offset(&self) -> usize {
        self.tokens[self.next].offset
    }

    /// The last token stays.
    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn refused(&self, code: Code, offset: usize, message: impl Into<String>) -> SelectError {
        SelectError::new(code, "cannot parse statement", message).at(place(self.statement, offset))
    }

    /// What stands here is not what was expected.
    fn unexpected(&self, code: Code, expected: &str) -> SelectError {
        let found = self.peek().describe();
        self.refused(code, self.offset(), format!("expected {expected}, found {found}"))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.take_word(word) {
            return Ok(());
        }
        Err(self.unexpected(Code::ParseExpectedKeyword, &format!("`{word}`")))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str, code: Code) -> Parsed<()> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        Err(self.unexpected(code, &format!("`{symbol}`")))
    }

    /// An expression, with the depth it comes to within its bound.
    fn make(&self, kind: Kind, offset: usize) -> Parsed<Expr> {
        let expr = Expr::new(kind, offset);
        if expr.depth > MAX_EXPRESSION_DEPTH { Err(self.too_deep(offset)) } else { Ok(expr) }
    }

    fn too_deep(&self, offset: usize) -> SelectError {
        let message = format!("expected at most {MAX_EXPRESSION_DEPTH} levels of expressions, found more");
        self.refused(Code::UnsupportedSqlStructure, offset, message)
    }

    fn select(&mut self) -> Parsed<Select> {
        if !self.take_word("SELECT") {
            let (code, hint) = match self.peek() {
                TokenKind::End => (Code::ParseEmptySelect, ""),
                _ => (Code::ParseUnsupportedSelect, "a statement is like `SELECT s.name FROM S3Object s`"),
            };
            return Err(self.unexpected(code, "`SELECT`").hint(hint));
        }
        let list = self.select_list()?;
        if !self.take_word("FROM") {
            let code = match self.peek() {
                TokenKind::End | TokenKind::Symbol(";") => Code::ParseSelectMissingFrom,
                _ => Code::ParseUnexpectedToken,
            };
            return Err(self.unexpected(code, "`FROM`"));
        }
        let from = self.from()?;
        let filter = if self.take_word("WHERE") { Some(self.expr(0)?) } else { None };
        let limit = if self.take_word("LIMIT") { Some(self.limit()?) } else { None };
        self.take_symbol(";");
        if *self.peek() != TokenKind::End {
            return Err(self.beyond());
        }
        Ok(Select { list, from, filter, limit })
    }

    /// What follows where the statement ought to end.
    fn beyond(&self) -> SelectError {
        let structure = match self.peek() {
            TokenKind::Symbol(",") => Some("several tables"),
            TokenKind::Word(word) => match word.to_ascii_uppercase().as_str() {
                "GROUP" => Some("`GROUP BY`"),
                "ORDER" => Some("`ORDER BY`"),
                "HAVING" => Some("`HAVING`"),
                "UNION" | "INTERSECT" | "EXCEPT" => Some("operations on sets"),
                "OFFSET" => Some("`OFFSET`"),
                "JOIN" | "INNER" | "LEFT" | "RIGHT" | "FULL" | "CROSS" | "OUTER" | "NATURAL" => {
                    return self
                        .unexpected(Code::ParseMalformedJoin, "one table")
                        .hint("S3 Select has no joins");
                }
                _ => None,
            },
            _ => None,
        };
        match structure {
            Some(structure) => self
                .unexpected(Code::UnsupportedSqlStructure, "the end of the statement")
                .hint(format!("S3 Select has no {structure}")),
            None => self.unexpected(Code::ParseUnexpectedToken, "the end of the statement"),
        }
    }

    fn limit(&mut self) -> Parsed<u64> {
        if self.is_symbol("-") {
            return Err(self.unexpected(Code::EvaluatorNegativeLimit, "a number of records"));
        }
        let TokenKind::Number(text) = self.peek() else {
            return Err(self.unexpected(Code::ParseExpectedNumber, "a number of records"));
        };
        let Ok(limit) = text.parse() else {
            return Err(self.unexpected(Code::ParseExpectedNumber, "a whole number of records"));
        };
        self.advance();
        Ok(limit)
    }

    fn select_list(&mut self) -> Parsed<List> {
        if self.is_word("DISTINCT") || self.is_word("ALL") {
            let error = self.unexpected(Code::UnsupportedSqlStructure, "a list of columns");
            return Err(error.hint("S3 Select has no `DISTINCT`"));
        }
        if self.is_word("FROM") || *self.peek() == TokenKind::End {
            return Err(self.unexpected(Code::ParseEmptySelect, "`*` or a list of columns"));
        }
        if self.take_symbol("*") {
            self.refuse_beside_star()?;
            return Ok(List::All { alias: None });
        }
        let mut items: Vec<Item> = Vec::new();
        loop {
            let offset = self.offset();
            if self.is_symbol("*") {
                return Err(self.unexpected(Code::ParseAsteriskIsNotAloneInSelectList, "a column"));
            }
            let expr = self.expr(0)?;
            if let Kind::Path(path) = &expr.kind
                && path.rest == [Step::Members]
            {
                if !items.is_empty() {
                    let message = format!("expected columns beside each other, found `{expr}` among them");
                    return Err(self.refused(Code::ParseAsteriskIsNotAloneInSelectList, offset, message));
                }
                self.refuse_beside_star()?;
                return Ok(List::All { alias: Some(path.first.clone()) });
            }
            let alias = if self.take_word("AS") {
                Some(self.column_alias()?)
            } else if self.is_name() {
                Some(self.name(Code::ParseExpectedIdentForAlias, "an alias")?.text)
            } else {
                None
            };
            items.push(Item { expr, alias });
            if items.len() > DEFAULT_COLUMNS {
                let message = format!("expected at most {DEFAULT_COLUMNS} columns, found more");
                return Err(self.refused(Code::OverMaxColumn, offset, message));
            }
            if !self.take_symbol(",") {
                return Ok(List::Items(items));
            }
        }
    }

    /// The alias behind `AS`, where no word can be mistaken but `FROM`: `COUNT(*) AS count`.
    fn column_alias(&mut self) -> Parsed<String> {
        match self.peek().clone() {
            TokenKind::Word(word) if !self.strict && !word.eq_ignore_ascii_case("from") => {
                self.advance();
                Ok(word)
            }
            _ => Ok(self.name(Code::ParseExpectedIdentForAlias, "an alias")?.text),
        }
    }

    fn refuse_beside_star(&self) -> Parsed<()> {
        if self.is_symbol(",") {
            let error = self.unexpected(Code::ParseAsteriskIsNotAloneInSelectList, "`FROM`");
            return Err(error.hint("`*` stands alone"));
        }
        Ok(())
    }

    /// Whether a name stands here, quoted or not.
    fn is_name(&self) -> bool {
        match self.peek() {
            TokenKind::Word(word) => !self.is_kept(word),
            TokenKind::Quoted(_) => true,
            _ => false,
        }
    }

    /// Whether a word is no name without quotes.
    fn is_kept(&self, word: &str) -> bool {
        is_used(word) || (self.strict && is_reserved(word))
    }

    fn name(&mut self, code: Code, expected: &str) -> Parsed<Name> {
        let name = match self.peek() {
            TokenKind::Word(word) if self.is_kept(word) => {
                let hint = format!("`{word}` is reserved: write `\"{word}\"`, where case counts");
                return Err(self.unexpected(Code::ParseUnexpectedKeyword, expected).hint(hint));
            }
            TokenKind::Word(word) => Name::new(word, false),
            TokenKind::Quoted(name) => Name::new(name, true),
            _ => return Err(self.unexpected(code, expected)),
        };
        self.advance();
        Ok(name)
    }

    fn from(&mut self) -> Parsed<From> {
        let is_object = match self.peek() {
            TokenKind::Word(word) | TokenKind::Quoted(word) => word.eq_ignore_ascii_case("s3object"),
            _ => false,
        };
        if !is_object {
            let error = self.unexpected(Code::InvalidTableAlias, "`S3Object`");
            return Err(error.hint("the object that is asked is always called `S3Object`"));
        }
        self.advance();
        let offset = self.offset();
        let mut steps = self.steps()?;
        match steps.first() {
            Some(Step::Elements) => {
                steps.remove(0);
            }
            Some(_) => {
                let message = "expected `[*]` between `S3Object` and a path, found none";
                let error = self.refused(Code::InvalidKeyPath, offset, message);
                return Err(error.hint("a path begins with `S3Object[*]`"));
            }
            None => {}
        }
        let alias = if self.take_word("AS") || (self.is_name() && !self.is_structure()) {
            Some(self.name(Code::ParseExpectedIdentForAlias, "an alias")?.text)
        } else {
            None
        };
        Ok(From { steps, alias })
    }

    /// Whether a word stands here that begins what this dialect lacks.
    fn is_structure(&self) -> bool {
        ["INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "NATURAL", "OFFSET", "GROUP", "ORDER"]
            .iter()
            .any(|word| self.is_word(word))
    }

    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if self.take_symbol(".") {
                if self.take_symbol("*") {
                    steps.push(Step::Members);
                } else {
                    steps.push(Step::Name(self.name(Code::ParseExpectedMember, "a field's name")?));
                }
            } else if self.take_symbol("[") {
                let step = match self.peek() {
                    TokenKind::Symbol("*") => Step::Elements,
                    TokenKind::Text(name) => Step::Name(Name::new(name, true)),
                    TokenKind::Number(number) => match number.parse() {
                        Ok(index) => Step::Index(index),
                        Err(_) => return Err(self.unexpected(Code::InvalidKeyPath, "an index from 0")),
                    },
                    _ => {
                        let expected = "an index, a name between single quotes, or `*`";
                        return Err(self.unexpected(Code::InvalidKeyPath, expected));
                    }
                };
                self.advance();
                self.expect_symbol("]", Code::ParseExpectedTokenType)?;
                steps.push(step);
            } else {
                break;
            }
            if steps.len() > MAX_EXPRESSION_DEPTH {
                return Err(self.too_deep(self.offset()));
            }
        }
        Ok(steps)
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
