//! Functions as they are written, what they refer to, and circles among these.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Node, Place, quoted};

/// A function as it is written.
pub(super) struct Call<'n> {
    /// `Ref`, `Condition` or `Fn::Sub`.
    pub(super) name: String,
    /// What it is applied to.
    pub(super) argument: &'n Node,
    /// Whether the argument bears the function as its tag, so that its tag is not looked at again.
    pub(super) is_tag: bool,
}

/// The function that a node is; the reason where one is written together with something else.
///
/// `Condition` as a key is a function among conditions only; elsewhere it is a key as any other.
pub(super) fn call(node: &Node, among_conditions: bool) -> Result<Option<Call<'_>>, String> {
    if let Some(tag) = &node.tag {
        let name = tag.trim_start_matches('!');
        let is_bare = matches!(name, "Ref" | "Condition");
        let name = if is_bare { name.to_owned() } else { format!("Fn::{name}") };
        return Ok(Some(Call { name, argument: node, is_tag: true }));
    }
    long(node, among_conditions)
}

/// The function that a node is by its only key, whatever its tag.
pub(super) fn long(node: &Node, among_conditions: bool) -> Result<Option<Call<'_>>, String> {
    let Some(entries) = node.entries() else { return Ok(None) };
    let is_function = |name: &str| {
        name == "Ref"
            || (name.starts_with("Fn::") && name.len() > 4)
            || (among_conditions && name == "Condition")
    };
    match entries {
        [(key, argument)] => {
            let name = key.scalar().unwrap_or_default();
            Ok(is_function(name).then(|| Call { name: name.to_owned(), argument, is_tag: false }))
        }
        _ => match entries.iter().filter_map(|(key, _)| key.scalar()).find(|name| name.starts_with("Fn::")) {
            Some(name) => Err(format!("expected `{}` to stand alone in its map", quoted(name))),
            None => Ok(None),
        },
    }
}

/// A piece of a text of `Fn::Sub`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// `${Name}` or `${Name.Attribute}`.
    Name(&'t str),
    /// `${!Literal}`, which becomes `${Literal}`.
    Literal(&'t str),
}

/// The pieces of a text of `Fn::Sub`. A `$` that opens nothing is text.
///
/// Source: AWS CloudFormation User Guide, `Fn::Sub`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        let inside = &rest[start + 2..start + length];
        rest = &rest[start + length + 1..];
        if let Some(literal) = inside.strip_prefix('!') {
            pieces.push(Piece::Literal(literal));
            continue;
        }
        let name = inside.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!(
                "expected a name of letters, digits, `_`, `.` and `:` in `${{…}}`, found `{}`",
                quoted(inside)
            ));
        }
        pieces.push(Piece::Name(name));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Something that a value refers to.
pub(super) struct Found {
    pub(super) what: What,
    pub(super) place: Place,
    pub(super) path: String,
}

pub(super) enum What {
    /// A parameter, pseudo-parameter or resource, of which an attribute may be asked.
    Name(String),
    /// A condition.
    Condition(String),
}

/// Collects what a value refers to. `chosen` says which branch of an `Fn::If` is taken; both where it does not know.
///
/// What is written wrongly is passed over: it is refused when it is evaluated.
pub(super) struct Walk<'w> {
    pub(super) path: Vec<String>,
    pub(super) among_conditions: bool,
    pub(super) chosen: &'w dyn Fn(&str) -> Option<bool>,
    pub(super) found: Vec<Found>,
}

