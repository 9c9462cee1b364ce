//! One model for the statements of all formats.

use std::fmt;

use crate::limits::MAX_DIGESTS;

/// A VEX document, whatever its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it was read from, as the caller named it: `vex/app.json`.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// Its own name: OpenVEX `@id`, CSAF `document.tracking.id`, CycloneDX `serialNumber`. Empty where it has none.
    pub id: String,
    /// Who speaks. Empty where the document does not say; such a document is an author of its own.
    pub author: String,
    /// When it was issued, RFC 3339; empty where it does not say (CycloneDX alone).
    pub timestamp: String,
    /// Its version, numbers between dots: `3`, `1.0.2`.
    pub version: String,
    /// What it says, in its order.
    pub statements: Vec<Statement>,
    /// What in it is not valid, in its order.
    pub problems: Vec<Problem>,
}

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// OpenVEX, 0.2.0 and the older forms.
    OpenVex,
    /// CSAF 2.0.
    Csaf,
    /// CycloneDX from 1.4 on, JSON.
    CycloneDx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenVex => "OpenVEX",
            Self::Csaf => "CSAF",
            Self::CycloneDx => "CycloneDX",
        })
    }
}

/// Something that breaks the format's rules without making the document unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the document: `statements[2]`.
    pub at: String,
    /// What was expected, and what was found.
    pub reason: String,
    /// Whether what stands there was left out. Otherwise it counts in spite of the problem.
    pub ignored: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consequence = if self.ignored { "it is ignored" } else { "it counts all the same" };
        write!(f, "`{}`: {}; {consequence}", self.at, self.reason)
    }
}

/// What somebody says of one flaw in some products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands in the document: `statements[2]`, `vulnerabilities[0].product_status.fixed`.
    pub at: String,
    /// The flaw's name, then its other names. Never empty.
    pub vulnerability: Vec<String>,
    /// What it speaks of. A statement without a product matches nothing.
    pub products: Vec<Product>,
    /// What it says.
    pub status: Status,
    /// Since when it is true, RFC 3339: its own, or the document's. Empty where neither has one.
    pub timestamp: String,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The flaw does no harm in the product. At least one of the two is given.
    NotAffected {
        /// Why, as one of the fixed words.
        justification: Option<Justification>,
        /// Why, in the author's words; empty where not said.
        impact: String,
    },
    /// It does.
    Affected {
        /// What to do, in the author's words; empty where not said.
        action: String,
    },
    /// It did, and does no more in this version of the product.
    Fixed,
    /// Not known yet.
    UnderInvestigation,
}

impl Status {
    /// OpenVEX's word: `not_affected`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotAffected { .. } => "not_affected",
            Self::Affected { .. } => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }

    /// Whether a finding that this is said of needs nobody's attention: not affected, or fixed.
    pub fn settles(&self) -> bool {
        matches!(self, Self::NotAffected { .. } | Self::Fixed)
    }

    /// The greater, the more cautious: of contradicting statements the most cautious holds.
    pub(crate) fn caution(&self) -> u8 {
        match self {
            Self::NotAffected { .. } => 0,
            Self::Fixed => 1,
            Self::UnderInvestigation => 2,
            Self::Affected { .. } => 3,
        }
    }

    /// The reason or the advice that it gives, for people: `vulnerable_code_not_present: the parser is not built`.
    pub fn reason(&self) -> String {
        match self {
            Self::NotAffected { justification: Some(justification), impact } if impact.is_empty() => {
                justification.word().to_owned()
            }
            Self::NotAffected { justification: Some(justification), impact } => {
                format!("{}: {impact}", justification.word())
            }
            Self::NotAffected { justification: None, impact } => impact.clone(),
            Self::Affected { action } => action.clone(),
            Self::Fixed | Self::UnderInvestigation => String::new(),
        }
    }
}

