//! Splits a reply into the pieces it is streamed in.
//!
//! A piece is a few words, ending where a reader pauses anyway: after punctuation, else after a
//! space. Scripts that write no spaces are split after a few characters. A grapheme is never torn,
//! so every piece can be shown as it arrives, and joined the pieces are the text again.

use unicode_segmentation::UnicodeSegmentation;

/// A piece ends at the first space after this many words.
const WORDS: usize = 3;
/// Where no spaces are written, a piece ends after this many characters.
const UNSPACED: usize = 6;
/// No piece is longer than this, in graphemes, even within a word.
const LONGEST: usize = 40;

/// Splits a reply into the natural pieces it is streamed in; joined they equal the text.
///
/// # Examples
/// `"Sure, we can do that today."` comes as `"Sure, "`, `"we can do "`, `"that today."`.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first_piece(rest));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Returns where the first piece of a text ends.
fn first_piece(text: &str) -> usize {
    let (mut words, mut unspaced) = (0, 0);
    let (mut in_word, mut paused) = (false, false);
    let mut graphemes = text.grapheme_indices(true).enumerate().peekable();
    while let Some((count, (start, grapheme))) = graphemes.next() {
        let end = start + grapheme.len();
        let space = grapheme.chars().all(char::is_whitespace);
        if space {
            words += usize::from(in_word);
            in_word = false;
        } else {
            in_word = true;
            paused = is_pause(grapheme);
            unspaced += usize::from(is_unspaced(grapheme));
        }
        let next = graphemes.peek().map(|(_, (_, next))| *next);
        let Some(next) = next else { return text.len() };
        let joined = next.chars().all(char::is_whitespace) || is_pause(next);
        let spoken = space && words > 0 && (paused || words >= WORDS);
        let written = unspaced >= UNSPACED || (unspaced > 0 && paused);
        if !joined && (spoken || written) || count + 1 >= LONGEST {
            return end;
        }
    }
    text.len()
}

fn is_pause(grapheme: &str) -> bool {
    matches!(
        grapheme,
        "." | ","
            | ";"
            | ":"
            | "!"
            | "?"
            | "…"
            | "।"
            | "。"
            | "，"
            | "、"
            | "！"
            | "？"
            | "；"
            | "："
            | "؟"
            | "،"
    )
}

/// Tells the characters of Chinese, Japanese and Thai.
fn is_unspaced(grapheme: &str) -> bool {
    grapheme.starts_with(|c: char| {
        matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&str> {
        pieces(text).collect()
    }

    #[test]
    fn a_piece_is_a_few_words_or_ends_at_a_pause() {
        assert_eq!(
            split("Sure, we can do that today. Bye!"),
            ["Sure, ", "we can do ", "that today. ", "Bye!"]
        );
        assert_eq!(split(""), Vec::<&str>::new());
        assert_eq!(split("Open 9.30am-5pm, always"), ["Open 9.30am-5pm, ", "always"]);
    }

    #[test]
    fn hindi_keeps_its_syllables_whole() {
        assert_eq!(
            split("नमस्ते! हम सोमवार से शुक्रवार तक खुले हैं।"),
            ["नमस्ते! ", "हम सोमवार से ", "शुक्रवार तक खुले ", "हैं।"]
        );
    }

    #[test]
    fn scripts_without_spaces_are_split_after_a_few_characters() {
        assert_eq!(split("您好，我们的营业时间是工作日"), ["您好，", "我们的营业时", "间是工作日"]);
    }

    #[test]
    fn a_word_without_end_is_split_all_the_same() {
        assert!(split(&"x".repeat(1_000)).len() >= 1_000 / LONGEST);
    }

    proptest! {
        #[test]
        fn joined_pieces_are_the_text(text in any::<String>()) {
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }

        #[test]
        fn no_piece_tears_a_grapheme(text in "[a-z .,!\u{0e01}-\u{0e3a}\u{900}-\u{97f}\u{300}\u{200d}\u{1f468}\u{1f3fd}\r\n一-十]{0,60}") {
            let ends: Vec<usize> = text.grapheme_indices(true).map(|(i, g)| i + g.len()).collect();
            let mut end = 0;
            for piece in pieces(&text) {
                end += piece.len();
                prop_assert!(ends.contains(&end), "{piece:?} ends within a grapheme");
            }
        }
    }
}
