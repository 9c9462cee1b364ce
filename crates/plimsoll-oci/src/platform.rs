//! Which of an index's images is meant.

use plimsoll_model::Platform;

use crate::Error;

/// Reads `os/architecture[/variant]`, as in `linux/arm64/v8`.
///
/// # Errors
/// [`Error::Platform`]: another number of parts, or characters that no platform has.
pub fn parse_platform(text: &str) -> Result<Platform, Error> {
    let bad = || Error::Platform { text: text.chars().take(100).collect() };
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    if !parts.iter().all(plain) {
        return Err(bad());
    }
    let (os, architecture, variant) = match parts[..] {
        [os, architecture] => (os, architecture, ""),
        [os, architecture, variant] => (os, architecture, variant),
        _ => return Err(bad()),
    };
    // The names that compilers and kernels use are accepted for Go's.
    let architecture = match architecture {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Ok(Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
}

/// What is taken when nothing was asked: Linux on the architecture this program was built for.
pub(crate) fn host_platform() -> Platform {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    };
    Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: String::new() }
}

/// How well a platform is the wanted one: 0 is best, `None` is another platform.
///
/// A variant that was asked must be there; `v8` of arm64 and `v1` of amd64 are what no variant means. Where no variant
/// was asked, the usual one is preferred (none, `v8` of arm64, `v7` of arm), then any.
pub(crate) fn rank(offered: &Platform, wanted: &Platform) -> Option<u8> {
    if offered.os != wanted.os || offered.architecture != wanted.architecture {
        return None;
    }
    let usual = match wanted.architecture.as_str() {
        "arm64" => "v8",
        "arm" => "v7",
        "amd64" => "v1",
        _ => "",
    };
    if wanted.variant.is_empty() {
        return Some(match offered.variant.as_str() {
            "" => 0,
            variant if variant == usual => 1,
            _ => 2,
        });
    }
    let implied = |variant: &str| wanted.architecture != "arm" && (variant.is_empty() || variant == usual);
    if offered.variant == wanted.variant {
        Some(0)
    } else if implied(&offered.variant) && implied(&wanted.variant) {
        Some(1)
    } else {
        None
    }
}

/// What a platform that nobody runs is called: BuildKit files attestations under it.
pub(crate) fn is_unknown(platform: &Platform) -> bool {
    platform.os == "unknown" || platform.architecture == "unknown"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        parse_platform(text).unwrap()
    }

    #[test]
    fn a_platform_has_two_or_three_parts() {
        assert_eq!(platform("linux/arm64/v8").to_string(), "linux/arm64/v8");
        assert_eq!(platform("linux/x86_64").to_string(), "linux/amd64");
        for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/a b", "linux/amd64/"] {
            assert!(parse_platform(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn variants_that_mean_the_same_match() {
        for (offered, wanted, expected) in [
            ("linux/amd64", "linux/amd64", Some(0)),
            ("linux/amd64/v2", "linux/amd64", Some(2)),
            ("linux/arm64/v8", "linux/arm64", Some(1)),
            ("linux/arm64", "linux/arm64/v8", Some(1)),
            ("linux/arm64/v8", "linux/arm64/v8", Some(0)),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/arm", "linux/arm/v7", None),
            ("linux/arm/v7", "linux/arm", Some(1)),
            ("windows/amd64", "linux/amd64", None),
            ("linux/386", "linux/amd64", None),
        ] {
            assert_eq!(rank(&platform(offered), &platform(wanted)), expected, "{offered} for {wanted}");
        }
    }
}
