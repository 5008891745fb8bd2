//! What can be asked of and told to a running SMSC, for the library and the control API alike.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use signalbox_codec::receipt::ReceiptState;
use signalbox_codec::{COctetStr, Pdu};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::behaviour::Behaviour;
use crate::clock::{ClockError, ClockMode, Forward, SmscTime};
use crate::conformance::Report;
use crate::delivery::{
    About, Delivery, DeliveryError, DeliveryResult, Mo, Original, Receipt, ReceiptForm,
};
use crate::events::{Item, What};
use crate::ids::MessageId;
use crate::message::{Message, latin1};
use crate::record::{self, Addressee, Batch, Place};
use crate::registry::{self, Disconnect, Fired, Outbind, SessionInfo};
use crate::samples::Rate;
use crate::scenario::{Progress, Scenario};
use crate::script::Script;
use crate::server::Made;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::socket::Transport;

/// How long a connection to an ESME may take.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long sessions may take to follow the clock.
const FIRED_WAIT: Duration = Duration::from_secs(5);

/// Access to a running SMSC.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    shared: Arc<Shared>,
    made: mpsc::Sender<Made>,
}

/// Messages that were counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Those that were wanted.
    pub(crate) matched: u64,
    /// Whether all that are kept were counted, not only the later ones.
    pub(crate) are_all: bool,
    /// How far they have come.
    pub(crate) place: Place,
}

impl Control {
    pub(crate) const fn new(shared: Arc<Shared>, made: mpsc::Sender<Made>) -> Self {
        Self { shared, made }
    }

    /// What the SMSC was started with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// What went over the wire of one session or of all, as a pcapng file.
    pub(crate) fn pcapng(&self, session: Option<u64>) -> Vec<u8> {
        self.shared.capture.to_pcapng(session)
    }

    /// Whether a session of this number is there, or anything of it in the capture.
    pub(crate) fn knows_session(&self, session: u64) -> bool {
        let is_there = self.sessions().iter().any(|info| info.id == session);
        is_there || self.shared.capture.knows(session)
    }

    /// Whether there is or was a session of this number.
    pub(crate) fn had_session(&self, session: u64) -> bool {
        self.shared.registry().had(session)
    }

    /// Lets the capture keep so many octets from now on.
    pub(crate) fn limit_capture(&self, octets_max: usize) {
        self.shared.capture.limit(octets_max);
    }

    /// Completes the capture file; waits for the disk.
    pub(crate) fn finish_capture(&self) {
        self.shared.capture.finish();
    }

    /// Hands a connection over to the server; false when that has stopped.
    pub(crate) async fn serve(&self, made: Made) -> bool {
        self.made.send(made).await.is_ok()
    }

