//! The durable store: an append-only journal with group commit is the truth; an index answers the
//! router's questions; a searchable history is written behind. The only crate that touches the
//! disk.
//!
//! Read [`Store`] first. One thread owns it: for each input it lets the router decide, applies the
//! new records with [`Ledger::apply`](signalbox_router::Ledger::apply), and once per batch calls
//! [`Store::commit`]; only then it performs the actions. [`History`] has a thread of its own and
//! reads the journal behind the store, so searching never slows sending.
//!
//! ```text
//! store directory
//!   lock                      held by the process that has the store; contains its id
//!   journal-<position>.log    segments of the journal: the truth
//!   manifest, index-<id>.run  the index: made again from the journal when missing or damaged
//!   history.sqlite            the history: made again likewise, while segments are retained
//! ```

#![forbid(unsafe_code)]

mod config;
mod disk;
mod error;
mod frame;
mod history;
mod index;
mod journal;
mod ledger;
mod record;
mod recovery;
mod segment;
mod store;
mod wire;

pub use config::StoreConfig;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::StoreError;
pub use history::{
    DeliveryView, Filter, History, HistoryConfig, HistoryError, MessageView, Orphan, Page,
    PartView, TimelineEntry,
};
pub use journal::Condition;
pub use recovery::{Damage, OpenReport};
pub use store::{Position, Status, Store, Watch};
