//! Receipts that wait for their message: few, so all of them are in memory and in each manifest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use signalbox_router::{ParkedReceipt, ProviderName, RemoteId, Timestamp};

/// Parked receipts by arrival.
#[derive(Default)]
pub(crate) struct Parked {
    receipts: BTreeMap<u64, ParkedReceipt>,
    ids: HashMap<ProviderName, Ids, RandomState>,
    deadlines: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

/// Numbers of one provider's receipts.
#[derive(Default)]
struct Ids {
    /// The first id names a receipt.
    by_first: HashMap<RemoteId, u64, RandomState>,
    /// Any form finds it; of receipts that share a form, the latest.
    by_any: HashMap<RemoteId, Vec<u64>, RandomState>,
}

impl Parked {
    pub(crate) fn len(&self) -> usize {
        self.receipts.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &ParkedReceipt> {
        self.receipts.values()
    }

    pub(crate) fn get(&self, provider: &ProviderName, remote_id: &str) -> Option<&ParkedReceipt> {
        self.receipts
            .get(self.ids.get(provider)?.by_any.get(remote_id)?.last()?)
    }

    /// Parks a receipt; one with the same provider and first id is replaced.
    pub(crate) fn park(&mut self, receipt: &ParkedReceipt) {
        let Some(first) = receipt.remote_ids.first() else {
            return;
        };
        self.unpark(&receipt.provider, first);
        let number = self.next;
        self.next += 1;
        let ids = self.ids.entry(receipt.provider.clone()).or_default();
        ids.by_first.insert(first.clone(), number);
        for remote_id in &receipt.remote_ids {
            ids.by_any
                .entry(remote_id.clone())
                .or_default()
                .push(number);
        }
        self.deadlines.insert((receipt.deadline_at, number));
        self.receipts.insert(number, receipt.clone());
    }

    /// Removes the receipt whose first id is `first`.
    pub(crate) fn unpark(&mut self, provider: &ProviderName, first: &str) {
        let Some(ids) = self.ids.get_mut(provider) else {
            return;
        };
        let Some(number) = ids.by_first.remove(first) else {
            return;
        };
        if let Some(receipt) = self.receipts.remove(&number) {
            self.deadlines.remove(&(receipt.deadline_at, number));
            for remote_id in &receipt.remote_ids {
                let sharing = ids.by_any.entry(remote_id.clone()).or_default();
                sharing.retain(|other| *other != number);
                if sharing.is_empty() {
                    ids.by_any.remove(remote_id);
                }
            }
        }
    }

    /// Up to `max` receipts whose time is over. Beyond `keep` receipts the oldest count as over
    /// time, so that a provider that sends receipts for nothing cannot fill the memory.
    pub(crate) fn overdue(&self, now: Timestamp, max: usize, keep: usize) -> Vec<ParkedReceipt> {
        let due = self
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now);
        let mut numbers: Vec<u64> = due.take(max).map(|(_, number)| *number).collect();
        let excess = self.receipts.len().saturating_sub(keep + numbers.len());
        let room = excess.min(max - numbers.len());
        if room > 0 {
            let seen: BTreeSet<u64> = numbers.iter().copied().collect();
            let oldest = self.receipts.keys().filter(|number| !seen.contains(number));
            numbers.extend(oldest.take(room).copied());
        }
        numbers
            .iter()
            .filter_map(|number| self.receipts.get(number))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use signalbox_router::State;

    use super::*;

    fn receipt(id: &str, deadline: u64) -> ParkedReceipt {
        ParkedReceipt {
            provider: "acme".into(),
            remote_ids: vec![id.into()],
            state: State::Delivered,
            error: None,
            at: Timestamp(1),
            deadline_at: Timestamp(deadline),
        }
    }

    #[test]
    fn beyond_the_limit_the_oldest_are_overdue() {
        let mut parked = Parked::default();
        for number in 0..5 {
            parked.park(&receipt(&format!("{number}"), 100));
        }
        parked.park(&receipt("late", 10));
        let ids = |now, max| -> Vec<String> {
            let overdue = parked.overdue(Timestamp(now), max, 3);
            overdue
                .iter()
                .map(|receipt| receipt.remote_ids[0].to_string())
                .collect()
        };
        assert_eq!(ids(5, 10), ["0", "1", "2"]);
        assert_eq!(ids(10, 10), ["late", "0", "1"]);
        assert_eq!(ids(10, 2), ["late", "0"]);
    }
}
