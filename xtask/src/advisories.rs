//! Made-up advisories in the OSV bucket's layout, as many as the live export holds: what size and speed of a full
//! database are measured on. The same numbers give the same bytes.
//!
//! Shares of ecosystems, packages a record and lengths of texts follow the live export of 2026; names and words are
//! made up, so nothing here is of any use but for measuring.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Advisories of the full set.
pub(crate) const FULL: u32 = 300_000;

/// One ecosystem of the set.
struct Share {
    name: &'static str,
    prefix: &'static str,
    /// Of a thousand advisories.
    permille: u32,
    /// Packages there are.
    packages: u32,
    /// Releases, each a suffix; a record names several of them.
    releases: &'static [&'static str],
    /// Packages that a record names in a release, on average.
    names: u32,
    /// Average length of the description, in words.
    words: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A record of one flaw, named after its CVE.
    Flaw,
    /// An erratum that names several CVEs.
    Erratum,
    /// A record of a language's database, `GHSA-…`.
    Language,
    /// A malicious package.
    Malicious,
}

const SHARES: &[Share] = &[
    Share {
        name: "Debian",
        prefix: "DEBIAN-CVE",
        permille: 150,
        packages: 4000,
        releases: &["11", "12", "13", "14"],
        names: 1,
        words: 30,
        kind: Kind::Flaw,
    },
    Share {
        name: "Ubuntu",
        prefix: "UBUNTU-CVE",
        permille: 150,
        packages: 4000,
        releases: &[
            "16.04:LTS",
            "Pro:16.04:LTS",
            "18.04:LTS",
            "Pro:18.04:LTS",
            "20.04:LTS",
            "22.04:LTS",
            "24.04:LTS",
            "25.10",
        ],
        names: 1,
        words: 35,
        kind: Kind::Flaw,
    },
    Share {
        name: "Alpine",
        prefix: "ALPINE-CVE",
        permille: 30,
        packages: 900,
        releases: &["v3.15", "v3.16", "v3.17", "v3.18", "v3.19", "v3.20", "v3.21", "v3.22"],
        names: 1,
        words: 0,
        kind: Kind::Flaw,
    },
    Share {
        name: "Red Hat",
        prefix: "RHSA",
        permille: 50,
        packages: 2200,
        releases: &["enterprise_linux:7::server", "enterprise_linux:8::baseos", "enterprise_linux:9::baseos"],
        names: 22,
        words: 60,
        kind: Kind::Erratum,
    },
    Share {
        name: "AlmaLinux",
        prefix: "ALSA",
        permille: 20,
        packages: 1500,
        releases: &["8", "9", "10"],
        names: 11,
        words: 90,
        kind: Kind::Erratum,
    },
    Share {
        name: "Rocky Linux",
        prefix: "RLSA",
        permille: 20,
        packages: 1500,
        releases: &["8", "9"],
        names: 16,
        words: 60,
        kind: Kind::Erratum,
    },
    Share {
        name: "SUSE",
        prefix: "SUSE-SU",
        permille: 50,
        packages: 2200,
        releases: &[
            "Linux Enterprise Server 12 SP5",
            "Linux Enterprise Server 15 SP4",
            "Linux Enterprise Server 15 SP5",
            "Linux Enterprise Module for Basesystem 15 SP5",
        ],
        names: 16,
        words: 50,
        kind: Kind::Erratum,
    },
    Share {
        name: "openSUSE",
        prefix: "openSUSE-SU",
        permille: 20,
        packages: 2200,
        releases: &["Leap 15.4", "Leap 15.5", "Tumbleweed"],
        names: 16,
        words: 40,
        kind: Kind::Erratum,
    },
    Share {
        name: "Wolfi",
        prefix: "CGA",
        permille: 60,
        packages: 3000,
        releases: &[""],
        names: 1,
        words: 0,
        kind: Kind::Flaw,
    },
    Share {
        name: "Chainguard",
        prefix: "CGA",
        permille: 60,
        packages: 5000,
        releases: &[""],
        names: 1,
        words: 0,
        kind: Kind::Flaw,
    },
    Share {
        name: "npm",
        prefix: "GHSA",
        permille: 40,
        packages: 9000,
        releases: &[""],
        names: 1,
        words: 110,
        kind: Kind::Language,
    },
    Share {
        name: "npm",
        prefix: "MAL",
        permille: 150,
        packages: 45000,
        releases: &[""],
        names: 1,
        words: 25,
        kind: Kind::Malicious,
    },
    Share {
        name: "PyPI",
        prefix: "PYSEC",
        permille: 60,
        packages: 6000,
        releases: &[""],
        names: 1,
        words: 110,
        kind: Kind::Language,
    },
    Share {
        name: "PyPI",
        prefix: "MAL",
        permille: 30,
        packages: 9000,
        releases: &[""],
        names: 1,
        words: 25,
        kind: Kind::Malicious,
    },
    Share {
        name: "Maven",
        prefix: "GHSA",
        permille: 40,
        packages: 4000,
        releases: &[""],
        names: 2,
        words: 110,
        kind: Kind::Language,
    },
    Share {
        name: "Go",
        prefix: "GO",
        permille: 25,
        packages: 2000,
        releases: &[""],
        names: 2,
        words: 60,
        kind: Kind::Language,
    },
    Share {
        name: "Packagist",
        prefix: "GHSA",
        permille: 20,
        packages: 2000,
        releases: &[""],
        names: 1,
        words: 90,
        kind: Kind::Language,
    },
    Share {
        name: "RubyGems",
        prefix: "GHSA",
        permille: 8,
        packages: 700,
        releases: &[""],
        names: 1,
        words: 90,
        kind: Kind::Language,
    },
    Share {
        name: "crates.io",
        prefix: "RUSTSEC",
        permille: 9,
        packages: 1500,
        releases: &[""],
        names: 1,
        words: 90,
        kind: Kind::Language,
    },
    Share {
        name: "NuGet",
        prefix: "GHSA",
        permille: 8,
        packages: 800,
        releases: &[""],
        names: 2,
        words: 90,
        kind: Kind::Language,
    },
];

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
    let mut random = Random(mix(place, number, 1) | 1);
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
            if share.kind != Kind::Malicious && random.below(10) > 2 {
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

fn package_name(share: &Share, number: u32) -> String {
    let mut random = Random(u64::from(number) * 7919 + 13);
    let name = format!("{}-{}{}", word(&mut random), word(&mut random), number % 97);
    match share.name {
        "Maven" => format!("org.{}:{name}", word(&mut random)),
        "Go" => format!("{}.example/{}/{name}", word(&mut random), word(&mut random)),
        "Packagist" => format!("{}/{name}", word(&mut random)),
        "npm" if number.is_multiple_of(5) => format!("@{}/{name}", word(&mut random)),
        _ => name,
    }
}

fn version(share: &Share, random: &mut Random) -> String {
    let base = format!("{}.{}.{}", random.below(12), random.below(30), random.below(15));
    match share.name {
        "Debian" => {
            format!("{base}-{}+deb{}u{}", 1 + random.below(5), 11 + random.below(3), 1 + random.below(6))
        }
        "Ubuntu" => format!("{base}-{}ubuntu{}.{}", 1 + random.below(5), random.below(4), random.below(20)),
        "Alpine" | "Wolfi" | "Chainguard" => format!("{base}-r{}", random.below(9)),
        "Red Hat" | "AlmaLinux" | "Rocky Linux" => format!(
            "{}:{base}-{}.el{}_{}",
            random.below(2),
            random.below(90),
            7 + random.below(3),
            random.below(10)
        ),
        "SUSE" | "openSUSE" => {
            format!("{base}-150{}00.{}.{}.1", random.below(6), random.below(9), random.below(60))
        }
        "Go" => format!("v{base}"),
        _ => base,
    }
}

fn vector(random: &mut Random) -> String {
    let mut pick = |choices: &[&'static str]| random.pick(choices);
    format!(
        "CVSS:3.1/AV:{}/AC:{}/PR:{}/UI:{}/S:{}/C:{}/I:{}/A:{}",
        pick(&["N", "N", "N", "L"]),
        pick(&["L", "L", "H"]),
        pick(&["N", "N", "L", "H"]),
        pick(&["N", "R"]),
        pick(&["U", "U", "C"]),
        pick(&["N", "L", "H"]),
        pick(&["N", "L", "H"]),
        pick(&["N", "L", "H"])
    )
}

fn code(random: &mut Random) -> String {
    const LETTERS: &[u8] = b"23456789cfghjmpqrvwx";
    let mut text = String::new();
    for part in 0..3 {
        if part > 0 {
            text.push('-');
        }
        for _ in 0..4 {
            text.push(char::from(LETTERS[random.below(20) as usize]));
        }
    }
    text
}

fn word(random: &mut Random) -> String {
    if random.below(3) == 0 {
        format!("{}{}", random.pick(WORDS), random.pick(WORDS))
    } else {
        random.pick(WORDS).to_owned()
    }
}

/// Turns of phrase, of which few stand often, and now and then a name of its own, as in such texts.
fn sentence(random: &mut Random, words: u32) -> String {
    const PHRASES: u32 = 700;
    const PHRASE_WORDS: u32 = 4;
    let mut text = String::new();
    for place in 0..words.div_ceil(PHRASE_WORDS) {
        if place > 0 {
            text.push(' ');
        }
        if random.below(6) == 0 {
            write!(text, "{}_{}", word(random), random.below(100)).expect("a string takes every text");
            continue;
        }
        let number = random.below(PHRASES).min(random.below(PHRASES));
        let mut phrase = Random(u64::from(number) * 104_729 + 17);
        for part in 0..PHRASE_WORDS {
            if part > 0 {
                text.push(' ');
            }
            text.push_str(phrase.pick_early(WORDS));
        }
    }
    text.push('.');
    text
}

/// Numbers that look random and are always the same.
struct Random(u64);

impl Random {
    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let place = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        choices.get(place as usize).copied().unwrap_or_default()
    }

    /// One of them, those in front more often.
    fn pick_early<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let count = u32::try_from(choices.len()).unwrap_or(u32::MAX);
        let place = self.below(count).min(self.below(count));
        choices.get(place as usize).copied().unwrap_or_default()
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 20) % u64::from(limit.max(1))).unwrap_or_default()
    }
}

