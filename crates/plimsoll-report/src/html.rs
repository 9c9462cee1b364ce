//! One HTML file that a person wants to read: the verdict first, then what to do, then every finding with its evidence.
//!
//! The file needs nothing but itself. Its style and its script stand in it, charts are SVG in it, and its
//! Content-Security-Policy forbids every request and every script but the one whose digest it names. All findings are
//! plain HTML and can be read where scripts do not run; the script adds filters and sorting, whose state stands
//! behind the `#` of the address.
//!
//! What a scan says is brought into the values of a [`page`], all text and numbers; `html/report.html` is a template over them. Every text
//! that the template writes is escaped by [`escape`], which knows no exception but the two files of ours, so nothing of
//! an image or an advisory is ever markup.
//!
//! Source: HTML Living Standard; Content Security Policy Level 3; WAI-ARIA 1.2, `table` and its rows.

mod advice;
mod chart;
mod details;
mod filters;
mod finding;
mod lists;
mod page;
mod prose;
mod text;

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error as TemplateError, ErrorKind, Output, State, Value};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_text};
use crate::xml;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "html",
    extension: "html",
    media_type: "text/html",
    summary: "one self-contained page with charts and filters, for people",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

/// The template, a page's style and its script. The last two stand in the page as they are.
const TEMPLATE: &str = include_str!("html/report.html");
const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");

/// Most characters of one text, whatever it is: a page with a name of a megabyte helps nobody.
const MAX_TEXT_CHARS: usize = 8_000;

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    write_text("HTML", &render(report), out)
}

fn render(report: &Report<'_>) -> String {
    let mut environment = Environment::new();
    environment.set_formatter(escape);
    environment.add_filter("grouped", page::grouped);
    environment.add_filter("breakable", text::breakable);
    environment.add_filter("ticked", text::ticked);
    environment.set_syntax(whitespace());
    environment.add_global("style", Value::from_safe_string(STYLE.to_owned()));
    environment.add_global("script", Value::from_safe_string(SCRIPT.to_owned()));
    environment.add_global("policy", policy());
    let page = Value::from(Serde(page::of(report)));
    environment
        .template_from_named_str("report.html", TEMPLATE)
        .and_then(|template| template.render(page))
        .expect("the template is ours, and every page has the same fields")
}

/// A line with nothing but a tag of the template leaves nothing in the page.
fn whitespace() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the template's marks are the usual ones")
}

/// What a browser may do with the page: use its own style and script, show the pictures that stand in it, nothing else.
fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

/// Writes a value of the template: text as text, whatever stands in it.
fn escape(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), TemplateError> {
    let written = if value.is_safe() {
        out.write_str(value.as_str().unwrap_or_default())
    } else if let Some(text) = value.as_str() {
        out.write_str(&escaped(text))
    } else if value.is_undefined() {
        // A name that the template has and the page has not is a slip of ours, and shows in the first test.
        return Err(TemplateError::new(ErrorKind::UndefinedError, "no such field"));
    } else if value.is_none() {
        Ok(())
    } else {
        out.write_str(&escaped(&value.to_string()))
    };
    written.map_err(TemplateError::from)
}

/// Foreign text between tags or in an attribute.
fn escaped(text: &str) -> String {
    xml::escape(&facts::at_most(text, MAX_TEXT_CHARS))
}

#[cfg(test)]
#[path = "html/tests.rs"]
mod tests;
