//! Descriptions, which are Markdown of many hands, as paragraphs, headings, list items and code.
//!
//! Text stays text: what stands inside a line (links, emphasis) is shown as it was written.

use serde::Serialize;

/// Most characters of a description that are shown.
const MAX_CHARS: usize = 6_000;

/// A piece of a description.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Block {
    kind: &'static str,
    text: String,
}

/// The pieces of a description. What is cut away at the end is told.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let (text, cut) = match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    };
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence = None;
    // Whether the next line belongs to the block before it.
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(mark) = fence {
            if trimmed.starts_with(mark) {
                (fence, open) = (None, false);
            } else {
                append(&mut blocks, "pre", line.trim_end(), open, '\n');
                open = true;
            }
            continue;
        }
        let (kind, text) = match trimmed {
            "" => {
                open = false;
                continue;
            }
            line if line.starts_with("```") || line.starts_with("~~~") => {
                (fence, open) = (line.get(..3), false);
                continue;
            }
            line if line.starts_with('#') => ("h", line.trim_matches('#').trim()),
            line if line.starts_with("- ") || line.starts_with("* ") => ("li", line[2..].trim()),
            line => ("p", line),
        };
        let continues = open && kind == "p";
        let kind = if continues { blocks.last().map_or("p", |block| block.kind) } else { kind };
        append(&mut blocks, kind, text, continues, ' ');
        open = kind != "h";
    }
    blocks.retain(|block| !block.text.is_empty());
    if cut {
        let text = "The description goes on; its source has all of it.".to_owned();
        blocks.push(Block { kind: "cut", text });
    }
    blocks
}

/// Puts a line to the last block, or makes a new one of it.
fn append(blocks: &mut Vec<Block>, kind: &'static str, line: &str, to_last: bool, between: char) {
    match blocks.last_mut() {
        Some(last) if to_last => {
            last.text.push(between);
            last.text.push_str(line);
        }
        _ => blocks.push(Block { kind, text: line.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(&'static str, String)> {
        blocks(text).into_iter().map(|block| (block.kind, block.text)).collect()
    }

    #[test]
    fn markdown_is_taken_apart_by_lines() {
        for (text, expected) in [
            ("", vec![]),
            ("one\nline\n\nand another", vec![("p", "one line"), ("p", "and another")]),
            ("### Impact\nAll.\n## Patches ##", vec![("h", "Impact"), ("p", "All."), ("h", "Patches")]),
            ("- a\n  b\n* c\n\nd", vec![("li", "a b"), ("li", "c"), ("p", "d")]),
            ("```js\nlet a;\n\n  b\n```\nend", vec![("pre", "let a;\n\n  b"), ("p", "end")]),
            ("~~~\nnever closed", vec![("pre", "never closed")]),
            ("```", vec![]),
            ("#", vec![]),
            ("<b>*x*</b> [a](b)", vec![("p", "<b>*x*</b> [a](b)")]),
            ("日本\n\n\n\n語", vec![("p", "日本"), ("p", "語")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(kind, text)| (kind, text.to_owned())).collect();
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_description_is_cut_and_says_so() {
        let blocks = shown(&"größe ".repeat(MAX_CHARS));
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[1].0, "cut");
    }
}
