//! What people read of a flaw: title, description, dates, weaknesses, links.
//!
//! A collected advisory describes an update, not a flaw, so its words come last: first the records that matched
//! and speak of the flaw alone, then the flaw's other records, then collected advisories.

use std::collections::{BTreeSet, HashSet};

use plimsoll_model::{Advisory, Reference, Texts};

/// Characters of a title that is made from a description.
const MAX_TITLE_CHARS: usize = 160;
/// Links kept for one finding.
const MAX_REFERENCES: usize = 100;

/// The words of a finding.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) published: String,
    pub(crate) modified: String,
    pub(crate) cwes: Vec<String>,
    pub(crate) references: Vec<Reference>,
}

/// A record and its texts.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) advisory: &'a Advisory,
    pub(crate) texts: &'a Texts,
}

/// Gathers the words. `of_flaw`: records of the flaw alone, the best first; `collected`: the rest.
pub(crate) fn text<'a>(of_flaw: &[Written<'a>], collected: &[Written<'a>]) -> Text {
    let all = || of_flaw.iter().chain(collected).map(|written| written.texts);
    let said = |field: fn(&'a Texts) -> &'a String| all().map(field).find(|text| !text.trim().is_empty());
    let description = said(|texts| &texts.details).cloned().unwrap_or_default();
    let own_title =
        of_flaw.iter().map(|written| written.texts.summary.trim()).find(|title| !title.is_empty());
    let own_details = of_flaw.iter().map(|written| first_sentence(&written.texts.details));
    let title = own_title
        .map(str::to_owned)
        .or_else(|| own_details.into_iter().find(|title| !title.is_empty()))
        .or_else(|| said(|texts| &texts.summary).map(|title| title.trim().to_owned()))
        .unwrap_or_else(|| first_sentence(&description));
    let nearest = if of_flaw.is_empty() { collected } else { of_flaw };
    let dates = |field: fn(&'a Advisory) -> &'a String| {
        nearest.iter().map(move |written| field(written.advisory)).filter(|date| !date.is_empty())
    };
    let cwes: BTreeSet<&String> = of_flaw.iter().flat_map(|written| &written.advisory.cwes).collect();
    let mut seen = HashSet::new();
    let references = all()
        .flat_map(|texts| &texts.references)
        .filter(|reference| seen.insert(reference.url.as_str()))
        .take(MAX_REFERENCES)
        .cloned()
        .collect();
    Text {
        title,
        description,
        published: dates(|advisory| &advisory.published).min().cloned().unwrap_or_default(),
        modified: dates(|advisory| &advisory.modified).max().cloned().unwrap_or_default(),
        cwes: cwes.into_iter().cloned().collect(),
        references,
    }
}

/// The first sentence of a description that speaks of the flaw, cut at [`MAX_TITLE_CHARS`]: Markdown's headings are
/// passed over, and a sentence that only says what the product is, where another follows.
fn first_sentence(details: &str) -> String {
    let lines =
        || details.lines().map(str::trim).filter(|line| !line.trim_start_matches(['#', '*', ' ']).is_empty());
    let line = lines().find(|line| !line.starts_with('#')).or_else(|| lines().next()).unwrap_or_default();
    let line = line.trim_start_matches(['#', '*', ' ']);
    let mut sentences = line.split(". ");
    let first = sentences.next().unwrap_or_default();
    let introduces = [" is a ", " is an ", " is the "].iter().any(|words| first.contains(words));
    let sentence = if introduces { sentences.next().unwrap_or(first) } else { first };
    let sentence = sentence.trim().strip_suffix('.').unwrap_or(sentence.trim());
    if sentence.chars().count() <= MAX_TITLE_CHARS {
        return sentence.to_owned();
    }
    let mut cut: String = sentence.chars().take(MAX_TITLE_CHARS - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_of_a_description() {
        for (details, sentence) in [
            ("A flaw in openssl. It is bad.", "A flaw in openssl"),
            ("### Impact\nMore", "More"),
            ("### Impact", "Impact"),
            ("x is a library. Before 1.2 it leaks keys. Upgrade.", "Before 1.2 it leaks keys"),
            ("This is a flaw.", "This is a flaw"),
            ("\n\n  version 1.2 of x is bad.\nmore", "version 1.2 of x is bad"),
            ("", ""),
            ("###", ""),
        ] {
            assert_eq!(first_sentence(details), sentence);
        }
        assert_eq!(first_sentence(&"é".repeat(1000)).chars().count(), MAX_TITLE_CHARS);
    }

    #[test]
    fn a_collected_advisory_has_the_last_word() {
        let (advisory, none) = (Advisory::default(), Texts::default());
        let update = Texts { summary: "Important: x update".to_owned(), ..Texts::default() };
        let flaw = Texts { details: "A flaw. More.".to_owned(), ..Texts::default() };
        let [none, update, flaw] =
            [&none, &update, &flaw].map(|texts| Written { advisory: &advisory, texts });
        assert_eq!(text(&[flaw], &[update]).title, "A flaw");
        assert_eq!(text(&[none], &[update]).title, "Important: x update");
        assert_eq!(text(&[], &[]), Text::default());
    }
}
