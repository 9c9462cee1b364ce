//! Records: the content of a partition, one document or fact each, as bytes that are sorted by their key.

use plimsoll_advisory::Document;
use plimsoll_model::{
    Advisory, Affected, AffectedEvent, AffectedRange, AffectedStatus, Ecosystem, Epss, EventKind, KevEntry,
    LookupError, Namespace, Rating, Reference, VulnerabilityScore,
};

use crate::bytes::{MAX_RESERVE, Put, Reader};
use crate::index;

const PART: &str = "documents";
/// Longest record that is written or read, in bytes. A publisher's record of 16 MiB of JSON is shorter here.
pub(crate) const MAX_RECORD_BYTES: usize = 32 * 1024 * 1024;
/// Bit of an advisory's flags: its texts stand in the partition of its bare ecosystem.
pub(crate) const TEXTS_ELSEWHERE: u8 = 1;
/// What a record is. The order is that of the records; the first two are *documents* and have a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An advisory.
    Advisory,
    /// Summary, details and links of an advisory whose packages stand in partitions of releases.
    Texts,
    /// An entry of the catalogue of known exploited vulnerabilities.
    Kev,
    /// A severity of a CVE by itself.
    Score,
    /// How probable the exploitation of a CVE is.
    Epss,
}

impl Kind {
    pub(crate) fn of(byte: u8) -> Option<Self> {
        [Self::Advisory, Self::Texts, Self::Kev, Self::Score, Self::Epss].get(usize::from(byte)).copied()
    }

    /// Whether it has a number, under which it is found.
    pub(crate) fn is_document(self) -> bool {
        matches!(self, Self::Advisory | Self::Texts)
    }
}

/// What records are sorted by. Days' changes lie together; two records of one key are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key<'a> {
    pub(crate) kind: Kind,
    pub(crate) published: &'a str,
    pub(crate) id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) scope: &'a str,
    /// The rating of a score: there may be several of a CVE. Else empty.
    pub(crate) rest: &'a [u8],
}

impl<'a> Key<'a> {
    /// The key of a record that is of this source and scope.
    pub(crate) fn read(body: &'a [u8], source: &'a str, scope: &'a str) -> Result<Self, LookupError> {
        let mut reader = Reader::new(body, PART);
        let head = Head::read(&mut reader)?;
        let rest = if head.kind == Kind::Score { reader.rest() } else { &[] };
        Ok(Self { kind: head.kind, published: head.published, id: head.id, source, scope, rest })
    }

    /// Decides with others where a block ends. Part of the format of content.
    pub(crate) fn hash(&self) -> u64 {
        index::hash(self.kind as u32, self.id.as_bytes())
    }
}

/// What stands at the front of every record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) kind: Kind,
    pub(crate) published: &'a str,
    pub(crate) id: &'a str,
}

impl<'a> Head<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, LookupError> {
        let kind = Kind::of(reader.byte()?).ok_or_else(|| reader.damaged("a kind of record from 0 to 4"))?;
        Ok(Self { kind, published: reader.text()?, id: reader.text()? })
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.kind as u8);
        out.put_text(self.published);
        out.put_text(self.id);
    }
}

/// Tells documents of one ID and source, which may stand in several partitions, from all others.
pub(crate) fn identity(id: &str, source: &str) -> u64 {
    let mut bytes = Vec::with_capacity(id.len() + source.len() + 2);
    bytes.put_text(id);
    bytes.put_text(source);
    index::hash(0, &bytes)
}

/// Whether there is anything that is worth being kept once for several releases.
pub(crate) fn has_texts(advisory: &Advisory) -> bool {
    !(advisory.summary.is_empty() && advisory.details.is_empty() && advisory.references.is_empty())
}

/// An advisory that speaks of these packages; without its texts where they stand elsewhere.
pub(crate) fn encode_advisory<'a>(
    advisory: &Advisory,
    affected: impl ExactSizeIterator<Item = &'a Affected>,
    texts_elsewhere: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    Head { kind: Kind::Advisory, published: &advisory.published, id: &advisory.id }.write(&mut out);
    out.push(if texts_elsewhere { TEXTS_ELSEWHERE } else { 0 });
    out.put_text(&advisory.modified);
    for list in [&advisory.aliases, &advisory.upstream, &advisory.related, &advisory.cwes] {
        out.put_count(list.len());
        for text in list {
            out.put_text(text);
        }
    }
    out.put_text(advisory.informational.as_deref().unwrap_or_default());
    put_ratings(&advisory.ratings, &mut out);
    if !texts_elsewhere {
        put_texts(advisory, &mut out);
    }
    out.put_count(affected.len());
    affected.for_each(|affected| put_affected(affected, &mut out));
    out
}

/// The texts of an advisory alone.
pub(crate) fn encode_texts(advisory: &Advisory) -> Vec<u8> {
    let mut out = Vec::new();
    Head { kind: Kind::Texts, published: &advisory.published, id: &advisory.id }.write(&mut out);
    out.put_text(&advisory.modified);
    put_texts(advisory, &mut out);
    out
}

