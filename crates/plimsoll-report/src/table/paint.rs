//! Colours, as ANSI SGR sequences, or none.

use plimsoll_model::Severity;

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) color: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Faint,
    Good,
    Warning,
    Bad,
    Of(Severity),
}

impl Paint {
    /// The text in that style. Pad it before: the sequences have no width.
    pub(crate) fn with(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => "",
            Style::Bold => "1",
            Style::Good => "1;32",
            Style::Bad | Style::Of(Severity::Critical) => "1;31",
            Style::Of(Severity::High) => "31",
            Style::Warning | Style::Of(Severity::Medium) => "33",
            Style::Of(Severity::Low) => "34",
            Style::Faint | Style::Of(Severity::Negligible | Severity::Unknown) => "2",
        };
        if self.color && !code.is_empty() && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
