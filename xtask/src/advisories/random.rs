//! Numbers that look random and are the same in every run.

/// A row of numbers.
pub(super) struct Random(u64);

impl Random {
    /// The row of a seed that is not 0.
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// One of them.
    pub(super) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let place = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        choices.get(place as usize).copied().unwrap_or_default()
    }

    /// One of them, those in front more often.
    pub(super) fn pick_early<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let count = u32::try_from(choices.len()).unwrap_or(u32::MAX);
        let place = self.below(count).min(self.below(count));
        choices.get(place as usize).copied().unwrap_or_default()
    }

    /// A number below the limit.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 20) % u64::from(limit.max(1))).unwrap_or_default()
    }
}

/// A number made of these three.
pub(super) fn mix(place: u64, number: u32, salt: u32) -> u64 {
    let mut state = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(number) << 20) ^ u64::from(salt);
    for _ in 0..3 {
        state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    state ^ (state >> 29)
}
