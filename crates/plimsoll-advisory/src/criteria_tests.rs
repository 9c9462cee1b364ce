use std::fmt::Write;

use plimsoll_model::Ecosystem;

use super::*;

/// `product 1`, `module a:1`, `package bash 5-1`, `given`; the rest is not understood.
fn leaf(fact: &Fact<'_>) -> Leaf {
    let mut words = fact.comment.split(' ');
    let first = words.next().unwrap_or_default();
    let mut next = || words.next().unwrap_or_default().to_owned();
    match first {
        "product" => Leaf::Product(Namespace::release(Ecosystem::Suse, &next())),
        "other" => Leaf::OtherProduct,
        "module" => Leaf::Module(next()),
        "package" => Leaf::Package { name: next(), versions: Versions::Before(next()) },
        "given" => Leaf::Given,
        _ => Leaf::Unknown("riddles"),
    }
}

/// Criteria as `AND(product 1, OR(package a 1, package b 2))`, with `!` for what is negated and `@d` for an extension.
fn xml(text: &str) -> String {
    let mut xml = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, xml: &mut String| {
        let trimmed = word.trim();
        let (negate, bare) = match trimmed.strip_prefix('!') {
            Some(bare) => (" negate='true'", bare),
            None => ("", trimmed),
        };
        if let Some(definition) = bare.strip_prefix('@') {
            write!(xml, "<extend_definition definition_ref='{definition}'{negate}/>")
                .expect("a string takes it");
        } else if !bare.is_empty() {
            write!(xml, "<criterion comment='{bare}'{negate}/>").expect("a string takes it");
        }
        word.clear();
    };
    for c in text.chars() {
        match c {
            '(' => {
                let operator = word.trim();
                let (negate, operator) = match operator.strip_prefix('!') {
                    Some(bare) => (" negate='1'", bare),
                    None => ("", operator),
                };
                write!(xml, "<criteria operator='{operator}'{negate}>").expect("a string takes it");
                word.clear();
            }
            ')' => {
                flush(&mut word, &mut xml);
                xml.push_str("</criteria>");
            }
            ',' => flush(&mut word, &mut xml),
            c => word.push(c),
        }
    }
    xml
}

/// What the first of these definitions says; their IDs are `d0`, `d1`, ….
fn say(definitions: &[&str]) -> String {
    let definitions: String = definitions
        .iter()
        .enumerate()
        .map(|(index, criteria)| format!("<definition id='d{index}'>{}</definition>", xml(criteria)))
        .collect::<Vec<_>>()
        .concat();
    let text = format!("<oval_definitions><definitions>{definitions}</definitions></oval_definitions>");
    let oval = Oval::read(text.as_bytes()).expect("it is OVAL");
    match Criteria::new(&oval, &leaf).of(&oval.definitions[0]) {
        Err(found) => format!("error: {found}"),
        Ok((statements, unknown)) => {
            let statement = |statement: Statement| {
                let Versions::Before(fixed) = statement.versions else { panic!("only these are made") };
                let module = if statement.module.is_empty() { "-" } else { &statement.module };
                format!("{} {module} {} {fixed}", statement.namespace.release, statement.name)
            };
            let statements = statements.into_iter().map(statement);
            let unknown = unknown.into_iter().map(|(why, count)| format!("{count} {why}"));
            statements.chain(unknown).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn products_and_modules_hold_for_the_packages_beside_and_below() {
    for (criteria, expected) in [
        ("AND(product 9, package a 1)", "9 - a 1"),
        ("AND(package a 1, product 9)", "9 - a 1"),
        ("AND(product 9, module m:1, OR(package a 1, package b 2))", "9 m:1 a 1; 9 m:1 b 2"),
        ("AND(OR(product 8, product 9), OR(package a 1))", "8 - a 1; 9 - a 1"),
        ("OR(AND(product 8, package a 1), AND(product 9, package a 2))", "8 - a 1; 9 - a 2"),
        (
            "AND(product 9, OR(AND(module m:1, package a 1), AND(module m:2, package a 2)))",
            "9 m:1 a 1; 9 m:2 a 2",
        ),
        ("AND(product 9, OR(AND(given, OR(AND(package a 1, given)))))", "9 - a 1"),
        ("AND(AND(product 9, given), AND(package a 1))", "9 - a 1"),
    ] {
        assert_eq!(say(&[criteria]), expected, "{criteria}");
    }
}

#[test]
fn what_is_not_understood_is_counted() {
    for (criteria, expected) in [
        ("", ""),
        ("AND()", ""),
        ("AND(product 9)", ""),
        ("AND(package a 1)", "1 packages of no product"),
        ("AND(other 1, package a 1)", "1 packages of products that are not known"),
        ("AND(product 9, riddle, package a 1)", "9 - a 1; 1 riddles"),
        ("AND(product 9, !package a 1, package b 2)", "9 - b 2; 1 criteria that are negated"),
        ("AND(product 9, !OR(package a 1), package b 2)", "9 - b 2; 1 criteria that are negated"),
        ("AND(product 9, @x, package b 2)", "9 - b 2; 1 criteria that are of a missing definition"),
    ] {
        assert_eq!(say(&[criteria]), expected, "{criteria}");
    }
}

#[test]
fn definitions_may_extend_others() {
    assert_eq!(say(&["AND(@d1, package a 1)", "AND(product 9)"]), "9 - a 1");
    assert_eq!(say(&["AND(product 9, @d1)", "OR(package a 1, package b 2)"]), "9 - a 1; 9 - b 2");
    for circle in
        [&["AND(product 9, @d0)"][..], &["AND(@d1)", "OR(@d0)"], &["AND(@d1, @d1)", "AND(@d1, @d1)"]]
    {
        assert_eq!(say(circle), "error: definitions that extend each other more than 8 times");
    }
}
