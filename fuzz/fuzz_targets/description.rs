#![no_main]

#[path = "../src/description.rs"]
mod description;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| description::description(bytes));
