//! The settings of the gateway itself: doors, store, log, callbacks, retries.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::kinds::{Size, words};
use super::route::UnknownOutcome;
use super::setting::settings;

settings! {
    /// `[http]`: the API's door and its limits.
    pub struct Http {
        /// Where the API listens. Port 0: any free port, told in the ready line.
        listen: SocketAddr = "127.0.0.1:8080";
        /// Where `/livez`, `/readyz` and `/metrics` listen. Not set: with the API.
        admin_listen: Option<SocketAddr>;
        /// Messages that may be between the API and the disk. One more is refused with 503 and
        /// Retry-After.
        inbox_messages_max: usize ["1" .. "10000000"] = "50000";
        /// How long running work may take to end after SIGTERM: windows empty, unbind, flush.
        drain_timeout: Duration ["0s" .. "1h"] = "30s";
    }
}

settings! {
    /// `[store]`: the journal, its index and its history.
    pub struct Store {
        /// Directory of the store; made when missing. One process at a time.
        path: PathBuf = "/var/lib/signalbox";
        /// Free space of the disk below which work is refused with 507, so that changes of what
        /// was accepted still fit. 0: only a failed write counts.
        reserve: Size ["0" .. "1TiB"] = "64MiB";
        /// A journal file is closed at this size.
        segment: Size ["4KiB" .. "16GiB"] = "64MiB";
        /// A checkpoint is written after this much journal; it bounds what is read at the start.
        checkpoint: Size ["4KiB" .. "16GiB"] = "64MiB";
        /// Most messages held in memory, at about 500 octets each; others are looked up on disk.
        hot_entries_max: usize ["16" .. "100000000"] = "200000";
        /// Memory for bodies of messages; others are read from the journal again.
        body_cache: Size ["0" .. "64GiB"] = "128MiB";
        /// So much of the journal written last stays in the page cache of the system; of the rest
        /// it is told to forget what the history has read.
        page_cache: Size ["0" .. "1TiB"] = "256MiB";
        /// How many messages that are done are held so that a second receipt is recognised.
        linger_entries_max: usize ["0" .. "100000000"] = "10000";
        /// How long, at most, a message that is done is held so.
        linger: Duration ["1s" .. "30d"] = "1h";
        /// How long an idempotency key is remembered.
        idempotency: Duration ["1m" .. "30d"] = "24h";
        /// Most receipts that wait for their message; beyond it the oldest counts as overdue.
        parked_max: usize ["1" .. "100000000"] = "100000";
        /// Age below which journal files are kept even when nothing needs them.
        retention: Duration ["1h" .. "3650d"] = "7d";
    }
}

words! {
    /// How log lines look.
    pub enum LogFormat {
        /// Text on a terminal, JSON otherwise.
        Auto = "auto",
        /// One readable line each.
        Text = "text",
        /// One JSON object each.
        Json = "json",
    }
}

settings! {
    /// `[log]`: what is written to standard error. Numbers and texts of messages never are.
    pub struct Log {
        /// Least level: `error`, `warn`, `info`, `debug`, `trace`, and per module, such as
        /// `info,signalbox_esme=debug`.
        level: String ["1" .. "1000"] = "info";
        /// How the lines look.
        format: LogFormat = "auto";
    }
}

settings! {
    /// `[callback]`: how events and messages from phones reach applications.
    pub struct Callback {
        /// Most connections to one host and port at a time.
        connections_max: usize ["1" .. "10000"] = "64";
        /// How long connecting may take.
        connect_timeout: Duration ["100ms" .. "5m"] = "10s";
        /// How long an answer may take.
        timeout: Duration ["100ms" .. "5m"] = "10s";
        /// Authorities that are trusted with `https`: PEM. Not set: those of the system.
        ca: Option<PathBuf>;
        /// Whether addresses of this machine (127.0.0.0/8, ::1) are allowed.
        allow_loopback: bool = "true";
        /// Whether link-local addresses (169.254.0.0/16, fe80::/10) are allowed: the metadata
        /// services of cloud machines are there.
        allow_link_local: bool = "false";
        /// How long a callback is retried before it is given up.
        expiry: Duration ["1s" .. "30d"] = "3d";
        /// Waits between attempts; the last one repeats. Each is spread by ±20 %.
        retry_delays: Vec<Duration> ["1ms" .. "7d"] = "1s,5s,30s,2m,10m,1h,3h,6h";
    }
}

settings! {
    /// `[retry]`: what happens after failures that may pass.
    pub struct Retry {
        /// Waits between attempts at a provider; the last one repeats until the message expires.
        /// Each is spread by ±20 %.
        delays: Vec<Duration> ["1ms" .. "7d"] = "1s,5s,30s,2m,10m,30m,1h";
        /// Attempts at one provider that may end in a temporary failure; then the message has
        /// failed. Throttled and unwritten attempts do not count.
        attempts_max: u16 ["1" .. "65535"] = "100";
        /// How long the receipt of a message is awaited; then its state stays as it is.
        receipt_timeout: Duration ["1s" .. "30d"] = "72h";
        /// How long a receipt with an unknown id waits for its message; then it is an orphan.
        parked_receipt_timeout: Duration ["1s" .. "30d"] = "72h";
        /// What happens to messages that were under way, without an answer, when the process
        /// ended. Copies are marked.
        unknown_after_restart: UnknownOutcome = "resend";
    }
}

settings! {
    /// `[inbound]`: who gets messages from phones.
    pub struct Inbound {
        /// Account that they belong to. Not set: the only account; with several accounts they
        /// are stored and belong to none.
        account: Option<String>;
    }
}
