#![no_main]
#[path = "../src/decision_point.rs"]
mod decision_point;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decision_point::decision_point(bytes));
