//! Opening the index, writing what changed into a run, and keeping the runs few.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use signalbox_router::{DeliveryId, MessageId, Phase};

use super::cold::{Cold, ColdRun};
use super::entry::{put_entry, put_key, put_remote};
use super::hot::{Hot, HotMessage};
use super::keys::{self, OrderKey, TABLE_DEADLINES};
use super::linger::Lingering;
use super::manifest::Manifest;
use super::merge::MergePlan;
use super::parked::Parked;
use super::places::remote_ids;
use super::run::{Run, RunWriter};
use super::{Index, load};
use crate::StoreConfig;
use crate::disk::Disk;
use crate::error::StoreError;

/// Fewest entries in memory that make a checkpoint, whatever the setting says.
const HOT_ENTRIES_MIN: usize = 16;

impl Index {
    /// The index as of a manifest; the journal must be replayed from its position.
    pub(crate) fn open(
        config: StoreConfig,
        disk: Arc<dyn Disk>,
        manifest: &Manifest,
    ) -> Result<Self, StoreError> {
        let mut cold = Cold::default();
        for state in &manifest.runs {
            let run = Arc::new(Run::open(&*disk, &config.path, state.id)?);
            cold.runs.push(ColdRun::new(run, Some(&state.floors)));
        }
        let lingering = Lingering::new(config.linger_entries_max, config.linger_ms);
        let mut hot = Hot::new(manifest.phases, lingering);
        for id in &manifest.in_flight {
            load(&mut hot, &cold, *id)?;
        }
        let mut parked = Parked::default();
        manifest
            .parked
            .iter()
            .for_each(|receipt| parked.park(receipt));
        remove_leftovers(&*disk, &config.path, manifest)?;
        Ok(Self {
            config,
            disk,
            hot,
            cold,
            parked,
            recovering: BTreeSet::new(),
            clock: manifest.clock,
            checkpoint_at: manifest.position,
            checkpoint_phases: manifest.phases,
            next_run: manifest.next_run,
            merge: None,
            scratch: Vec::new(),
            checkpoints: 0,
            checkpoint_us_max: 0,
            checkpoint_failures: 0,
            merges: 0,
            messages_lost: 0,
        })
    }

    /// To be called when the journal is replayed: what is in flight has no outcome.
    pub(crate) fn replayed(&mut self) {
        for id in self.hot.in_flight() {
            let states = self
                .hot
                .messages
                .get(&id)
                .map_or(&[][..], |hot| &hot.states);
            for (recipient, state) in (0..).zip(states) {
                if state.phase == Phase::Dispatched {
                    self.recovering.insert(DeliveryId {
                        message: id,
                        recipient,
                    });
                }
            }
        }
    }

    /// Whether enough has come together for a checkpoint at `position`.
    pub(crate) fn checkpoint_due(&self, position: u64) -> bool {
        self.hot.len() > self.config.hot_entries_max.max(HOT_ENTRIES_MIN)
            || position.saturating_sub(self.checkpoint_at) > self.config.checkpoint_octets
    }

