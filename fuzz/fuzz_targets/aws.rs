//! Answers of AWS's services and of those that give keys, hosts of ECR, profiles, and command lines of programs that give keys.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| plimsoll_aws::fuzz_parsers(bytes));
