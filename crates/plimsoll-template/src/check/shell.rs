//! Commands of a shell, split into words. Nothing is expanded.

/// Deepest nesting of `$(…)` that is looked into.
const MAX_DEPTH: usize = 8;
/// Most commands of one text.
const MAX_COMMANDS: usize = 10_000;

/// What stands behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
    /// `;` or a new line.
    Then,
    /// `&`
    Background,
    /// The end of the text.
    End,
}

/// One command: its words without quotes and redirections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<String>,
    pub(super) next: Operator,
    /// Lines before it in the text.
    pub(super) line: usize,
    /// Characters before it in its line.
    pub(super) column: usize,
    /// What stands inside `$(…)` and backquotes in it, each read like a text of its own.
    pub(super) inner: Vec<Command>,
}

/// The commands of a text. Reserved words (`if`, `then`, `{`) are words as any other.
pub(super) fn commands(text: &str) -> Vec<Command> {
    let chars: Vec<char> = text.chars().collect();
    Reader { chars: &chars, at: 0, line: 0, column: 0, depth: 0 }.commands()
}

struct Reader<'c> {
    chars: &'c [char],
    at: usize,
    line: usize,
    column: usize,
    depth: usize,
}

/// A command that is being read.
#[derive(Default)]
struct Open {
    words: Vec<String>,
    word: Option<String>,
    start: Option<(usize, usize)>,
    inner: Vec<Command>,
    /// The delimiters of documents that begin on the next line.
    documents: Vec<String>,
}

impl Open {
    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn takes(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        if is_next {
            self.next();
        }
        is_next
    }

    fn commands(mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut open = Open::default();
        while let Some(c) = self.peek() {
            let here = (self.line, self.column);
            if !c.is_whitespace() && !matches!(c, ';' | '&' | '|' | '#' | '(' | ')') {
                open.start.get_or_insert(here);
            }
            let operator = match c {
                '\n' | ';' => Some(Operator::Then),
                '|' => Some(Operator::Pipe),
                '&' => Some(Operator::Background),
                _ => None,
            };
            if let Some(operator) = operator {
                self.next();
                let operator = match (operator, self.peek()) {
                    (Operator::Pipe, Some('|')) => Operator::Or,
                    (Operator::Background, Some('&')) => Operator::And,
                    (Operator::Pipe, Some('&')) => {
                        self.next();
                        operator
                    }
                    (Operator::Background, Some('>')) => {
                        self.redirection(&mut open);
                        continue;
                    }
                    _ => operator,
                };
                if matches!(operator, Operator::Or | Operator::And) {
                    self.next();
                }
                if c == '\n' {
                    self.skip_documents(&mut open);
                }
                Self::end(&mut open, operator, &mut commands);
                if commands.len() == MAX_COMMANDS {
                    return commands;
                }
                continue;
            }
            match c {
                '(' | ')' => {
                    self.next();
                    open.end_word();
                }
                '#' if open.word.is_none() => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                '>' | '<' => self.redirection(&mut open),
                c if c.is_whitespace() => {
                    self.next();
                    open.end_word();
                }
                _ => self.part(&mut open),
            }
        }
        Self::end(&mut open, Operator::End, &mut commands);
        commands
    }

    fn end(open: &mut Open, operator: Operator, commands: &mut Vec<Command>) {
        open.end_word();
        let documents = std::mem::take(&mut open.documents);
        let Open { words, start, inner, .. } = std::mem::take(open);
        open.documents = documents;
        if words.is_empty() {
            // `a &&` may go on in the next line.
            return;
        }
        let (line, column) = start.unwrap_or_default();
        commands.push(Command { words, next: operator, line, column, inner });
    }

    /// One character, quoted part or substitution of a word.
    fn part(&mut self, open: &mut Open) {
        let Some(c) = self.next() else { return };
        let word = open.word.get_or_insert_default();
        match c {
            '\\' => match self.next() {
                Some('\n') | None => {
                    // A line that goes on: no part of a word.
                    if word.is_empty() {
                        open.word = None;
                    }
                }
                Some(c) => word.push(c),
            },
            '\'' => {
                while let Some(c) = self.next() {
                    if c == '\'' {
                        break;
                    }
                    word.push(c);
                }
            }
            '"' => self.quoted(open),
            '`' => {
                let mut inside = String::new();
                while let Some(c) = self.next() {
                    if c == '`' {
                        break;
                    }
                    inside.push(c);
                }
                self.inside(&inside, open);
            }
            '$' => self.dollar(open),
            c => word.push(c),
        }
    }

    fn quoted(&mut self, open: &mut Open) {
        while let Some(c) = self.next() {
            match c {
                '"' => return,
                '\\' => {
                    let next = self.next();
                    open.word.get_or_insert_default().extend(next.filter(|c| *c != '\n'));
                }
                '$' => self.dollar(open),
                '`' => {
                    let mut inside = String::new();
                    while let Some(c) = self.next() {
                        if c == '`' {
                            break;
                        }
                        inside.push(c);
                    }
                    self.inside(&inside, open);
                }
                c => open.word.get_or_insert_default().push(c),
            }
        }
    }

