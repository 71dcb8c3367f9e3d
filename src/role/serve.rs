//! `parlor serve`: opens the engine, serves, drains.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::administer::Control;
use super::welcome::welcome;
use super::{Failure, credentials, limits, telemetry};
use crate::app::accounts::{Accounts, demo};
use crate::app::conversations::readers::Caps;
use crate::app::{App, Equipment, Watchers, clock};
use crate::config::{Address, Config, EngineKind};
use crate::engine::embedded::{Embedded, Options};
use crate::engine::{self, Engine, SCHEMA};
use crate::files::{self, Files};
use crate::live::hub::Hub;
use crate::outside::Outside;
use crate::outside::transcription::Transcriber;
use crate::process::followers;
use crate::process::sweeps::{takeover, upkeep};
use crate::server::accept::{self, Limits};
use crate::surface::{self, gate::Gate};

/// What the kernel may hold for one slow reader.
const SEND_BUFFER: u32 = 256 * 1024;

/// Who hears in words how far opening is.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Opens the engine and the application over it. A node that does not project takes no part in
/// the work of a cluster: it may come and go.
///
/// # Errors
/// As the engine's, in words for the operator.
pub async fn open(config: &Config, projects: bool, tell: Tell) -> Result<Arc<App>, Failure> {
    let (accounts, hub) = (Arc::new(Accounts::default()), Arc::new(Hub::default()));
    let watchers = Arc::new(Watchers { accounts: accounts.clone(), hub: hub.clone() });
    let engine: Arc<dyn Engine> = match config.engine {
        EngineKind::Embedded => Arc::new(open_embedded(config, watchers, tell).await?),
        EngineKind::Cluster => super::cluster::open(config, watchers, projects).await?,
    };
    let networks = config.allow_networks.clone();
    // Reading the system's certificates blocks.
    let outside = tokio::task::spawn_blocking(move || Outside::new(networks)).await?;
    let outside = outside.limited(limits::call_limits(config));
    let transcriber = config.transcription_url.as_deref().map(|url| {
        Transcriber::new(url, config.transcription_key.clone(), &config.transcription_model)
    });
    let files = open_files(config).await?;
    let pace = Duration::from_millis(config.pace);
    let gather = Duration::from_millis(config.gather_ms);
    let readers = Caps {
        token: config.max_readers_per_token,
        address: config.max_readers_per_address,
        conversation: config.max_readers_per_conversation,
    };
    let turns = limits::turn_limits(config);
    let equipment = Equipment { outside, transcriber, files, pace, gather, readers, turns };
    Ok(App::open(engine, accounts, hub, equipment).await?)
}

/// The files where the setting says; with the embedded engine beside everything else.
async fn open_files(config: &Config) -> Result<Option<Arc<Files>>, Failure> {
    let own = || config.data_dir.join("files");
    let own = (config.engine == EngineKind::Embedded).then(own);
    let (location, limits) = (
        config.files.clone(),
        files::Limits {
            file_bytes: config.max_file_mib << 20,
            reserve_bytes: config.disk_reserve_mib << 20,
        },
    );
    let open = move || match (location, own) {
        (Some(location), _) => Files::open(&location, limits).map(Some),
        (None, Some(dir)) => Files::in_directory(dir, limits).map(Some),
        (None, None) => Ok(None),
    };
    Ok(tokio::task::spawn_blocking(open).await??.map(Arc::new))
}

async fn open_embedded(
    config: &Config,
    watchers: Arc<Watchers>,
    tell: Tell,
) -> Result<Embedded, Failure> {
    super::keep_files_private();
    let options = Options {
        dir: config.data_dir.clone(),
        cache_bytes: config.cache_mib << 20,
        reserve_bytes: config.disk_reserve_mib << 20,
        schema: &SCHEMA,
    };
    // Opening reads a part of the log, which takes a moment and blocks.
    let open = move || Embedded::open_telling(&options, watchers, &|far| tell(far));
    Ok(tokio::task::spawn_blocking(open).await??)
}

/// Opens as a server does: a cluster may be away for now, or a disk be full, and that is waited for.
async fn open_patiently<E: Send + Sync + 'static>(
    config: &Config,
    gate: &Gate<E>,
) -> Result<Arc<App>, Failure> {
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(3))
        .with_jitter()
        .without_max_times()
        .build();
    if config.engine == EngineKind::Cluster {
        // Until the first refusal, which can take a minute, this is all there is to say.
        let detail = "starting: the views' CQL store and Kafka do not answer yet";
        gate.explain(detail);
        tracing::info!(detail, "not ready yet");
    }
    loop {
        let gate_of_tell = gate.clone();
        let tell = Arc::new(move |far: &str| gate_of_tell.explain(&format!("starting: {far}")));
        match open(config, true, tell).await {
            Err(error) if config.engine == EngineKind::Cluster || may_pass(&error) => {
                tracing::error!(%error, "not ready; trying again");
                gate.explain(&error.to_string());
                tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(3))).await;
            }
            opened => return opened,
        }
    }
}

