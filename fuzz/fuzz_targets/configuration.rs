//! The configuration, with a group's rules in it: any text is read and judged, or refused with its place.
#![no_main]

use std::path::Path;

#[allow(dead_code, clippy::allow_attributes, reason = "the node uses it all")]
#[path = "../../crates/verbond/src/configuration/mod.rs"]
mod configuration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // With the profile given, the text can name no file to read one from.
    let text = format!("profile = 'test'\n{text}");
    if let Ok(settings) = configuration::Settings::parse(Path::new("/nowhere"), &text) {
        let _ = settings.validate();
    }
});
