//! Projecting: who owns a partition folds its events in order and writes the views.

pub(super) mod fold;
pub(super) mod landmark;
pub(super) mod owned;
pub(super) mod partition;
pub(super) mod patience;
pub(super) mod progress;
pub(super) mod projector;
pub(super) mod recent;
pub(super) mod touched;
pub(super) mod worker;
