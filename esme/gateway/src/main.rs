//! The Signalbox daemon.
fn main() {}
