//! How alike two words are: inflections ("order", "orders") and typos ("oredr").
//!
//! Two rules, the better one counts. A long common beginning is taken for another form of the same
//! word, in any language, without a stemmer for each. A small edit distance is taken for a typo.
//! Both demand the same first letter, which typing errors seldom touch, so that a vocabulary can
//! be searched by it.

/// Words are compared up to this many characters.
pub(super) const COMPARED: usize = 24;

/// Returns the letters of a word as a set of bits, to rule out most words cheaply.
pub(super) fn letters(word: &[char]) -> u64 {
    word.iter().fold(0, |set, c| set | 1 << (*c as u32 % 64))
}

/// Returns how alike two different words are, 0 for unrelated to just under 1.
///
/// The words come with their letters, as [`letters`] gives them.
pub(super) fn likeness(a: (&[char], u64), b: (&[char], u64)) -> f32 {
    let ((a, a_letters), (b, b_letters)) = (a, b);
    let prefix = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if prefix == 0 {
        return 0.0;
    }
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    let inflection = inflection(prefix, shorter, longer, a[0]);
    let bearable = match longer {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    let differing = (a_letters ^ b_letters).count_ones() as usize;
    if longer - shorter > bearable || differing > 2 * bearable || inflection > 0.85 {
        return inflection;
    }
    let edits = edits(a, b);
    // In a short word another letter makes another word: "cost", "post"; "more", "mode".
    if edits > bearable || (longer <= 4 && shorter == longer && differing > 0) {
        return inflection;
    }
    inflection.max(0.95 - 0.7 * edits as f32 / longer as f32)
}

fn inflection(prefix: usize, shorter: usize, longer: usize, first: char) -> f32 {
    let least = if first < '\u{250}' { 4 } else { 3 };
    let share = 2.0 * prefix as f32 / (shorter + longer) as f32;
    if prefix >= least && share >= 0.64 || prefix >= 6 && share >= 0.55 { share } else { 0.0 }
}

/// Counts insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn edits(a: &[char], b: &[char]) -> usize {
    let (a, b) = (&a[..a.len().min(COMPARED)], &b[..b.len().min(COMPARED)]);
    let mut before = [0; COMPARED + 1];
    let mut above = [0; COMPARED + 1];
    for (j, cell) in above.iter_mut().enumerate() {
        *cell = j;
    }
    for (i, x) in a.iter().enumerate() {
        let mut row = [0; COMPARED + 1];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = above[j] + usize::from(x != y);
            row[j + 1] = change.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        (before, above) = (above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        let [a, b]: [Vec<char>; 2] = [a, b].map(|word| word.chars().collect());
        likeness((&a, letters(&a)), (&b, letters(&b))) > 0.6
    }

    #[test]
    fn inflections_are_alike() {
        for (a, b) in [
            ("order", "orders"),
            ("open", "opening"),
            ("preis", "preise"),
            ("livrer", "livrez"),
            ("bestellung", "bestellt"),
            ("खुलते", "खुलता"),
            ("abren", "abre"),
        ] {
            assert!(alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn typos_are_alike() {
        for (a, b) in [
            ("delivery", "delivry"),
            ("order", "oredr"),
            ("shipping", "shiping"),
            ("refund", "refubd"),
            ("offnungszeiten", "oeffnungszeiten"),
        ] {
            assert!(alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn other_words_are_not() {
        for (a, b) in [("cost", "post"), ("hour", "four"), ("price", "place"), ("pay", "day")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }
}
