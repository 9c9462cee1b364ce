//! JSON with places (RFC 8259), by recursion that the depth limits.

use std::collections::HashSet;

use super::{Budget, DocumentError, Limits, Node, Place, Size, Value, quoted};

/// Why it is no JSON, and whether that is for a limit, which no other reading would help.
pub(super) struct Failure {
    pub(super) error: DocumentError,
    pub(super) is_limit: bool,
}

/// Reads the only value of a text.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Node, Failure> {
    let mut reader = Reader { rest: text, line: 1, column: 1, budget: Budget::new(limits) };
    let node = reader.value(0)?;
    reader.space();
    if reader.rest.is_empty() { Ok(node) } else { Err(reader.expected("the end")) }
}

struct Reader<'t, 'l> {
    rest: &'t str,
    line: usize,
    column: usize,
    budget: Budget<'l>,
}

impl<'t> Reader<'t, '_> {
    fn place(&self) -> Place {
        Place::counted(self.line, self.column)
    }

    fn error(&self, reason: String) -> Failure {
        Failure { error: DocumentError::new(self.place(), reason), is_limit: false }
    }

    fn expected(&self, what: &str) -> Failure {
        let found = match self.rest.chars().next() {
            Some(c) => format!("`{}`", quoted(&c.to_string())),
            None => "the end".to_owned(),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// Goes on by this many bytes, which end at a character.
    fn skip(&mut self, bytes: usize) -> &'t str {
        let (passed, rest) = self.rest.split_at(bytes);
        for c in passed.chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.rest = rest;
        passed
    }

    fn space(&mut self) {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.skip(self.rest.len() - trimmed.len());
    }

    /// Takes this character if it is next.
    fn takes(&mut self, c: char) -> bool {
        let is_next = self.rest.starts_with(c);
        if is_next {
            self.skip(c.len_utf8());
        }
        is_next
    }

    fn count(&mut self, size: Size, depth: usize, place: Place) -> Result<(), Failure> {
        self.budget.take(size, depth, place).map_err(|error| Failure { error, is_limit: true })
    }

    fn value(&mut self, depth: usize) -> Result<Node, Failure> {
        self.space();
        let place = self.place();
        let value = match self.rest.chars().next() {
            Some('{') => {
                self.count(Size { nodes: 1, scalar_bytes: 0, depth: 1 }, depth, place)?;
                self.map(depth + 1)?
            }
            Some('[') => {
                self.count(Size { nodes: 1, scalar_bytes: 0, depth: 1 }, depth, place)?;
                self.list(depth + 1)?
            }
            Some('"') => Value::Text(self.text()?),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number()?,
            _ => self.word()?,
        };
        let scalar_bytes = match &value {
            Value::Text(text) | Value::Number(text) => text.len(),
            _ => 0,
        };
        if !matches!(value, Value::List(_) | Value::Map(_)) {
            self.count(Size { nodes: 1, scalar_bytes, depth: 0 }, depth, place)?;
        }
        Ok(Node::new(place, value))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Failure> {
        self.skip(1);
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        self.space();
        if self.takes('}') {
            return Ok(Value::Map(entries));
        }
        loop {
            self.space();
            let place = self.place();
            if !self.rest.starts_with('"') {
                return Err(self.expected("a key in `\"`"));
            }
            let key = self.text()?;
            self.count(Size { nodes: 1, scalar_bytes: key.len(), depth: 0 }, depth, place)?;
            if !seen.insert(key.clone()) {
                let reason = format!("expected each key once, found `{}` again", quoted(&key));
                // YAML would refuse it too, but tell of it in its own words.
                return Err(Failure { error: DocumentError::new(place, reason), is_limit: true });
            }
            self.space();
            if !self.takes(':') {
                return Err(self.expected("`:`"));
            }
            let value = self.value(depth)?;
            entries.push((Node::text(place, key), value));
            self.space();
            if self.takes('}') {
                return Ok(Value::Map(entries));
            }
            if !self.takes(',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Failure> {
        self.skip(1);
        let mut items = Vec::new();
        self.space();
        if self.takes(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            if self.takes(']') {
                return Ok(Value::List(items));
            }
            if !self.takes(',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn text(&mut self) -> Result<String, Failure> {
        self.skip(1);
        let mut text = String::new();
        loop {
            let plain =
                self.rest.find(|c: char| matches!(c, '"' | '\\') || c < ' ').unwrap_or(self.rest.len());
            text.push_str(self.skip(plain));
            match self.rest.chars().next() {
                Some('"') => {
                    self.skip(1);
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                _ => return Err(self.expected("`\"`")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        self.skip(1);
        let Some(c) = self.rest.chars().next() else { return Err(self.expected("an escape")) };
        let escaped = match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            _ => return Err(self.expected("an escape")),
        };
        self.skip(1);
        Ok(escaped)
    }

    /// `uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self) -> Result<char, Failure> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.expected("a surrogate pair"));
        }
        if !self.takes('\\') {
            return Err(self.expected("the second half of a surrogate pair"));
        }
        let second = self.unit()?;
        let joined = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
        match second {
            0xdc00..=0xdfff => char::from_u32(joined).ok_or_else(|| self.expected("a surrogate pair")),
            _ => Err(self.expected("the second half of a surrogate pair")),
        }
    }

    fn unit(&mut self) -> Result<u32, Failure> {
        let hex = self.rest.strip_prefix('u').and_then(|rest| rest.get(..4));
        match hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(hex) => {
                let unit = u32::from_str_radix(hex, 16).expect("four hexadecimal digits fit");
                self.skip(5);
                Ok(unit)
            }
            None => Err(self.expected("`u` and four hexadecimal digits")),
        }
    }

    fn number(&mut self) -> Result<Value, Failure> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')))
            .unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        if !is_number(text) {
            return Err(self.error(format!("expected a number, found `{}`", quoted(text))));
        }
        Ok(Value::Number(self.skip(end).to_owned()))
    }

    fn word(&mut self) -> Result<Value, Failure> {
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if self.rest.starts_with(word) {
                self.skip(word.len());
                return Ok(value);
            }
        }
        Err(self.expected("a value"))
    }
}

/// Source: RFC 8259, 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}
