//! What went over the wire, as Wireshark reads it: the octets of all sessions are kept in a bounded
//! ring and written as pcapng; captures of others are read, decoded, counted and replayed.
//!
//! | you look for | it is in |
//! |---|---|
//! | listening to a session, the ring | `tap.rs`, `ring.rs`, `sink.rs` |
//! | octets to packets and pcapng | `packet.rs`, `pcapng.rs` |
//! | pcap and pcapng to packets, segments, PDUs | `reader.rs`, `segment.rs`, `stream.rs` |
//! | what the program does with a file | [`decode`], [`stats`], [`replay`] |

pub mod decode;
mod packet;
mod pcapng;
mod reader;
pub mod replay;
mod ring;
mod segment;
mod sink;
pub mod stats;
mod stream;
mod tap;

pub use self::reader::CaptureError;
pub(crate) use self::ring::Sender;
pub(crate) use self::sink::Capture;
pub(crate) use self::tap::Tap;
