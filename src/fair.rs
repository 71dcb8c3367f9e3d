//! What is short, given to names in turn: the lines of those who wait, and the room they wait for.
//!
//! A name is an account nearly everywhere. One with much to do must not make the others wait: each has a
//! line of its own, and whoever serves takes one of each line after the other. [`Lines`] and [`Room`] are
//! pure; [`slots`] is the room with those who wait.

pub mod slots;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Lines of those who wait, one for each name.
#[derive(Debug)]
pub struct Lines<K, T> {
    of: HashMap<K, Line<T>>,
    /// Names that have a line, in the order of their turns; not those out of turn.
    turns: VecDeque<K>,
}

/// Never empty, but for the moment between [`Lines::turn`] and [`Lines::take`].
#[derive(Debug)]
struct Line<T> {
    items: VecDeque<T>,
    in_turn: bool,
}

impl<K, T> Default for Lines<K, T> {
    fn default() -> Self {
        Self { of: HashMap::new(), turns: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, T> Lines<K, T> {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// How many names have a line.
    pub fn names(&self) -> usize {
        self.of.len()
    }

    /// How many wait in a name's line.
    pub fn waiting(&self, name: K) -> usize {
        self.of.get(&name).map_or(0, |line| line.items.len())
    }

    /// Goes to the end of a name's line. A new line comes after all others.
    pub fn join(&mut self, name: K, item: T) {
        let line = self.of.entry(name).or_insert_with(|| {
            self.turns.push_back(name);
            Line { items: VecDeque::new(), in_turn: true }
        });
        line.items.push_back(item);
    }

    /// The name whose turn it is. It is out of turn until [`Lines::back`].
    pub fn turn(&mut self) -> Option<K> {
        let name = self.turns.pop_front()?;
        if let Some(line) = self.of.get_mut(&name) {
            line.in_turn = false;
        }
        Some(name)
    }

    /// The one who has waited longest in the line of a name that had its turn.
    pub fn take(&mut self, name: K) -> Option<T> {
        let line = self.of.get_mut(&name)?;
        let item = line.items.pop_front();
        self.forget_empty(name);
        item
    }

    /// Puts a name in turn again, after all others; does nothing where nobody waits in its line.
    pub fn back(&mut self, name: K) {
        if let Some(line) = self.of.get_mut(&name)
            && !line.in_turn
        {
            line.in_turn = true;
            self.turns.push_back(name);
        }
    }

    /// Takes the first of this kind out of a line, wherever it stands.
    pub fn remove(&mut self, name: K, wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let line = self.of.get_mut(&name)?;
        let at = line.items.iter().position(wanted)?;
        let item = line.items.remove(at);
        self.forget_empty(name);
        item
    }

    /// All who wait, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.of.values_mut().flat_map(|line| &mut line.items)
    }

    fn forget_empty(&mut self, name: K) {
        if let Some(line) = self.of.get(&name)
            && line.items.is_empty()
        {
            if line.in_turn {
                self.turns.retain(|other| *other != name);
            }
            self.of.remove(&name);
        }
    }
}

/// How much there is of something, and how many may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub all: usize,
    /// Of one name.
    pub share: usize,
    /// Of one name while another has its share too, and so would not wait the less for this one's.
    pub rival: usize,
    /// Of one name while no other is there.
    pub alone: usize,
    pub waiting: usize,
    /// Waiting, of one name.
    pub line: usize,
}

impl Limits {
    /// So many in all, and of one name a quarter, or what is said. As many may wait.
    pub fn of(all: usize, share: Option<usize>) -> Self {
        let share = share.unwrap_or(all / 4).max(1);
        Self { all, share, rival: share, alone: share, waiting: all, line: share }
    }

    /// No more than either has, in all and of one name.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self::of(self.all.min(other.all), Some(self.share.min(other.share)))
    }
}

/// How long others are taken to be there after they were.
const IN_COMPANY: Duration = Duration::from_secs(5);

/// Whether a name is alone, or others come too.
#[derive(Debug)]
struct Company<K> {
    last: Option<K>,
    until: Option<Instant>,
}

