//! Listing: keys in the order of their bytes, some at a time.
//!
//! Folders are gone through in order and only as far as a page needs. That gives the keys in order because what a folder
//! holds begins with its name and a slash, and no name in a folder begins with another name and a slash.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures::StreamExt as _;
use futures::stream;
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::attributes::Attributes;
use crate::key::{Key, file_name, folder_name, folder_path};
use crate::refusal::Refusal;
use crate::vault::{Entry, Vault, is_unfinished};

/// Attributes that are read at once.
const READS_AT_ONCE: usize = 16;
/// Most items of one answer, as Amazon has it.
pub(crate) const MAX_ITEMS: usize = 1000;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Items behind this one alone; empty for all.
    pub(crate) after: String,
    pub(crate) max: usize,
}

/// An object, or a prefix that several may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Object { key: String, bytes: u64, modified: SystemTime, attributes: Box<Attributes> },
    Prefix(String),
}

#[cfg(test)]
impl Item {
    pub(crate) fn name(&self) -> &str {
        match self {
            Item::Object { key, .. } => key,
            Item::Prefix(prefix) => prefix,
        }
    }
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Whether there are more behind the last one.
    pub(crate) is_truncated: bool,
    /// The name of the last one, if there are more behind it.
    pub(crate) last: Option<String>,
}

/// What a folder holds under a name.
enum Node {
    /// Where it lies; in more than one place if others made a folder whose name we write otherwise.
    Folder(Vec<Path>),
    File(Path, Option<ObjectMeta>),
}

enum Found {
    Object(String, Path, Option<ObjectMeta>),
    Prefix(String),
}

impl Found {
    fn name(&self) -> &str {
        match self {
            Found::Object(name, ..) | Found::Prefix(name) => name,
        }
    }
}

/// How a file stands to the key that its path reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// There can be no such key, or reading it leads elsewhere.
    Elsewhere,
    /// Others have put it under the key's plain text.
    Plain,
    Ours,
}

fn rank(name: &str, file: &Path) -> Rank {
    let Ok(key) = Key::new(name) else { return Rank::Elsewhere };
    if file.as_ref().ends_with(key.path()) {
        return Rank::Ours;
    }
    match key.plain() {
        Some(plain) if file.as_ref().ends_with(plain.as_ref()) => Rank::Plain,
        _ => Rank::Elsewhere,
    }
}

