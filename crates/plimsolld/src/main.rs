//! `plimsolld`: the service.

fn main() {}