impl<K: Eq> Company<K> {
    /// Notes who comes; says whether others did lately.
    fn is_kept(&mut self, name: K, now: Instant) -> bool {
        if self.last.as_ref().is_some_and(|last| *last != name) {
            self.until = Some(now + IN_COMPANY);
        }
        self.last = Some(name);
        self.until.is_some_and(|until| now < until)
    }
}

/// So many slots, of which one name holds no more than its share; who finds none waits in its name's line.
///
/// Whoever waits could not be given a slot: either all are taken, or their name has its share. Where a name
/// that is alone may have more and others come, it keeps what it has and is given no more.
#[derive(Debug)]
pub struct Room<K, T> {
    limits: Limits,
    company: Company<K>,
    is_alone: bool,
    /// Names that have their share, or more.
    busy: usize,
    free: usize,
    held: HashMap<K, usize>,
    lines: Lines<K, T>,
    waiting: usize,
}

impl<K: Copy + Eq + Hash, T> Room<K, T> {
    pub fn new(limits: Limits) -> Self {
        let (held, lines) = (HashMap::new(), Lines::default());
        let company = Company { last: None, until: None };
        let (is_alone, free) = (limits.alone > limits.share, limits.all);
        Self { limits, company, is_alone, busy: 0, free, held, lines, waiting: 0 }
    }

    /// Takes a slot that is free; says whether there was one for this name.
    pub fn enter(&mut self, name: K, now: impl FnOnce() -> Instant) -> bool {
        let limits = self.limits;
        if limits.alone > limits.share {
            self.is_alone = !self.company.is_kept(name, now());
        }
        let may = self.free > 0 && self.may_have_more(name);
        if may {
            self.give(name);
        }
        may
    }

    /// Waits for a slot; says whether the line has room.
    pub fn join(&mut self, name: K, item: T) -> bool {
        let limits = self.limits;
        let may = self.waiting < limits.waiting && self.lines.waiting(name) < limits.line;
        if may {
            self.waiting += 1;
            self.lines.join(name, item);
        }
        may
    }

    /// Whoever comes next and may have a slot has it. To be asked until there is nobody, whenever a
    /// slot was given back.
    pub fn admit(&mut self) -> Option<T> {
        while self.free > 0 {
            let name = self.lines.turn()?;
            // It is in turn again when it gives a slot back.
            if !self.may_have_more(name) {
                continue;
            }
            let item = self.lines.take(name)?;
            self.lines.back(name);
            self.waiting -= 1;
            self.give(name);
            return Some(item);
        }
        None
    }

    /// Gives a slot back.
    pub fn leave(&mut self, name: K) {
        if let Some(held) = self.held.get_mut(&name) {
            self.busy -= usize::from(*held == self.limits.share);
            *held -= 1;
            if *held == 0 {
                self.held.remove(&name);
            }
            self.free += 1;
            self.lines.back(name);
        }
    }

    /// No longer waits; says whether the one that was meant did.
    pub fn give_up(&mut self, name: K, wanted: impl FnMut(&T) -> bool) -> bool {
        let waited = self.lines.remove(name, wanted).is_some();
        self.waiting -= usize::from(waited);
        waited
    }

    /// All who wait, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.lines.iter_mut()
    }

    /// Whether nothing is held and nobody waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.lines.is_empty()
    }

    fn held(&self, name: K) -> usize {
        self.held.get(&name).copied().unwrap_or_default()
    }

    fn may_have_more(&self, name: K) -> bool {
        let (limits, held) = (self.limits, self.held(name));
        let others_busy = self.busy > usize::from(held >= limits.share);
        held < match (self.is_alone, others_busy) {
            (true, _) => limits.alone,
            (false, true) => limits.rival,
            (false, false) => limits.share,
        }
    }

    fn give(&mut self, name: K) {
        self.free -= 1;
        let held = self.held.entry(name).or_default();
        *held += 1;
        self.busy += usize::from(*held == self.limits.share);
    }
}