/// Whether a directory opens later, as it is: its disk is full now.
fn may_pass(error: &Failure) -> bool {
    matches!(error.downcast_ref(), Some(engine::Error::ReadOnly(_)))
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When the data directory cannot be opened or the address cannot be listened on.
pub async fn run(config: Config) -> Result<(), Failure> {
    // Building the exporter's client blocks.
    let logging = config.clone();
    let traces = tokio::task::spawn_blocking(move || telemetry::start_logs(&logging)).await??;
    for variable in crate::config::unknown_variables() {
        tracing::warn!(variable, "this variable names no setting and is ignored");
    }
    let metrics = telemetry::start_metrics()?;
    let open_files = limits::raise_file_limit();

    // From the first moment that anybody can know of: a signal before would end us undrained.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = listen(&config.listen, "listen").await?;
    let address = listener.local_addr()?;
    let drain = CancellationToken::new();
    let grace = Duration::from_secs(config.drain_s);
    let mut shown_here = Some(metrics.clone());
    let mut metrics_address = None;
    if let Some(wanted) = &config.metrics_listen {
        let listener = listen(wanted, "metrics_listen").await?;
        let address = listener.local_addr()?;
        tracing::info!("metrics are served at http://{address}/metrics");
        metrics_address = Some(address);
        let (alone, tracker) = (surface::metrics_alone(metrics.clone()), TaskTracker::new());
        let limits = Limits { max_connections: MEASURERS, ..Limits::default() };
        tokio::spawn(accept::serve(listener, alone, limits, drain.clone(), tracker, grace));
        shown_here = None;
    }
    let gate = Gate::new(shown_here.clone());
    let places = limits::connection_limits(&config, open_files);
    let tracker = TaskTracker::new();
    let serving = accept::serve(listener, gate.clone(), places, drain.clone(), tracker, grace);
    let serving = tokio::spawn(serving);
    let app = tokio::select! {
        opened = open_patiently(&config, &gate) => opened?,
        () = stop_signal(&mut terminate, &mut interrupt) => return Ok(()),
    };
    if !config.no_demo
        && config.engine == EngineKind::Embedded
        && let Some(credentials) = demo::make_if_empty(&app).await.map_err(|error| {
            let why = app.engine.health().detail.unwrap_or_else(|| error.to_string());
            format!("the demo account cannot be made: {why}")
        })?
    {
        credentials::write(&config.data_dir, &credentials)?;
    }
    let settings = surface::Settings {
        metrics: shown_here,
        trusted_proxies: config.trusted_proxies,
        requests: limits::request_limits(&config),
    };
    gate.open(surface::router(&app, &settings));
    let background = TaskTracker::new();
    let following = followers::registry(&*app.engine);
    let source = app.engine.clone();
    background.spawn(followers::run(source, following, clock::now, drain.clone()));
    background.spawn(takeover::run(app.clone(), drain.clone()));
    background.spawn(upkeep::run(app.clone(), metrics, drain.clone()));
    if let Some(control) = open_control(&config) {
        background.spawn(control.serve(app.clone(), drain.clone()));
    }
    welcome(&config, address, metrics_address)?;

    stop_signal(&mut terminate, &mut interrupt).await;
    tracing::info!("draining");
    drain.cancel();
    // Replies under way finish or stay due; readers reconnect elsewhere or after the restart.
    app.hub.close();
    app.turns.drain(grace).await;
    let drained = serving.await?;
    background.close();
    background.wait().await;
    app.engine.close().await;
    tracing::info!(?drained, "stopped");
    tokio::task::spawn_blocking(move || drop(traces)).await?;
    Ok(())
}

/// Connections at a time where metrics have an address of their own.
const MEASURERS: usize = 64;
/// How long a host's name may take to be looked up.
const LOOK_UP: Duration = Duration::from_secs(10);

/// Listens on the first of a host's addresses that can be had, those of version 4 first: that is
/// what a name such as `localhost` is taken for by most.
async fn listen(wanted: &Address, setting: &str) -> Result<tokio::net::TcpListener, Failure> {
    let (flag, variable) = (setting.replace('_', "-"), setting.to_uppercase());
    let named = || format!("cannot listen on {wanted} (--{flag}, PARLOR_{variable}, {setting})");
    let looked_up = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host(wanted.as_str())).await;
    let mut addresses: Vec<_> = looked_up
        .map_err(|_| format!("{}: looking the name up takes too long", named()))?
        .map_err(|error| format!("{}: the name is not known: {error}", named()))?
        .collect();
    addresses.sort_by_key(std::net::SocketAddr::is_ipv6);
    let mut problem = "the name has no address".to_owned();
    for address in addresses {
        match accept::listen(address, SEND_BUFFER) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                problem = "another process has this port: stop it, or choose another port; port 0 \
                           takes a free one"
                    .to_owned();
            }
            Err(error) => problem = error.to_string(),
        }
    }
    Err(format!("{}: {problem}", named()).into())
}

/// The control socket of an embedded engine's directory. A server without one serves all the same.
fn open_control(config: &Config) -> Option<Control> {
    if config.engine != EngineKind::Embedded {
        return None;
    }
    match Control::open(&config.data_dir) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(
                %error, dir = %config.data_dir.display(),
                "there is no control socket: `parlor account` and the like need the server stopped"
            );
            None
        }
    }
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
