//! Where the taps of an SMSC put what they hear: a ring that is asked for, and a file if one was
//! named, which a thread of its own writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pcapng::{write_head, write_record};
use super::ring::{Record, Ring};
use crate::builder::StartError;

/// Records that wait for the file at most; a disk that is slower loses some, which is logged.
const FILE_QUEUE_MAX: usize = 1_024;
/// Octets of a capture file; then it is complete, which is logged.
const FILE_OCTETS_MAX: u64 = 1024 * 1024 * 1024;
/// So long the file is behind at most, unless the disk is slow.
const FLUSH_AFTER: Duration = Duration::from_millis(200);

/// What all sessions of an SMSC said.
#[derive(Debug)]
pub(crate) struct Capture {
    state: Mutex<State>,
    is_on: bool,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    file: Option<FileSink>,
}

/// A record with its octets, on its way to the file.
type Copied = (Record, Bytes);

#[derive(Debug)]
struct FileSink {
    records: SyncSender<Copied>,
    lost: u64,
    writer: JoinHandle<()>,
}

impl Capture {
    /// A ring of so many octets, and a file.
    pub(crate) fn new(octets_max: usize, file: Option<PathBuf>) -> Result<Self, StartError> {
        let file = file.map(FileSink::new).transpose()?;
        Ok(Self {
            is_on: octets_max > 0 || file.is_some(),
            state: Mutex::new(State {
                ring: Ring::new(octets_max),
                file,
            }),
        })
    }

    /// Whether anybody may want to know.
    pub(crate) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Keeps a record with its octets.
    pub(crate) fn push(&self, record: Record, octets: &[u8]) {
        let state = &mut *self.state();
        if let Some(file) = &mut state.file {
            let copy = (record.clone(), Bytes::copy_from_slice(octets));
            file.lost += u64::from(file.records.try_send(copy).is_err());
        }
        state.ring.push(record, octets);
    }

    /// Keeps so many octets in the ring from now on.
    pub(crate) fn limit(&self, octets_max: usize) {
        self.state().ring.limit(octets_max);
    }

    /// Whether the ring holds anything of that session.
    pub(crate) fn knows(&self, session: u64) -> bool {
        self.state().ring.knows(session)
    }

    /// The ring as a pcapng file, of one session or of all.
    pub(crate) fn to_pcapng(&self, session: Option<u64>) -> Vec<u8> {
        let held = self.state().ring.held(session);
        let overwritten = held.overwritten;
        let comment = format!(
            "TCP and IP headers are made up; octets and times are real. {overwritten} older records \
             of all sessions were overwritten."
        );
        let mut out = Vec::new();
        write_head(&mut out, &comment).expect("memory can be written");
        for (record, octets) in held.iter() {
            write_record(&mut out, record, octets).expect("memory can be written");
        }
        out
    }

    /// Completes the file.
    pub(crate) fn finish(&self) {
        let Some(file) = self.state().file.take() else {
            return;
        };
        if file.lost > 0 {
            tracing::warn!(
                records = file.lost,
                "the capture file lacks some: the disk was slow"
            );
        }
        drop(file.records);
        if file.writer.join().is_err() {
            tracing::error!("the writer of the capture file failed");
        }
    }

    /// The ring stays sound whatever statement a panic interrupts.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileSink {
    fn new(path: PathBuf) -> Result<Self, StartError> {
        let open = || -> io::Result<(SyncSender<Copied>, JoinHandle<()>)> {
            let mut out = BufWriter::new(File::create(&path)?);
            write_head(
                &mut out,
                "TCP and IP headers are made up; octets and times are real.",
            )?;
            out.flush()?;
            let (records, received) = sync_channel(FILE_QUEUE_MAX);
            let writer = thread::Builder::new()
                .name("capture".to_owned())
                .spawn(move || write_all(&received, out, FILE_OCTETS_MAX))?;
            Ok((records, writer))
        };
        match open() {
            Ok((records, writer)) => Ok(Self {
                records,
                lost: 0,
                writer,
            }),
            Err(error) => Err(StartError::CaptureFile { path, error }),
        }
    }
}

/// Writes what comes until nobody sends any more or the file has `octets_max`.
fn write_all<W: Write>(records: &Receiver<Copied>, out: W, octets_max: u64) {
    let mut out = Counted { out, octets: 0 };
    let mut flushed = Instant::now();
    let result = loop {
        let left = FLUSH_AFTER.saturating_sub(flushed.elapsed());
        let mut written = match records.recv_timeout(left) {
            Ok((record, octets)) => write_record(&mut out, &record, &octets),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => break out.flush(),
        };
        if flushed.elapsed() >= FLUSH_AFTER {
            written = written.and_then(|()| out.flush());
            flushed = Instant::now();
        }
        if written.is_err() {
            break written;
        }
        if out.octets >= octets_max {
            tracing::warn!(
                octets = out.octets,
                "the capture file is full: no more is written"
            );
            break out.flush();
        }
    };
    if let Err(error) = result {
        tracing::error!(%error, "the capture file ends here");
    }
}

/// Counts what is written.
struct Counted<W> {
    out: W,
    octets: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.out.write(octets)?;
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ring::tests::record;
    use super::*;

    #[test]
    fn a_file_that_is_full_ends_with_a_whole_packet() {
        let (sender, received) = sync_channel(100);
        for number in 0..100 {
            let octets = Bytes::from_static(&[7; 10]);
            sender.send((record(1, number * 10, 10), octets)).unwrap();
        }
        drop(sender);
        let mut file = Vec::new();
        write_head(&mut file, "").unwrap();
        let head = file.len();
        write_all(&received, &mut file, 1_000);
        // A packet takes 20 + 20 octets of headers, 10 of content, 32 of its block, 2 of padding.
        assert_eq!((file.len() - head) % 84, 0);
        assert!(
            (1_000..1_084).contains(&(file.len() - head)),
            "{}",
            file.len()
        );
    }

    #[test]
    fn a_disk_that_is_too_slow_loses_records_and_the_ring_does_not() {
        let (records, received) = sync_channel(2);
        let capture = Capture {
            is_on: true,
            state: Mutex::new(State {
                ring: Ring::new(100_000),
                file: Some(FileSink {
                    records,
                    lost: 0,
                    writer: thread::spawn(|| {}),
                }),
            }),
        };
        for number in 0..10 {
            capture.push(record(1, number, 1), b"x");
        }
        assert_eq!(capture.state().file.as_ref().map(|file| file.lost), Some(8));
        assert_eq!(capture.state().ring.held(None).iter().count(), 10);
        drop(received);
        capture.finish();
    }
}
