//! The letter sequences of a text, by which phrases are compared below the word.
//!
//! Inflections, typos, prefixes and compounds leave most of a word's short sequences as they were,
//! in every script, so that no stemmer or dictionary is needed. How long they are follows the
//! script: a letter alone says nothing, a syllable of Hangul or a Chinese character does.

use std::hash::Hasher;
use std::ops::Range;

use fnv::FnvHasher;

use super::words::{Words, is_unspaced};

/// The number of a sequence: its hash.
pub(super) type Gram = u32;

/// Returns the different sequences of some words, sorted.
pub(super) fn grams(words: &Words, range: Range<usize>) -> Vec<Gram> {
    let mut found = Vec::with_capacity(range.len() * 16);
    for i in range.clone() {
        let word = words.word(i);
        found.push(number("=", word));
        if word.starts_with(is_unspaced) {
            unspaced(words, i, range.end, &mut found);
        } else {
            spaced(word, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Scripts without spaces come in overlapping pairs; longer sequences are put together of them.
fn unspaced(words: &Words, place: usize, end: usize, found: &mut Vec<Gram>) {
    let word = words.word(place);
    found.extend(word.char_indices().map(|(i, c)| number("", &word[i..i + c.len_utf8()])));
    let mut last = word;
    for (longer, next) in (place + 1..end.min(place + 3)).map(|i| words.word(i)).enumerate() {
        let mut chars = next.chars();
        if last.chars().count() != 2 || chars.next() != last.chars().next_back() {
            return;
        }
        let Some(c) = chars.next() else { return };
        found.push(if longer == 0 {
            number(word, c.encode_utf8(&mut [0; 4]))
        } else {
            number(word, next)
        });
        last = next;
    }
}

/// Where a word begins and ends is part of its sequences.
fn spaced(word: &str, found: &mut Vec<Gram>) {
    let (least, most) = if word.chars().any(is_syllable) { (1, 3) } else { (2, 4) };
    let letters = || std::iter::once('<').chain(word.chars()).chain(std::iter::once('>'));
    for start in 0..word.chars().count() + 1 {
        let mut hasher = FnvHasher::default();
        for (length, c) in letters().skip(start).take(most).enumerate() {
            hasher.write_u32(c.into());
            if length + 1 >= least {
                found.push(fold(&hasher));
            }
        }
    }
}

fn is_syllable(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

fn number(before: &str, text: &str) -> Gram {
    let mut hasher = FnvHasher::default();
    for c in before.chars().chain(text.chars()) {
        hasher.write_u32(c.into());
    }
    fold(&hasher)
}

fn fold(hasher: &FnvHasher) -> Gram {
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as Gram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(a: &str, b: &str) -> usize {
        let [a, b] = [a, b].map(|text| {
            let words = Words::read(text);
            grams(&words, 0..words.len())
        });
        a.iter().filter(|gram| b.binary_search(gram).is_ok()).count()
    }

    #[test]
    fn forms_of_a_word_share_sequences() {
        for (a, b) in [
            ("siparişim", "siparişi"),
            ("الحجز", "حجزي"),
            ("주문을", "주문"),
            ("退货地址", "退货运费"),
            ("โอนเงินผิด", "โอนเงินไม่เข้า"),
        ] {
            assert!(shared(a, b) >= 3, "{a} {b}");
        }
    }

    #[test]
    fn other_words_share_no_more_than_the_mark_of_a_beginning() {
        assert_eq!(shared("退货", "发票"), 0);
        assert_eq!(shared("주문", "환불"), 1);
        assert_eq!(shared("kargo", "iptal"), 0);
    }
}
