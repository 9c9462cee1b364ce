//! The fields that a condition can name: one table, from which the documentation is written.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// `true` or `false`.
    Truth,
    /// A number.
    Number,
    /// One of the levels `UNKNOWN`, `NEGLIGIBLE`, `LOW`, `MEDIUM`, `HIGH` and `CRITICAL`, in this order.
    Level,
    /// A text. Texts are equal or not; they have no order.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A day, `"2026-03-01"`.
    Day,
}

impl FieldKind {
    /// The kind in words.
    pub fn words(self) -> String {
        match self {
            Self::Truth => "truth".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Level => "level".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Word(words) => {
                words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
            Self::Texts => "list of texts".to_owned(),
            Self::Day => "day".to_owned(),
        }
    }
}

/// What one field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// Its name in conditions.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it is of one place of the package rather than of the finding.
    pub of_place: bool,
    /// What it means.
    pub meaning: &'static str,
    /// What holds where nobody has said it. Empty: it is never missing.
    pub missing: &'static str,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:expr, $place:literal, $meaning:literal, $missing:literal;)*) => {
        /// A field that a condition can name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $(#[doc = $meaning] $variant,)* }

        /// All fields, in the order of the documentation.
        pub const FIELDS: &[FieldInfo] = &[$(FieldInfo {
            field: Field::$variant, name: $name, kind: $kind, of_place: $place, meaning: $meaning, missing: $missing,
        },)*];
    };
}

/// The words of `fix_state`, as in the JSON report's `Status`.
const FIX_STATES: &[&str] =
    &["fixed", "affected", "will_not_fix", "fix_deferred", "under_investigation", "end_of_life"];

const KINDS: &[&str] = &[
    "alpm", "apk", "bitnami", "cargo", "composer", "deb", "gem", "golang", "hex", "maven", "npm", "nuget",
    "pub", "pypi", "rpm", "swift",
];

fields! {
    Id "id" FieldKind::Text, false, "The flaw: the CVE where there is one.", "";
    Aliases "aliases" FieldKind::Texts, false, "The flaw's other names.", "an empty list";
    Severity "severity" FieldKind::Level, false, "The severity that counts. A malicious package is CRITICAL.",
        "it equals UNKNOWN, and neither `<` nor `>` holds for it";
    SeveritySource "severity_source" FieldKind::Text, false,
        "Who gave the severity that counts: `debian`, `nvd`, `malicious`.", "";
    Cvss "cvss" FieldKind::Number, false,
        "The CVSS base score that the severity was taken from; else the highest bare score.", "unknown";
    Epss "epss" FieldKind::Number, false, "How probable exploitation is, 0 to 1.", "unknown";
    Kev "kev" FieldKind::Truth, false, "Whether it stands in the catalogue of known exploited vulnerabilities.", "";
    KevDue "kev_due" FieldKind::Day, false, "The day by which the catalogue asks to act.", "unknown";
    Ransomware "ransomware" FieldKind::Truth, false, "Whether ransomware campaigns are known to use it.", "";
    Risk "risk" FieldKind::Number, false, "How pressing it is, 0 to 100.", "";
    Fixable "fixable" FieldKind::Truth, false, "Whether a version is named that fixes it.", "";
    FixState "fix_state" FieldKind::Word(FIX_STATES), false, "What is to be expected of a fix.", "";
    FixedVersion "fixed_version" FieldKind::Text, false, "The version that fixes it.", "unknown";
    AgeDays "age_days" FieldKind::Number, false, "Whole days since the advisory was published.", "unknown";
    FixAgeDays "fix_age_days" FieldKind::Number, false, "Whole days since the fix came.", "unknown";
    Today "today" FieldKind::Day, false, "The day of the decision, UTC.", "";
    Cwes "cwes" FieldKind::Texts, false, "The weaknesses, as in `CWE-79`.", "an empty list";
    Malicious "malicious" FieldKind::Truth, false, "Whether the package is itself the attack.", "";
    Notice "notice" FieldKind::Truth, false, "Whether it is a notice rather than a flaw, as `unmaintained`.", "";
    EndOfLife "end_of_life" FieldKind::Truth, false, "Whether the release gets no fixes any more.", "";
    Undetermined "undetermined" FieldKind::Truth, false,
        "Whether it could not be decided. Only rules that name this field judge such advisories.", "";
    New "new" FieldKind::Truth, false, "Whether the baseline does not have it.", "unknown, without a baseline";
    NewBecause "new_because" FieldKind::Word(&["added", "learnt"]), false,
        "Why it is new: the package was added, or the advisory came later.", "unknown, unless it is new";
    Package "package" FieldKind::Text, false, "The package's name.", "unknown";
    Version "version" FieldKind::Text, false, "The package's version, as installed.", "unknown";
    Ecosystem "ecosystem" FieldKind::Text, false,
        "Where the advisory's name is at home, without release: `Debian`, `PyPI`.", "unknown";
    Kind "kind" FieldKind::Word(KINDS), false, "The type of the package URL.", "unknown";
    OsPackage "os_package" FieldKind::Truth, false, "Whether it is a distribution's package.", "unknown";
    Application "application" FieldKind::Truth, true,
        "Whether it is of the application: neither a distribution's package nor installed by one.", "unknown";
    OsOwned "os_owned" FieldKind::Truth, true,
        "Whether it is a distribution's package, or its file was installed by one.", "unknown";
    Path "path" FieldKind::Text, true, "The file that names the package, without a leading `/`.", "unknown";
    Layer "layer" FieldKind::Number, true, "The layer that first had it; 0 is the base.", "unknown";
    Inherited "inherited" FieldKind::Truth, true, "Whether it comes from the base image.", "unknown, without a base image";
    Direct "direct" FieldKind::Truth, true, "Whether the application names it itself.", "unknown";
    Licence "licence" FieldKind::Texts, true, "The package's licences, as its file names them.", "unknown";
}

