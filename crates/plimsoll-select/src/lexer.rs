//! A statement's tokens.

use crate::error::{Code, Place, SelectError};
use crate::limits::MAX_STATEMENT_BYTES;

/// A token and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A word without quotes, as it was written.
    Word(String),
    /// A name between double quotes.
    Quoted(String),
    /// A text between single quotes.
    Text(String),
    Number(String),
    /// What stands between backticks.
    Ion(String),
    Symbol(&'static str),
    End,
}

impl TokenKind {
    /// As a person would name it.
    pub(crate) fn describe(&self) -> String {
        match self {
            TokenKind::Word(word) | TokenKind::Number(word) => format!("`{word}`"),
            TokenKind::Quoted(name) => format!("`\"{name}\"`"),
            TokenKind::Text(text) => format!("`'{text}'`"),
            TokenKind::Ion(text) => format!("`` `{text}` ``"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end of the statement".to_owned(),
        }
    }
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "<>", "<=", ">=", "!=", "||", "==", ",", ".", "*", "(", ")", "[", "]", "+", "-", "/", "%", "=", "<", ">",
    ";",
];

/// Where a byte of the statement is.
pub(crate) fn place(statement: &str, offset: usize) -> Place {
    let before = statement.get(..offset).unwrap_or(statement);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place::Statement { offset, line, column }
}

/// Cuts a statement into tokens, of which the last one is [`TokenKind::End`].
pub(crate) fn tokens(statement: &str) -> Result<Vec<Token>, SelectError> {
    if statement.len() > MAX_STATEMENT_BYTES {
        let message = format!("expected at most {MAX_STATEMENT_BYTES} bytes, found {}", statement.len());
        return Err(SelectError::new(Code::ExpressionTooLong, "cannot parse statement", message));
    }
    let mut tokens: Vec<Token> = Vec::new();
    let mut lexer = Lexer { statement, offset: 0 };
    // Of the token before.
    let mut end = 0;
    loop {
        lexer.skip_space_and_comments()?;
        let offset = lexer.offset;
        let kind = lexer.next(tokens.last().filter(|_| end == offset).map(|token| &token.kind))?;
        let done = kind == TokenKind::End;
        tokens.push(Token { kind, offset });
        end = lexer.offset;
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    statement: &'s str,
    offset: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.statement[self.offset..]
    }

    fn refused(&self, code: Code, offset: usize, message: String) -> SelectError {
        SelectError::new(code, "cannot parse statement", message).at(place(self.statement, offset))
    }

    fn skip_space_and_comments(&mut self) -> Result<(), SelectError> {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            if space > 0 {
                self.offset += space;
            } else if rest.starts_with("--") {
                self.offset += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(length) = rest.find("*/") else {
                    let message = "expected `*/`, found the end of the statement".to_owned();
                    return Err(self.refused(Code::LexerInvalidChar, self.offset, message));
                };
                self.offset += length + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// The next token; `before` is the one that it follows without a space.
    fn next(&mut self, before: Option<&TokenKind>) -> Result<TokenKind, SelectError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(TokenKind::End) };
        match first {
            '\'' => return self.between('\'').map(TokenKind::Text),
            '"' => return self.between('"').map(TokenKind::Quoted),
            '`' => return self.between('`').map(TokenKind::Ion),
            _ => {}
        }
        // `.5` is a number, but for `a.5`.
        let after_value =
            matches!(before, Some(TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Symbol("]" | ")")));
        let point = first == '.' && !after_value && rest[1..].starts_with(|next: char| next.is_ascii_digit());
        if first.is_ascii_digit() || point {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' || first == '$' {
            let length = rest
                .find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '$'))
                .unwrap_or(rest.len());
            let word = rest[..length].to_owned();
            self.offset += length;
            return Ok(TokenKind::Word(word));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.offset += symbol.len();
            return Ok(TokenKind::Symbol(if *symbol == "==" { "=" } else { symbol }));
        }
        let code = if matches!(first, '!' | '|' | '&' | '^' | '~' | ':') {
            Code::LexerInvalidOperator
        } else {
            Code::LexerInvalidChar
        };
        let found = first.escape_debug();
        Err(self.refused(
            code,
            self.offset,
            format!("expected a name, a literal or an operator, found `{found}`"),
        ))
    }

    /// What stands between two quotes, of which a doubled one is one.
    fn between(&mut self, quote: char) -> Result<String, SelectError> {
        let mut text = String::new();
        let mut rest = &self.rest()[1..];
        loop {
            let Some(end) = rest.find(quote) else {
                let message = format!("expected {quote} that ends the text, found the end of the statement");
                return Err(self.refused(Code::LexerInvalidLiteral, self.offset, message));
            };
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix(quote) {
                Some(further) => {
                    text.push(quote);
                    rest = further;
                }
                None => break,
            }
        }
        self.offset = self.statement.len() - rest.len();
        Ok(text)
    }

    fn number(&mut self) -> Result<TokenKind, SelectError> {
        let rest = self.rest();
        let digits = |from: usize| from + rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits(0);
        if rest[end..].starts_with('.') {
            end = digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = end + 1 + usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = digits(sign);
            if exponent > sign {
                end = exponent;
            }
        }
        let number = rest[..end].to_owned();
        if let Some(letter) = rest[end..].chars().next().filter(|next| next.is_alphanumeric() || *next == '_')
        {
            let message = format!("expected the end of number `{number}`, found `{letter}`");
            return Err(self.refused(Code::LexerInvalidLiteral, self.offset, message));
        }
        self.offset += end;
        Ok(TokenKind::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(statement: &str) -> Vec<String> {
        tokens(statement).unwrap().iter().map(|token| token.kind.describe()).collect()
    }

    #[test]
    fn a_statement_falls_into_tokens() {
        assert_eq!(
            texts("SELECT s.\"a\"\"b\", '' , 'it''s',-.5e3 FROM S3Object[*]._1[0] s -- end"),
            [
                "`SELECT`",
                "`s`",
                "`.`",
                "`\"a\"b\"`",
                "`,`",
                "`''`",
                "`,`",
                "`'it's'`",
                "`,`",
                "`-`",
                "`.5e3`",
                "`FROM`",
                "`S3Object`",
                "`[`",
                "`*`",
                "`]`",
                "`.`",
                "`_1`",
                "`[`",
                "`0`",
                "`]`",
                "`s`",
                "the end of the statement",
            ]
        );
        assert_eq!(texts("a<>b/* c */<=1.").len(), 6);
        assert_eq!(texts("größe == 1")[1], "`=`");
    }

    #[test]
    fn what_begins_no_token_is_refused() {
        for (statement, code, column) in [
            ("SELECT 'a", Code::LexerInvalidLiteral, 8),
            ("SELECT é # b", Code::LexerInvalidChar, 10),
            ("a\n\n  ! b", Code::LexerInvalidOperator, 3),
            ("1x", Code::LexerInvalidLiteral, 1),
            ("/* a", Code::LexerInvalidChar, 1),
            ("a\0", Code::LexerInvalidChar, 2),
        ] {
            let error = tokens(statement).unwrap_err();
            assert_eq!(error.code(), code, "{statement}");
            assert!(
                matches!(error.place(), Place::Statement { column: found, .. } if found == column),
                "{error}"
            );
        }
        assert_eq!(tokens(&"a".repeat(MAX_STATEMENT_BYTES + 1)).unwrap_err().code(), Code::ExpressionTooLong);
    }
}
