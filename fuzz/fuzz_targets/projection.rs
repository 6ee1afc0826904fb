#![no_main]
#[path = "../src/projection.rs"]
mod projection;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| projection::projection(bytes));