    /// Writes what changed into a run and replaces the manifest: records before `position` are
    /// not replayed again.
    pub(crate) fn checkpoint(&mut self, position: u64, salt: u64) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut run = None;
        if self.has_changes() {
            let id = self.next_run;
            self.next_run += 1;
            run = Some(Arc::new(self.write_run(id)?));
        }
        let mut manifest = Manifest {
            phases: self.hot.phases,
            ..self.manifest(position, salt)
        };
        if let Some(run) = &run {
            manifest
                .runs
                .push(ColdRun::new(Arc::clone(run), None).state());
        }
        manifest.write(&*self.disk, &self.config.path)?;
        self.checkpoint_at = position;
        self.checkpoint_phases = self.hot.phases;
        self.cold
            .runs
            .extend(run.map(|run| ColdRun::new(run, None)));
        let all = self.hot.len() > self.config.hot_entries_max.max(HOT_ENTRIES_MIN);
        self.hot.clean(all);
        self.checkpoints += 1;
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.checkpoint_us_max = self.checkpoint_us_max.max(us);
        Ok(())
    }

    /// Installs a finished merge and starts one that is needed. `wait`: until none is needed.
    pub(crate) fn maintain(&mut self, salt: u64, wait: bool) -> Result<(), StoreError> {
        loop {
            if self
                .merge
                .as_ref()
                .is_some_and(|merge| wait || merge.thread.is_finished())
            {
                self.install_merge(salt)?;
            }
            if self.merge.is_some() {
                return Ok(());
            }
            let Some(count) = self.cold.merge_count() else {
                return Ok(());
            };
            self.start_merge(count)?;
            if !wait {
                return Ok(());
            }
        }
    }

    /// No record before this position is needed for a message that is not done. A merge of all
    /// runs is started when they hold the oldest one back.
    pub(crate) fn needed_from(&mut self, committed: u64) -> Result<u64, StoreError> {
        let in_runs = self.cold.runs.iter().map(|cold| cold.run.oldest_live).min();
        let live = self.hot.messages.values().filter(|hot| hot.is_live());
        let in_memory = live.map(|hot| hot.location.position).min();
        if self.merge.is_none() && self.cold.runs.len() > 1 && in_runs < in_memory {
            self.start_merge(self.cold.runs.len())?;
        }
        let needed = in_runs
            .unwrap_or(u64::MAX)
            .min(in_memory.unwrap_or(u64::MAX));
        Ok(needed.min(self.checkpoint_at).min(committed))
    }

    fn has_changes(&self) -> bool {
        self.hot.messages.values().any(|hot| hot.dirty)
            || self.hot.lingering.has_unwritten()
            || self.hot.keys.values().any(|key| key.dirty)
    }

    /// Of the last checkpoint. What is newer in it than the checkpoint (floors, what is parked or
    /// in flight) follows from the journal as well, so that a replay arrives at the same.
    fn manifest(&self, position: u64, salt: u64) -> Manifest {
        Manifest {
            position,
            salt,
            clock: self.clock,
            next_run: self.next_run,
            runs: self.cold.runs.iter().map(ColdRun::state).collect(),
            in_flight: self.hot.in_flight(),
            parked: self.parked.all().cloned().collect(),
            phases: self.checkpoint_phases,
        }
    }

    fn write_run(&mut self, id: u64) -> Result<Run, StoreError> {
        let lingering = self.hot.lingering.unwritten();
        let lingering = self.decoded(lingering)?;
        let mut writer = RunWriter::create(&*self.disk, &self.config.path, id)?;
        let mut value = Vec::new();
        let mut keys: Vec<_> = self.hot.keys.iter().filter(|(_, key)| key.dirty).collect();
        keys.sort_unstable_by_key(|(octets, _)| *octets);
        for (octets, key) in keys {
            value.clear();
            put_key(&mut value, key.entry);
            writer.add(octets, &value)?;
        }
        let dirty = self.hot.messages.iter().filter(|(_, hot)| hot.dirty);
        let mut messages: Vec<(MessageId, &HotMessage)> =
            dirty.map(|(id, hot)| (*id, hot)).collect();
        messages.extend(lingering.iter().map(|(id, hot)| (*id, hot)));
        messages.sort_unstable_by_key(|(id, _)| *id);
        for (id, hot) in &messages {
            value.clear();
            put_entry(&mut value, hot.location, &hot.states, hot.changed_at);
            writer.add(&keys::message_key(*id), &value)?;
        }
        self.write_queues(&mut writer, &messages)?;
        self.write_remote_ids(&mut writer, &messages)?;
        let mut deadlines: Vec<OrderKey> = deliveries(&messages)
            .filter_map(|(id, state)| OrderKey::deadline(id, state))
            .collect();
        deadlines.sort_unstable();
        let mut key = Vec::new();
        for deadline in deadlines {
            key.clear();
            key.push(TABLE_DEADLINES);
            deadline.put(&mut key);
            writer.add(&key, &[])?;
        }
        writer.finish()
    }

    fn write_queues(
        &self,
        writer: &mut RunWriter<'_>,
        messages: &[(MessageId, &HotMessage)],
    ) -> Result<(), StoreError> {
        let mut queued = Vec::new();
        for (id, state) in deliveries(messages) {
            if let (Some(order), Some(provider)) = (OrderKey::queued(id, state), &state.provider) {
                let mut key = Vec::new();
                keys::queue_prefix(&mut key, provider.as_str(), state.priority);
                order.put(&mut key);
                queued.push(key);
            }
        }
        queued.sort_unstable();
        queued.iter().try_for_each(|key| writer.add(key, &[]))
    }

    fn write_remote_ids(
        &self,
        writer: &mut RunWriter<'_>,
        messages: &[(MessageId, &HotMessage)],
    ) -> Result<(), StoreError> {
        let mut known = Vec::new();
        for (delivery, state) in deliveries(messages) {
            let Some(provider) = &state.provider else {
                continue;
            };
            let wanted_until = state
                .deadline_at
                .max(self.clock)
                .plus_ms(self.config.linger_ms);
            for (part, remote_id) in remote_ids(state) {
                let mut key = Vec::new();
                keys::remote_key(&mut key, provider.as_str(), remote_id);
                let part = signalbox_router::PartId { delivery, part };
                // The one that memory points to wins over an older use of the same id.
                let current = self
                    .hot
                    .providers
                    .get(provider)
                    .and_then(|hot| hot.remote_ids.get(remote_id));
                // Of those that are done the latest message wins.
                known.push((key, current != Some(&part), Reverse(part), wanted_until));
            }
        }
        known.sort_unstable();
        known.dedup_by(|next, former| next.0 == former.0);
        let mut value = Vec::new();
        for (key, _, Reverse(part), wanted_until) in known {
            value.clear();
            put_remote(&mut value, wanted_until, part);
            writer.add(&key, &value)?;
        }
        Ok(())
    }

    fn start_merge(&mut self, count: usize) -> Result<(), StoreError> {
        let newest = &self.cold.runs[self.cold.runs.len() - count..];
        let plan = MergePlan {
            disk: Arc::clone(&self.disk),
            dir: self.config.path.clone(),
            id: self.next_run,
            runs: newest
                .iter()
                .map(|cold| (Arc::clone(&cold.run), cold.merge_floors()))
                .collect(),
            bottom: count == self.cold.runs.len(),
            now: self.clock,
            linger_ms: self.config.linger_ms,
        };
        self.next_run += 1;
        let merge = plan
            .start()
            .map_err(StoreError::io("cannot start a merge in", &self.config.path))?;
        self.merge = Some(merge);
        Ok(())
    }

    fn install_merge(&mut self, salt: u64) -> Result<(), StoreError> {
        let Some(merge) = self.merge.take() else {
            return Ok(());
        };
        let run = merge.thread.join().unwrap_or_else(|_| {
            Err(StoreError::malformed(
                &self.config.path,
                "the merge of the index panicked",
            ))
        })?;
        let is_replaced = |cold: &ColdRun| merge.replaces.contains(&cold.run.id);
        // Newer runs may have been added meanwhile; the merged one takes the place of its own.
        let at = self.cold.runs.iter().position(is_replaced).unwrap_or(0);
        let mut manifest = self.manifest(self.checkpoint_at, salt);
        let merged = ColdRun::new(Arc::new(run), None);
        manifest
            .runs
            .retain(|state| !merge.replaces.contains(&state.id));
        manifest.runs.insert(at, merged.state());
        manifest.write(&*self.disk, &self.config.path)?;
        let (replaced, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.cold.runs)
            .into_iter()
            .partition(is_replaced);
        self.cold.runs = kept;
        self.cold.runs.insert(at, merged);
        self.merges += 1;
        for cold in replaced {
            self.disk
                .remove(&cold.run.path)
                .map_err(StoreError::io("cannot remove", &cold.run.path))?;
        }
        Ok(())
    }

    /// Waits for a merge under way, so that no thread outlives the store.
    pub(crate) fn stop(&mut self) {
        if let Some(merge) = self.merge.take() {
            // Its result is a file that no manifest names: removed at the next opening.
            let _ = merge.thread.join();
        }
    }

    /// The index has become unusable: the next opening makes it again.
    pub(crate) fn forget(&self) -> Result<(), StoreError> {
        Manifest::remove(&*self.disk, &self.config.path)
    }
}

fn deliveries<'a>(
    messages: &'a [(MessageId, &'a HotMessage)],
) -> impl Iterator<Item = (DeliveryId, &'a signalbox_router::DeliveryState)> {
    messages.iter().flat_map(|(id, hot)| {
        let delivery = |recipient| DeliveryId {
            message: *id,
            recipient,
        };
        (0..)
            .zip(&hot.states)
            .map(move |(recipient, state)| (delivery(recipient), state))
    })
}

/// Removes runs that no manifest names: a crash came between a run and its manifest, or between
/// a manifest and the removal of what it replaced.
fn remove_leftovers(disk: &dyn Disk, dir: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let names = disk.list(dir).map_err(StoreError::io("cannot list", dir))?;
    for name in names {
        let wanted = manifest
            .runs
            .iter()
            .any(|run| super::run::name_of(run.id) == name);
        if name.starts_with("index-") && !wanted {
            let path = dir.join(&name);
            disk.remove(&path)
                .map_err(StoreError::io("cannot remove", &path))?;
        }
    }
    Ok(())
}
