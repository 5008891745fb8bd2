//! Load generator: binds to an SMSC, or connects to the gateway's HTTP API, and sends messages, in
//! an open loop at their scheduled times or in a closed loop as fast as the windows allow, to
//! measure what the server does.
//!
//! In an open loop latencies count from the scheduled time, so that a server that stalls cannot
//! hide it by holding the generator back (coordinated omission).

mod callbacks;
mod connect;
mod cpu;
mod environment;
mod error;
mod generator;
mod hgrm;
mod hlog;
mod http;
mod meter;
mod mix;
mod plan;
mod progress;
mod report;
mod results;
mod schedule;
mod settings;
mod summary;
mod target;
mod template;
mod threshold;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use signalbox_codec::COctetStr;
use signalbox_codec::pdu::Bind;
use signalbox_session::driver::{DriverConfig, drive};
use signalbox_session::{BindType, CloseReason, Role, Session, SessionConfig};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{Interval, interval_at, sleep_until, timeout};

use self::callbacks::Callbacks;
use self::connect::Dialer;
pub use self::connect::{ClientTls, Trust};
pub use self::environment::Environment;
pub use self::error::LoadError;
use self::generator::{Command, Generator, News};
pub use self::hlog::interval_log_head;
use self::meter::Meter;
pub use self::mix::{Mix, MixError};
use self::plan::{Plan, first_recipient};
pub use self::progress::Progress;
pub use self::report::Report;
use self::results::Gathered;
pub use self::schedule::Schedule;
pub use self::settings::{LoadSettings, Pace};
pub use self::summary::Summary;
pub use self::target::{Scheme, Target, TargetError};
pub use self::threshold::{Threshold, ThresholdError};

/// interface_version of the binds.
const INTERFACE_VERSION: u8 = 0x34;
/// How long responses are waited for after an interrupt, and then the end of the sessions.
const INTERRUPTED_WAIT_MAX: Duration = Duration::from_secs(1);
/// From the first recipient of a window of a sweep to that of the next: more than any has.
const SWEEP_RECIPIENTS: u64 = 1_000_000_000;
/// From one line of progress to the next.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Binds, generates, unbinds, reports. `progress` is called each second and at the end. A run that
/// could not begin or that ended early has a report too, of what was measured up to then; its
/// [`Report::error`] tells why.
pub async fn run(settings: LoadSettings, progress: &mut dyn FnMut(&Progress)) -> Report {
    run_until(&Notify::new(), settings, progress).await
}

/// The same, and ends early as soon as `interrupt` is notified.
pub async fn run_until(
    interrupt: &Notify,
    mut settings: LoadSettings,
    progress: &mut dyn FnMut(&Progress),
) -> Report {
    let by_time = || first_recipient(UNIX_EPOCH.elapsed().unwrap_or_default());
    settings.recipients_from.get_or_insert_with(by_time);
    let settings = Arc::new(settings);
    let begun = unless_interrupted(interrupt, begin(&settings)).await;
    let (mut crew, mut meter) = match begun {
        Ok(begun) => begun,
        Err(error) => return Report::not_begun(Arc::unwrap_or_clone(settings), error),
    };
    let worked = unless_interrupted(interrupt, crew.work(&mut meter, progress)).await;
    let until = match &worked {
        Ok(()) => Duration::MAX,
        Err(_) => meter.started.elapsed(),
    };
    progress(&meter.tick());
    let ended = match worked {
        Ok(()) => unless_interrupted(interrupt, crew.unbind()).await,
        Err(LoadError::Interrupted) => {
            // Whatever comes of it, the load was interrupted.
            let _ = timeout(INTERRUPTED_WAIT_MAX, crew.finish()).await;
            let _ = timeout(INTERRUPTED_WAIT_MAX, crew.unbind()).await;
            Err(LoadError::Interrupted)
        }
        Err(error) => Err(error),
    };
    meter.report(until, ended.err())
}

