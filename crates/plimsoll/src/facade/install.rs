//! `plimsoll as --install`: links by whose names the program is another tool.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use anyhow::anyhow;

use super::Tool;
use crate::exit::{Exit, Failure};
use crate::output;

/// What stands at the place of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    /// A link to this program.
    Ours,
    Another,
}

/// Makes the links, or none: what is there and is not ours is found before.
pub(super) fn run(folder: &Path, tools: &[&Tool], force: bool) -> Result<(), Failure> {
    let cannot = |what: String| {
        move |error: io::Error| Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(what))
    };
    let own = std::env::current_exe()
        .and_then(|own| own.canonicalize())
        .map_err(cannot("cannot find this program's own file".to_owned()))?;
    fs::create_dir_all(folder).map_err(cannot(format!("cannot make the folder `{}`", folder.display())))?;
    let place = folder.canonicalize().map_err(cannot(format!("cannot read `{}`", folder.display())))?;
    let target = relative(&place, &own);
    let mut missing = Vec::new();
    for tool in tools {
        let link = folder.join(tool.name());
        match there(&link, &own) {
            There::Another if !force => {
                let what = format!(
                    "cannot make the link `{}`: expected nothing there, or a link to this program, found another file",
                    link.display()
                );
                return Err(Failure::new(Exit::Usage, anyhow!(what))
                    .hint("`--force` replaces it; another folder, before it in PATH, leaves it as it is"));
            }
            There::Ours => {}
            There::Nothing | There::Another => missing.push(link),
        }
    }
    for link in missing {
        let mut beside = OsString::from(".");
        beside.push(link.file_name().unwrap_or_default());
        beside.push(format!(".{}.tmp", std::process::id()));
        let beside = link.with_file_name(beside);
        let made = symlink(&target, &beside).and_then(|()| fs::rename(&beside, &link));
        if let Err(error) = made {
            // Best effort: what is reported is the failure before.
            let _ = fs::remove_file(&beside);
            return Err(cannot(format!("cannot make the link `{}`", link.display()))(error));
        }
    }
    let mut text = String::new();
    for tool in tools {
        let _ = writeln!(text, "{} -> {}", folder.join(tool.name()).display(), target.display());
    }
    output::write(None, text.as_bytes())
}

fn there(link: &Path, own: &Path) -> There {
    match link.symlink_metadata() {
        Err(_) => There::Nothing,
        Ok(metadata) if metadata.is_symlink() && link.canonicalize().is_ok_and(|file| file == own) => {
            There::Ours
        }
        Ok(_) => There::Another,
    }
}

/// The way from a folder to a file, both without links: so both can be moved together.
fn relative(folder: &Path, file: &Path) -> PathBuf {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (folder.components().collect(), file.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_go_up_and_down() {
        for (folder, file, way) in [
            ("/usr/local/bin", "/usr/local/bin/plimsoll", "plimsoll"),
            ("/usr/local/bin", "/opt/plimsoll/plimsoll", "../../../opt/plimsoll/plimsoll"),
            ("/", "/plimsoll", "plimsoll"),
            ("/a/b", "/a/c/p", "../c/p"),
        ] {
            assert_eq!(relative(Path::new(folder), Path::new(file)), Path::new(way), "{folder} {file}");
        }
    }
}
