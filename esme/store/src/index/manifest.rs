//! The manifest: which runs make the index, and up to which position of the journal. It is
//! replaced whole, by a rename, so a crash leaves the old one or the new one.

use std::path::Path;

use signalbox_router::{MessageId, ParkedReceipt, Timestamp};

use crate::disk::{Disk, read_file, write_all};
use crate::error::StoreError;
use crate::record::{get_receipt, put_receipt};
use crate::wire::{Malformed, Reader, put_fixed_u64, put_id, put_octets, put_u64};

const NAME: &str = "manifest";
const MAGIC: &[u8; 8] = b"SBXMANI\n";
const VERSION: u32 = 2;
const HEADER_OCTETS: usize = 16;

/// State of the index at a position of the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// Records before it are in the runs.
    pub(crate) position: u64,
    /// Salt of the journal, for the case that no segment is left.
    pub(crate) salt: u64,
    /// Latest time seen in a record.
    pub(crate) clock: Timestamp,
    pub(crate) next_run: u64,
    /// Oldest first.
    pub(crate) runs: Vec<RunState>,
    /// Messages with a delivery that was dispatched and has no outcome.
    pub(crate) in_flight: Vec<MessageId>,
    pub(crate) parked: Vec<ParkedReceipt>,
    /// Deliveries by phase.
    pub(crate) phases: [u64; 6],
}

/// Prefix and first key of each queue that is not consumed.
pub(crate) type Floors = Vec<(Vec<u8>, Vec<u8>)>;

/// A run of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunState {
    pub(crate) id: u64,
    /// Prefix and first key of each queue that is not yet consumed.
    pub(crate) floors: Floors,
}

impl Manifest {
    /// Makes it durable.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
        let payload = self.encode();
        let mut octets = Vec::with_capacity(HEADER_OCTETS + payload.len());
        octets.extend_from_slice(MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        octets.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
        octets.extend_from_slice(&payload);
        let temporary = dir.join("manifest.tmp");
        let io = |doing| StoreError::io(doing, &temporary);
        crate::disk::remove_if_there(disk, &temporary).map_err(io("cannot remove"))?;
        let file = disk.create(&temporary).map_err(io("cannot create"))?;
        write_all(&*file, &octets, 0).map_err(io("cannot write"))?;
        file.sync().map_err(io("cannot sync"))?;
        disk.rename(&temporary, &dir.join(NAME))
            .map_err(io("cannot rename"))?;
        disk.sync_dir(dir)
            .map_err(StoreError::io("cannot sync the directory", dir))
    }

    /// Reads it. `Ok(Err(reason))` when there is none or it is damaged: the index must be made
    /// again.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Result<Self, String>, StoreError> {
        let path = dir.join(NAME);
        let octets = match read_file(disk, &path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Err("there is no manifest".to_owned()));
            }
            Err(error) => return Err(StoreError::io("cannot read", &path)(error)),
        };
        let Some((header, payload)) = octets.split_at_checked(HEADER_OCTETS) else {
            return Ok(Err("the manifest is too short".to_owned()));
        };
        let number = |at: usize| {
            u32::from_le_bytes(
                header[at..at + 4]
                    .try_into()
                    .expect("four octets of a header"),
            )
        };
        if header[..8] != *MAGIC || number(12) != crc32c::crc32c(payload) {
            return Ok(Err("the manifest is damaged".to_owned()));
        }
        if number(8) != VERSION {
            let found = format!("manifest version {}", number(8));
            return Err(StoreError::UnknownVersion {
                path,
                offset: 8,
                found,
            });
        }
        Self::decode(payload)
            .map(Ok)
            .map_err(|malformed| StoreError::malformed(&path, malformed))
    }

    /// Forgets the index, so that the next opening makes it again.
    pub(crate) fn remove(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(NAME);
        crate::disk::remove_if_there(disk, &path).map_err(StoreError::io("cannot remove", &path))
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u64(&mut out, self.position);
        put_fixed_u64(&mut out, self.salt);
        put_u64(&mut out, self.clock.0);
        put_u64(&mut out, self.next_run);
        put_u64(&mut out, self.runs.len() as u64);
        for run in &self.runs {
            put_u64(&mut out, run.id);
            put_u64(&mut out, run.floors.len() as u64);
            for (prefix, key) in &run.floors {
                put_octets(&mut out, prefix);
                put_octets(&mut out, key);
            }
        }
        put_u64(&mut out, self.in_flight.len() as u64);
        for id in &self.in_flight {
            put_id(&mut out, *id);
        }
        put_u64(&mut out, self.parked.len() as u64);
        for receipt in &self.parked {
            put_receipt(&mut out, receipt);
        }
        for count in self.phases {
            put_u64(&mut out, count);
        }
        out
    }

    fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        let reader = &mut reader;
        let mut manifest = Self {
            position: reader.u64("position")?,
            salt: reader.fixed_u64("salt")?,
            clock: Timestamp(reader.u64("clock")?),
            next_run: reader.u64("next_run")?,
            ..Self::default()
        };
        for _ in 0..reader.count("runs")? {
            let id = reader.u64("run")?;
            let count = reader.count("floors")?;
            let floor = |reader: &mut Reader<'_>| {
                Ok((
                    reader.octets("prefix")?.to_vec(),
                    reader.octets("floor")?.to_vec(),
                ))
            };
            let floors = (0..count)
                .map(|_| floor(reader))
                .collect::<Result<_, _>>()?;
            manifest.runs.push(RunState { id, floors });
        }
        for _ in 0..reader.count("in_flight")? {
            manifest.in_flight.push(reader.id("in_flight")?);
        }
        for _ in 0..reader.count("parked")? {
            manifest.parked.push(get_receipt(reader)?);
        }
        for count in &mut manifest.phases {
            *count = reader.u64("phases")?;
        }
        Ok(manifest)
    }
}
