//! How many of everything there may be, by the settings and by the file descriptors that the process may
//! have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::fair;
use crate::server::accept::Limits;
use crate::surface;

/// A connection needs a descriptor: takes as many as the process may have.
///
/// Returns how many it may open; none where nobody counts them.
pub(super) fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
        return limit.current;
    }
    limit.maximum
}

/// Descriptors that connections leave to storage, to logs and to some calls of bots: so many of these.
const KEPT_DESCRIPTORS: u64 = 512;
const KEPT_CALLS: usize = 256;
/// Fewer connections than this are no service.
const LEAST_CONNECTIONS: usize = 16;

/// How many connections there may be, by the settings and by what the process may open.
pub(super) fn connection_limits(config: &Config, open_files: Option<u64>) -> Limits {
    let room = room(open_files);
    let room = room.saturating_sub(more_calls(config, room)).max(LEAST_CONNECTIONS);
    let max_connections = config.max_connections.min(room);
    if max_connections < config.max_connections {
        tracing::info!(
            max_connections,
            open_files,
            "max_connections is lowered: raise the limit of open files (ulimit -n, LimitNOFILE)"
        );
    }
    let share = if config.trusted_proxies > 0 { max_connections } else { max_connections / 4 };
    let per_address = config.max_connections_per_address.unwrap_or(share).max(1);
    tracing::info!(max_connections, per_address, "connections at a time");
    Limits { max_connections, max_connections_per_address: per_address, ..Limits::default() }
}

/// How many descriptors there are beside those that are kept.
fn room(open_files: Option<u64>) -> usize {
    let room = open_files.map_or(u64::MAX, |all| all.saturating_sub(KEPT_DESCRIPTORS));
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// How many calls there may be beside those that descriptors are kept for: they share the room with
/// connections.
fn more_calls(config: &Config, room: usize) -> usize {
    config.max_calls.saturating_sub(KEPT_CALLS).min(room / 4)
}

/// How many calls of bots there may be at a time, by the settings and by what the process may open.
pub(super) fn call_limits(config: &Config) -> fair::Limits {
    let room = room(getrlimit(Resource::Nofile).current);
    let all = config.max_calls.max(1).min(KEPT_CALLS + more_calls(config, room));
    if all < config.max_calls {
        tracing::info!(max_calls = all, "max_calls is lowered: raise the limit of open files");
    }
    fair::Limits::of(all, config.max_calls_per_account)
}

/// How many requests there may be at a time.
pub(super) fn request_limits(config: &Config) -> surface::in_flight::Limits {
    let all = config.max_requests.max(1);
    let share = config.max_requests_per_account.unwrap_or(all / 4).max(1);
    surface::in_flight::Limits { all, share }
}

/// How many turns may be under way at a time.
pub(super) fn turn_limits(config: &Config) -> fair::Limits {
    fair::Limits::of(config.max_turns.max(1), config.max_turns_per_account)
}