    /// Connects to an ESME that listens, and asks it to bind.
    pub(crate) async fn outbind(&self, to: SocketAddr, outbind: Outbind) -> io::Result<()> {
        let connecting = tokio::time::timeout(CONNECT_WAIT, TcpStream::connect(to));
        let stream = connecting.await.map_err(|_| io::ErrorKind::TimedOut)??;
        let made = Made {
            transport: Transport::Tcp(stream),
            peer: to,
            outbind: Some(outbind),
        };
        match self.serve(made).await {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The newest `limit` messages that are wanted, oldest first.
    pub(crate) fn messages(&self, limit: usize, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let at = self.shared.time();
        let kept = self.kept();
        let newest_first = kept.newest_first(at, usize::MAX);
        let mut messages: Vec<Message> = newest_first.filter(wanted).take(limit).collect();
        messages.reverse();
        messages
    }

    /// Counts the messages after that place; all that are kept when it is `None`, or when some were
    /// forgotten or changed since.
    pub(crate) fn count_after(
        &self,
        after: Option<Place>,
        wanted: impl Fn(&Message) -> bool,
    ) -> Counted {
        let at = self.shared.time();
        let kept = self.kept();
        let still_holds = |after: &Place| {
            (after.clears, after.changes) == (kept.place.clears, kept.place.changes)
        };
        let after = after.filter(still_holds);
        let newest = kept.place.total - after.map_or(0, |after| after.total);
        let newest = usize::try_from(newest).unwrap_or(usize::MAX);
        let messages = kept.newest_first(at, newest);
        Counted {
            matched: messages.filter(wanted).count() as u64,
            are_all: after.is_none(),
            place: kept.place,
        }
    }

    /// Ends when something happens after it was called.
    pub(crate) fn news(&self) -> impl Future<Output = ()> + '_ {
        let mut news = Box::pin(self.shared.news.notified());
        // From here on nothing is missed.
        news.as_mut().enable();
        news
    }

    /// Number of the next event.
    pub(crate) fn events_next(&self) -> u64 {
        self.shared.events().next()
    }

    /// At least `limit` events from that number on, and how many of those are forgotten.
    pub(crate) fn events(&self, cursor: u64, limit: usize) -> (Vec<Arc<Item>>, u64) {
        self.shared.events().after(cursor, limit)
    }

    /// Messages since the start or since they were cleared.
    pub(crate) fn messages_total(&self) -> u64 {
        self.shared.ring().place().total
    }

    pub(crate) async fn wait_for_messages(
        &self,
        count: u64,
        within: Duration,
    ) -> Result<Vec<Message>, u64> {
        let waiting = async {
            loop {
                let news = self.news();
                if self.messages_total() >= count {
                    return;
                }
                news.await;
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(()) => Ok(self.messages(usize::MAX, |_| true)),
            Err(_) => Err(self.messages_total()),
        }
    }

    /// The message of that id, if it is kept.
    pub(crate) fn message(&self, id: &str) -> Option<Message> {
        let at = self.shared.time();
        let ring = self.shared.ring();
        let mut candidates = MessageId::candidates(id.as_bytes());
        let (batch, entry, pdu) = candidates.find_map(|id| ring.find(id))?;
        Message::new(batch, &entry, pdu, at)
    }

    pub(crate) fn clear_messages(&self) {
        self.shared.ring().clear();
        self.tell(What::MessagesCleared);
    }

    /// Sends a message and waits for its response.
    pub(crate) async fn inject_mo(&self, mo: &Mo) -> DeliveryResult {
        let body = mo
            .body()
            .map_err(|field| DeliveryError::NotEncodable { field })?;
        result_of(self.start_delivery(mo.system_id.as_deref(), body, None)).await
    }

    /// Sends a receipt about a message that is kept, to `to` or to each recipient that was
    /// accepted, and tells what became of each; without any when there is no such recipient.
    /// `None` when no message of this id is kept.
    pub(crate) async fn send_receipts(
        &self,
        id: &str,
        to: Option<&str>,
        state: ReceiptState,
        error_code: u16,
    ) -> Option<Vec<(String, DeliveryResult)>> {
        let at = self.shared.time();
        let (system_id, receipts) = {
            let ring = self.shared.ring();
            let mut candidates = MessageId::candidates(id.as_bytes());
            let (batch, entry, pdu) = candidates.find_map(|id| ring.find(id))?;
            let (_, pdu) = record::decode(&pdu)?;
            let addressees = batch.addressees(entry.id);
            let receipts: Vec<_> = originals(&pdu, addressees, to)
                .into_iter()
                .map(|original| {
                    let receipt = Receipt {
                        original,
                        id: entry.id.0.text(entry.id.1),
                        state,
                        error_code,
                        intermediate: false,
                        form: ReceiptForm::default(),
                        submitted_unix_ms: entry.received.unix_ms(),
                        done_unix_ms: at.unix_ms(),
                    };
                    let about = About {
                        id: entry.id,
                        plan: entry.plan,
                        to_many: matches!(pdu, Pdu::SubmitMulti(_)),
                    };
                    let to = original.destination.2.to_latin1();
                    (to, receipt.body(), about)
                })
                .collect();
            (Arc::clone(&batch.system_id), receipts)
        };
        let mut sent = Vec::with_capacity(receipts.len());
        for (to, body, about) in receipts {
            let about = Some((about, state));
            sent.push((to, self.start_delivery(Some(&system_id), body, about)));
        }
        let mut results = Vec::with_capacity(sent.len());
        for (to, answer) in sent {
            results.push((to, result_of(answer).await));
        }
        Some(results)
    }

    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        self.shared.registry().sessions().cloned().collect()
    }

    /// Ends a session; false when there is none of this number.
    pub(crate) fn disconnect(&self, session: u64, how: Disconnect) -> bool {
        self.shared.registry().end(session, how)
    }

    pub(crate) fn disconnect_all(&self, how: Disconnect) {
        self.shared.registry().end_all(how);
    }

    /// What clients do that they must not; `None` when they are not checked.
    pub(crate) fn conformance(&self) -> Option<&Report> {
        self.shared.conformance.as_deref()
    }

    /// Takes a sample of what was counted, for the rates of the last minutes.
    pub(crate) fn sample(&self, unix_s: u64) {
        let total = self.shared.counters.total();
        self.shared.samples().push(unix_s, total);
    }

    /// What happened in each of the last seconds, the newest last.
    pub(crate) fn rates(&self) -> Vec<Rate> {
        self.shared.samples().rates()
    }

    /// The scenario and the active faults.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script()
    }

