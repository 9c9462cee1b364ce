//! The user whom commands run as.

use std::path::Path;

use crate::error::Error;
use crate::files::read_text;

/// Largest file of users, in bytes.
const MAX_USERS_BYTES: u64 = 4 << 20;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Finds the user in a file in the form of `/etc/passwd`. `None` means that commands run as the one who runs us.
///
/// # Errors
/// [`Error::User`] if there is no such user, or we may not become it.
pub(crate) fn find(name: &str, users: &Path) -> Result<Option<User>, Error> {
    let wrong = |reason: String| Error::User { user: name.to_owned(), reason };
    let text = read_text(users, MAX_USERS_BYTES)
        .map_err(|error| wrong(format!("cannot read `{}`: {error}", users.display())))?
        .ok_or_else(|| wrong(format!("cannot read `{}`: expected a short text", users.display())))?;
    let user =
        parse(name, &text).ok_or_else(|| wrong("expected a user of this machine, found none".to_owned()))?;
    let ours = rustix::process::geteuid().as_raw();
    match ours {
        _ if user.uid == ours => Ok(None),
        0 => Ok(Some(user)),
        _ => Err(wrong("expected to be root, found to be somebody else".to_owned())),
    }
}

fn parse(name: &str, text: &str) -> Option<User> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let text =
            "root:x:0:0:root:/root:/bin/bash\nbad\nbuild:x:1000:100::/home/build:/bin/sh\nodd:x:a:b::\n";
        let user = parse("build", text).unwrap();
        assert_eq!((user.uid, user.gid), (1000, 100));
        assert_eq!(parse("odd", text), None);
        assert_eq!(parse("nobody", text), None);
        assert_eq!(parse("", "::0:0"), Some(User { name: String::new(), uid: 0, gid: 0 }));
    }
}
