//! Taking an artifact into a store, wherever it comes from.
//!
//! In this order: whom it is from, what it is, what of it is missing here. Partitions that are here are left alone, and
//! of the others the chunks whose blocks are here are put together from them. A partition becomes a file only once it is
//! whole and has the digest that the manifest says; the generation is published once all of them are there.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_attest::{MAX_CLAIM_BYTES, SignatureImage, SignedClaim, Trust, Verified};
use plimsoll_db::{Block, Database, Generation, Manifest, PartitionInfo, PartitionWriter, Store};
use plimsoll_model::{Digest, Namespace};

use crate::Error;
use crate::chunk;
use crate::manifest::{ArtifactManifest, Chunk, ChunkKind, clip, is_before, sha256};
use crate::package::{Progress, blocks_of, bytes_of, ranges};

/// The most chunks that are fetched at once.
const THREADS: usize = 8;
/// The most chunks that are held in memory.
const BATCH_CHUNKS: usize = 32;
/// The most bytes of chunks that are held in memory, save one that is larger.
const BATCH_BYTES: u64 = 32 << 20;

/// The most bytes of all blocks together, unpacked: a block of 2 KiB may unpack to 64 MiB.
const MAX_UNPACKED_BYTES: u64 = 32 << 30;
/// The partitions that serve all namespaces.
const OF_FLAWS: [&str; 3] = ["cve", "epss", "nvd"];

/// How an artifact is taken.
#[derive(Clone, Copy)]
pub struct Taking<'a> {
    /// Who is to be believed.
    pub trust: &'a Trust,
    /// The namespaces whose partitions are wanted; `None`: all.
    pub wanted: Option<&'a [Namespace]>,
    /// The moment of the database that is here, RFC 3339: one that its publisher last compared with the sources before it
    /// is refused, unless it is the very same. A signature does not tell the newest from one that was signed once.
    /// `None`: any age is taken.
    pub not_before: Option<&'a str>,
    /// Told of bytes as they come.
    pub progress: Option<&'a dyn Progress>,
}

/// What was taken.
#[derive(Clone, Debug)]
pub struct Received {
    /// The generation, now the store's current one.
    pub generation: Generation,
    /// The digest of the artifact's manifest.
    pub digest: Digest,
    /// Who signed it, if that was asked.
    pub verified: Verified,
    /// When the publisher last compared it with its sources, RFC 3339.
    pub created: String,
    /// Whether the store had it already.
    pub unchanged: bool,
    /// Partitions that were made.
    pub partitions: usize,
    /// Chunks that were fetched, and their bytes.
    pub fetched_chunks: usize,
    /// The bytes of the chunks that were fetched.
    pub fetched_bytes: u64,
    /// Chunks that were put together from what was here.
    pub known_chunks: usize,
}

/// Where an artifact lies.
pub(crate) trait Shelf: Sync {
    /// For errors.
    fn place(&self) -> String;

    /// The manifest of the artifact, and its digest, which is that of the bytes.
    fn root(&self) -> Result<(Vec<u8>, Digest), Error>;

    /// The manifest of its signatures; `None` where there is none.
    fn signatures(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error>;

    /// A blob whose size and digest were found right.
    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        what: &'static str,
        named_by: &'static str,
    ) -> Result<Vec<u8>, Error>;
}

pub(crate) fn receive(shelf: &dyn Shelf, store: &Store, taking: &Taking<'_>) -> Result<Received, Error> {
    let place = shelf.place();
    let (bytes, digest) = shelf.root()?;
    let verified = verify(shelf, &digest, &place, taking.trust)?;
    let artifact = ArtifactManifest::parse(&bytes, &place)?;
    let (config_digest, config_size) = (&artifact.config_digest, artifact.config_size);
    let config = shelf.blob(config_digest, config_size, "config", "its manifest")?;
    let manifest = Manifest::parse(&config, &place)?;
    let plan = plan(&manifest, &artifact.chunks, &place)?;
    let current = store.current()?;
    let is_same = current.as_ref().is_some_and(|current| current.digest() == config_digest);
    if let Some(held) = taking.not_before.filter(|held| !is_same && is_before(&artifact.created, held)) {
        return Err(Error::Older { place, held: held.to_owned(), found: artifact.created });
    }
    let missing: Vec<(&PartitionInfo, &[Chunk])> = plan
        .into_iter()
        .filter(|(info, _)| taking.wanted.is_none_or(|wanted| serves(&info.name, wanted)))
        .filter(|(info, _)| !is_here(store, current.as_ref(), info))
        .collect();

    let partitions = missing.len();
    let mut counts = Counts::default();
    if !missing.is_empty() {
        fetch(shelf, store, current.as_ref(), &missing, taking.progress, &mut counts)?;
    }
    let (generation, unchanged) = match current {
        Some(current) if current.digest() == config_digest && partitions == 0 => (current, true),
        _ => (store.adopt(&config, taking.wanted.is_some())?, false),
    };
    Ok(Received {
        generation,
        digest,
        verified,
        created: artifact.created,
        unchanged,
        partitions,
        fetched_chunks: counts.fetched,
        fetched_bytes: counts.fetched_bytes,
        known_chunks: counts.known,
    })
}

