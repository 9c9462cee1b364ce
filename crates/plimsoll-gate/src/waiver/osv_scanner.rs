//! OSV-Scanner's `osv-scanner.toml`: `[[IgnoredVulns]]` and `[[PackageOverrides]]`.
//!
//! Source: OSV-Scanner documentation, "Configuration". An entry holds until the instant of `ignoreUntil`, a day until it
//! begins.

use jiff::Timestamp;
use toml::de::DeValue;

use super::own::{MAX_WAIVERS, start_of};
use super::{Scope, Waiver, Waivers};
use crate::input::{Entry, Input, InputError, place, quoted};

/// Reads the file.
pub(super) fn read(origin: &str, text: &str) -> Result<Waivers, InputError> {
    let input = Input { what: "waivers", origin, text };
    let document = input.toml()?;
    let mut waivers = Waivers::default();
    for entry in input.tables(&document, "IgnoredVulns")? {
        ignored(&input, entry, &mut waivers)?;
    }
    for entry in input.tables(&document, "PackageOverrides")? {
        overridden(&input, entry, &mut waivers)?;
    }
    for key in document.keys() {
        let name = key.get_ref().as_ref();
        if !["IgnoredVulns", "PackageOverrides"].contains(&name) {
            let line = place(text, key.span().start).0;
            waivers.notes.push(format!("{origin}:{line}: `{}` is not honoured", quoted(name)));
        }
    }
    if waivers.list.len() > MAX_WAIVERS {
        return Err(input.error(0, "", format!("expected at most {MAX_WAIVERS} entries, found more")));
    }
    Ok(waivers)
}

fn ignored(input: &Input<'_>, entry: Entry<'_, '_>, waivers: &mut Waivers) -> Result<(), InputError> {
    let subject = "`IgnoredVulns`";
    input.known_keys(entry.table, subject, &["id", "ignoreUntil", "reason"])?;
    let (id, _) = input.required(entry, subject, "id")?;
    let scope = Scope { ids: vec![id.trim().to_owned()], ..Scope::default() };
    let ends = until(input, entry, subject, "ignoreUntil")?;
    let remark = input.text_of(entry.table, subject, "reason")?.map_or("", |(reason, _)| reason);
    waivers.list.push(waiver(input, entry, scope, ends, remark));
    Ok(())
}

fn overridden(input: &Input<'_>, entry: Entry<'_, '_>, waivers: &mut Waivers) -> Result<(), InputError> {
    let Entry { table, offset } = entry;
    let subject = "`PackageOverrides`";
    input.known_keys(
        table,
        subject,
        &[
            "name",
            "version",
            "ecosystem",
            "group",
            "ignore",
            "vulnerability",
            "license",
            "effectiveUntil",
            "reason",
        ],
    )?;
    let origin = input.origin;
    let line = place(input.text, offset).0;
    let text = |key: &str| Ok(input.text_of(table, subject, key)?.map(|(text, _)| text.trim().to_owned()));
    let scope = Scope {
        name: text("name")?,
        version: text("version")?,
        ecosystem: text("ecosystem")?,
        ..Scope::default()
    };
    let is_true = |value: Option<&DeValue<'_>>| value.and_then(DeValue::as_bool) == Some(true);
    let of_flaws = table.get("vulnerability").and_then(|value| value.get_ref().as_table());
    let ignores = is_true(table.get("ignore").map(toml::Spanned::get_ref))
        || is_true(of_flaws.and_then(|table| table.get("ignore")).map(toml::Spanned::get_ref));
    if table.contains_key("license") {
        waivers.notes.push(format!("{origin}:{line}: `license` of a package override is not honoured"));
    }
    if !ignores {
        return Ok(());
    }
    if table.contains_key("group") {
        waivers
            .notes
            .push(format!("{origin}:{line}: `group` has no counterpart; its override is not honoured"));
        return Ok(());
    }
    if scope == Scope::default() {
        waivers.notes.push(format!("{origin}:{line}: an override that names no package is not honoured"));
        return Ok(());
    }
    let ends = until(input, entry, subject, "effectiveUntil")?;
    let remark = text("reason")?.unwrap_or_default();
    waivers.list.push(waiver(input, entry, scope, ends, &remark));
    Ok(())
}

