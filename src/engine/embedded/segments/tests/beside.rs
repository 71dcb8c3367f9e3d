//! A log is read whole while another thread writes it, on real files: nothing that is being written is
//! taken for damage, and all that was kept before is seen.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::disk::Folder;
use super::super::{open, verify_beside};
use super::histories::{Model, SMALL};
use super::sim::Chance;

/// How many batches are written, and how many by one appender: the next one opens the log anew, as after
/// a kill.
const BATCHES: usize = 4_000;
const LIFE: usize = 50;

fn write(folder: &Path, kept: &AtomicU64) {
    let (mut model, mut chance) = (Model::default(), Chance::of(7));
    for _ in 0..BATCHES / LIFE {
        let opened = open(Arc::new(Folder::at(folder)), SMALL).expect("it opens");
        let mut appender = opened.appender;
        for _ in 0..LIFE {
            assert!(model.append(&mut appender, &mut chance));
            kept.store(appender.position().seq, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_log_that_is_written_meanwhile_is_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let (kept, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut looks = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            write(home.path(), &kept);
            over.store(true, Ordering::SeqCst);
        });
        let disk = Folder::at(home.path());
        while !over.load(Ordering::SeqCst) {
            let before = kept.load(Ordering::SeqCst);
            let checked = verify_beside(&disk).unwrap_or_else(|error| panic!("{looks}: {error}"));
            assert!(checked.events >= before, "{looks}: {checked:?}, and {before} were kept");
            looks += 1;
        }
    });
    assert!(looks > 10, "it was read {looks} times");
}

#[test]
fn damage_is_found_while_the_log_is_written() {
    let home = tempfile::tempdir().expect("a directory");
    let kept = AtomicU64::new(0);
    write(home.path(), &kept);
    let file = home.path().join("00000003.seg");
    let mut bytes = std::fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let opened = open(Arc::new(Folder::at(home.path())), SMALL).expect("it opens");
            let (mut model, mut chance) = (Model::default(), Chance::of(8));
            let mut appender = opened.appender;
            for _ in 0..200 {
                model.append(&mut appender, &mut chance);
            }
        });
        let refused = verify_beside(&Folder::at(home.path())).expect_err("it is damaged");
        assert!(refused.to_string().contains("00000003.seg"), "{refused}");
    });
}
