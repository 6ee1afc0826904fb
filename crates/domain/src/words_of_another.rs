//! What somebody else says in words, as it may be shown and written down here.

/// As many digits can be a number by which somebody is known.
const DIGITS_OF_A_NUMBER: usize = 8;

/// A text of somebody else as it can stand in a record and on a line: bounded, nothing that steers a terminal or turns the
/// direction of writing, no number that can be a person's.
pub fn words_of_another(text: &str, longest: usize) -> Option<String> {
    let plain: String = text.chars().map(|one| if steers(one) { ' ' } else { one }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let bounded: String = without_numbers(&words.join(" ")).chars().take(longest).collect();
    (!bounded.is_empty()).then_some(bounded)
}

/// Control characters, and those that are not seen but change what is.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Dots in place of what has the digits of a number by which somebody can be known, single signs between them or not.
fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_numeric() {
            kept.push(character);
            continue;
        }
        let (mut run, mut digits) = (String::from(character), 1);
        loop {
            let mut ahead = characters.clone();
            let joins = ahead.next_if(|next| " .-/".contains(*next));
            let Some(digit) = ahead.next_if(|next| next.is_numeric()) else { break };
            run.extend(joins);
            run.push(digit);
            digits += 1;
            characters = ahead;
        }
        match digits >= DIGITS_OF_A_NUMBER {
            true => kept.push('\u{2026}'),
            false => kept.push_str(&run),
        }
    }
    kept
}
