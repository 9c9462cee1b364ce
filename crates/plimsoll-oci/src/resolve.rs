//! From an index to the one image that is meant. The same for a registry and for a layout.

use plimsoll_model::{Digest, Platform};

use crate::config::{self, Config, MAX_CONFIG_BYTES};
use crate::manifest::{self, Descriptor, Document, Manifest};
use crate::platform::{host_platform, rank};
use crate::{Error, verify};

/// How deep indexes may lie in indexes.
const MAX_INDEX_DEPTH: usize = 4;
/// The most indexes that are read for one image.
const MAX_INDEXES: usize = 32;

/// Where manifests and configs are read from, by their digests.
pub(crate) trait Store {
    /// The bytes of a manifest or an index, verified.
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error>;

    /// The bytes of a small blob, verified.
    fn blob(&self, descriptor: &Descriptor, max_bytes: u64, what: &'static str) -> Result<Vec<u8>, Error>;
}

/// The image that is meant.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) config: Config,
}

/// Finds the image for the platform. `root` is what the reference leads to, and its digest.
pub(crate) fn resolve(
    store: &dyn Store,
    root: Document,
    root_digest: Digest,
    asked: Option<&Platform>,
    subject: &str,
) -> Result<Resolved, Error> {
    let (digest, manifest) = match root {
        Document::Image(manifest) => (root_digest, *manifest),
        Document::Index(entries) => {
            let mut leaves = Vec::new();
            let mut indexes = 0;
            flatten(store, entries, subject, 1, &mut indexes, &mut leaves)?;
            let chosen = choose(&leaves, asked, subject)?;
            let bytes = store.manifest(chosen)?;
            match manifest::parse(&bytes, &chosen.media_type, subject)? {
                Document::Image(manifest) => (chosen.digest.clone(), *manifest),
                Document::Index(_) => {
                    return Err(Error::Content {
                        what: "manifest",
                        subject: subject.to_owned(),
                        expected: format!("an image manifest at `{}`, as the index says", chosen.digest),
                        found: "another index".to_owned(),
                    });
                }
            }
        }
    };
    let bytes = store.blob(&manifest.config, MAX_CONFIG_BYTES, "config")?;
    let config = config::parse(bytes, subject)?;
    check_platform(&config, asked, subject)?;
    Ok(Resolved { digest, manifest, config })
}

/// An image that is alone may still be of another platform than the one asked for.
pub(crate) fn check_platform(config: &Config, asked: Option<&Platform>, subject: &str) -> Result<(), Error> {
    if let (Some(asked), Some(found)) = (asked, &config.platform)
        && rank(found, asked).is_none()
    {
        return Err(Error::PlatformMissing {
            reference: subject.to_owned(),
            wanted: asked.to_string(),
            available: vec![found.to_string()],
        });
    }
    Ok(())
}

/// The images of an index and of the indexes in it, in their order; none twice.
pub(crate) fn leaves(
    store: &dyn Store,
    entries: Vec<Descriptor>,
    subject: &str,
) -> Result<Vec<Descriptor>, Error> {
    let mut leaves: Vec<Descriptor> = Vec::new();
    flatten(store, entries, subject, 1, &mut 0, &mut leaves)?;
    let mut seen = std::collections::BTreeSet::new();
    leaves.retain(|leaf| seen.insert(leaf.digest.clone()));
    Ok(leaves)
}

/// Gathers the images of an index and of the indexes in it.
fn flatten(
    store: &dyn Store,
    entries: Vec<Descriptor>,
    subject: &str,
    depth: usize,
    indexes: &mut usize,
    leaves: &mut Vec<Descriptor>,
) -> Result<(), Error> {
    let too_much = |expected: &str, found: String| Error::Content {
        what: "index",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    for entry in entries {
        if entry.is_attestation() || !entry.artifact_type.is_empty() {
            continue;
        }
        if entry.is_index() {
            *indexes += 1;
            if depth >= MAX_INDEX_DEPTH {
                return Err(too_much("indexes at most 4 deep", "a deeper one".to_owned()));
            }
            if *indexes > MAX_INDEXES {
                return Err(too_much("at most 32 indexes in an index", "more".to_owned()));
            }
            let bytes = store.manifest(&entry)?;
            match manifest::parse(&bytes, &entry.media_type, subject)? {
                Document::Index(inner) => flatten(store, inner, subject, depth + 1, indexes, leaves)?,
                Document::Image(_) => {
                    return Err(too_much("an index, as its descriptor says", "an image manifest".to_owned()));
                }
            }
        } else if entry.is_manifest() || entry.media_type.is_empty() {
            leaves.push(entry);
        }
    }
    Ok(())
}

/// The entry for the platform. Nothing asked: that of this machine, or the only one there is.
fn choose<'a>(
    leaves: &'a [Descriptor],
    asked: Option<&Platform>,
    subject: &str,
) -> Result<&'a Descriptor, Error> {
    let host = host_platform();
    let wanted = asked.unwrap_or(&host);
    let best = leaves
        .iter()
        .filter_map(|leaf| {
            leaf.platform.as_ref().and_then(|platform| rank(platform, wanted)).map(|rank| (rank, leaf))
        })
        .min_by_key(|(rank, _)| *rank);
    if let Some((_, leaf)) = best {
        return Ok(leaf);
    }
    // One that is alone and does not tell its platform is judged by its config.
    if let [only] = leaves
        && (asked.is_none() || only.platform.is_none())
    {
        return Ok(only);
    }
    // Several names of the same image are one image.
    if asked.is_none()
        && let [first, rest @ ..] = leaves
        && rest.iter().all(|leaf| leaf.digest == first.digest)
    {
        return Ok(first);
    }
    let mut available: Vec<String> = leaves
        .iter()
        .map(|leaf| leaf.platform.as_ref().map_or_else(|| "unspecified".to_owned(), ToString::to_string))
        .map(|text| manifest::clip(&text))
        .collect();
    available.sort();
    available.dedup();
    Err(Error::PlatformMissing { reference: subject.to_owned(), wanted: wanted.to_string(), available })
}

