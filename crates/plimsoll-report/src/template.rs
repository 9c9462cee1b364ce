//! Reports by a user's own template, in the language of Jinja.
//!
//! A template sees the JSON report: `Results`, `Metadata`, `Plimsoll`, and what is in them; besides, `CreatedAt`, the
//! instant of the report, where it has one. A key that is missing is empty, and a loop over it does nothing. In templates
//! whose name ends in `.html`, `.htm` or `.xml`, with `.j2` or `.jinja` behind it or not, values are escaped; elsewhere
//! the filters `json` and `csv` do that.
//!
//! Templates are the user's own, and may still be wrong: steps, depth and output are bounded.

use std::io::{self, Write};

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, ErrorKind};
use plimsoll_model::Severity;

use crate::{Error, Report, csv, json, safe_json, terminal};

/// Largest template that is read, in bytes.
pub const MAX_TEMPLATE_BYTES: u64 = 1 << 20;

/// Most steps that a template may take: some hundred for each of 100,000 findings.
const MAX_STEPS: u64 = 50_000_000;
/// Deepest nesting of includes, macros and loops that call themselves.
const MAX_DEPTH: usize = 50;
/// Largest report that a template may write, in bytes.
const MAX_OUTPUT_BYTES: u64 = 256 << 20;

/// A template that compiles.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    name: String,
}

impl Template {
    /// Compiles a template. `load` gives the text of another that this one includes or extends, by the name that stands
    /// in it: `None` where there is none, or where it may not be read.
    ///
    /// # Errors
    /// [`Error::Template`] where it does not compile. Those that it includes are compiled when they are met.
    pub fn new(
        name: &str,
        text: &str,
        load: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(MAX_STEPS));
        environment.set_recursion_limit(MAX_DEPTH);
        environment.set_auto_escape_callback(escaping);
        environment.set_loader(move |name| Ok(load(name)));
        environment.add_filter("json", filter_json);
        environment.add_filter("csv", |text: &str| csv::escape(text).into_owned());
        environment.add_filter("plain", |text: &str| terminal::printable(text).into_owned());
        environment.add_filter("severity_rank", severity_rank);
        environment
            .add_template_owned(name.to_owned(), text.to_owned())
            .map_err(|error| failure(name, &error))?;
        Ok(Self { environment, name: name.to_owned() })
    }

    /// Writes a report.
    ///
    /// # Errors
    /// [`Error::Template`] where the template fails on it, [`Error::Write`] where the output takes no more.
    pub fn write(&self, report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
        let unwritable = |source| Error::Write { format: "template", source };
        let mut context = json::value(report.scan, report.tool_version)
            .map_err(|error| unwritable(io::Error::other(error)))?;
        if let Some(created) = report.optional_instant("template")? {
            context["CreatedAt"] = created.into();
        }
        let template =
            self.environment.get_template(&self.name).map_err(|error| failure(&self.name, &error))?;
        let mut out = Bounded { out: io::BufWriter::new(out), left: MAX_OUTPUT_BYTES, trouble: None };
        let written = template.render_captured_to(Value::from(Serde(&context)), &mut out);
        match (out.trouble.take(), written) {
            (Some(Trouble::Output(source)), _) => Err(unwritable(source)),
            (Some(Trouble::TooMuch), _) => Err(Error::Template {
                name: self.name.clone(),
                line: None,
                reason: format!("expected at most {MAX_OUTPUT_BYTES} bytes, found more"),
            }),
            (None, Err(error)) => Err(failure(&self.name, &error)),
            (None, Ok(_)) => out.out.flush().map_err(unwritable),
        }
    }
}

/// Why no more can be written.
enum Trouble {
    Output(io::Error),
    TooMuch,
}

