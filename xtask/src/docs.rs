//! What documents take from the code.

use anyhow::{Context as _, Result};

/// What stands above the table of sources.
const HEAD: &str = "\
# Sources of advisories

Whose documents are read, where they are at home, and under which terms. `plimsoll db sources` prints the same. The table is
written by `cargo xtask docs` from the code, and a test holds it to that.

A source that is not taken by default is taken with `plimsoll db update --with-source NAME`, or `with-sources = [\"NAME\"]` in the table
`[update]` of `plimsoll.toml`; `--source NAME` takes that one alone. Files of every source can be given to
`plimsoll db build --from` as well, in folders and archives, compressed or not: they are told apart by what is in them.

The licence is that of the data. Plimsoll brings no data along; whoever fetches it, or passes a database on, keeps to its terms.

";

/// Writes `docs/sources.md`.
pub(crate) fn run() -> Result<()> {
    let path = crate::root().join("docs/sources.md");
    let text = format!("{HEAD}{}\n", plimsoll_advisory::sources_table().trim());
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