/// Whether a partition need not be fetched. One that the current generation cannot open is fetched anew.
fn is_here(store: &Store, current: Option<&Generation>, info: &PartitionInfo) -> bool {
    let is_damaged = |current: &Generation| {
        let same = current.manifest().partition(&info.name).is_some_and(|known| known.digest == info.digest);
        same && current.partition(&info.name).is_err()
    };
    store.has_partition(&info.digest) && !current.is_some_and(is_damaged)
}

/// Whether a partition is needed to look up packages of these namespaces: theirs, that of their texts, and those of facts
/// of flaws.
fn serves(partition: &str, wanted: &[Namespace]) -> bool {
    OF_FLAWS.contains(&partition)
        || wanted
            .iter()
            .any(|namespace| partition == namespace.ecosystem.name() || partition == namespace.to_string())
}

/// Looks for a signature that is to be believed, before anything else is read.
fn verify(shelf: &dyn Shelf, digest: &Digest, place: &str, trust: &Trust) -> Result<Verified, Error> {
    let mut claims = Vec::new();
    if trust.wants_signature()
        && let Some(manifest) = shelf.signatures(digest)?
    {
        for layer in SignatureImage::layers_of(&manifest, place)? {
            let Some(signature) = layer.signature() else { continue };
            debug_assert!(layer.size <= MAX_CLAIM_BYTES as u64, "`signature` looks at the size");
            let payload = match shelf.blob(&layer.digest, layer.size, "claim", "the manifest of signatures") {
                // Whatever another signer left there, it does not make ours worse.
                Err(Error::Missing { .. } | Error::Content { .. }) => continue,
                payload => payload?,
            };
            claims.push(SignedClaim { payload, signature: signature.to_owned() });
        }
    }
    Ok(trust.check(digest, place, &claims)?)
}

/// The chunks of each partition. All blocks of all partitions must be there, each once and in its place.
fn plan<'a>(
    manifest: &'a Manifest,
    chunks: &'a [Chunk],
    place: &str,
) -> Result<Vec<(&'a PartitionInfo, &'a [Chunk])>, Error> {
    let bad = |name: &str, expected: String, found: String| Error::Content {
        what: format!("the chunks of partition `{}`", clip(name)),
        place: place.to_owned(),
        expected,
        found,
    };
    let mut rest = chunks;
    let mut out = Vec::with_capacity(manifest.partitions.len());
    for info in &manifest.partitions {
        let count = rest.iter().take_while(|chunk| chunk.partition == info.name).count();
        let (own, behind) = rest.split_at(count);
        rest = behind;
        let mut blocks = 0_u64;
        let is_dictionary = |chunk: &&Chunk| chunk.kind == ChunkKind::Dictionary;
        let of_blocks = &own[own.iter().take(1).filter(is_dictionary).count()..];
        for (index, chunk) in of_blocks.iter().enumerate() {
            if chunk.kind == ChunkKind::Dictionary {
                let expected = "one dictionary before its chunks".to_owned();
                return Err(bad(&info.name, expected, format!("dictionary {} behind them", chunk.digest)));
            }
            if chunk.index != index as u64 || chunk.first_block != blocks {
                let expected = format!("chunk {index} with block {blocks} as its first");
                return Err(bad(
                    &info.name,
                    expected,
                    format!("chunk {} with {}", chunk.index, chunk.first_block),
                ));
            }
            blocks = blocks.saturating_add(chunk.blocks);
        }
        if blocks != info.blocks {
            return Err(bad(&info.name, format!("{} blocks", info.blocks), blocks.to_string()));
        }
        out.push((info, own));
    }
    match rest.first() {
        None => Ok(out),
        Some(chunk) => Err(bad(
            &chunk.partition,
            "the partitions that its config names, in that order".to_owned(),
            format!("chunk {} behind them", chunk.digest),
        )),
    }
}

