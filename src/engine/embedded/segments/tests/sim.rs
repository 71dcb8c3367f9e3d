//! A disk with a page cache: what was not synced may be lost, kept or torn when the power goes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// Chance that repeats.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).expect("31 bits") % bound.max(1)
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

#[derive(Clone, Default)]
struct Content {
    /// What reads see.
    cache: Vec<u8>,
    /// What the disk has.
    durable: Vec<u8>,
    /// Sectors of the cache that a sync would write.
    dirty: BTreeSet<usize>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The process ends in this operation, a write after some of its bytes.
    Killed,
    /// The operation fails; a sync that fails forgets what it should have written.
    Fails,
    /// A write fails after some of its bytes, as on a full disk.
    Short,
}

#[derive(Default)]
struct State {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Names as they were after each change since the folder was synced.
    unsynced: Vec<BTreeMap<String, usize>>,
    contents: Vec<Content>,
    operations: usize,
    troubles: BTreeMap<usize, Trouble>,
    dead: bool,
    chance: Option<Chance>,
}

/// The disk; all clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Sim(Arc<Mutex<State>>);

impl Sim {
    pub(super) fn new(seed: u64) -> Self {
        let state = State { chance: Some(Chance::of(seed)), ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panicked in it")
    }

    /// Writes and syncs so far.
    pub(super) fn operations(&self) -> usize {
        self.state().operations
    }

    pub(super) fn plan(&self, at: usize, trouble: Trouble) {
        self.state().troubles.insert(at, trouble);
    }

    /// The process is gone; another may open what there is. The page cache stays.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        (state.dead, state.troubles) = (false, BTreeMap::new());
    }

    /// The power goes: of what was not synced any part is lost.
    pub(super) fn crash(&self) {
        self.kill();
        let mut state = self.state();
        let mut chance = state.chance.take().expect("there");
        let kept = chance.below(state.unsynced.len() + 1);
        let names = match kept {
            0 => state.durable_names.clone(),
            kept => state.unsynced[kept - 1].clone(),
        };
        for content in &mut state.contents {
            let whole = chance.below(3);
            for sector in std::mem::take(&mut content.dirty) {
                let is_kept = match whole {
                    0 => false,
                    1 => true,
                    _ => chance.one_in(2),
                };
                if is_kept {
                    content.keep(sector);
                }
            }
            content.cache = content.durable.clone();
        }
        state.names.clone_from(&names);
        state.durable_names = names;
        state.unsynced.clear();
        state.chance = Some(chance);
    }

    /// The names and lengths of what is there.
    pub(super) fn files(&self) -> Vec<(String, usize)> {
        let state = self.state();
        let length = |at: &usize| state.contents[*at].cache.len();
        state.names.iter().map(|(name, at)| (name.clone(), length(at))).collect()
    }

    /// What there is, on a disk of its own.
    pub(super) fn copy(&self) -> Self {
        let state = self.state();
        let copied = State {
            names: state.names.clone(),
            durable_names: state.names.clone(),
            contents: state.contents.clone(),
            chance: state.chance.clone(),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(copied)))
    }

    /// Changes bytes of a file behind everybody's back.
    pub(super) fn damage(&self, name: &str, change: impl FnOnce(&mut [u8])) {
        let mut state = self.state();
        let at = state.names[name];
        let content = &mut state.contents[at];
        change(&mut content.cache);
        content.durable = content.cache.clone();
    }

    fn step(state: &mut State) -> io::Result<Option<Trouble>> {
        if state.dead {
            return Err(io::Error::other("the process is dead"));
        }
        state.operations += 1;
        let trouble = state.troubles.get(&state.operations).copied();
        if trouble == Some(Trouble::Killed) {
            state.dead = true;
        }
        Ok(trouble)
    }

    fn rename_in(&self, change: impl FnOnce(&mut BTreeMap<String, usize>)) -> io::Result<()> {
        let mut state = self.state();
        if Self::step(&mut state)?.is_some() {
            return Err(ErrorKind::StorageFull.into());
        }
        change(&mut state.names);
        let names = state.names.clone();
        state.unsynced.push(names);
        Ok(())
    }
}