    /// How far the rules have come.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.shared.progress()
    }

    /// Changes the scenario or the active faults from the next message on.
    pub(crate) fn change_script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        let result = self.shared.change_script(change);
        self.tell(What::BehaviourChanged);
        result
    }

    /// Puts a scenario in the place of the one before, with all that was counted.
    pub(crate) fn replace_scenario(&self, scenario: Scenario) {
        self.change_script(|script| {
            script.replace(scenario);
            *self.shared.progress() = Progress::default();
        });
    }

    /// Puts the scenario of the start back, with nothing counted.
    pub(crate) fn restore_scenario(&self) {
        let scenario = self.settings().scenario.clone();
        self.change_script(|script| {
            script.restore(scenario);
            *self.shared.progress() = Progress::default();
        });
    }

    /// Removes a rule with what it has counted; false when there is none of this id.
    pub(crate) fn remove_rule(&self, id: &str) -> bool {
        self.change_script(|script| {
            let found = script.remove_rule(id);
            self.shared.progress().counts.retain(|rule| rule != id);
            found
        })
    }

    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        self.shared.behaviour().1
    }

    pub(crate) fn change_behaviour(&self, change: impl FnOnce(&mut Behaviour)) -> Arc<Behaviour> {
        let changed = self.shared.change_behaviour(change);
        self.tell(What::BehaviourChanged);
        changed
    }

    /// What moves the clock, and what it shows.
    pub(crate) fn clock(&self) -> (ClockMode, SmscTime) {
        let clock = self.shared.clock();
        (clock.mode(), clock.at(Instant::now()))
    }

    /// Sets the clock and waits until all sessions have done what came due by that.
    pub(crate) async fn set_clock(
        &self,
        mode: Option<ClockMode>,
        forward: Option<Forward>,
    ) -> Result<Vec<Fired>, ClockError> {
        let mut answers = {
            let mut clock = self.shared.clock();
            *clock = clock.changed(Instant::now(), mode, forward)?;
            let registry = self.shared.registry();
            let (fired, answers) = mpsc::channel(registry.sessions().len().max(1));
            let clock = *clock;
            registry.tell_all(&registry::Control::Clock { clock, fired });
            answers
        };
        let mode = self.clock().0;
        self.tell(What::ClockSet { mode });
        let mut all = Vec::new();
        let collecting = async {
            while let Some(mut fired) = answers.recv().await {
                all.append(&mut fired);
            }
        };
        if tokio::time::timeout(FIRED_WAIT, collecting).await.is_err() {
            let smsc = &self.settings().name;
            tracing::warn!(smsc, "not all sessions followed the clock in time");
        }
        all.sort_by_key(|fired| (fired.unix_ms, fired.session));
        Ok(all)
    }

    /// Name, meaning, kind and value of each metric.
    pub(crate) fn metrics(&self) -> Vec<(&'static str, &'static str, &'static str, u64)> {
        let counters = self.shared.counters.metrics().into_iter();
        let mut metrics: Vec<_> = counters
            .map(|(name, meaning, value)| (name, meaning, "counter", value))
            .collect();
        let registry = self.shared.registry();
        let dropped = "Deliveries dropped because too many waited for a bind.";
        let parked = "Deliveries that wait for a bind.";
        let (sessions, waiting) = (registry.sessions().len() as u64, registry.parked() as u64);
        metrics.extend([
            (
                "smscsim_deliveries_dropped_total",
                dropped,
                "counter",
                registry.dropped,
            ),
            ("smscsim_deliveries_parked", parked, "gauge", waiting),
            ("smscsim_sessions", "Connections.", "gauge", sessions),
        ]);
        metrics
    }

    fn tell(&self, what: What) {
        self.shared.tell(self.shared.time(), None, what);
    }

    /// `about`: the message that a receipt is about, and the state in it.
    fn start_delivery(
        &self,
        system_id: Option<&str>,
        body: bytes::Bytes,
        about: Option<(About, ReceiptState)>,
    ) -> oneshot::Receiver<DeliveryResult> {
        let (sender, receiver) = oneshot::channel();
        let (about, state) = about.unzip();
        let delivery = Delivery {
            due: self.shared.time(),
            body,
            about,
            state,
            answer: Some(sender),
        };
        self.shared.registry().send_now(system_id, delivery);
        receiver
    }

    /// What is kept just now.
    fn kept(&self) -> Kept {
        let ring = self.shared.ring();
        Kept {
            batches: ring.batches(),
            surplus: ring.surplus(),
            place: ring.place(),
        }
    }
}

