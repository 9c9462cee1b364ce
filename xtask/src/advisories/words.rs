//! Names, versions and sentences that look like those of advisories and mean nothing.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::random::Random;
use super::shares::Share;

/// What a source's packages are called behind its name.
pub(super) const BUILT_OF_ONE_SOURCE: &[&str] = &[
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

/// Words of texts and names, those that stand often in front.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

/// The package of that number.
pub(super) fn package_name(share: &Share, number: u32) -> String {
    let mut random = Random::from_seed(u64::from(number) * 7919 + 13);
    let name = format!("{}-{}{}", word(&mut random), word(&mut random), number % 97);
    match share.name {
        "Maven" => format!("org.{}:{name}", word(&mut random)),
        "Go" => format!("{}.example/{}/{name}", word(&mut random), word(&mut random)),
        "Packagist" => format!("{}/{name}", word(&mut random)),
        "npm" if number.is_multiple_of(5) => format!("@{}/{name}", word(&mut random)),
        _ => name,
    }
}

/// A version in the ecosystem's form.
pub(super) fn version(share: &Share, random: &mut Random) -> String {
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

/// A CVSS vector.
pub(super) fn vector(random: &mut Random) -> String {
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

/// As behind `GHSA-`.
pub(super) fn code(random: &mut Random) -> String {
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

/// A word, or two as one.
pub(super) fn word(random: &mut Random) -> String {
    if random.below(3) == 0 {
        format!("{}{}", random.pick(&WORDS), random.pick(&WORDS))
    } else {
        random.pick(&WORDS).to_owned()
    }
}

/// Turns of phrase, of which few stand often, and now and then a name of its own, as in such texts.
pub(super) fn sentence(random: &mut Random, words: u32) -> String {
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
        let mut phrase = Random::from_seed(u64::from(number) * 104_729 + 17);
        for part in 0..PHRASE_WORDS {
            if part > 0 {
                text.push(' ');
            }
            text.push_str(phrase.pick_early(&WORDS));
        }
    }
    text.push('.');
    text
}