#[derive(Default)]
struct Counts {
    fetched: usize,
    fetched_bytes: u64,
    known: usize,
}

/// Partitions of the store that are like those that are missing, cut into chunks.
struct Known<'a> {
    dictionaries: HashMap<Digest, &'a [u8]>,
    blocks: Vec<Vec<Block<'a>>>,
    chunks: HashMap<Digest, (usize, Range<usize>)>,
}

impl<'a> Known<'a> {
    fn new(databases: &'a [Database]) -> Self {
        // One that cannot be read has nothing that helps.
        let blocks: Vec<Vec<Block<'a>>> = databases.iter().filter_map(|old| blocks_of(old).ok()).collect();
        let mut chunks = HashMap::new();
        for (number, blocks) in blocks.iter().enumerate() {
            for range in ranges(blocks) {
                chunks.insert(sha256(&bytes_of(&blocks[range.clone()])), (number, range));
            }
        }
        let dictionaries = databases.iter().map(Database::dictionary_bytes);
        let dictionaries = dictionaries.map(|dictionary| (sha256(dictionary), dictionary)).collect();
        Self { dictionaries, blocks, chunks }
    }

    fn contains(&self, chunk: &Chunk) -> bool {
        match chunk.kind {
            ChunkKind::Dictionary => self.dictionaries.contains_key(&chunk.digest),
            ChunkKind::Blocks => self.chunks.contains_key(&chunk.digest),
        }
    }

    fn blocks(&self, digest: &Digest) -> Option<&[Block<'a>]> {
        let (number, range) = self.chunks.get(digest)?;
        Some(&self.blocks[*number][range.clone()])
    }
}

fn fetch(
    shelf: &dyn Shelf,
    store: &Store,
    current: Option<&Generation>,
    missing: &[(&PartitionInfo, &[Chunk])],
    progress: Option<&dyn Progress>,
    counts: &mut Counts,
) -> Result<(), Error> {
    // A partition that is not there or damaged only makes for more to fetch.
    let old: Vec<Database> =
        missing.iter().filter_map(|(info, _)| current?.partition(&info.name).ok()).collect();
    let known = Known::new(&old);
    let jobs: Vec<(usize, &Chunk)> = missing
        .iter()
        .enumerate()
        .flat_map(|(number, (_, chunks))| chunks.iter().map(move |chunk| (number, chunk)))
        .collect();
    if let Some(progress) = progress {
        progress.total(jobs.iter().map(|(_, chunk)| chunk.size).sum());
    }
    let mut sink = Sink { store, missing, next: 0, open: None, unpacked_bytes: 0, place: shelf.place() };
    let mut rest = jobs.as_slice();
    while !rest.is_empty() {
        let (batch, behind) = rest.split_at(batch(rest));
        rest = behind;
        let wanted: Vec<&Chunk> =
            batch.iter().map(|(_, chunk)| *chunk).filter(|chunk| !known.contains(chunk)).collect();
        counts.fetched += wanted.len();
        counts.fetched_bytes += wanted.iter().map(|chunk| chunk.size).sum::<u64>();
        counts.known += batch.len() - wanted.len();
        let mut fetched = all(shelf, &wanted)?.into_iter();
        for (number, chunk) in batch {
            sink.reach(*number)?;
            let mut fetched =
                || fetched.next().expect("each chunk that is not known was fetched, in this order");
            match (chunk.kind, known.blocks(&chunk.digest)) {
                (ChunkKind::Dictionary, _) => match known.dictionaries.get(&chunk.digest) {
                    Some(dictionary) => sink.dictionary(dictionary)?,
                    None => sink.dictionary(&fetched())?,
                },
                (ChunkKind::Blocks, Some(blocks)) if blocks.len() as u64 == chunk.blocks => {
                    for block in blocks {
                        sink.push(block.frame)?;
                    }
                }
                (ChunkKind::Blocks, Some(blocks)) => {
                    return Err(sink.number_of_frames(chunk, blocks.len().to_string()));
                }
                (ChunkKind::Blocks, None) => {
                    let bytes = fetched();
                    let frames = chunk::unpack(&bytes, chunk.blocks)
                        .map_err(|found| sink.number_of_frames(chunk, found))?;
                    for frame in frames {
                        sink.push(frame)?;
                    }
                }
            }
            if let Some(progress) = progress {
                progress.moved(chunk.size);
            }
        }
    }
    sink.reach(missing.len())
}