impl Walk<'_> {
    fn push(&mut self, what: What, place: Place) {
        self.found.push(Found { what, place, path: self.path.join("/") });
    }

    /// As deep as the document, which is bounded.
    pub(super) fn node(&mut self, node: &Node) {
        match call(node, self.among_conditions) {
            Ok(Some(call)) => self.call(&call),
            Ok(None) | Err(_) => self.inside(node),
        }
    }

    fn inside(&mut self, node: &Node) {
        for (index, item) in node.items().unwrap_or_default().iter().enumerate() {
            self.path.push(index.to_string());
            self.node(item);
            self.path.pop();
        }
        for (key, value) in node.entries().unwrap_or_default() {
            self.path.push(quoted(key.scalar().unwrap_or_default()));
            self.node(value);
            self.path.pop();
        }
    }

    fn argument(&mut self, call: &Call<'_>) {
        match long(call.argument, self.among_conditions) {
            _ if !call.is_tag => self.node(call.argument),
            Ok(Some(inner)) => self.call(&inner),
            Ok(None) | Err(_) => self.inside(call.argument),
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        let place = call.argument.place;
        let items = call.argument.items();
        match (call.name.as_str(), call.argument.scalar()) {
            ("Ref", Some(name)) => self.push(What::Name(name.to_owned()), place),
            ("Condition", Some(name)) => self.push(What::Condition(name.to_owned()), place),
            ("Fn::GetAtt", Some(text)) => {
                let name = text.split('.').next().unwrap_or_default();
                self.push(What::Name(name.to_owned()), place);
            }
            ("Fn::GetAtt", None) => {
                if let Some(name) = items.and_then(|items| items.first()).and_then(Node::scalar) {
                    self.push(What::Name(name.to_owned()), place);
                }
            }
            ("Fn::Sub", Some(text)) => self.text(text, place, &BTreeSet::new()),
            ("Fn::Sub", None) => {
                let map = items.and_then(|items| items.get(1));
                let entries = map.and_then(Node::entries).unwrap_or_default();
                let own = entries.iter().filter_map(|(key, _)| key.scalar()).collect();
                if let Some(text) = items.and_then(|items| items.first()).and_then(Node::scalar) {
                    self.text(text, place, &own);
                }
                self.argument(call);
            }
            ("Fn::If", _) => self.branches(call),
            _ => self.argument(call),
        }
    }

    fn branches(&mut self, call: &Call<'_>) {
        let Some([condition, yes, no]) = call.argument.items() else { return self.argument(call) };
        let Some(name) = condition.scalar() else { return self.argument(call) };
        self.push(What::Condition(name.to_owned()), condition.place);
        let chosen = (self.chosen)(name);
        for (branch, taken) in [(yes, true), (no, false)] {
            if chosen.is_none_or(|chosen| chosen == taken) {
                self.node(branch);
            }
        }
    }

    fn text(&mut self, text: &str, place: Place, own: &BTreeSet<&str>) {
        for piece in pieces(text).unwrap_or_default() {
            if let Piece::Name(name) = piece
                && !own.contains(name)
            {
                let name = name.split('.').next().unwrap_or_default();
                self.push(What::Name(name.to_owned()), place);
            }
        }
    }
}

/// The names so that each stands behind what it refers to, or a circle: its names, the first once more at the end.
pub(super) fn ordered(edges: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Vec<String>> {
    let mut order: Vec<String> = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in edges.keys() {
        let mut road: Vec<(&str, Vec<&str>)> = Vec::new();
        let open = |name: &str| -> Vec<&str> {
            edges.get(name).map(|to| to.iter().rev().map(String::as_str).collect()).unwrap_or_default()
        };
        if !done.contains(start.as_str()) {
            road.push((start, open(start)));
        }
        while let Some((name, left)) = road.last_mut() {
            let Some(next) = left.pop() else {
                let name = *name;
                done.insert(name);
                order.push(name.to_owned());
                road.pop();
                continue;
            };
            if done.contains(next) || !edges.contains_key(next) {
                continue;
            }
            if let Some(at) = road.iter().position(|(name, _)| *name == next) {
                let circle = road[at..].iter().map(|(name, _)| *name).chain([next]);
                return Err(circle.map(str::to_owned).collect());
            }
            road.push((next, open(next)));
        }
    }
    Ok(order)
}

/// "`A` → `B` → `A`".
pub(super) fn drawn(circle: &[String]) -> String {
    circle.iter().map(|name| format!("`{}`", quoted(name))).collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_sub_has_pieces() {
        use Piece::{Literal, Name, Text};
        for (text, expected) in [
            ("", vec![]),
            ("a", vec![Text("a")]),
            ("a${B}c", vec![Text("a"), Name("B"), Text("c")]),
            ("${!A}${AWS::Region}", vec![Literal("A"), Name("AWS::Region")]),
            ("$A $(b) ${", vec![Text("$A $(b) ${")]),
            ("$${A}", vec![Text("$"), Name("A")]),
        ] {
            assert_eq!(pieces(text).unwrap(), expected);
        }
        for text in ["${}", "${A:-b}", "${a b}", "${#A}"] {
            assert!(pieces(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_circle_is_told_whole() {
        let edges = |text: &str| -> BTreeMap<String, BTreeSet<String>> {
            let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for edge in text.split(' ') {
                let (from, to) = edge.split_once('>').unwrap();
                edges.entry(from.to_owned()).or_default().insert(to.to_owned());
                edges.entry(to.to_owned()).or_default();
            }
            edges
        };
        assert_eq!(ordered(&edges("a>b b>c")).unwrap(), ["c", "b", "a"]);
        assert_eq!(ordered(&edges("a>b b>c c>d d>b")).unwrap_err(), ["b", "c", "d", "b"]);
        assert_eq!(ordered(&edges("a>a")).unwrap_err(), ["a", "a"]);
        assert_eq!(ordered(&edges("a>b a>c b>d c>d")).unwrap(), ["d", "b", "c", "a"]);
    }
}
