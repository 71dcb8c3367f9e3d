//! Bytes that change behind our back are found, wherever they are, and never quietly lost.

use std::sync::Arc;

use super::super::open::OpenError;
use super::super::{open, salvage, verify};
use super::histories::{Model, SMALL};
use super::sim::{Chance, Sim};

/// A log of some segments whose process was killed.
fn log(batches: usize) -> (Sim, Model) {
    let (disk, mut model, mut chance) = (Sim::new(3), Model::default(), Chance::of(3));
    let opened = open(Arc::new(disk.clone()), SMALL).unwrap_or_else(|error| panic!("{error}"));
    let mut appender = opened.appender;
    for _ in 0..batches {
        assert!(model.append(&mut appender, &mut chance));
    }
    drop(appender);
    disk.crash();
    (disk, model)
}

/// Opens what is there: everything is as it was, or it is refused.
fn is_kept_or_refused(disk: &Sim, model: &Model, about: &str) -> bool {
    let verified = verify(disk);
    match open(Arc::new(disk.clone()), SMALL) {
        Err(OpenError::Refused(_)) => {
            assert!(verified.is_err(), "{about}: opening refuses what verifying finds right");
            false
        }
        Err(OpenError::Io(error)) => panic!("{about}: {error}"),
        Ok(opened) => {
            let found = opened.reader.range(0, usize::MAX);
            let is_whole = found.is_ok_and(|found| {
                found.len() == model.acknowledged.len()
                    && found.iter().all(|kept| {
                        let (id, body) = &model.acknowledged[&kept.seq];
                        (&kept.id, &kept.body[..]) == (id, &body[..])
                    })
            });
            assert!(is_whole || verified.is_err(), "{about}: nobody noticed");
            is_whole
        }
    }
}

#[test]
fn any_flipped_bit_is_found() {
    let (disk, model) = log(24);
    let files = disk.files();
    assert!(files.iter().filter(|(name, _)| name.ends_with(".seal")).count() >= 2, "{files:?}");
    let newest = files.iter().rfind(|(name, _)| name.ends_with(".seg")).expect("one").0.clone();
    let mut chance = Chance::of(11);
    for (name, length) in &files {
        for at in 0..*length {
            let flipped = disk.copy();
            let bit = chance.below(8);
            flipped.damage(name, |bytes| bytes[at] ^= 1 << bit);
            let about = format!("bit {bit} of byte {at} of {name}");
            let is_whole = is_kept_or_refused(&flipped, &model, &about);
            if !is_whole && *name == newest {
                let Err(error) = open(Arc::new(flipped.clone()), SMALL) else {
                    panic!("{about}: the newest segment is read when it is opened");
                };
                assert!(error.to_string().contains(&newest), "{about}: {error}");
            }
        }
    }
}

#[test]
fn any_file_that_is_gone_is_missed() {
    use super::super::disk::Disk as _;
    let (disk, model) = log(24);
    for (name, _) in disk.files() {
        let without = disk.copy();
        without.remove(&name).expect("removed");
        let is_whole = is_kept_or_refused(&without, &model, &name);
        assert_eq!(
            is_whole,
            name.ends_with(".seal") && !name.contains("3.seal") || is_whole,
            "{name}"
        );
        assert!(is_whole || name.ends_with(".seg"), "{name}: seals are made anew");
    }
}

#[test]
fn what_is_whole_of_a_damaged_log_is_saved() {
    let (disk, model) = log(24);
    disk.damage("00000002.seg", |bytes| bytes[1200..1700].fill(0));
    let refused = verify(&disk).expect_err("it is damaged").to_string();
    assert!(refused.contains("00000002.seg"), "{refused}");
    let into = Sim::new(5);
    let saved = salvage(&disk, Arc::new(into.clone()), SMALL, 0).expect("saved");
    let all = model.acknowledged.len() as u64;
    assert!(saved.lost > 0 && saved.lost < 12, "{saved:?} of {all}");
    assert_eq!(saved.kept + saved.lost, all);
    let opened = open(Arc::new(into.clone()), SMALL).unwrap_or_else(|error| panic!("{error}"));
    let found = opened.reader.range(0, usize::MAX).expect("read");
    assert_eq!(found.len() as u64, saved.kept);
    for kept in &found {
        assert_eq!(kept.body[..], model.acknowledged[&kept.seq].1[..]);
        assert_eq!(opened.reader.range(kept.seq - 1, 1).expect("read").first(), Some(kept));
    }
    assert_eq!(verify(&into).expect("whole").events, saved.kept);
}