impl Content {
    fn keep(&mut self, sector: usize) {
        let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(self.cache.len()));
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        self.durable[from..to].copy_from_slice(&self.cache[from..to]);
    }
}

impl Disk for Sim {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let at = {
            let mut state = self.state();
            if state.names.contains_key(name) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            state.contents.push(Content::default());
            state.contents.len() - 1
        };
        self.rename_in(|names| {
            names.insert(name.to_owned(), at);
        })?;
        Ok(Arc::new(SimFile(self.clone(), at)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let at = self.state().names.get(name).copied().ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile(self.clone(), at)))
    }

    fn reopen(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if !self.state().names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        self.rename_in(|names| {
            if let Some(at) = names.remove(from) {
                names.insert(to.to_owned(), at);
            }
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.state().names.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        self.rename_in(|names| {
            names.remove(name);
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        if Self::step(&mut state)?.is_some() {
            return Err(io::Error::other("the folder could not be synced"));
        }
        state.durable_names = state.names.clone();
        state.unsynced.clear();
        Ok(())
    }
}

struct SimFile(Sim, usize);

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.state().contents[self.1].cache.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.0.state();
        let cache = &state.contents[self.1].cache;
        let from = usize::try_from(at).expect("small").min(cache.len());
        let length = into.len().min(cache.len() - from);
        into[..length].copy_from_slice(&cache[from..from + length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.0.state();
        let trouble = Sim::step(&mut state)?;
        let written = match trouble {
            None => bytes.len(),
            Some(Trouble::Fails) => 0,
            Some(Trouble::Killed | Trouble::Short) => {
                let mut chance = state.chance.take().expect("there");
                let written = chance.below(bytes.len() + 1);
                state.chance = Some(chance);
                written
            }
        };
        let from = usize::try_from(at).expect("small");
        let content = &mut state.contents[self.1];
        if content.cache.len() < from + written {
            content.cache.resize(from + written, 0);
        }
        content.cache[from..from + written].copy_from_slice(&bytes[..written]);
        if written > 0 {
            content.dirty.extend(from / SECTOR..=(from + written - 1) / SECTOR);
        }
        match trouble {
            None => Ok(()),
            Some(_) => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn allocate(&self, end: u64) -> io::Result<()> {
        let mut state = self.0.state();
        if Sim::step(&mut state)?.is_some() {
            return Err(ErrorKind::StorageFull.into());
        }
        let end = usize::try_from(end).expect("small");
        let content = &mut state.contents[self.1];
        if content.cache.len() < end {
            let from = content.cache.len();
            content.cache.resize(end, 0);
            content.dirty.extend(from / SECTOR..end.div_ceil(SECTOR));
        }
        Ok(())
    }

    fn truncate(&self, end: u64) -> io::Result<()> {
        let mut state = self.0.state();
        if Sim::step(&mut state)?.is_some() {
            return Err(io::Error::other("EIO"));
        }
        let mut chance = state.chance.take().expect("there");
        let end = usize::try_from(end).expect("small");
        let content = &mut state.contents[self.1];
        content.cache.truncate(end);
        content.dirty.retain(|sector| sector * SECTOR < end);
        if chance.one_in(2) {
            content.durable.truncate(end);
        }
        state.chance = Some(chance);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.state();
        let trouble = Sim::step(&mut state)?;
        let content = &mut state.contents[self.1];
        let dirty = std::mem::take(&mut content.dirty);
        if trouble == Some(Trouble::Killed) {
            // It may have come to anything.
            content.dirty = dirty;
            return Err(io::Error::other("the process is dead"));
        }
        if trouble.is_some() {
            // The kernel takes the pages for clean from now on.
            return Err(io::Error::other("EIO"));
        }
        for sector in dirty {
            content.keep(sector);
        }
        Ok(())
    }
}
