//! What parties write stands in the text as they wrote it and can be nothing else: no heading, no table, no link, and
//! no letters that turn the reading around.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// Invisible, or able to show a text in another order, or on other lines, than it has.
const fn is_hidden(one: char) -> bool {
    matches!(
        one,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Text that parties wrote, with what cannot be seen in it shown by its number.
pub fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        match is_hidden(one) {
            true => shown.push_str(&format!("(U+{:04X})", u32::from(one))),
            false => shown.push(one),
        }
    }
    shown.into()
}

/// Escapes text for Markdown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut destination: W, text: &str) -> fmt::Result {
        let mut begins = false;
        for one in text.chars() {
            match one {
                '\n' => {
                    begins = true;
                    destination.write_char('\n')?;
                    continue;
                }
                // Four spaces at the beginning of a line would make it code.
                ' ' if begins => continue,
                '-' | '+' | '=' if begins => write!(destination, "\\{one}")?,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' => {
                    write!(destination, "\\{one}")?;
                }
                one if is_hidden(one) => write!(destination, "(U+{:04X})", u32::from(one))?,
                _ => destination.write_char(one)?,
            }
            begins = false;
        }
        Ok(())
    }
}

/// One empty line where a template leaves more, and one full stop where a sentence that brings its own meets one.
pub(super) fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            let line = match line.strip_suffix("..") {
                Some(rest) if !rest.ends_with('.') => format!("{rest}."),
                _ => line.to_owned(),
            };
            tidy.push_str(&line);
            tidy.push('\n');
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parties_write_is_text_and_nothing_else() -> fmt::Result {
        let mut shown = String::new();
        let text = "a | b\n## Who signs\n    code\n- item\n===\n<b> [x](y) \u{202e}desrever";
        Markdown.write_escaped_str(&mut shown, text)?;
        let expected =
            "a \\| b\n\\#\\# Who signs\ncode\n\\- item\n\\===\n\\<b\\> \\[x\\](y) (U+202E)desrever";
        assert_eq!(shown, expected);
        Ok(())
    }
}
