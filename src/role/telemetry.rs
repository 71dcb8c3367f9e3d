//! Logs, traces and metrics of the process.

use std::io::IsTerminal;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::writer::MakeWriterExt as _;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::Failure;
use crate::config::Config;

/// Seconds, from a fraction of a millisecond to a slow answer.
const SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const EVENTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 2048.0];

/// Sends what is left of the traces when dropped.
pub struct Traces(Option<SdkTracerProvider>);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take()
            && let Err(error) = provider.shutdown()
        {
            eprintln!("parlor: the last traces were not sent: {error}");
        }
    }
}

/// Starts logging to standard error, and tracing where an endpoint is set.
///
/// # Errors
/// When the filter or the endpoint cannot be read.
pub fn start_logs(config: &Config) -> Result<Traces, Failure> {
    let provider = config.otlp_endpoint.as_deref().map(exporter).transpose()?;
    // Filters of single layers lose lines: librdkafka's binding asks what is enabled without saying
    // anything, and such a filter then takes the next line for the one it was asked about.
    let (filter, shown) = if provider.is_some() {
        // Requests are spans of level debug: they cost nothing where nobody traces.
        let filter = filter(&format!("{},parlor=debug", config.log))?;
        (filter, config.log.parse::<Targets>()?)
    } else {
        (filter(&config.log)?, Targets::new().with_default(LevelFilter::TRACE))
    };
    let stderr =
        std::io::stderr.with_filter(move |line| shown.would_enable(line.target(), line.level()));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = if config.log_json { lines.json().boxed() } else { lines.boxed() };
    let spans = provider
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("parlor")));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init()?;
    Ok(Traces(provider))
}

fn filter(text: &str) -> Result<EnvFilter, Failure> {
    let wrong = |error| {
        format!("log (--log, PARLOR_LOG) is {text:?}: {error}; it is such as info or parlor=debug")
    };
    Ok(EnvFilter::try_new(text).map_err(wrong)?)
}

/// OTLP over HTTP; `endpoint` is the collector's base, as in `OTEL_EXPORTER_OTLP_ENDPOINT`.
fn exporter(endpoint: &str) -> Result<SdkTracerProvider, Failure> {
    crate::tls::install();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(Duration::from_secs(10))
        .build()?;
    let resource = Resource::builder().with_service_name("parlor").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Starts counting; the handle renders what `/metrics` shows.
///
/// # Errors
/// When counting was started before.
pub fn start_metrics() -> Result<PrometheusHandle, Failure> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_batch_events".into()), &EVENTS)?
        .install_recorder()?;
    super::measures::begin();
    metrics_process::Collector::default().describe();
    Ok(handle)
}