async fn result_of(answer: oneshot::Receiver<DeliveryResult>) -> DeliveryResult {
    answer.await.unwrap_or(Err(DeliveryError::SessionClosed))
}

/// A message as far as those are concerned that get a receipt about it.
fn originals<'a>(
    pdu: &Pdu<'a>,
    addressees: &'a [Addressee],
    to: Option<&str>,
) -> Vec<Original<'a>> {
    let Pdu::SubmitMulti(multi) = pdu else {
        let is_meant = |original: &Original<'_>| {
            let found = original.destination.2.to_latin1();
            to.is_none_or(|to| is_same_address(to, &found))
        };
        return Original::of(pdu).into_iter().filter(is_meant).collect();
    };
    let meant = addressees.iter().filter(|addressee| match to {
        Some(to) => is_same_address(to, &latin1(&addressee.address.2)),
        None => addressee.command_status.is_ok(),
    });
    let originals = meant.filter_map(|addressee| {
        let (ton, npi, address) = &addressee.address;
        Some(Original::of_multi(
            multi,
            (*ton, *npi, COctetStr::new(address)?),
        ))
    });
    originals.collect()
}

/// The type of number is a field of its own, so `+` may be there or not.
fn is_same_address(wanted: &str, found: &str) -> bool {
    wanted.trim_start_matches('+') == found.trim_start_matches('+')
}

/// The messages kept at one moment.
struct Kept {
    batches: Vec<Arc<Batch>>,
    /// Messages at the start of the first batch that do not count.
    surplus: usize,
    place: Place,
}

impl Kept {
    /// The last `newest` messages with their states at that time, newest first.
    fn newest_first(&self, at: SmscTime, newest: usize) -> impl Iterator<Item = Message> {
        let oldest_first = self.batches.iter().enumerate().rev();
        oldest_first
            .flat_map(|(number, batch)| {
                let skipped = if number == 0 { self.surplus } else { 0 };
                let entries: Vec<_> = batch.iter().skip(skipped).collect();
                entries.into_iter().rev().map(move |entry| (batch, entry))
            })
            .take(newest)
            .filter_map(move |(batch, (entry, pdu))| Message::new(batch, entry, pdu, at))
    }
}