macro_rules! justifications {
    ($($(#[$doc:meta])* $variant:ident $word:literal $openvex:literal,)*) => {
        /// Why a product is not affected.
        ///
        /// The first five are OpenVEX's and CSAF's, the others CycloneDX's, which are kept as they were written.
        ///
        /// Source: OpenVEX 0.2.0, "Status Justifications"; CSAF 2.0, 3.2.3.5; CycloneDX 1.6,
        /// `vulnerabilities[].analysis.justification`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Justification {
            $($(#[$doc])* #[doc = concat!("`", $word, "`.")] $variant,)*
        }

        impl Justification {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word, as its format writes it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// OpenVEX's word that says the most of it.
            pub fn openvex(self) -> &'static str {
                match self { $(Self::$variant => $openvex),* }
            }

            /// The justification of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|justification| justification.word() == word)
            }
        }
    };
}

justifications! {
    /// The component is not in the product.
    ComponentNotPresent "component_not_present" "component_not_present",
    /// The component is, its vulnerable code is not.
    VulnerableCodeNotPresent "vulnerable_code_not_present" "vulnerable_code_not_present",
    /// The vulnerable code is never run.
    VulnerableCodeNotInExecutePath "vulnerable_code_not_in_execute_path" "vulnerable_code_not_in_execute_path",
    /// It is run, and nobody outside decides with what.
    VulnerableCodeCannotBeControlledByAdversary "vulnerable_code_cannot_be_controlled_by_adversary"
        "vulnerable_code_cannot_be_controlled_by_adversary",
    /// Something in the product keeps it from doing harm.
    InlineMitigationsAlreadyExist "inline_mitigations_already_exist" "inline_mitigations_already_exist",
    /// CycloneDX: removed, or left out.
    CodeNotPresent "code_not_present" "vulnerable_code_not_present",
    /// CycloneDX: never called.
    CodeNotReachable "code_not_reachable" "vulnerable_code_not_in_execute_path",
    /// CycloneDX: only with a configuration that is not used.
    RequiresConfiguration "requires_configuration" "vulnerable_code_cannot_be_controlled_by_adversary",
    /// CycloneDX: only with a dependency that is not there.
    RequiresDependency "requires_dependency" "vulnerable_code_cannot_be_controlled_by_adversary",
    /// CycloneDX: only in an environment that is not there.
    RequiresEnvironment "requires_environment" "vulnerable_code_cannot_be_controlled_by_adversary",
    /// CycloneDX: by a flag of the compiler.
    ProtectedByCompiler "protected_by_compiler" "inline_mitigations_already_exist",
    /// CycloneDX: while it runs.
    ProtectedAtRuntime "protected_at_runtime" "inline_mitigations_already_exist",
    /// CycloneDX: at the network's edge.
    ProtectedAtPerimeter "protected_at_perimeter" "inline_mitigations_already_exist",
    /// CycloneDX: by another measure.
    ProtectedByMitigatingControl "protected_by_mitigating_control" "inline_mitigations_already_exist",
}

/// What a statement speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// The thing itself: an image, or a package.
    pub component: Component,
    /// Parts of it in which the flaw is. Where there are none, the statement speaks of the whole.
    pub subcomponents: Vec<Component>,
}

/// Names of one piece of software. Empty where a document names none that is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// The document's own name for it: OpenVEX `@id`, CSAF product ID, CycloneDX `bom-ref`; for messages.
    pub id: String,
    /// Package URLs, as written.
    pub purls: Vec<String>,
    /// Digests, `sha256:…` or `sha512:…`.
    pub digests: Vec<String>,
    /// Names of an image as people type them: `registry.example/app:1.2`.
    pub references: Vec<String>,
    /// CPE names, 2.2 or 2.3.
    pub cpes: Vec<String>,
    /// The versions, where the package URL has none: one version, or a range `vers:…`.
    pub versions: Option<String>,
}

impl Component {
    /// The component of a name that a person gives: a package URL, a digest, or the name of an image. `None` for what is
    /// none of them.
    pub fn named(text: &str) -> Option<Self> {
        let mut component = Self { id: text.to_owned(), ..Self::default() };
        component.add_name(text);
        component.is_identified().then_some(component)
    }

    /// Whether it has a name that could match anything.
    pub fn is_identified(&self) -> bool {
        !(self.purls.is_empty()
            && self.digests.is_empty()
            && self.references.is_empty()
            && self.cpes.is_empty())
    }

    /// Its best name, for messages.
    pub fn label(&self) -> &str {
        [&self.purls, &self.references, &self.digests, &self.cpes]
            .into_iter()
            .find_map(|names| names.first())
            .unwrap_or(&self.id)
    }

    /// Takes a free text as the name that it is: a package URL, a digest, a CPE or an image reference.
    pub(crate) fn add_name(&mut self, text: &str) {
        let names = if text.starts_with("pkg:") {
            &mut self.purls
        } else if text.parse::<plimsoll_model::Digest>().is_ok() {
            &mut self.digests
        } else if text.starts_with("cpe:") {
            &mut self.cpes
        } else if !text.contains("://") && !text.starts_with("urn:") && crate::image::parse(text).is_some() {
            &mut self.references
        } else {
            return;
        };
        if !names.iter().any(|name| name == text) {
            names.push(text.to_owned());
        }
    }

    /// Takes a hash under the format's name of the algorithm; those by which no image is named are left out.
    pub(crate) fn add_hash(&mut self, algorithm: &str, value: &str) {
        let algorithm = match algorithm.to_ascii_lowercase().as_str() {
            "sha-256" | "sha256" => "sha256",
            "sha-512" | "sha512" => "sha512",
            _ => return,
        };
        let digest = format!("{algorithm}:{}", value.to_ascii_lowercase());
        if self.digests.len() < MAX_DIGESTS && !self.digests.contains(&digest) {
            self.digests.push(digest);
        }
    }
}