/// Compares the bytes of a blob that is at hand with its descriptor.
pub(crate) fn check_blob(bytes: &[u8], descriptor: &Descriptor, what: &'static str) -> Result<(), Error> {
    if bytes.len() as u64 != descriptor.size {
        return Err(Error::Size {
            what,
            digest: descriptor.digest.to_string(),
            expected: descriptor.size,
            found: format!("{} bytes", bytes.len()),
        });
    }
    verify::check(bytes, &descriptor.digest, what)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::manifest::{OCI_INDEX, OCI_MANIFEST};
    use crate::platform::parse_platform;

    #[derive(Default)]
    struct Memory(BTreeMap<String, Vec<u8>>);

    impl Memory {
        fn put(&mut self, media_type: &str, platform: &str, bytes: Vec<u8>) -> Descriptor {
            let digest = verify::sha256(&bytes);
            let size = bytes.len() as u64;
            self.0.insert(digest.to_string(), bytes);
            Descriptor {
                media_type: media_type.to_owned(),
                digest,
                size,
                platform: parse_platform(platform).ok(),
                urls: Vec::new(),
                annotations: BTreeMap::new(),
                artifact_type: String::new(),
            }
        }

        fn image(&mut self, platform: &str, config_platform: &str) -> Descriptor {
            let (os, architecture) = config_platform.split_once('/').unwrap();
            let config = format!(r#"{{"os":"{os}","architecture":"{architecture}"}}"#);
            let config = self.put("", "", config.into_bytes());
            let manifest = format!(
                r#"{{"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[]}}"#,
                config.digest, config.size
            );
            self.put(OCI_MANIFEST, platform, manifest.into_bytes())
        }

        fn index(&mut self, entries: &[Descriptor]) -> Descriptor {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| {
                    format!(
                        r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#,
                        entry.media_type, entry.digest, entry.size
                    )
                })
                .collect();
            self.put(OCI_INDEX, "", format!(r#"{{"manifests":[{}]}}"#, entries.join(",")).into_bytes())
        }

        fn chosen(&self, entries: Vec<Descriptor>, asked: &str) -> String {
            let asked = parse_platform(asked).ok();
            let root = verify::sha256(b"root");
            match resolve(self, Document::Index(entries), root, asked.as_ref(), "app") {
                Ok(resolved) => resolved.config.platform.unwrap_or_default().to_string(),
                Err(error) => error.to_string(),
            }
        }
    }

    impl Store for Memory {
        fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
            self.blob(descriptor, u64::MAX, "manifest")
        }

        fn blob(&self, descriptor: &Descriptor, _: u64, what: &'static str) -> Result<Vec<u8>, Error> {
            let bytes = self.0[descriptor.digest.as_str()].clone();
            check_blob(&bytes, descriptor, what)?;
            Ok(bytes)
        }
    }

    #[test]
    fn the_platform_decides() {
        let mut memory = Memory::default();
        let host = host_platform().to_string();
        let entries = vec![
            memory.image("linux/s390x", "linux/s390x"),
            memory.image(&host, &host),
            memory.image("unknown/unknown", "unknown/unknown"),
        ];
        assert_eq!(memory.chosen(entries.clone(), ""), host);
        assert_eq!(memory.chosen(entries.clone(), "linux/s390x"), "linux/s390x");
        assert_eq!(
            memory.chosen(entries, "linux/riscv64"),
            format!(
                "cannot choose an image of `app`: expected platform `linux/riscv64`, found `{host}`, `linux/s390x`"
            )
        );
    }

    #[test]
    fn the_only_platform_is_taken_when_none_was_asked() {
        let mut memory = Memory::default();
        let entries = vec![memory.image("linux/s390x", "linux/s390x")];
        assert_eq!(memory.chosen(entries.clone(), ""), "linux/s390x");
        assert!(memory.chosen(entries, "linux/arm").contains("found `linux/s390x`"));
        let untold = vec![memory.image("", "linux/s390x")];
        assert_eq!(memory.chosen(untold.clone(), "linux/s390x"), "linux/s390x");
        assert!(memory.chosen(untold, "linux/arm").contains("found `linux/s390x`"));
        assert!(memory.chosen(Vec::new(), "").contains("found none"));
    }

    #[test]
    fn indexes_in_indexes_are_read_to_a_depth() {
        let mut memory = Memory::default();
        let image = memory.image("linux/s390x", "linux/s390x");
        let mut index = memory.index(&[image]);
        assert_eq!(memory.chosen(vec![index.clone()], ""), "linux/s390x");
        for _ in 0..4 {
            index = memory.index(&[index]);
        }
        assert!(memory.chosen(vec![index], "").contains("expected indexes at most 4 deep"));
    }
}