/// Runs in a closed loop with one window after the other, until one cannot begin or ends early.
pub async fn sweep_until(
    interrupt: &Notify,
    settings: &LoadSettings,
    windows: &[u32],
    progress: &mut dyn FnMut(&Progress),
) -> Vec<Report> {
    let mut reports = Vec::with_capacity(windows.len());
    for (window_size, round) in windows.iter().zip(0..) {
        let recipients_from = settings.recipients_from;
        let settings = LoadSettings {
            window_size: *window_size,
            // Receipts that come late are none of the next window's.
            recipients_from: recipients_from
                .map(|first| (first + round * SWEEP_RECIPIENTS) % plan::RECIPIENTS),
            pace: Pace::Closed,
            ..settings.clone()
        };
        let mut of_window = |second: &Progress| progress(&second.of_window(*window_size));
        let report = run_until(interrupt, settings, &mut of_window).await;
        let failed = report.error().is_some();
        reports.push(report);
        if failed {
            break;
        }
    }
    reports
}

/// What `work` comes to, unless the interrupt comes before.
async fn unless_interrupted<T>(
    interrupt: &Notify,
    work: impl Future<Output = Result<T, LoadError>>,
) -> Result<T, LoadError> {
    tokio::select! {
        done = work => done,
        () = interrupt.notified() => Err(LoadError::Interrupted),
    }
}

async fn begin(settings: &Arc<LoadSettings>) -> Result<(Crew, Meter), LoadError> {
    let crew = Crew::bind(settings).await?;
    let meter = Meter::new(settings, Instant::now(), Arc::clone(&crew.gathered))?;
    Ok((crew, meter))
}

/// All binds.
struct Crew {
    binds: JoinSet<Result<(), LoadError>>,
    commands: Vec<UnboundedSender<Command>>,
    /// Two at most of each bind.
    news: UnboundedReceiver<News>,
    /// Binds that send no more and wait for nothing.
    drained: usize,
    gathered: Arc<Gathered>,
    /// Where the receipts of an HTTP target come.
    _callbacks: Option<Callbacks>,
}

impl Crew {
    /// Connects them and waits until all are bound.
    async fn bind(settings: &Arc<LoadSettings>) -> Result<Self, LoadError> {
        let (news_sender, news) = mpsc::unbounded_channel();
        let dialer = Arc::new(Dialer::new(&settings.target, &settings.tls)?);
        let gathered: Arc<Gathered> = Arc::default();
        let callbacks = if settings.receipts && settings.target.scheme.is_http() {
            let address = settings.callback_address;
            Some(Callbacks::listen(address, &dialer, Arc::clone(&gathered)).await?)
        } else {
            None
        };
        let callback_url = callbacks
            .as_ref()
            .map(|callbacks| Arc::clone(&callbacks.url));
        let mut crew = Self {
            binds: JoinSet::new(),
            commands: Vec::new(),
            news,
            drained: 0,
            gathered,
            _callbacks: callbacks,
        };
        for ordinal in 0..settings.binds {
            let (command_sender, commands) = mpsc::unbounded_channel();
            crew.commands.push(command_sender);
            let (settings, dialer) = (Arc::clone(settings), Arc::clone(&dialer));
            let (gathered, news) = (Arc::clone(&crew.gathered), news_sender.clone());
            let plan = Plan::new(Arc::clone(&settings), ordinal);
            if settings.target.scheme.is_http() {
                let work = (plan, callback_url.clone());
                crew.binds.spawn(async move {
                    http::post_messages(&dialer, work, gathered, news, commands).await
                });
            } else {
                let generator = Generator::new(plan, gathered, news);
                crew.binds.spawn(async move {
                    bind_and_generate(&dialer, &settings, generator, commands).await
                });
            }
        }
        for _ in 0..settings.binds {
            crew.next_news().await?;
        }
        Ok(crew)
    }

    fn tell(&self, command: Command) {
        for sender in &self.commands {
            // A bind that has ended is found by `next_news` or `unbind`.
            let _ = sender.send(command);
        }
    }

