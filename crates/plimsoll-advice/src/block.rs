//! Lines that are copied.

/// Columns of a line; a longer command goes on in the next one. Leaves a report of 80 columns room to indent.
const MAX_LINE_COLUMNS: usize = 72;

/// What the later lines of a command begin with.
const INDENT: &str = "    ";

/// A command with these words behind it, over several lines where it is long: each but the last ends in ` \`.
pub(crate) fn command<W: AsRef<str>>(command: &str, words: impl IntoIterator<Item = W>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = command.to_owned();
    for word in words {
        let word = word.as_ref();
        // Room for the blank before it and ` \` behind it.
        if line.len() + 1 + word.len() + 2 > MAX_LINE_COLUMNS {
            lines.push(format!("{line} \\"));
            line = format!("{INDENT}{word}");
        } else {
            line = format!("{line} {word}");
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_goes_on_in_the_next_line() {
        assert_eq!(command("apk upgrade", ["a", "b"]), ["apk upgrade a b"]);
        let words: Vec<String> = (0..30).map(|number| format!("package{number}")).collect();
        let lines = command("apt-get update && apt-get install -y --only-upgrade", &words);
        assert!(lines.len() > 3);
        assert!(lines.iter().all(|line| line.len() <= MAX_LINE_COLUMNS), "{lines:?}");
        let joined = lines.join("\n").replace(" \\\n   ", "");
        assert_eq!(
            joined,
            format!("apt-get update && apt-get install -y --only-upgrade {}", words.join(" "))
        );
        let long = "x".repeat(100);
        assert_eq!(
            command("npm update", [&long, &long]),
            ["npm update \\".to_owned(), format!("    {long} \\"), format!("    {long}")]
        );
    }
}
