//! Where rows of a queue are looked for.

use crate::domain::seq::Seq;

/// Positions of a partition looked through at a time: a row that was taken away leaves a tombstone, and
/// Cassandra gives up a read that meets 100,000 of them.
const WINDOW: u64 = 50_000;
/// Where a position has its generation.
const GENERATION_BITS: u32 = 40;

/// The stretches after `after` in which to look: short ones up to `end`, then all that is beyond.
pub(super) fn windows(after: Seq, end: Seq) -> impl Iterator<Item = (Seq, Option<Seq>)> {
    let generation = end.get() >> GENERATION_BITS << GENERATION_BITS;
    let mut next = Some(after);
    std::iter::from_fn(move || {
        let from = next?;
        let to = match from.get() {
            from if from >= end.get() => None,
            // What an older generation left behind is little, and its end is not known here.
            from if from < generation => Some(Seq::new(generation)),
            from => Some(Seq::new((from + WINDOW).min(end.get()))),
        };
        next = to;
        Some((from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(after: u64, end: u64) -> Vec<(u64, Option<u64>)> {
        let windows = windows(Seq::new(after), Seq::new(end));
        windows.map(|(from, to)| (from.get(), to.map(Seq::get))).collect()
    }

    #[test]
    fn windows_are_short_up_to_the_checkpoint_and_open_behind_it() {
        let one = 1 << GENERATION_BITS;
        assert_eq!(all(0, 0), [(0, None)]);
        assert_eq!(all(one + 7, one + 7), [(one + 7, None)]);
        assert_eq!(all(one, one + 10), [(one, Some(one + 10)), (one + 10, None)]);
        assert_eq!(
            all(0, one + 60_000),
            [
                (0, Some(one)),
                (one, Some(one + 50_000)),
                (one + 50_000, Some(one + 60_000)),
                (one + 60_000, None),
            ]
        );
    }
}