    /// The next news; a bind that ends before it was told to is an error.
    async fn next_news(&mut self) -> Result<News, LoadError> {
        tokio::select! {
            Some(news) = self.news.recv() => Ok(news),
            Some(ended) = self.binds.join_next() => {
                ended.map_err(LoadError::Task)??;
                Err(LoadError::Closed(CloseReason::LocalUnbind))
            }
        }
    }

    /// Until all is sent, answered and, as far as they come in time, receipted.
    async fn work(
        &mut self,
        meter: &mut Meter,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), LoadError> {
        self.tell(Command::Start(meter.started));
        let first = meter.started + PROGRESS_EVERY;
        let mut ticker = interval_at(first.into(), PROGRESS_EVERY);
        self.send_all(meter, &mut ticker, progress).await?;
        self.receive_all(meter, &mut ticker, progress).await
    }

    /// Until nothing more is sent and nothing waits for a response.
    async fn send_all(
        &mut self,
        meter: &mut Meter,
        ticker: &mut Interval,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), LoadError> {
        while self.drained < self.commands.len() {
            let warm_at = meter.started + meter.settings.unmeasured();
            tokio::select! {
                news = self.next_news() => {
                    news?;
                    self.drained += 1;
                }
                _ = ticker.tick() => progress(&meter.tick_of_sending()),
                () = sleep_until(warm_at.into()), if !meter.warm => {
                    meter.warmed_up()?;
                }
            }
        }
        // The last messages may have been answered before the timer told of the end of the warm-up.
        if !meter.warm && Instant::now() >= meter.started + meter.settings.unmeasured() {
            meter.warmed_up()?;
        }
        Ok(())
    }

    /// Until the receipts have come, or their time is over: then they are missing.
    async fn receive_all(
        &mut self,
        meter: &mut Meter,
        ticker: &mut Interval,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), LoadError> {
        let gathered = Arc::clone(&self.gathered);
        let mut all = pin!(timeout(
            meter.settings.receipt_wait,
            gathered.all_receipts()
        ));
        loop {
            tokio::select! {
                _ = &mut all => return Ok(()),
                // All have told all their news, so that this can only be an end.
                ended = self.next_news() => return ended.map(|_| ()),
                _ = ticker.tick() => progress(&meter.tick_of_receipts()),
            }
        }
    }

    /// Sends no more, and waits until nothing is open.
    async fn finish(&mut self) -> Result<(), LoadError> {
        self.tell(Command::Finish);
        while self.drained < self.commands.len() {
            self.next_news().await?;
            self.drained += 1;
        }
        Ok(())
    }

    async fn unbind(mut self) -> Result<(), LoadError> {
        self.tell(Command::Unbind);
        while let Some(ended) = self.binds.join_next().await {
            ended.map_err(LoadError::Task)??;
        }
        Ok(())
    }
}

async fn bind_and_generate(
    dialer: &Dialer,
    settings: &LoadSettings,
    generator: Generator,
    commands: UnboundedReceiver<Command>,
) -> Result<(), LoadError> {
    let target = &settings.target;
    let stream = dialer.connect().await?;
    let now = Instant::now();
    let config = SessionConfig {
        window_size: settings.window_size,
        response_timer: settings.response_timer,
        ..SessionConfig::new(Role::Esme)
    };
    let mut session = Session::new(now, config);
    let bind = Bind {
        system_id: COctetStr::new(target.system_id.as_bytes()).unwrap_or_default(),
        password: COctetStr::new(target.password.as_bytes()).unwrap_or_default(),
        interface_version: INTERFACE_VERSION,
        ..Bind::default()
    };
    session
        .bind(now, BindType::Transceiver, &bind)
        .expect("a fresh session takes a bind");
    // The generator makes its requests by itself: nothing comes by this, and it stays open.
    let (_requests_sender, requests) = mpsc::channel(1);
    let config = DriverConfig {
        exact_timeouts: true,
        ..DriverConfig::default()
    };
    match drive(stream, session, generator, requests, commands, config).await {
        (_, CloseReason::LocalUnbind) => Ok(()),
        (_, reason) => Err(LoadError::Closed(reason)),
    }
}
