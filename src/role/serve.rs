//! `parlor serve`: opens the engine, serves, drains.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Failure, telemetry};
use crate::app::accounts::Accounts;
use crate::app::administration::Credentials;
use crate::app::{App, Watchers, demo};
use crate::config::{Config, EngineKind};
use crate::engine::Engine;
use crate::engine::embedded::{Embedded, Options};
use crate::files::{self, Files};
use crate::live::hub::Hub;
use crate::outside::Outside;
use crate::outside::transcription::Transcriber;
use crate::process::{takeover, upkeep};
use crate::server::accept::{self, Limits};
use crate::surface::{self, gate::Gate};

/// What the kernel may hold for one slow reader.
const SEND_BUFFER: u32 = 256 * 1024;

/// Opens the engine and the application over it. A node that does not project takes no part in
/// the work of a cluster: it may come and go.
///
/// # Errors
/// As the engine's, in words for the operator.
pub async fn open(config: &Config, projects: bool) -> Result<Arc<App>, Failure> {
    let (accounts, hub) = (Arc::new(Accounts::default()), Arc::new(Hub::default()));
    let watchers = Arc::new(Watchers { accounts: accounts.clone(), hub: hub.clone() });
    let engine: Arc<dyn Engine> = match config.engine {
        EngineKind::Embedded => Arc::new(open_embedded(config, watchers).await?),
        EngineKind::Cluster => super::cluster::open(config, watchers, projects).await?,
    };
    let networks = config.allow_networks.clone();
    // Reading the system's certificates blocks.
    let outside = tokio::task::spawn_blocking(move || Outside::new(networks)).await?;
    let transcriber = config.transcription_url.as_deref().map(|url| {
        Transcriber::new(url, config.transcription_key.clone(), &config.transcription_model)
    });
    let files = open_files(config).await?;
    let pace = Duration::from_millis(config.pace);
    Ok(App::open(engine, accounts, hub, outside, transcriber, files, pace).await?)
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

async fn open_embedded(config: &Config, watchers: Arc<Watchers>) -> Result<Embedded, Failure> {
    let options = Options {
        dir: config.data_dir.clone(),
        cache_bytes: config.cache_mib << 20,
        reserve_bytes: config.disk_reserve_mib << 20,
    };
    // Opening replays journals, which takes a moment and blocks.
    Ok(tokio::task::spawn_blocking(move || Embedded::open(&options, watchers)).await??)
}

/// Opens as a server does: a cluster may be away for now, and is waited for.
async fn open_patiently<E>(config: &Config, gate: &Gate<E>) -> Result<Arc<App>, Failure> {
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
        match open(config, true).await {
            Err(error) if config.engine == EngineKind::Cluster => {
                tracing::error!(%error, "not ready; trying again");
                gate.explain(&error.to_string());
                tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(3))).await;
            }
            opened => return opened,
        }
    }
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
    raise_file_limit();

    // From the first moment that anybody can know of: a signal before would end us undrained.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = accept::listen(config.listen, SEND_BUFFER)
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    let gate = Gate::new(metrics.clone());
    let drain = CancellationToken::new();
    let limits = Limits { max_connections: config.max_connections, ..Limits::default() };
    let grace = Duration::from_secs(config.drain_s);
    let tracker = TaskTracker::new();
    let serving = accept::serve(listener, gate.clone(), limits, drain.clone(), tracker, grace);
    let serving = tokio::spawn(serving);
    let app = tokio::select! {
        opened = open_patiently(&config, &gate) => opened?,
        () = stop_signal(&mut terminate, &mut interrupt) => return Ok(()),
    };
    if config.demo
        && config.engine == EngineKind::Embedded
        && let Some(credentials) = demo::make_if_empty(&app).await?
    {
        write_credentials(&config.data_dir, &credentials)?;
    }
    let settings =
        surface::Settings { metrics: metrics.clone(), trusted_proxies: config.trusted_proxies };
    gate.open(surface::router(&app, &settings));
    let background = TaskTracker::new();
    background.spawn(takeover::run(app.clone(), drain.clone()));
    background.spawn(upkeep::run(app.clone(), metrics, drain.clone()));
    welcome(&config, address)?;

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

fn welcome(config: &Config, address: std::net::SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "parlor is listening on http://{address}")?;
    let credentials = config.data_dir.join("credentials.json");
    if config.engine == EngineKind::Embedded && credentials.exists() {
        writeln!(out, "  chat page    http://{address}/")?;
        writeln!(out, "  API pages    http://{address}/docs")?;
        writeln!(out, "  credentials  {}", credentials.display())?;
    }
    out.flush()
}

async fn stop_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// A connection needs a descriptor: takes as many as the process may have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Writes `credentials.json`, readable by its owner alone.
fn write_credentials(dir: &Path, credentials: &Credentials) -> Result<(), Failure> {
    let path = dir.join("credentials.json");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    serde_json::to_writer_pretty(&mut file, &credentials.as_json())?;
    writeln!(file)?;
    file.sync_all()?;
    Ok(())
}
