//! A made-up fleet: scans of any number of images, the same in each run, shaped as real ones are: images share bases,
//! bases share packages, few packages have flaws, few flaws are grave.

use plimsoll_model::{
    Artifact, DatabaseInfo, Epss, Evidence, Finding, FixState, Inventory, KevEntry, Layer, LayerInfo,
    OsRelease, Package, PackageKind, Platform, Scan, Severity, SeverityChoice, SeverityCounts,
    SeveritySource, SourcePackage, Verdict,
};
use sha2::{Digest as _, Sha256};

/// Layers of each image; packages of the distribution lie in the first, the application's in the last.
const LAYERS: usize = 6;
/// Images that share a base.
const BASES: u64 = 40;
/// Names that packages are drawn from, by kind.
const NAMES: [(PackageKind, u64); 4] = [
    (PackageKind::Deb, 4_000),
    (PackageKind::Npm, 12_000),
    (PackageKind::PyPi, 3_000),
    (PackageKind::Maven, 2_000),
];
/// Versions of each name.
const VERSIONS: u64 = 12;
/// One of so many versions of packages has a flaw.
const FLAWLESS: u64 = 30;

/// Name and version of one package of the pool.
type Drawn = (PackageKind, u64, u64);

/// The scan of image `number` of the fleet, with so many packages. Numbers that are near share repositories: twenty
/// tags of `registry.example/team7/app12`.
pub fn scan(number: u64, packages: usize) -> Scan {
    let drawn = draw(number, packages);
    let layers: Vec<LayerInfo> = (0..LAYERS)
        .map(|index| {
            let seed =
                if index == 0 { format!("base {}", number % BASES) } else { format!("{number} {index}") };
            LayerInfo {
                diff_id: digest(&seed),
                digest: digest(&format!("gzip {seed}")),
                size_bytes: 1_000_000 + mix(number, index as u64) % 50_000_000,
                created_by: format!("RUN step-{index}"),
            }
        })
        .collect();
    let application = number / 20;
    let name = format!("registry.example/team{}/app{application}:1.{}", application % 200, number % 20);
    let os = OsRelease { id: "debian".to_owned(), version_id: "12".to_owned(), ..OsRelease::default() };
    let packages: Vec<Package> = drawn.iter().map(|&drawn| package(drawn, &layers)).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for (index, &(kind, name, version)) in drawn.iter().enumerate() {
        if mix(mix(name, version), kind as u64).is_multiple_of(FLAWLESS) {
            findings.push(finding(kind, name, index));
        }
    }
    let mut counts = SeverityCounts::default();
    for finding in &findings {
        counts.add(finding.severity.severity);
    }
    let mut scan = Scan {
        inventory: Inventory {
            artifact: Artifact {
                manifest_digest: digest(&format!("image {number}")),
                config_digest: digest(&format!("config {number}")),
                repo_tags: vec![name.clone()],
                name,
                platform: Some(Platform {
                    os: "linux".into(),
                    architecture: "amd64".into(),
                    variant: String::new(),
                }),
                created: "2026-10-01T00:00:00Z".to_owned(),
                layers,
                ..Artifact::default()
            },
            os: Some(os),
            packages,
            ..Inventory::default()
        },
        findings,
        database: DatabaseInfo {
            digest: digest("database"),
            updated: "2026-11-01T00:00:00Z".to_owned(),
            newest_advisory: "2026-11-01T00:00:00Z".to_owned(),
            advisories: 1_000,
        },
        ..Scan::default()
    };
    scan.decision.verdict = if counts.critical > 0 { Verdict::Failed } else { Verdict::Passed };
    scan.decision.counts = counts;
    scan
}

/// Half of the packages are those of the base; the others are the image's own.
fn draw(number: u64, packages: usize) -> Vec<Drawn> {
    let base = number % BASES;
    let mut drawn: Vec<Drawn> = (0..packages as u64)
        .map(|slot| {
            let of_base = slot < packages as u64 / 2;
            let seed = if of_base { mix(base, slot) } else { mix(mix(number, 7), slot) };
            let (kind, names) = if of_base { NAMES[0] } else { NAMES[1 + (seed % 3) as usize] };
            // Some names are in many images, most in few: the square of a number between 0 and 1.
            let part = mix(seed, 1) % 1_000;
            let name = names * part * part / 1_000_000;
            (kind, name, mix(seed, 2) % VERSIONS)
        })
        .collect();
    drawn.sort_unstable();
    drawn.dedup_by_key(|&mut (kind, name, _)| (kind, name));
    drawn
}

