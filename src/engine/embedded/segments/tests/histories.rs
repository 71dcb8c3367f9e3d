//! Histories of appends, kills, power losses and failing disks: what was acknowledged is there, in its
//! place, and nothing else is but whole batches whose outcome nobody was told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{AppendError, Appender, OpenError, Record, SegmentReader, Sizes, open, verify};
use super::sim::{Chance, Sim, Trouble};

/// Small, so that segments fill up.
pub(super) const SMALL: Sizes = Sizes { segment_bytes: 4 << 10, allocate_bytes: 1 << 10 };

/// A record's id and body.
pub(super) type Said = ([u8; 16], Vec<u8>);

/// What the log must hold.
#[derive(Default, Clone)]
pub(super) struct Model {
    /// What was acknowledged, by position.
    pub(super) acknowledged: BTreeMap<u64, Said>,
    /// Batches whose outcome is not known, of those that begin behind all that was acknowledged.
    unknown: Vec<Vec<(u64, Said)>>,
    said: u32,
}

impl Model {
    fn end(&self) -> u64 {
        self.acknowledged.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// The next batch of a log that ends at `end`.
    fn batch(&mut self, end: u64, chance: &mut Chance) -> Vec<(u64, Said)> {
        let count = 1 + chance.below(4);
        (1..=count as u64)
            .map(|next| {
                self.said += 1;
                let mut id = [0; 16];
                id[..4].copy_from_slice(&self.said.to_be_bytes());
                let length = if chance.one_in(8) { chance.below(3000) } else { chance.below(300) };
                let text = format!("{{\"n\":{},\"text\":\"{}\"}}", self.said, "x".repeat(length));
                (end + next, (id, text.into_bytes()))
            })
            .collect()
    }

    /// Appends one batch and notes what became of it.
    pub(super) fn append(&mut self, appender: &mut Appender, chance: &mut Chance) -> bool {
        let batch = self.batch(appender.position().seq, chance);
        let records: Vec<Record<'_>> =
            batch.iter().map(|(seq, (id, body))| Record { seq: *seq, id: *id, body }).collect();
        match appender.append(&records) {
            Ok(()) => {
                self.acknowledged.extend(batch);
                self.unknown.clear();
                true
            }
            Err(AppendError::Refused(_)) => false,
            Err(AppendError::Unknown(_)) => {
                self.unknown.push(batch);
                false
            }
        }
    }

    /// Compares, and takes over what of the unknown the log has.
    pub(super) fn check(&mut self, reader: &SegmentReader, about: &str) {
        let found = reader.range(0, usize::MAX).unwrap_or_else(|error| panic!("{about}: {error}"));
        let found: BTreeMap<u64, Said> =
            found.into_iter().map(|kept| (kept.seq, (kept.id, kept.body.to_vec()))).collect();
        let behind = found.keys().filter(|seq| **seq > self.end()).count();
        for (seq, said) in &self.acknowledged {
            assert_eq!(found.get(seq), Some(said), "{about}: {seq} was acknowledged");
            let one = reader.range(seq - 1, 1).unwrap_or_else(|error| panic!("{about}: {error}"));
            assert_eq!(
                one.first().map(|kept| (kept.id, kept.body.to_vec())).as_ref(),
                Some(said),
                "{about}"
            );
        }
        if behind > 0 {
            let is_whole = |batch: &&Vec<(u64, Said)>| {
                batch.len() == behind
                    && batch.iter().all(|(seq, said)| found.get(seq) == Some(said))
            };
            let batch = self.unknown.iter().find(is_whole);
            let batch =
                batch.unwrap_or_else(|| panic!("{about}: {behind} events that nobody wrote"));
            self.acknowledged.extend(batch.clone());
        }
        self.unknown.clear();
        assert_eq!(reader.end(), self.end(), "{about}");
    }
}

/// One life after another on one disk.
fn history(seed: u64) {
    let mut chance = Chance::of(seed);
    let (disk, mut model) = (Sim::new(seed), Model::default());
    for life in 0..1 + chance.below(4) {
        let about = format!("seed {seed}, life {life}");
        while chance.one_in(3) {
            let trouble = [Trouble::Killed, Trouble::Fails, Trouble::Short][chance.below(3)];
            disk.plan(disk.operations() + 1 + chance.below(16), trouble);
            if let Err(OpenError::Refused(refusal)) = open(Arc::new(disk.clone()), SMALL) {
                panic!("{about}: {refusal}");
            }
            if chance.one_in(2) { disk.crash() } else { disk.kill() }
        }
        let opened = match open(Arc::new(disk.clone()), SMALL) {
            Ok(opened) => opened,
            Err(error) => panic!("{about}: {error}"),
        };
        model.check(&opened.reader, &about);
        let mut appender = opened.appender;
        let (begin, mut troubles) = (disk.operations(), chance.below(3));
        while troubles > 0 {
            troubles -= 1;
            let trouble = [Trouble::Killed, Trouble::Fails, Trouble::Fails, Trouble::Short];
            let at = begin + 1 + chance.below(60);
            disk.plan(at, trouble[chance.below(4)]);
            if chance.one_in(2) {
                disk.plan(at + 1 + chance.below(4), Trouble::Fails);
            }
        }
        for _ in 0..chance.below(16) {
            model.append(&mut appender, &mut chance);
        }
        if chance.one_in(4) {
            appender.close();
        }
        // While it is open: what was appended can be read, and what failed cannot.
        if chance.one_in(2) { disk.crash() } else { disk.kill() }
    }
    disk.crash();
    let about = format!("seed {seed}, at the end");
    let opened =
        open(Arc::new(disk.clone()), SMALL).unwrap_or_else(|error| panic!("{about}: {error}"));
    model.check(&opened.reader, &about);
    verify(&disk).unwrap_or_else(|error| panic!("{about}: {error}"));
}

#[test]
fn nothing_acknowledged_is_lost_in_any_history() {
    (1..=3_000).for_each(history);
}

/// The long form: `cargo test --lib segments -- --ignored`.
#[test]
#[ignore = "takes some minutes"]
fn nothing_acknowledged_is_lost_in_a_hundred_thousand_histories() {
    (1..=100_000).for_each(history);
}

/// A small history, with trouble at each of its operations, and each ending there is.
#[test]
fn nothing_acknowledged_is_lost_at_any_point_of_a_small_history() {
    let run = |trouble: Option<(usize, Trouble)>, seed: u64, power: bool| {
        let about = format!("{trouble:?}, seed {seed}, power lost: {power}");
        let (disk, mut model, mut chance) = (Sim::new(seed), Model::default(), Chance::of(7));
        if let Some((at, trouble)) = trouble {
            disk.plan(at, trouble);
        }
        if let Ok(opened) = open(Arc::new(disk.clone()), SMALL) {
            let mut appender = opened.appender;
            for _ in 0..12 {
                model.append(&mut appender, &mut chance);
            }
            appender.close();
        }
        let operations = disk.operations();
        if power {
            disk.crash()
        } else {
            disk.kill()
        }
        let opened =
            open(Arc::new(disk.clone()), SMALL).unwrap_or_else(|error| panic!("{about}: {error}"));
        model.check(&opened.reader, &about);
        // And once more, on what that left.
        let mut appender = opened.appender;
        model.append(&mut appender, &mut chance);
        disk.crash();
        let opened = open(Arc::new(disk), SMALL).unwrap_or_else(|error| panic!("{about}: {error}"));
        model.check(&opened.reader, &about);
        operations
    };
    let operations = run(None, 1, true);
    assert!(operations > 60, "{operations} operations");
    for at in 1..=operations {
        for trouble in [Trouble::Killed, Trouble::Fails, Trouble::Short] {
            for seed in 1..=6 {
                run(Some((at, trouble)), seed, true);
            }
            run(Some((at, trouble)), 1, false);
        }
    }
}

/// A log whose process was killed is opened, with trouble at each operation of that, and then once more.
#[test]
fn nothing_acknowledged_is_lost_at_any_point_of_opening() {
    let run = |batches: u64, trouble: Option<(usize, Trouble)>, seed: u64, power: bool| {
        let about = format!("{batches} batches, {trouble:?}, seed {seed}, power lost: {power}");
        let (disk, mut model, mut chance) = (Sim::new(seed), Model::default(), Chance::of(7));
        let opened = open(Arc::new(disk.clone()), SMALL).unwrap_or_else(|error| panic!("{error}"));
        let mut appender = opened.appender;
        for _ in 0..batches {
            assert!(model.append(&mut appender, &mut chance), "{about}");
        }
        drop(appender);
        disk.kill();
        let before = disk.operations();
        if let Some((at, trouble)) = trouble {
            disk.plan(before + at, trouble);
        }
        open(Arc::new(disk.clone()), SMALL).ok();
        let operations = disk.operations() - before;
        if power {
            disk.crash();
        } else {
            disk.kill();
        }
        let opened =
            open(Arc::new(disk.clone()), SMALL).unwrap_or_else(|error| panic!("{about}: {error}"));
        model.check(&opened.reader, &about);
        operations
    };
    for batches in 1..=14 {
        let operations = run(batches, None, 1, true);
        for at in 1..=operations {
            for trouble in [Trouble::Killed, Trouble::Fails, Trouble::Short] {
                for seed in 1..=6 {
                    run(batches, Some((at, trouble)), seed, true);
                }
                run(batches, Some((at, trouble)), 1, false);
            }
        }
    }
}