fn waiver(
    input: &Input<'_>,
    entry: Entry<'_, '_>,
    scope: Scope,
    ends: Option<Timestamp>,
    remark: &str,
) -> Waiver {
    Waiver {
        origin: format!("{}:{}", input.origin, place(input.text, entry.offset).0),
        covers: scope.words(),
        owner: String::new(),
        reason: None,
        remark: quoted(remark.trim()),
        ends,
        scope,
    }
}

/// An end: a day, a local instant, which is taken as UTC, or one with its offset.
fn until(
    input: &Input<'_>,
    entry: Entry<'_, '_>,
    subject: &str,
    key: &str,
) -> Result<Option<Timestamp>, InputError> {
    let Some(value) = entry.table.get(key) else { return Ok(None) };
    let end = match value.get_ref() {
        DeValue::Datetime(written) if written.offset.is_some() => written.to_string().parse().ok(),
        DeValue::Datetime(written) if written.time.is_some() => format!("{written}Z").parse().ok(),
        DeValue::Datetime(written) => written.to_string().parse().ok().and_then(start_of),
        DeValue::String(written) if written.len() == 10 => written.parse().ok().and_then(start_of),
        _ => None,
    };
    let expected = || {
        let found = value.get_ref().as_str().unwrap_or_else(|| value.get_ref().type_str());
        let reason = format!("expected `{key}` to be a day as 2026-03-01, found `{}`", quoted(found));
        input.error(value.span().start, subject, reason)
    };
    end.ok_or_else(expected).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flaws_and_packages_are_read() {
        let text = "[[IgnoredVulns]]\nid = \"GO-2022-0968\"\nignoreUntil = 2026-03-01\nreason = \"no ssh\"\n\n\
                    [[IgnoredVulns]]\nid = \"CVE-2020-1\"\n\n[[PackageOverrides]]\nname = \"lib\"\n\
                    ecosystem = \"Go\"\nvulnerability.ignore = true\neffectiveUntil = 2026-03-01T12:00:00Z\n\n\
                    [[PackageOverrides]]\nname = \"other\"\nlicense.override = [\"MIT\"]\n\n\
                    [[PackageOverrides]]\ngroup = \"dev\"\nignore = true\n";
        let waivers = Waivers::osv_scanner_toml("o", text).unwrap();
        let found: Vec<(&str, Option<String>)> =
            waivers.list().iter().map(|waiver| (waiver.covers.as_str(), waiver.last_day())).collect();
        assert_eq!(
            found,
            [
                ("GO-2022-0968", Some("2026-02-28".to_owned())),
                ("CVE-2020-1", None),
                ("every flaw in package lib in ecosystem Go", Some("2026-03-01".to_owned())),
            ]
        );
        assert_eq!(
            waivers.notes(),
            [
                "o:15: `license` of a package override is not honoured",
                "o:19: `group` has no counterpart; its override is not honoured"
            ]
        );
    }

    #[test]
    fn other_settings_are_told_and_bad_entries_are_errors() {
        let waivers = Waivers::osv_scanner_toml("o", "GoVersionOverride = \"1.20\"\n").unwrap();
        assert_eq!(waivers.notes(), ["o:1: `GoVersionOverride` is not honoured"]);
        for (text, line) in [
            ("[[IgnoredVulns]]\nreason = \"a\"\n", 1),
            ("[[IgnoredVulns]]\nid = \"CVE-1\"\nignoreUntil = \"soon\"\n", 3),
            ("[[IgnoredVulns]]\nid = \"CVE-1\"\nuntil = 2026-01-01\n", 3),
            ("IgnoredVulns = [\"CVE-1\"]\n", 1),
            ("id = \n", 1),
        ] {
            assert_eq!(Waivers::osv_scanner_toml("o", text).unwrap_err().line, line, "{text}");
        }
    }
}