/// An output that ends.
struct Bounded<W: Write> {
    out: W,
    left: u64,
    trouble: Option<Trouble>,
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stop = || io::Error::other("the report ends here");
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            self.trouble = Some(Trouble::TooMuch);
            return Err(stop());
        };
        self.left = left;
        self.out.write_all(bytes).map_err(|error| {
            self.trouble = Some(Trouble::Output(error));
            stop()
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How a template escapes, by its name.
fn escaping(name: &str) -> AutoEscape {
    let name = [".j2", ".jinja", ".jinja2"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let is_markup = [".html", ".htm", ".xml"].iter().any(|end| name.ends_with(end));
    if is_markup { AutoEscape::Html } else { AutoEscape::None }
}

fn filter_json(value: &Value) -> Result<String, minijinja::Error> {
    safe_json::line(value)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// A severity's place, for sorting and comparing: 0 is unknown, 5 critical.
fn severity_rank(word: &str) -> Result<usize, minijinja::Error> {
    let severity: Severity = word.parse().map_err(|error: plimsoll_model::UnknownSeverity| {
        minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string())
    })?;
    let place = Severity::WORST_FIRST.iter().rev().position(|&other| other == severity);
    Ok(place.expect("every severity is in the list"))
}

/// The innermost of an error's causes: an error in a template that another includes is that one's.
fn failure(name: &str, error: &minijinja::Error) -> Error {
    let mut inner = error;
    while let Some(cause) = std::error::Error::source(inner).and_then(|cause| cause.downcast_ref()) {
        inner = cause;
    }
    let kind = inner.kind().to_string();
    let reason = match inner.detail() {
        _ if inner.kind() == ErrorKind::OutOfFuel => {
            format!("expected at most {MAX_STEPS} steps, found more")
        }
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    };
    Error::Template {
        name: inner.name().or_else(|| error.name()).unwrap_or(name).to_owned(),
        line: inner.line().or_else(|| error.line()),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::sample;

    fn loaded(name: &str) -> Option<String> {
        let text = match name {
            "part.txt" => "part of {{ ArtifactName }}",
            "broken.txt" => "\n{% if %}",
            "self.txt" => "{% include 'self.txt' %}",
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn written(name: &str, text: &str) -> Result<String, String> {
        let scan = sample::judged();
        let report = Report { tool_version: "VERSION", ..Report::new(&scan) };
        let mut out = Vec::new();
        Template::new(name, text, loaded)
            .and_then(|template| template.write(&report, &mut out))
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_template_sees_the_json_report() {
        let text = "\
{{ ArtifactName }}: {{ Plimsoll.Verdict }}, {{ Plimsoll.Counts.CRITICAL }} critical
{%- for result in Results %}{% for flaw in result.Vulnerabilities if flaw.Severity | severity_rank >= 4 %}
{{ flaw.VulnerabilityID }} {{ flaw.PkgName }} {{ flaw.FixedVersion | default('-') }}
{%- endfor %}{% endfor %}
";
        expect![[r"
            registry.example/app:1.2: failed, 4 critical
            CVE-2022-1292 libssl1.1 1.1.1n-0+deb11u4
            CVE-2023-0286 libssl1.1 1.1.1n-0+deb11u4
            CVE-2022-1292 openssl 1.1.1n-0+deb11u4
            CVE-2021-44228 org.apache.logging.log4j:log4j-core 2.15.0
            MAL-2024-0001 evil[2Jgnp -
            CVE-2021-33503 urllib3 1.26.5"]]
        .assert_eq(&written("list.txt", text).unwrap().replace(['\u{1b}', '\u{202e}'], ""));
    }

    #[test]
    fn what_is_missing_is_empty() {
        assert_eq!(written("a", "[{{ Nothing }}{% for x in Nothing %}x{% endfor %}]").unwrap(), "[]");
        assert!(written("a", "{{ Nothing.Deeper }}").is_err());
    }

    #[test]
    fn markup_is_escaped_by_the_templates_name() {
        let text = "{{ '<b>&' }}";
        for (name, shown) in [
            ("a.html", "&lt;b&gt;&amp;"),
            ("a.html.j2", "&lt;b&gt;&amp;"),
            ("a.xml.jinja", "&lt;b&gt;&amp;"),
            ("a.txt", "<b>&"),
            ("a.json.j2", "<b>&"),
            ("html", "<b>&"),
        ] {
            assert_eq!(written(name, text).unwrap(), shown, "{name}");
        }
    }

    #[test]
    fn filters_make_values_fit() {
        for (text, shown) in [
            (r#"{{ "a\"b\n" | json }}"#, r#""a\"b\n""#),
            (r"{{ {'a': [1, none, true]} | json }}", r#"{"a":[1,null,true]}"#),
            ("{{ '=1+1' | csv }},{{ 'a,b' | csv }}", "'=1+1,\"a,b\""),
            ("{{ 'CRITICAL' | severity_rank }}{{ 'UNKNOWN' | severity_rank }}", "50"),
            ("{{ 'a\u{1b}[2Jb' | plain }}", "a\\u{1b}[2Jb"),
            ("{% include 'part.txt' %}", "part of registry.example/app:1.2"),
        ] {
            assert_eq!(written("a", text).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        let cases = [
            "a\nb {% for %}",
            "{{ 'x' | nothing }}",
            "\n\n{{ 1 / 0 }}",
            "{{ 'tragic' | severity_rank }}",
            "{% include 'broken.txt' %}",
            "{% include 'missing.txt' %}",
            "{% include 'self.txt' %}",
        ];
        let errors: Vec<String> = cases.iter().map(|text| written("a.txt", text).unwrap_err()).collect();
        expect![[r#"
            [
                "cannot write with template `a.txt`: line 2: syntax error: unexpected end of block, expected in",
                "cannot write with template `a.txt`: line 1: unknown filter: filter nothing is unknown",
                "cannot write with template `a.txt`: line 3: invalid operation: unable to calculate 1 / 0",
                "cannot write with template `a.txt`: line 1: invalid operation: cannot read severity `tragic`: expected critical, high, medium, low, negligible or unknown",
                "cannot write with template `broken.txt`: line 2: syntax error: unexpected end of block",
                "cannot write with template `a.txt`: line 1: template not found: tried to include non-existing template 'missing.txt'",
                "cannot write with template `self.txt`: line 1: invalid operation: recursion limit exceeded",
            ]
        "#]].assert_debug_eq(&errors);
    }

    #[test]
    fn a_template_without_end_is_an_error() {
        let scan = sample::scan();
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
        let mut template = Template::new("a.txt", endless, |_| None).unwrap();
        template.environment.set_fuel(Some(100_000));
        let error = template.write(&Report::new(&scan), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.ends_with("line 1: expected at most 50000000 steps, found more"), "{error}");
    }

    #[test]
    fn an_output_without_end_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("disk full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let text = "{% set x = 'x' * 1000000 %}{% for a in range(300) %}{{ x }}{% endfor %}";
        let error = written("a", text).unwrap_err();
        assert!(error.ends_with("expected at most 268435456 bytes, found more"), "{error}");
        let scan = sample::scan();
        let template = Template::new("a", "{{ 'x' * 100000 }}", |_| None).unwrap();
        let error = template.write(&Report::new(&scan), &mut Full).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error:?}");
    }
}