pub(crate) fn encode_kev(entry: &KevEntry) -> Vec<u8> {
    let mut out = Vec::new();
    Head { kind: Kind::Kev, published: "", id: &entry.id }.write(&mut out);
    put_kev(entry, &mut out);
    out
}

pub(crate) fn encode_score(score: &VulnerabilityScore) -> Vec<u8> {
    let mut out = Vec::new();
    Head { kind: Kind::Score, published: "", id: &score.id }.write(&mut out);
    out.put_rating(&score.rating, Put::put_text);
    out
}

pub(crate) fn encode_epss(id: &str, epss: Epss) -> Vec<u8> {
    let mut out = Vec::new();
    Head { kind: Kind::Epss, published: "", id }.write(&mut out);
    put_epss(epss, &mut out);
    out
}

/// Without the ID.
pub(crate) fn put_kev(entry: &KevEntry, out: &mut Vec<u8>) {
    out.push(u8::from(entry.ransomware));
    out.put_text(&entry.date_added);
    out.put_text(&entry.due_date);
    out.put_text(&entry.name);
}

pub(crate) fn read_kev(id: &str, reader: &mut Reader<'_>) -> Result<KevEntry, LookupError> {
    let ransomware = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(reader.damaged("a mark of 0 or 1")),
    };
    let mut text = || reader.text().map(str::to_owned);
    let (date_added, due_date, name) = (text()?, text()?, text()?);
    Ok(KevEntry { id: id.to_owned(), date_added, due_date, ransomware, name })
}

/// At most six bytes for numbers up to 100,000.
pub(crate) fn put_epss(epss: Epss, out: &mut Vec<u8>) {
    out.put_varint(u64::from(epss.probability));
    out.put_varint(u64::from(epss.percentile));
}

pub(crate) fn read_epss(reader: &mut Reader<'_>) -> Result<Epss, LookupError> {
    Ok(Epss { probability: reader.number()?, percentile: reader.number()? })
}

fn put_ratings(ratings: &[Rating], out: &mut Vec<u8>) {
    out.put_count(ratings.len());
    for rating in ratings {
        out.put_rating(rating, Put::put_text);
    }
}

fn put_texts(advisory: &Advisory, out: &mut Vec<u8>) {
    out.put_count(advisory.references.len());
    for reference in &advisory.references {
        out.put_text(&reference.kind);
        out.put_text(&reference.url);
    }
    out.put_text(&advisory.summary);
    out.put_text(&advisory.details);
}

fn put_affected(affected: &Affected, out: &mut Vec<u8>) {
    out.put_text(affected.namespace.ecosystem.name());
    out.put_text(&affected.namespace.release);
    out.put_text(&affected.name);
    out.push(status_tag(affected.status));
    out.put_text(&affected.note);
    out.put_text(&affected.module);
    out.put_count(affected.ranges.len());
    for range in &affected.ranges {
        out.put_count(range.events.len());
        for event in &range.events {
            out.push(event_tag(event.kind));
            out.put_text(&event.version);
        }
    }
    out.put_count(affected.versions.len());
    for version in &affected.versions {
        out.put_text(version);
    }
    put_ratings(&affected.ratings, out);
}

pub(crate) fn status_tag(status: AffectedStatus) -> u8 {
    match status {
        AffectedStatus::Affected => 0,
        AffectedStatus::WillNotFix => 1,
        AffectedStatus::FixDeferred => 2,
        AffectedStatus::UnderInvestigation => 3,
        AffectedStatus::EndOfLife => 4,
        AffectedStatus::NotAffected => 5,
    }
}

pub(crate) fn read_status(reader: &mut Reader<'_>) -> Result<AffectedStatus, LookupError> {
    Ok(match reader.byte()? {
        0 => AffectedStatus::Affected,
        1 => AffectedStatus::WillNotFix,
        2 => AffectedStatus::FixDeferred,
        3 => AffectedStatus::UnderInvestigation,
        4 => AffectedStatus::EndOfLife,
        5 => AffectedStatus::NotAffected,
        _ => return Err(reader.damaged("a status from 0 to 5")),
    })
}

pub(crate) fn event_tag(kind: EventKind) -> u8 {
    match kind {
        EventKind::Introduced => 0,
        EventKind::Fixed => 1,
        EventKind::LastAffected => 2,
        EventKind::Limit => 3,
    }
}

pub(crate) fn event_kind(tag: u8) -> Option<EventKind> {
    Some(match tag {
        0 => EventKind::Introduced,
        1 => EventKind::Fixed,
        2 => EventKind::LastAffected,
        3 => EventKind::Limit,
        _ => return None,
    })
}

/// Whether a record is an advisory whose texts stand in another partition.
pub(crate) fn has_texts_elsewhere(body: &[u8]) -> Result<bool, LookupError> {
    let mut reader = Reader::new(body, PART);
    Ok(Head::read(&mut reader)?.kind == Kind::Advisory && reader.byte()? == TEXTS_ELSEWHERE)
}

