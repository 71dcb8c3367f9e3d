//! What a model thinks aloud before it answers, between `<think>` and `</think>`: kept from everybody.
//!
//! Only at the beginning of an answer: later on it is text like any other. The tags may be cut anywhere.

/// What opens a thought, and what closes it.
static TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// Lets an answer's text through, piece by piece, without its thoughts.
#[derive(Debug)]
pub(super) enum Thought {
    /// What has come so far may yet be a thought.
    Beginning { held: String, after: bool },
    /// Inside of one; the last letters, which may be the beginning of its end.
    Inside { tail: String, close: &'static str },
    /// The answer itself.
    Over,
}

impl Default for Thought {
    fn default() -> Self {
        Self::Beginning { held: String::new(), after: false }
    }
}

impl Thought {
    /// Takes the next piece; gives what of the text so far is none.
    pub(super) fn take(&mut self, piece: &str) -> String {
        let mut piece = piece.to_owned();
        loop {
            match self {
                Self::Over => return piece,
                Self::Beginning { held, after } => {
                    held.push_str(&piece);
                    let text = held.trim_start();
                    if let Some((open, close)) =
                        TAGS.iter().find(|(open, _)| text.starts_with(open))
                    {
                        piece = text[open.len()..].to_owned();
                        *self = Self::Inside { tail: String::new(), close };
                        continue;
                    }
                    if TAGS.iter().any(|(open, _)| open.starts_with(text)) {
                        return String::new();
                    }
                    // The space after a thought is no part of the answer.
                    let text = if *after { text.to_owned() } else { std::mem::take(held) };
                    *self = Self::Over;
                    return text;
                }
                Self::Inside { tail, close } => {
                    tail.push_str(&piece);
                    if let Some(end) = tail.find(*close) {
                        piece = tail[end + close.len()..].to_owned();
                        *self = Self::Beginning { held: String::new(), after: true };
                        continue;
                    }
                    let cut = tail.floor_char_boundary(tail.len().saturating_sub(close.len() - 1));
                    tail.drain(..cut);
                    return String::new();
                }
            }
        }
    }

    /// What was held back and turned out to be none, once nothing more comes.
    pub(super) fn rest(&mut self) -> String {
        match std::mem::replace(self, Self::Over) {
            Self::Beginning { held, after: false } => held,
            Self::Beginning { held, after: true } => held.trim_start().to_owned(),
            Self::Inside { .. } | Self::Over => String::new(),
        }
    }
}

/// A whole text without what was thought before it.
pub(super) fn without(text: &str) -> String {
    let mut thought = Thought::default();
    let said = thought.take(text);
    said + &thought.rest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, cuts: &[usize]) -> String {
        let mut places: Vec<_> =
            cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let mut thought = Thought::default();
        let mut said: String =
            places.windows(2).map(|pair| thought.take(&text[pair[0]..pair[1]])).collect();
        said.push_str(&thought.rest());
        said
    }

    #[test]
    fn a_thought_at_the_beginning_is_no_text() {
        for (text, said) in [
            ("<think>hm</think>Hi", "Hi"),
            (
                "\n<think>\nhm < 3 </thin </think>\n\nHi <think>there</think>",
                "Hi <think>there</think>",
            ),
            ("<think></think><think>more</think> Hi", "Hi"),
            ("<thinking>hm </think> hm</thinking>Hi", "Hi"),
            ("<think>never ended", ""),
            ("<think>hm</think>", ""),
            ("<think>hm</think>  <thin", "<thin"),
            ("<thin", "<thin"),
            (" <thinker>", " <thinker>"),
            ("  Hi", "  Hi"),
            ("</think>Hi", "</think>Hi"),
            ("", ""),
        ] {
            assert_eq!(without(text), said, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_it_is_cut(
            space in "[ \n]{0,3}",
            thought in "([a-zé🦀 ]|<|/|think>|</thin|<think>){0,12}",
            said in "[A-Zé🦀][a-z<>/ ]{0,20}",
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            prop_assume!(!thought.contains("</think>"));
            let text = format!("{space}<think>{thought}</think>{space}{said}");
            prop_assert_eq!(cut(&text, &cuts), said);
        }

        #[test]
        fn a_text_without_a_thought_is_left_as_it_is(
            text in "[ \n]{0,2}(<|</|<t|<th|<thinker>)?[a-zé🦀 <>/]{0,20}",
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let begins = text.trim_start();
            prop_assume!(TAGS.iter().all(|(open, _)| !begins.starts_with(open)));
            prop_assert_eq!(cut(&text, &cuts), text);
        }

        #[test]
        fn nothing_is_shown_before_it_is_known(
            text in "\\PC{0,10}",
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            let text = format!("<think>{text}");
            prop_assert_eq!(cut(&text, &cuts), without(&text));
        }
    }
}
