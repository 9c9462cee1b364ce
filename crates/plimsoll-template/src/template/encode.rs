//! Base64, JSON and subnets: what the functions compute.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::value::{Resolved, Value};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = (group >> (18 - 6 * index)) as usize & 63;
            text.push(if index <= chunk.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}

/// JSON without spaces, as `Fn::ToJsonString` writes it.
pub(super) fn json(value: &Resolved, out: &mut String) {
    match &value.value {
        Value::Null | Value::NoValue => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        // As it is written, if that is a number in JSON too.
        Value::Number(text) if !text.starts_with('0') || text == "0" || text.starts_with("0.") => {
            out.push_str(text);
        }
        Value::Number(text) | Value::Text(text) | Value::Local { text, .. } => json_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json_text(key, out);
                out.push(':');
                json(item, out);
            }
            out.push('}');
        }
    }
}

fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The first `count` subnets of a block, each with `bits` bits for hosts; what is wrong with the numbers else.
///
/// Source: AWS CloudFormation User Guide, `Fn::Cidr`.
pub(super) fn subnets(block: &str, count: u32, bits: u32) -> Result<Vec<String>, String> {
    let parsed = block
        .split_once('/')
        .and_then(|(address, length)| Some((address.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?)));
    let Some((address, length)) = parsed else {
        return Err("expected a block as `10.0.0.0/16`".to_owned());
    };
    let (width, first) = match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    if length > width || bits > width || width - bits < length {
        return Err(format!("expected subnets of {bits} bits to fit into the block"));
    }
    let available = 1_u128.checked_shl(width - bits - length).unwrap_or(u128::MAX);
    if u128::from(count) > available {
        return Err(format!("expected at most {available} subnets of {bits} bits in the block"));
    }
    let host_bits = width - length;
    let first = if host_bits >= 128 { 0 } else { first >> host_bits << host_bits };
    let subnet = |index: u32| {
        let start = first + u128::from(index).checked_shl(bits).unwrap_or(0);
        let prefix = width - bits;
        if width == 32 {
            let start = u32::try_from(start).expect("a subnet of an IPv4 block is in it");
            format!("{}/{prefix}", Ipv4Addr::from(start))
        } else {
            format!("{}/{prefix}", Ipv6Addr::from(start))
        }
    };
    Ok((0..count).map(subnet).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }

    #[test]
    fn subnets_are_cut_in_order() {
        assert_eq!(
            subnets("192.168.0.0/24", 3, 5).unwrap(),
            ["192.168.0.0/27", "192.168.0.32/27", "192.168.0.64/27"]
        );
        assert_eq!(subnets("10.0.0.7/16", 1, 8).unwrap(), ["10.0.0.0/24"]);
        assert_eq!(subnets("2001:db8::/56", 2, 64).unwrap(), ["2001:db8::/64", "2001:db8:0:1::/64"]);
        for (block, count, bits) in [
            ("10.0.0.0/16", 257, 8),
            ("10.0.0.0/24", 1, 9),
            ("10.0.0.0", 1, 8),
            ("x/8", 1, 1),
            ("10.0.0.0/40", 1, 1),
        ] {
            assert!(subnets(block, count, bits).is_err(), "{block}");
        }
        assert_eq!(subnets("0.0.0.0/0", 1, 32).unwrap(), ["0.0.0.0/0"]);
        assert_eq!(subnets("::/0", 1, 128).unwrap(), ["::/0"]);
    }
}