impl Vault {
    /// # Errors
    /// What the store says; a bucket that is not there is empty.
    pub(crate) async fn list(&self, bucket: &str, question: &Question) -> Result<Page, Refusal> {
        let (mut found, is_truncated) = self.walk(bucket, question).await?;
        found.truncate(question.max);
        let last = found.last().filter(|_| is_truncated).map(|found| found.name().to_owned());
        let items: Vec<Result<Option<Item>, Refusal>> = stream::iter(found)
            .map(|found| async move {
                let (key, path, meta) = match found {
                    Found::Prefix(prefix) => return Ok(Some(Item::Prefix(prefix))),
                    Found::Object(key, path, meta) => (key, path, meta),
                };
                let meta = match meta {
                    Some(meta) => meta,
                    None => match self.meta(&path).await? {
                        Some(meta) => meta,
                        // It was removed meanwhile.
                        None => return Ok(None),
                    },
                };
                let attributes = self.attributes(bucket, &Key::new(&key)?, &meta).await?;
                Ok(Some(Item::Object {
                    key,
                    bytes: meta.size,
                    modified: meta.last_modified.into(),
                    attributes: Box::new(attributes),
                }))
            })
            .buffered(READS_AT_ONCE)
            .collect()
            .await;
        let items = items.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Page { items, is_truncated, last })
    }

    /// What is found, one more than asked for if there are more; and whether there are.
    async fn walk(&self, bucket: &str, question: &Question) -> Result<(Vec<Found>, bool), Refusal> {
        let Question { prefix, delimiter, after, max } = question;
        let mut found: Vec<Found> = Vec::new();
        if *max == 0 {
            return Ok((found, false));
        }
        let rolled_up = |name: &str| -> Option<String> {
            let delimiter = delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
            let place = name[prefix.len()..].find(delimiter)?;
            Some(name[..prefix.len() + place + delimiter.len()].to_owned())
        };
        // A prefix that was given as the last item stands for all that begins with it.
        let is_behind = |name: &str| {
            let is_given = || {
                delimiter
                    .as_deref()
                    .is_some_and(|delimiter| !delimiter.is_empty() && after.ends_with(delimiter))
                    && after.starts_with(prefix.as_str())
                    && name.starts_with(after.as_str())
                    && rolled_up(after).as_deref() == Some(after)
            };
            after.is_empty() || (name > after.as_str() && !is_given())
        };
        let folders = prefix.rfind('/').map_or("", |place| &prefix[..=place]);
        let mut begin = vec![self.path(&format!("{bucket}/{}", folder_path(folders)))];
        if let Ok(plain) = Path::parse(folders.trim_end_matches('/'))
            && plain.as_ref() == folders.trim_end_matches('/')
            && !folders.is_empty()
        {
            let plain = self.path(&format!("{bucket}/{plain}"));
            if plain != begin[0] {
                begin.push(plain);
            }
        }
        let mut stack = vec![self.children(folders, &begin).await?.into_iter()];
        while let Some(names) = stack.last_mut() {
            let Some((name, node)) = names.next() else {
                stack.pop();
                continue;
            };
            let mut next = None;
            match node {
                Node::Folder(paths) => {
                    let can_hold = name.starts_with(prefix.as_str()) || prefix.starts_with(&name);
                    let is_before = name.as_str() < after.as_str() && !after.starts_with(&name);
                    if !can_hold || is_before {
                        continue;
                    }
                    let whole = name.starts_with(prefix.as_str()).then(|| rolled_up(&name)).flatten();
                    match whole {
                        Some(common) if !after.starts_with(&common) => {
                            if is_behind(&common)
                                && found.last().is_none_or(|last| last.name() != common)
                                && self.holds_something(&paths).await?
                            {
                                found.push(Found::Prefix(common));
                            }
                        }
                        _ => next = Some(self.children(&name, &paths).await?),
                    }
                }
                Node::File(path, meta) => {
                    let is_asked = name.starts_with(prefix.as_str()) && is_behind(&name);
                    if !is_asked || rank(&name, &path) == Rank::Elsewhere {
                        continue;
                    }
                    match rolled_up(&name) {
                        Some(common) if found.last().is_none_or(|last| last.name() != common) => {
                            found.push(Found::Prefix(common));
                        }
                        Some(_) => {}
                        None => found.push(Found::Object(name, path, meta)),
                    }
                }
            }
            if found.len() > *max {
                return Ok((found, true));
            }
            if let Some(children) = next {
                stack.push(children.into_iter());
            }
        }
        Ok((found, false))
    }

    /// What lies in a folder, by name: whole keys, and folders with a slash at the end.
    async fn children(&self, folders: &str, paths: &[Path]) -> Result<BTreeMap<String, Node>, Refusal> {
        let mut children: BTreeMap<String, Node> = BTreeMap::new();
        for path in paths {
            for entry in self.entries(path).await? {
                match entry {
                    Entry::Folder(folder) => {
                        let Some(name) = folder.filename() else { continue };
                        let name = format!("{folders}{}/", folder_name(name));
                        match children.entry(name).or_insert_with(|| Node::Folder(Vec::new())) {
                            Node::Folder(paths) => paths.push(folder),
                            Node::File(..) => {}
                        }
                    }
                    Entry::File(file, meta) => {
                        let Some(name) = file.filename() else { continue };
                        let name = format!("{folders}{}", file_name(name));
                        // Of two that have the same key the one counts that reading finds.
                        let counts = match children.get(&name) {
                            Some(Node::File(other, _)) => rank(&name, &file) > rank(&name, other),
                            _ => true,
                        };
                        if counts {
                            children.insert(name, Node::File(file, meta));
                        }
                    }
                }
            }
        }
        Ok(children)
    }

    /// Whether there is any object in a folder. Only the folders of a disk can be empty.
    async fn holds_something(&self, paths: &[Path]) -> Result<bool, Refusal> {
        let Some(root) = &self.folder else { return Ok(true) };
        let folders: Vec<_> = paths.iter().map(|path| root.join(path.as_ref())).collect();
        let look = move || {
            let mut left = folders;
            while let Some(folder) = left.pop() {
                let Ok(entries) = std::fs::read_dir(&folder) else { continue };
                for entry in entries.flatten() {
                    match entry.file_type() {
                        Ok(kind) if kind.is_dir() => left.push(entry.path()),
                        Ok(_) if is_unfinished(&entry.file_name()) => {}
                        Ok(_) => return true,
                        Err(_) => {}
                    }
                }
            }
            false
        };
        tokio::task::spawn_blocking(look).await.map_err(Refusal::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Condition, Expected};

    async fn vault(keys: &[&str]) -> Vault {
        let location = plimsoll_store::Location::parse("memory:///").unwrap();
        let options = plimsoll_store::Options::default();
        let vault = Vault::new(&plimsoll_store::Store::open_with(&location, &options).unwrap(), true);
        for key in keys {
            let body = stream::iter([Ok(bytes::Bytes::from_static(b"x"))]).boxed();
            let key = Key::new(key).unwrap();
            let condition = Condition::default();
            let put = vault.put("box", &key, body, Expected::default(), Attributes::default(), &condition);
            put.await.unwrap();
        }
        vault
    }

    async fn names(vault: &Vault, prefix: &str, delimiter: &str, after: &str, max: usize) -> String {
        let question = Question {
            prefix: prefix.to_owned(),
            delimiter: Some(delimiter.to_owned()),
            after: after.to_owned(),
            max,
        };
        let page = vault.list("box", &question).await.unwrap();
        let names: Vec<&str> = page.items.iter().map(Item::name).collect();
        format!("{}{}", names.join(" "), if page.is_truncated { " …" } else { "" })
    }

    const KEYS: &[&str] =
        &["a", "a-b", "a/b", "a/c.json", "a/d/e", "a.json", "a.json/x", "b//c", "b/../c", "z%", "ä", "a0"];

    #[tokio::test]
    async fn keys_come_in_the_order_of_their_bytes() {
        let vault = vault(KEYS).await;
        let mut sorted = KEYS.to_vec();
        sorted.sort_unstable();
        assert_eq!(names(&vault, "", "", "", 1000).await, sorted.join(" "));
        // Any page after any key.
        for (number, key) in sorted.iter().enumerate() {
            let rest = &sorted[number + 1..];
            let expected =
                if rest.len() > 2 { format!("{} …", rest[..2].join(" ")) } else { rest.join(" ") };
            assert_eq!(names(&vault, "", "", key, 2).await, expected, "after {key}");
        }
    }

    #[tokio::test]
    async fn prefixes_are_rolled_up() {
        let vault = vault(KEYS).await;
        for (prefix, delimiter, after, max, expected) in [
            ("", "/", "", 1000, "a a-b a.json a.json/ a/ a0 b/ z% ä"),
            ("a/", "/", "", 1000, "a/b a/c.json a/d/"),
            ("a", "/", "", 1000, "a a-b a.json a.json/ a/ a0"),
            ("a/d", "/", "", 1000, "a/d/"),
            ("b/", "/", "", 1000, "b/../ b//"),
            ("", "/", "", 5, "a a-b a.json a.json/ a/ …"),
            ("", "/", "a/", 5, "a0 b/ z% ä"),
            ("", "/", "a/b", 2, "a/ a0 …"),
            ("", "/", "a/zz", 2, "a0 b/ …"),
            ("a/", "/", "a/d/", 2, ""),
            ("", "b", "", 1000, "a a-b a.json a.json/x a/b a/c.json a/d/e a0 b z% ä"),
            ("none", "/", "", 1000, ""),
            ("", "/", "", 0, ""),
        ] {
            let found = names(&vault, prefix, delimiter, after, max).await;
            assert_eq!(found, expected, "{prefix:?} {delimiter:?} {after:?} {max}");
        }
    }
}