    /// Behind a `$`: a variable, which stays as it is written, or `$(…)`.
    fn dollar(&mut self, open: &mut Open) {
        if self.takes('(') {
            let inside = self.until(')', '(');
            self.inside(&inside, open);
            return;
        }
        let word = open.word.get_or_insert_default();
        word.push('$');
        if self.takes('{') {
            let inside = self.until('}', '{');
            let word = open.word.get_or_insert_default();
            word.push('{');
            word.push_str(&inside);
            word.push('}');
        }
    }

    /// Up to the bracket that closes, which is taken.
    fn until(&mut self, close: char, opening: char) -> String {
        let mut inside = String::new();
        let mut depth = 0;
        let mut quote = None;
        while let Some(c) = self.next() {
            match (quote, c) {
                (Some(q), c) if q == c => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, c) if c == opening => depth += 1,
                (None, c) if c == close => {
                    if depth == 0 {
                        return inside;
                    }
                    depth -= 1;
                }
                (_, '\\') => {
                    inside.push(c);
                    inside.extend(self.next());
                    continue;
                }
                _ => {}
            }
            inside.push(c);
        }
        inside
    }

    fn inside(&mut self, text: &str, open: &mut Open) {
        open.word.get_or_insert_default().push_str("$()");
        if self.depth == MAX_DEPTH {
            return;
        }
        let chars: Vec<char> = text.chars().collect();
        let line = self.line.saturating_sub(text.matches('\n').count());
        let reader = Reader { chars: &chars, at: 0, line, column: self.column, depth: self.depth + 1 };
        open.inner.extend(reader.commands());
    }

    /// `2>&1`, `> file`, `<<END`, `<(…)`: its target is no word of the command.
    fn redirection(&mut self, open: &mut Open) {
        if open.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            open.word = None;
        }
        open.end_word();
        let mut operator = String::new();
        while let Some(c @ ('>' | '<' | '&' | '|' | '-')) = self.peek() {
            operator.push(c);
            self.next();
        }
        if operator == "<" && self.takes('(') {
            let inside = self.until(')', '(');
            self.inside(&inside, open);
            return open.end_word();
        }
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.next();
        }
        let mut target = Open::default();
        while self
            .peek()
            .is_some_and(|c| !c.is_whitespace() && !matches!(c, ';' | '&' | '|' | '>' | '<' | '(' | ')'))
        {
            self.part(&mut target);
        }
        open.inner.extend(target.inner);
        if operator.starts_with("<<") && operator != "<<<" {
            open.documents.extend(target.word);
        }
    }

    fn skip_documents(&mut self, open: &mut Open) {
        for end in std::mem::take(&mut open.documents) {
            loop {
                let mut line = String::new();
                while let Some(c) = self.next() {
                    if c == '\n' {
                        break;
                    }
                    line.push(c);
                }
                if line.trim() == end || self.peek().is_none() {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(commands: &[Command]) -> String {
        let one = |command: &Command| {
            let inner = if command.inner.is_empty() {
                String::new()
            } else {
                format!(" {{{}}}", shown(&command.inner))
            };
            format!("{}:{} {:?}{inner} {:?}", command.line, command.column, command.words, command.next)
        };
        commands.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn commands_are_split_as_a_shell_does() {
        for (text, expected) in [
            ("", ""),
            ("a b", r#"0:0 ["a", "b"] End"#),
            (
                "a && b || c | d; e &",
                r#"0:0 ["a"] And, 0:5 ["b"] Or, 0:10 ["c"] Pipe, 0:14 ["d"] Then, 0:17 ["e"] Background"#,
            ),
            ("a 'b c' \"d $E\" f\\ g", r#"0:0 ["a", "b c", "d $E", "f g"] End"#),
            ("a > b 2>&1 c", r#"0:0 ["a", "c"] End"#),
            ("a &> b", r#"0:0 ["a"] End"#),
            ("a \\\n  b\n# c\nd#e", r#"0:0 ["a", "b"] Then, 3:0 ["d#e"] End"#),
            ("x=$(a || true) b", r#"0:0 ["x=$()", "b"] {0:14 ["a"] Or, 0:19 ["true"] End} End"#),
            ("cat <<END\na || true\nEND\nb", r#"0:0 ["cat"] Then, 3:0 ["b"] End"#),
            ("bash <(curl x)", r#"0:0 ["bash", "$()"] {0:14 ["curl", "x"] End} End"#),
            ("(a; b)", r#"0:1 ["a"] Then, 0:4 ["b"] End"#),
            ("a ${B:-c d} $$", r#"0:0 ["a", "${B:-c d}", "$$"] End"#),
            ("a '", r#"0:0 ["a", ""] End"#),
            ("a \"$(", r#"0:0 ["a", "$()"] End"#),
            ("a &&\n b", r#"0:0 ["a"] And, 1:1 ["b"] End"#),
        ] {
            assert_eq!(shown(&commands(text)), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        commands(&"$(".repeat(100_000));
        commands(&"a;".repeat(100_000));
    }
}