fn mix(place: u64, number: u32, salt: u32) -> u64 {
    let mut state = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(number) << 20) ^ u64::from(salt);
    for _ in 0..3 {
        state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    state ^ (state >> 29)
}

/// What a source's packages are called behind its name.
const BUILT_OF_ONE_SOURCE: &[&str] = &[
    "libs",
    "devel",
    "common",
    "doc",
    "tools",
    "server",
    "client",
    "core",
    "modules",
    "headers",
    "utils",
    "static",
    "debuginfo",
    "debugsource",
    "lang",
    "plugins",
    "extra",
    "test",
    "daemon",
    "data",
    "gui",
    "perl",
    "python3",
    "java",
    "minimal",
    "modules-core",
    "modules-extra",
    "selinux",
    "systemd",
    "cli",
    "bin",
    "config",
    "examples",
    "compat",
];

const WORDS: &[&str] = &[
    "the",
    "a",
    "of",
    "in",
    "to",
    "allows",
    "attackers",
    "remote",
    "via",
    "crafted",
    "and",
    "an",
    "before",
    "is",
    "vulnerability",
    "code",
    "user",
    "arbitrary",
    "issue",
    "function",
    "file",
    "service",
    "denial",
    "could",
    "not",
    "memory",
    "cause",
    "that",
    "was",
    "when",
    "versions",
    "buffer",
    "with",
    "overflow",
    "local",
    "execute",
    "be",
    "data",
    "information",
    "by",
    "from",
    "request",
    "affected",
    "input",
    "server",
    "parser",
    "heap",
    "read",
    "write",
    "handling",
    "improper",
    "validation",
    "access",
    "component",
    "found",
    "discovered",
    "kernel",
    "driver",
    "plugin",
    "module",
    "library",
    "header",
    "token",
    "session",
    "script",
    "cross",
    "site",
    "injection",
    "path",
    "traversal",
    "network",
    "packet",
    "image",
    "decoder",
    "stack",
    "pointer",
    "null",
    "race",
    "condition",
    "leak",
    "crash",
    "loop",
    "signature",
    "certificate",
    "verify",
    "bypass",
    "permission",
    "privilege",
    "escalation",
    "default",
    "config",
    "archive",
    "stream",
    "queue",
    "thread",
    "lock",
    "table",
    "index",
    "query",
    "schema",
    "object",
    "class",
    "method",
    "proxy",
    "cache",
    "route",
    "filter",
    "bridge",
    "vector",
    "matrix",
    "render",
    "engine",
    "client",
    "socket",
    "frame",
    "field",
    "string",
    "format",
    "number",
    "length",
    "bound",
    "check",
    "limit",
    "state",
    "timer",
    "event",
    "signal",
    "graph",
    "node",
    "edge",
    "tree",
    "branch",
    "merge",
    "patch",
    "build",
    "release",
    "version",
    "target",
    "source",
    "model",
    "view",
    "shell",
    "command",
    "option",
    "flag",
    "value",
    "entry",
    "record",
    "block",
    "chunk",
    "page",
    "segment",
    "volume",
    "mount",
    "device",
    "sensor",
    "camera",
    "audio",
    "video",
    "codec",
    "media",
    "player",
    "editor",
    "admin",
    "login",
    "password",
    "secret",
    "cipher",
    "hash",
    "digest",
    "random",
    "seed",
    "entropy",
    "backup",
    "restore",
];
