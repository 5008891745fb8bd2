//! Puts a gateway together from its configuration, and takes it apart again in order.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use signalbox_adapters::{ChannelHandle, INBOX_BATCHES_MAX, Inbox};
use signalbox_router::{Router, Timestamp};
use signalbox_store::{History, HistoryConfig, OpenReport, Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::api::{self, Accounts, Api, SEARCHES_MAX};
use crate::clock::Clock;
use crate::config::{Config, Rate};
use crate::engine::{Ending, Engine, EngineConfig, EngineHandle, EngineParts};
use crate::providers::Providers;
use crate::telemetry;

/// Life of a message that does not say how long it lives.
const VALIDITY_MS: u64 = 48 * 3_600_000;

/// How often old rows of the history are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Old rows removed in one step; others who ask the history come in between.
const PURGE_ROWS_MAX: usize = 1_000;

/// Steps of one tidying up: 100,000 rows a second and more than any gateway makes.
const PURGE_STEPS_MAX: usize = 1_000;

/// How long open requests may take after everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A running gateway.
pub struct Gateway {
    http: SocketAddr,
    engine: EngineHandle,
    ending: oneshot::Receiver<Ending>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Gateway {
    /// Opens the doors and the store, starts channels and engine.
    ///
    /// # Errors
    /// One line for the operator.
    pub async fn start(config: Config) -> Result<Self, String> {
        // The doors first: a taken port is the commonest mistake, and nothing is touched by then.
        let listener = api::bind(&config.http.listen.to_string(), "[http] listen").await?;
        let http = listener.local_addr().map_err(|error| error.to_string())?;
        let admin_listener = match config.http.admin_listen {
            Some(address) => Some(api::bind(&address.to_string(), "[http] admin_listen").await?),
            None => None,
        };
        let metrics = telemetry::start_metrics().map_err(|error| error.to_string())?;
        let store = open_store(config.store.config()).await?;
        let history = HistoryConfig {
            // The reserve is for changes of what was accepted: the history leaves it alone.
            free_octets_min: config.store.reserve.0.saturating_mul(2),
            ..HistoryConfig::new(&config.store.path)
        };
        let history = History::start(history, store.watch())
            .map_err(|error| format!("[store] the history cannot be opened: {error}"))?;
        let history = Arc::new(history);

        let clock = Clock::start();
        let (inbox, inbox_end) = mpsc::channel(INBOX_BATCHES_MAX);
        let mut tasks = JoinSet::new();
        let (channels, providers) = start_channels(&config, inbox, &mut tasks)?;
        let (engine, ending) = start_engine(
            &config,
            EngineParts {
                router: Router::new(config.router(), random_seed()),
                store,
                channels,
                inbox: inbox_end,
                clock,
            },
        )?;
        let api = make_api(&config, &engine, &history, clock, providers, metrics);
        let (stop, stopped) = watch::channel(false);
        serve(listener, admin_listener, api, &stopped, &mut tasks);
        let retention_ms = u64::try_from(config.store.retention.as_millis()).unwrap_or(u64::MAX);
        tasks.spawn(keep_house(
            engine.clone(),
            history,
            clock,
            retention_ms,
            stopped,
        ));
        tracing::info!(%http, "ready");
        Ok(Self {
            http,
            engine,
            ending,
            stop,
            tasks,
        })
    }

    /// Where the API listens.
    #[must_use]
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// Waits for an end that nobody asked for.
    pub async fn broken(&mut self) {
        match (&mut self.ending).await {
            Ok(Ending::Broken) | Err(_) => {}
            Ok(Ending::Stopped) => tracing::error!("every channel has ended"),
        }
    }

    /// Stops in order: intake, channels, store. Requests that are still open then are given a
    /// moment for their answers; everything accepted is on the disk by that time.
    ///
    /// False: the last batch is not on the disk; the log says why.
    pub async fn stop(mut self) -> bool {
        self.engine.stop().await;
        let ending = (&mut self.ending).await;
        if ending.is_err() {
            tracing::error!("the engine's thread broke");
        }
        // Nobody listening is what is wanted.
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, ended).await.is_err() {
            tracing::warn!("some connections were still open and are cut off");
            self.tasks.shutdown().await;
        }
        ending == Ok(Ending::Stopped)
    }
}

async fn open_store(config: StoreConfig) -> Result<Store, String> {
    let path = config.path.display().to_string();
    let opened = tokio::task::spawn_blocking(move || Store::open(config))
        .await
        .map_err(|error| format!("[store] {path}: {error}"))?;
    let (store, report) = opened.map_err(|error| format!("[store] {path}: {error}"))?;
    log_report(&path, &report);
    Ok(store)
}

fn log_report(path: &str, report: &OpenReport) {
    for damage in &report.damages {
        tracing::error!(path, %damage, "a part of the store is damaged and was left out");
    }
    if report.torn_octets > 0 {
        let octets = report.torn_octets;
        tracing::warn!(
            path,
            octets,
            "a batch that was never answered for was cut off"
        );
    }
    if let Some(reason) = &report.rebuilt {
        tracing::warn!(path, reason, "the index was made again from the journal");
    }
    tracing::info!(path, records_read = report.records, "the store is open");
}

/// Starts every channel. Each holds an end of the inbox; it closes when all have ended.
fn start_channels(
    config: &Config,
    inbox: Inbox,
    tasks: &mut JoinSet<()>,
) -> Result<(Vec<ChannelHandle>, Providers), String> {
    let mut channels = Vec::new();
    let mut providers = Providers::default();
    for provider in config.smpp_providers(random_seed()) {
        let name = provider.name.clone();
        let channel =
            signalbox_adapters::smpp::SmppChannel::spawn(provider, random_seed(), inbox.clone())
                .map_err(|(bind, error)| format!("[provider.{name}.bind.{bind}] {error}"))?;
        channels.push(channel.handle);
        providers.push(name.clone(), channel.status);
        tasks.spawn(async move {
            if let Err(error) = channel.task.await {
                tracing::error!(provider = %name, %error, "a channel broke");
            }
        });
    }
    let webhook = signalbox_adapters::webhook::WebhookChannel::spawn(config.webhook(), inbox)
        .map_err(|error| format!("[callback] {error}"))?;
    channels.push(webhook.handle);
    tasks.spawn(async move {
        if let Err(error) = webhook.task.await {
            tracing::error!(%error, "the callback channel broke");
        }
    });
    Ok((channels, providers))
}

fn start_engine(
    config: &Config,
    parts: EngineParts,
) -> Result<(EngineHandle, oneshot::Receiver<Ending>), String> {
    let engine_config = EngineConfig {
        inbox_messages_max: config.http.inbox_messages_max,
        drain_timeout: config.http.drain_timeout,
    };
    Engine::spawn(parts, &engine_config)
        .map_err(|error| format!("the engine's thread cannot be started: {error}"))
}

fn make_api(
    config: &Config,
    engine: &EngineHandle,
    history: &Arc<History>,
    clock: Clock,
    providers: Providers,
    metrics: PrometheusHandle,
) -> Arc<Api> {
    let accounts = config.account.iter().filter_map(|(name, account)| {
        Some(api::Account {
            name: Arc::from(name.as_str()),
            key_sha256: account.key_hash()?,
            callback_url: account
                .callback_url
                .as_ref()
                .map(|url| url.0.as_str().into())
                .unwrap_or_default(),
            callback_states: account.callback_states(),
            messages_per_second: account.rate.map(Rate::per_second),
        })
    });
    Arc::new(Api {
        engine: engine.clone(),
        history: Arc::clone(history),
        searches: Semaphore::new(SEARCHES_MAX),
        clock,
        providers,
        validity_ms: VALIDITY_MS,
        metrics,
        accounts: RwLock::new(Arc::new(Accounts::new(accounts))),
    })
}

fn serve(
    listener: TcpListener,
    admin_listener: Option<TcpListener>,
    api: Arc<Api>,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let admin = api::admin_routes(Arc::clone(&api));
    let mut routes = api::application_routes(api);
    match admin_listener {
        Some(admin_listener) => {
            let admin = api::with_refusals(admin);
            tasks.spawn(api::serve(admin_listener, admin, stopped.clone()));
        }
        None => routes = routes.merge(admin),
    }
    tasks.spawn(api::serve(
        listener,
        api::with_refusals(routes),
        stopped.clone(),
    ));
}

/// Tells the engine how far the history is, so that old segments can go, and removes old rows.
async fn keep_house(
    engine: EngineHandle,
    history: Arc<History>,
    clock: Clock,
    retention_ms: u64,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        let history = Arc::clone(&history);
        let before = Timestamp(clock.now().0.saturating_sub(retention_ms));
        let kept = tokio::task::spawn_blocking(move || {
            for _ in 0..PURGE_STEPS_MAX {
                if history.purge(before, PURGE_ROWS_MAX)? < PURGE_ROWS_MAX {
                    break;
                }
            }
            history.position()
        });
        match kept.await {
            Ok(Ok(position)) => engine.history_reached(position),
            Ok(Err(error)) if error.disk_full => tracing::warn!("{error}"),
            Ok(Err(error)) => tracing::error!(%error, "the history cannot be tidied up"),
            Err(error) => tracing::error!(%error, "the history cannot be tidied up"),
        }
    }
}

/// A seed of its own for everybody who makes ids or jitter: two with the same seed would make the
/// same ids.
fn random_seed() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}