impl Field {
    /// What it is.
    pub fn info(self) -> &'static FieldInfo {
        FIELDS.iter().find(|info| info.field == self).expect("the table has a row for every field")
    }

    /// The field of that name.
    pub(crate) fn named(name: &str) -> Option<&'static FieldInfo> {
        FIELDS.iter().find(|info| info.name == name)
    }
}

/// The table of fields, Markdown.
pub fn fields_table() -> String {
    let mut table =
        String::from("| field | holds | meaning | where nobody has said it |\n| --- | --- | --- | --- |\n");
    for FieldInfo { name, kind, meaning, missing, .. } in FIELDS {
        let missing = if missing.is_empty() { "never missing" } else { missing };
        table.extend(["| `", name, "` | ", &kind.words(), " | ", meaning, " | ", missing, " |\n"]);
    }
    table
}

#[cfg(test)]
mod tests {
    use plimsoll_model::PackageKind;

    use super::*;

    #[test]
    fn names_are_unique_and_each_is_explained() {
        for (index, info) in FIELDS.iter().enumerate() {
            assert!(!FIELDS[..index].iter().any(|other| other.name == info.name), "{}", info.name);
            assert!(info.meaning.ends_with('.') && !info.missing.ends_with('.'), "{}", info.name);
            assert_eq!(info.field.info().name, info.name);
        }
        assert_eq!(fields_table().lines().count(), FIELDS.len() + 2);
    }

    #[test]
    fn every_kind_of_package_can_be_named() {
        let kinds: Vec<&str> = PackageKind::ALL.iter().map(|kind| kind.purl_type()).collect();
        assert_eq!(kinds, KINDS);
    }

    #[test]
    fn the_documentation_has_the_table() {
        let page = include_str!("../../../../docs/policy.md");
        let (_, rest) = page.split_once("<!-- fields -->\n").unwrap();
        let (found, _) = rest.split_once("<!-- end of fields -->").unwrap();
        assert!(found.trim() == fields_table().trim(), "put this into docs/policy.md:\n{}", fields_table());
    }
}