/// An advisory, or the texts of one, without its packages.
pub(crate) struct Decoded<'a> {
    pub(crate) advisory: Advisory,
    pub(crate) texts_elsewhere: bool,
    /// What follows: the packages.
    pub(crate) behind: Reader<'a>,
}

/// Reads a record that [`Kind::is_document`].
pub(crate) fn decode_document<'a>(body: &'a [u8], source: &str) -> Result<Decoded<'a>, LookupError> {
    let mut reader = Reader::new(body, PART);
    let head = Head::read(&mut reader)?;
    let mut advisory = Advisory {
        id: head.id.to_owned(),
        source: source.to_owned(),
        published: head.published.to_owned(),
        ..Advisory::default()
    };
    let mut texts_elsewhere = false;
    match head.kind {
        Kind::Advisory => {
            texts_elsewhere = match reader.byte()? {
                0 => false,
                TEXTS_ELSEWHERE => true,
                _ => return Err(reader.damaged("flags of an advisory of 0 or 1")),
            };
            reader.text()?.clone_into(&mut advisory.modified);
            for list in
                [&mut advisory.aliases, &mut advisory.upstream, &mut advisory.related, &mut advisory.cwes]
            {
                *list = read_texts(&mut reader)?;
            }
            advisory.informational = Some(reader.text()?.to_owned()).filter(|text| !text.is_empty());
            advisory.ratings = read_ratings(&mut reader)?;
        }
        Kind::Texts => reader.text()?.clone_into(&mut advisory.modified),
        Kind::Kev | Kind::Score | Kind::Epss => return Err(reader.damaged("a record of an advisory")),
    }
    if !texts_elsewhere {
        let count = reader.count()?;
        advisory.references.reserve(count.min(MAX_RESERVE));
        for _ in 0..count {
            let (kind, url) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            advisory.references.push(Reference { kind, url });
        }
        reader.text()?.clone_into(&mut advisory.summary);
        reader.text()?.clone_into(&mut advisory.details);
    }
    if head.kind == Kind::Texts {
        reader = Reader::new(&[0], PART);
    }
    Ok(Decoded { advisory, texts_elsewhere, behind: reader })
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<String>, LookupError> {
    let count = reader.count()?;
    let mut texts = Vec::with_capacity(count.min(MAX_RESERVE));
    for _ in 0..count {
        texts.push(reader.text()?.to_owned());
    }
    Ok(texts)
}

fn read_ratings(reader: &mut Reader<'_>) -> Result<Vec<Rating>, LookupError> {
    let count = reader.count()?;
    let mut ratings = Vec::with_capacity(count.min(MAX_RESERVE));
    for _ in 0..count {
        ratings.push(reader.rating(Reader::text)?);
    }
    Ok(ratings)
}

/// Calls `visit` for each package behind an advisory. Those of ecosystems that this program does not know are left
/// out: a newer one may have written them.
pub(crate) fn each_affected(
    mut reader: Reader<'_>,
    mut visit: impl FnMut(Affected) -> Result<(), LookupError>,
) -> Result<(), LookupError> {
    for _ in 0..reader.count()? {
        let (ecosystem, release, name) = (reader.text()?, reader.text()?, reader.text()?);
        let status = read_status(&mut reader)?;
        let (note, module) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let count = reader.count()?;
        let mut ranges = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            let count = reader.count()?;
            let mut events = Vec::with_capacity(count.min(MAX_RESERVE));
            for _ in 0..count {
                let kind =
                    event_kind(reader.byte()?).ok_or_else(|| reader.damaged("an event from 0 to 3"))?;
                events.push(AffectedEvent { kind, version: reader.text()?.to_owned() });
            }
            ranges.push(AffectedRange { events });
        }
        let versions = read_texts(&mut reader)?;
        let ratings = read_ratings(&mut reader)?;
        if let Some(ecosystem) = Ecosystem::from_name(ecosystem) {
            let namespace = Namespace { ecosystem, release: release.to_owned() };
            let name = name.to_owned();
            visit(Affected { namespace, name, ranges, versions, ratings, status, note, module })?;
        }
    }
    Ok(())
}

/// The whole record, owned.
pub(crate) fn decode(body: &[u8], source: &str) -> Result<Document, LookupError> {
    let mut reader = Reader::new(body, PART);
    let head = Head::read(&mut reader)?;
    Ok(match head.kind {
        Kind::Advisory | Kind::Texts => {
            let mut decoded = decode_document(body, source)?;
            each_affected(decoded.behind, |affected| {
                decoded.advisory.affected.push(affected);
                Ok(())
            })?;
            Document::Advisory(Box::new(decoded.advisory))
        }
        Kind::Kev => Document::Kev(read_kev(head.id, &mut reader)?),
        Kind::Score => Document::Score(VulnerabilityScore {
            id: head.id.to_owned(),
            rating: reader.rating(Reader::text)?,
        }),
        Kind::Epss => Document::Epss { id: head.id.to_owned(), epss: read_epss(&mut reader)? },
    })
}
