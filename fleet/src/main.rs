//! `plimsoll-fleet`: SQL over a store of results, and the parts of a cluster.

fn main() {}
