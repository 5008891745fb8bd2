//! SIGINT and SIGTERM during a load: the first ends it early, with its results, the second ends the
//! program at once.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::EXIT_FAILED;

/// What comes so soon behind the first signal is the same one: timeout(1) sends its signal to the
/// process and to its group.
const SAME_SIGNAL_MAX: Duration = Duration::from_millis(200);

/// Notified by the first of the signals. They have a thread of their own, so that the second also
/// ends a load that is busy, or that writes its results where nobody reads them.
///
/// # Errors
/// What the system says.
pub(crate) fn on_signals() -> io::Result<Arc<Notify>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        (terminate, signal(SignalKind::interrupt())?)
    };
    let first = Arc::new(Notify::new());
    let notified = Arc::clone(&first);
    thread::Builder::new().spawn(move || {
        let mut next = || {
            runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            });
        };
        next();
        let first_at = Instant::now();
        notified.notify_one();
        loop {
            next();
            if first_at.elapsed() >= SAME_SIGNAL_MAX {
                break;
            }
        }
        process::exit(EXIT_FAILED.into())
    })?;
    Ok(first)
}
