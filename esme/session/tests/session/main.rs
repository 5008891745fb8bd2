//! What a session does in the face of its peer, on a virtual clock: one theme a file.

#[path = "../common/mod.rs"]
mod common;

mod binding;
mod closing;
mod hostile;
mod random;
mod responses;
mod timers;
