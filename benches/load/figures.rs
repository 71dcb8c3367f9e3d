//! Figures: what one measurement holds, medians over rounds, tables and goals.
//!
//! Wall-clock figures of one machine do not repeat from one minute to the next. So every figure of
//! ours is measured in the same run as its limit, in turns (A, B, A, B …), and what is judged is
//! the median of the ratios of neighbouring rounds, never a figure alone.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;

/// A shared histogram of durations, in microseconds to three figures.
///
/// Written by every client of a measurement. The clients run on one thread, so the lock is free.
#[derive(Clone)]
pub(crate) struct Latency(Arc<Mutex<Histogram<u64>>>);

impl Latency {
    /// An empty histogram that takes up to ten minutes.
    pub(crate) fn new() -> Self {
        let most = 600_000_000;
        let empty = Histogram::new_with_bounds(1, most, 3).expect("the bounds are valid");
        Self(Arc::new(Mutex::new(empty)))
    }

    /// Records one duration; anything longer than ten minutes counts as ten minutes.
    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros.max(1));
    }

    /// The value, in milliseconds, that the given share of the durations does not exceed.
    pub(crate) fn at(&self, quantile: f64) -> f64 {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// The longest duration in milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).max() as f64 / 1_000.0
    }

    /// How many durations were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// One measurement: what was done in how long, and the CPU time it took on either side.
pub(crate) struct Measure {
    /// Operations that succeeded; the latencies are theirs.
    pub(crate) latency: Latency,
    /// Operations that were refused or broke.
    pub(crate) failures: u64,
    /// From the first operation's start to the last one's end.
    pub(crate) wall: Duration,
    /// CPU seconds of the process that answered.
    pub(crate) server_cpu: f64,
    /// CPU seconds of this process, which shares the machine with it.
    pub(crate) client_cpu: f64,
}

impl Measure {
    /// Successful operations a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latency.count() as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    pub(crate) fn per_thousand(&self, seconds: f64) -> f64 {
        seconds * 1_000.0 / (self.latency.count() as f64).max(1.0)
    }
}

/// The rounds of one measurement, oldest first.
#[derive(Default)]
pub(crate) struct Rounds(pub(crate) Vec<Measure>);

impl Rounds {
    /// The median over the rounds of what `figure` reads from each.
    pub(crate) fn median(&self, figure: impl Fn(&Measure) -> f64) -> f64 {
        median(self.0.iter().map(figure).collect())
    }

    /// The median of our rate over the other's, round by round.
    pub(crate) fn ratio(&self, limit: &Self) -> f64 {
        median(self.0.iter().zip(&limit.0).map(|(a, b)| a.rate() / b.rate()).collect())
    }

    /// Failures over all rounds.
    pub(crate) fn failures(&self) -> u64 {
        self.0.iter().map(|round| round.failures).sum()
    }

    /// The cells of a row: rate, p50, p99, p99.9, CPU of the server and of the client, failures.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            whole(self.median(Measure::rate)),
            millis(self.median(|m| m.latency.at(0.5))),
            millis(self.median(|m| m.latency.at(0.99))),
            millis(self.median(|m| m.latency.at(0.999))),
            fine(self.median(|m| m.per_thousand(m.server_cpu))),
            fine(self.median(|m| m.per_thousand(m.client_cpu))),
            self.failures().to_string(),
        ]
    }
}

/// The headings of [`Rounds::cells`].
pub(crate) const CELLS: [&str; 7] =
    ["/s", "p50 ms", "p99 ms", "p99.9 ms", "server CPU s/1k", "client CPU s/1k", "failed"];

/// The middle value; the mean of the two middle ones where their number is even; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A number without decimals, its thousands set apart.
pub(crate) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds to two decimals.
pub(crate) fn millis(value: f64) -> String {
    format!("{value:.2}")
}

/// A small number to four decimals.
pub(crate) fn fine(value: f64) -> String {
    format!("{value:.4}")
}

/// A table for the terminal: the first column to the left, the others to the right.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these headings.
    pub(crate) fn new<H: Display>(headings: impl IntoIterator<Item = H>) -> Self {
        Self(vec![headings.into_iter().map(|heading| heading.to_string()).collect()])
    }

    /// Adds a row; cells that are missing at the end stay empty.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.0.push(cells);
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.0.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        println!();
        for row in &self.0 {
            let mut line = String::new();
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                if column == 0 {
                    line.push_str(&format!("{cell:<width$}"));
                } else {
                    line.push_str(&format!("  {cell:>width$}"));
                }
            }
            println!("{}", line.trim_end());
        }
    }
}

/// Prints whether a goal was met: `goal` in words, the `figure` that was measured.
pub(crate) fn goal(goal: &str, figure: &str, met: bool) {
    println!("{} {goal}: {figure}", if met { "MET   " } else { "MISSED" });
}
