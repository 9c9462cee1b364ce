//! SQL over a store of results, on one machine and on a cluster.