/// How many of these chunks are held at once.
fn batch(jobs: &[(usize, &Chunk)]) -> usize {
    let mut bytes = 0_u64;
    let fits = jobs.iter().take(BATCH_CHUNKS).take_while(|(_, chunk)| {
        bytes += chunk.size;
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

/// Fetches chunks, several at once; they come in the order they are asked in.
fn all(shelf: &dyn Shelf, chunks: &[&Chunk]) -> Result<Vec<Vec<u8>>, Error> {
    let results: Vec<OnceLock<Result<Vec<u8>, Error>>> = chunks.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(chunks.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(chunk), Some(place)) = (chunks.get(index), results.get(index)) else { break };
                    let what = match chunk.kind {
                        ChunkKind::Dictionary => "dictionary",
                        ChunkKind::Blocks => "chunk",
                    };
                    let result = shelf.blob(&chunk.digest, chunk.size, what, "its manifest");
                    if result.is_err() {
                        // Those behind it are not worth their bytes.
                        next.store(chunks.len(), Ordering::Relaxed);
                    }
                    place.set(result).expect("each index is taken once");
                }
            });
        }
    });
    let each = results.into_iter().map(OnceLock::into_inner);
    each.map(|result| {
        result.expect("only those behind one that failed are left out, and its error ends this")
    })
    .collect()
}

/// Where the blocks go: partition behind partition.
struct Sink<'a> {
    store: &'a Store,
    missing: &'a [(&'a PartitionInfo, &'a [Chunk])],
    /// The partition that is begun next.
    next: usize,
    open: Option<PartitionWriter>,
    /// Of all blocks so far.
    unpacked_bytes: u64,
    place: String,
}

impl Sink<'_> {
    /// Goes on to a partition; those before it are finished.
    fn reach(&mut self, number: usize) -> Result<(), Error> {
        while self.next <= number {
            if let Some(writer) = self.open.take() {
                let info = self.missing[self.next - 1].0;
                let made = writer.finish()?;
                if made.digest != info.digest {
                    return Err(self.other(info, &made.digest));
                }
            }
            let Some((info, _)) = self.missing.get(self.next) else { break };
            self.open = Some(self.store.partition_writer(&info.name, &[])?);
            self.next += 1;
        }
        Ok(())
    }

    /// What the blocks of the partition that was reached are packed with: it comes before them.
    fn dictionary(&mut self, dictionary: &[u8]) -> Result<(), Error> {
        let (info, _) = self.missing[self.next - 1];
        self.open = Some(self.store.partition_writer(&info.name, dictionary)?);
        Ok(())
    }

    fn push(&mut self, frame: &[u8]) -> Result<(), Error> {
        let writer = self.open.as_mut().expect("a partition is reached before its blocks are given");
        let before = writer.unpacked_bytes();
        // Not what its frames say: what is like what stands before it takes a byte in them.
        writer.push(frame)?;
        self.unpacked_bytes += writer.unpacked_bytes() - before;
        if self.unpacked_bytes > MAX_UNPACKED_BYTES {
            return Err(Error::Content {
                what: "chunks".to_owned(),
                place: self.place.clone(),
                expected: "blocks of at most 32 GiB, unpacked".to_owned(),
                found: "more".to_owned(),
            });
        }
        Ok(())
    }

    fn other(&self, info: &PartitionInfo, found: &Digest) -> Error {
        Error::Content {
            what: format!("partition `{}`", clip(&info.name)),
            place: self.place.clone(),
            expected: format!("blocks with the digest `{}`", info.digest),
            found: format!("`{found}`"),
        }
    }

    fn number_of_frames(&self, chunk: &Chunk, found: String) -> Error {
        Error::Content {
            what: format!("chunk {}", chunk.digest),
            place: self.place.clone(),
            expected: format!("{} blocks", chunk.blocks),
            found,
        }
    }
}
