//! Which layers of an image are those of the image it was built from.

use std::fmt;

use plimsoll_model::LayerInfo;

/// An image that another was not built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotBuiltOn {
    /// The base has no layers: a folder, a bill of materials, or a report that names none.
    NoLayers,
    /// The base has more layers than the image.
    MoreLayers {
        /// The image's.
        image: usize,
        /// The base's.
        base: usize,
    },
    /// A layer of the base is another one in the image.
    OtherLayer {
        /// Which, counted from 0.
        index: usize,
        /// The base's diff ID.
        expected: String,
        /// The image's diff ID.
        found: String,
    },
}

impl fmt::Display for NotBuiltOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLayers => f.write_str("expected an image with layers, found one without"),
            Self::MoreLayers { image, base } => {
                write!(f, "expected at least its {base} layers, found {image}")
            }
            Self::OtherLayer { index, expected, found } => {
                write!(f, "expected layer {index} to be `{expected}`, found `{found}`")
            }
        }
    }
}

impl std::error::Error for NotBuiltOn {}

/// How many of an image's layers are the base's: all of the base's, if the image begins with them.
///
/// Layers are compared by their diff IDs, so it does not matter how they are compressed.
///
/// # Errors
/// [`NotBuiltOn`] where the image does not begin with the base's layers.
pub fn layers_of_base(image: &[LayerInfo], base: &[LayerInfo]) -> Result<usize, NotBuiltOn> {
    if base.is_empty() {
        return Err(NotBuiltOn::NoLayers);
    }
    if let Some((index, (found, expected))) =
        image.iter().zip(base).enumerate().find(|(_, (found, expected))| found.diff_id != expected.diff_id)
    {
        let (expected, found) = (expected.diff_id.clone(), found.diff_id.clone());
        return Err(NotBuiltOn::OtherLayer { index, expected, found });
    }
    if base.len() > image.len() {
        return Err(NotBuiltOn::MoreLayers { image: image.len(), base: base.len() });
    }
    Ok(base.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(text: &str) -> Vec<LayerInfo> {
        text.chars()
            .map(|letter| LayerInfo {
                diff_id: letter.to_string(),
                digest: String::new(),
                size_bytes: 0,
                created_by: String::new(),
            })
            .collect()
    }

    #[test]
    fn an_image_begins_with_the_layers_of_its_base() {
        for (image, base, expected) in [
            ("abc", "ab", Ok(2)),
            ("ab", "ab", Ok(2)),
            ("abc", "", Err("expected an image with layers, found one without")),
            ("ab", "abc", Err("expected at least its 3 layers, found 2")),
            ("abc", "ax", Err("expected layer 1 to be `x`, found `b`")),
            ("xab", "ab", Err("expected layer 0 to be `a`, found `x`")),
            ("", "a", Err("expected at least its 1 layers, found 0")),
        ] {
            let found = layers_of_base(&layers(image), &layers(base)).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{image} on {base}");
        }
    }
}
