//! The page of all refusals, as the program carries it.

/// All of it, Markdown.
pub const PAGE: &str = include_str!("../../../docs/reference/refusals.md");

/// The text under a code.
pub fn section(code: &str) -> Option<&'static str> {
    let mut sections = PAGE.split("\n## ").skip(1);
    let found =
        sections.find_map(|section| section.split_once('\n').filter(|(title, _)| title.trim() == code));
    found.map(|(_, text)| text.trim())
}