fn package((kind, name, version): Drawn, layers: &[LayerInfo]) -> Package {
    let index = if kind == PackageKind::Deb { 0 } else { LAYERS - 1 };
    let layer = Some(Layer { diff_id: layers[index].diff_id.clone(), index });
    let text = self::name(kind, name);
    let (cataloger, path) = match kind {
        PackageKind::Deb => ("dpkg", "var/lib/dpkg/status".to_owned()),
        PackageKind::Npm => ("node-package", format!("app/node_modules/{text}/package.json")),
        PackageKind::PyPi => ("python-distribution", format!("usr/lib/python3/{text}.dist-info/METADATA")),
        _ => ("java-archive", format!("app/lib/{}.jar", text.replace(':', "-"))),
    };
    Package {
        architecture: (kind == PackageKind::Deb).then(|| "amd64".to_owned()),
        source: (kind == PackageKind::Deb).then(|| SourcePackage {
            name: format!("src-{}", name / 3),
            version: self::version(kind, version),
        }),
        licenses: vec![if name % 3 == 0 { "MIT" } else { "Apache-2.0" }.to_owned()],
        path,
        layer: layer.clone(),
        introduced_in: layer,
        ..Package::new(kind, text, self::version(kind, version), cataloger)
    }
}

fn finding(kind: PackageKind, name: u64, package: usize) -> Finding {
    let seed = mix(name, kind as u64);
    let id = format!("CVE-{}-{}", 2018 + seed % 9, 1_000 + seed % 90_000);
    let severity = match seed % 100 {
        0..=4 => Severity::Critical,
        5..=24 => Severity::High,
        25..=69 => Severity::Medium,
        _ => Severity::Low,
    };
    let score = u8::try_from(seed % 100).expect("a remainder of 100");
    let source = SeveritySource::Score { source: "nvd".to_owned(), score };
    let text = self::name(kind, name);
    Finding {
        aliases: vec![format!("GHSA-{seed:016x}")],
        advisories: vec![format!("ADV-{seed:x}")],
        fix: if seed.is_multiple_of(4) {
            FixState::NotFixed
        } else {
            FixState::Fixed(version(kind, VERSIONS))
        },
        severity: SeverityChoice { severity, source },
        title: format!("a made-up flaw of {text}"),
        published: "2025-06-01T00:00:00Z".to_owned(),
        kev: seed.is_multiple_of(200).then(|| KevEntry {
            id: id.clone(),
            date_added: "2026-01-02".to_owned(),
            due_date: "2026-01-23".to_owned(),
            ransomware: false,
            name: "made up".to_owned(),
        }),
        epss: Some(Epss { probability: (seed % 100_000) as u32, percentile: (seed % 1_000_000) as u32 }),
        risk: u16::try_from(seed % 1_000).expect("a remainder of 1000"),
        evidence: vec![Evidence {
            advisory: format!("ADV-{seed:x}"),
            source: "bench".to_owned(),
            namespace: "npm".to_owned(),
            name: text,
            version: "1".to_owned(),
            range: "all".to_owned(),
            fixed: None,
            note: String::new(),
        }],
        ..Finding::new(id, vec![package])
    }
}

/// The name of a package of the pool.
pub fn name(kind: PackageKind, number: u64) -> String {
    match kind {
        PackageKind::Deb => format!("lib{}-{number}", WORDS[(number % 16) as usize]),
        PackageKind::Maven => format!("org.{}:artifact-{number}", WORDS[(number % 16) as usize]),
        _ => format!("{}-{number}", WORDS[(number % 16) as usize]),
    }
}

/// A version of the pool; greater numbers are later.
pub fn version(kind: PackageKind, number: u64) -> String {
    match kind {
        PackageKind::Deb => format!("1.{number}.2-{}+deb12u1", number % 3),
        _ => format!("1.{number}.0"),
    }
}

const WORDS: [&str; 16] = [
    "anchor", "ballast", "capstan", "davit", "ensign", "fender", "gunwale", "halyard", "jib", "keel",
    "lanyard", "mast", "oar", "pennant", "rudder", "sextant",
];

fn digest(seed: &str) -> String {
    Sha256::digest(seed.as_bytes()).iter().fold("sha256:".to_owned(), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("four bits"));
        text.push(char::from_digit(u32::from(byte & 15), 16).expect("four bits"));
        text
    })
}

/// Scatters two numbers. Source: `SplitMix64`, Steele, Lea, Flood 2014.
fn mix(one: u64, two: u64) -> u64 {
    let mut sum =
        one.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(two).wrapping_add(0x9e37_79b9_7f4a_7c15);
    sum = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    sum = (sum ^ (sum >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    sum ^ (sum >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_the_same_twice_and_its_images_differ() {
        assert_eq!(scan(17, 300), scan(17, 300));
        let (one, other) = (scan(17, 300), scan(18, 300));
        assert_ne!(one.inventory, other.inventory);
        let share = |scan: &Scan| scan.inventory.packages.len();
        assert!((250..=300).contains(&share(&one)), "{}", share(&one));
        let findings: usize = (0..100).map(|number| scan(number, 300).findings.len()).sum();
        assert!((300..3_000).contains(&findings), "{findings}");
    }
}
