//! Made-up advisories in the OSV bucket's layout, as many as the live export holds: what size and speed of a full
//! database are measured on. The same numbers give the same bytes.
//!
//! Shares of ecosystems, packages a record and lengths of texts follow the live export of 2026; names and words are
//! made up, so nothing here is of any use but for measuring.

mod random;
mod shares;
mod words;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use random::{Random, mix};
use shares::{Kind, SHARES, Share};
use words::{BUILT_OF_ONE_SOURCE, code, package_name, sentence, vector, version, word};

/// Advisories of the full set.
pub(crate) const FULL: u32 = 300_000;

/// What a writing came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) ranges: u64,
    pub(crate) json_bytes: u64,
}

/// Writes `count` advisories below `folder`, as they are on that `day`: from one day to the next, one record in a
/// thousand is changed and two in a thousand are new.
pub(crate) fn write(folder: &Path, count: u32, day: u32) -> Result<Written> {
    let mut written = Written::default();
    let mut ecosystems: Vec<&str> = SHARES.iter().map(|share| share.name).collect();
    ecosystems.dedup();
    let mut whole_index = String::new();
    for ecosystem in &ecosystems {
        let below = folder.join(ecosystem);
        fs::create_dir_all(&below).with_context(|| format!("cannot make `{}`", below.display()))?;
        let path = below.join("all.zip");
        let file = fs::File::create(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
        let mut archive = rawzip::ZipArchiveWriter::new(BufWriter::new(file));
        let mut index: Vec<(String, String)> = Vec::new();
        for (place, share) in (0_u64..).zip(SHARES).filter(|(_, share)| share.name == *ecosystem) {
            let old = count / 1000 * share.permille;
            let total = old + day * old.div_ceil(500);
            for number in 0..total {
                let first_day = if number < old { 0 } else { (number - old) / old.div_ceil(500) + 1 };
                // Whether the record was changed today or on a day before.
                let changed =
                    (1..=day).filter(|day| mix(place, number, *day + 77).is_multiple_of(1000)).max();
                let (id, modified, record, ranges) = record(share, place, number, first_day, changed);
                let bytes = serde_json::to_vec(&record).context("cannot write JSON")?;
                written.records += 1;
                written.ranges += ranges;
                written.json_bytes += bytes.len() as u64;
                let (mut entry, config) = archive
                    .new_file(format!("{id}.json").as_str())
                    .compression_method(rawzip::CompressionMethod::DEFLATE)
                    .start()
                    .context("cannot begin a zip entry")?;
                let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
                let mut writer = config.wrap(encoder);
                writer.write_all(&bytes).context("cannot write a zip entry")?;
                let (encoder, descriptor) = writer.finish().context("cannot end a zip entry")?;
                encoder.finish().context("cannot compress a zip entry")?;
                entry.finish(descriptor).context("cannot end a zip entry")?;
                index.push((modified, id));
            }
        }
        archive.finish().context("cannot end a zip archive")?.flush().context("cannot write a zip")?;
        index.sort_by(|one, two| two.cmp(one));
        let mut text = String::new();
        for (modified, id) in &index {
            writeln!(text, "{modified},{id}").expect("a string takes every text");
            writeln!(whole_index, "{modified},{ecosystem}/{id}").expect("a string takes every text");
        }
        fs::write(below.join("modified_id.csv"), text).context("cannot write `modified_id.csv`")?;
    }
    fs::write(folder.join("modified_id.csv"), whole_index).context("cannot write `modified_id.csv`")?;
    fs::write(folder.join("ecosystems.txt"), ecosystems.join("\n") + "\n")
        .context("cannot write `ecosystems.txt`")?;
    Ok(written)
}

/// A record, its ID, when it was changed, and how many ranges it has.
fn record(
    share: &Share,
    place: u64,
    number: u32,
    first_day: u32,
    changed: Option<u32>,
) -> (String, String, Value, u64) {
    let mut random = Random::from_seed(mix(place, number, 1) | 1);
    let year = 2008 + number % 18;
    let id = match share.kind {
        Kind::Flaw if share.prefix == "CGA" => format!("CGA-{}", code(&mut random)),
        Kind::Language if share.prefix == "GHSA" => format!("GHSA-{}", code(&mut random)),
        Kind::Erratum => format!("{}-{year}:{number:05}", share.prefix),
        _ => format!("{}-{year}-{number}", share.prefix),
    };
    let date = |day: u32| match day {
        0 => format!("{year}-{:02}-{:02}T{:02}:00:00Z", 1 + number % 12, 1 + number % 28, number % 24),
        day => format!("2026-11-{:02}T{:02}:00:00Z", 1 + day % 28, number % 24),
    };
    let (published, modified) = (date(first_day), date(changed.unwrap_or(first_day)));
    let mut affected = Vec::new();
    let named = match share.names {
        1 => 1,
        average => 1 + random.below(2 * average - 1),
    };
    // A flaw is met in most releases that hold the package; an erratum is of one.
    let releases: Vec<&str> = match share.kind {
        Kind::Erratum => {
            vec![random.pick(share.releases)]
        }
        _ => share
            .releases
            .iter()
            .copied()
            .filter(|_| share.releases.len() == 1 || random.below(4) > 0)
            .collect(),
    };
    let of_package = |random: &mut Random| {
        // Few packages have many flaws.
        let (one, two) = (random.below(share.packages), random.below(share.packages));
        package_name(share, one.min(two).min(random.below(share.packages)))
    };
    let stem = of_package(&mut random);
    let mut built = version(share, &mut random);
    for part in 0..named {
        // An erratum names the packages that were built of one source, which are always the same ones.
        let name = if part == 0 {
            stem.clone()
        } else {
            format!("{stem}-{}", BUILT_OF_ONE_SOURCE[part as usize % BUILT_OF_ONE_SOURCE.len()])
        };
        for release in &releases {
            let ecosystem =
                if release.is_empty() { share.name.to_owned() } else { format!("{}:{release}", share.name) };
            let mut events = vec![json!({"introduced": "0"})];
            if share.kind == Kind::Erratum {
                // An erratum is of builds: each has a version, and some four packages share it, as AlmaLinux's do.
                if random.below(4) == 0 {
                    built = version(share, &mut random);
                }
                events.push(json!({"fixed": built}));
            } else if share.kind != Kind::Malicious && random.below(10) > 2 {
                events.push(json!({"fixed": version(share, &mut random)}));
            }
            let mut ranges = vec![json!({"type": "ECOSYSTEM", "events": events})];
            if share.kind == Kind::Language && random.below(3) == 0 {
                let (from, to) = (version(share, &mut random), version(share, &mut random));
                ranges.push(json!({"type": "ECOSYSTEM", "events": [{"introduced": from}, {"fixed": to}]}));
            }
            affected.push(json!({"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges}));
        }
    }
    let ranges =
        affected.iter().filter_map(|one| one["ranges"].as_array()).map(|ranges| ranges.len() as u64).sum();
    // The CVE that a distribution's record of one flaw is named after is the one it speaks of.
    let own = id.split_once("CVE-").map(|(_, number)| format!("CVE-{number}"));
    let named = if share.kind == Kind::Erratum { 1 + random.below(4) } else { 1 };
    let cves: Vec<String> = own.map_or_else(
        || (0..named).map(|more| format!("CVE-{year}-{}", number.wrapping_mul(7) % 60_000 + more)).collect(),
        |own| vec![own],
    );
    let key = if matches!(share.kind, Kind::Language) { "aliases" } else { "upstream" };
    let mut record = json!({
        "schema_version": "1.7.3", "id": id, "modified": modified, "published": published,
        "affected": affected,
        "references": links(share, &mut random, &cves),
    });
    if share.kind != Kind::Malicious {
        record[key] = json!(cves);
        record["severity"] = json!([{"type": "CVSS_V3", "score": vector(&mut random)}]);
    }
    if share.words > 0 {
        let length = share.words / 2 + random.below(share.words);
        let revised = changed.map(|day| format!(" Revised on day {day}.")).unwrap_or_default();
        record["summary"] = json!(sentence(&mut random, 8));
        record["details"] = json!(sentence(&mut random, length) + &revised);
    }
    (id, modified, record, ranges)
}

/// Links of a record. Those of a distribution's flaw are pages of that flaw at a few places, as many as in the live
/// export: one in Debian's and Alpine's records, two in Wolfi's, four in Ubuntu's.
fn links(share: &Share, random: &mut Random, cves: &[String]) -> Vec<Value> {
    let link = |url: String| json!({"type": "WEB", "url": url});
    let flaw = cves.first().map_or("", String::as_str);
    let of_flaw = match share.name {
        "Debian" | "Alpine" => 1,
        "Wolfi" | "Chainguard" => 2,
        "Ubuntu" => 3,
        _ => 0,
    };
    let mut links: Vec<Value> =
        (0..of_flaw).map(|site| link(format!("https://site{site}.example/security/{flaw}"))).collect();
    let more = match share.name {
        "Ubuntu" => 1,
        _ if of_flaw > 0 => 0,
        _ => 1 + random.below(5),
    };
    for _ in 0..more {
        let (host, one, two) = (word(random), word(random), word(random));
        links.push(link(format!("https://{host}.example/{one}/{two}/{}", random.below(100_000))));
    }
    links
}
