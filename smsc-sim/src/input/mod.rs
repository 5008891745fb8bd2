//! Reads what users write: scenarios and faults, in TOML files and in the JSON of the control API,
//! through one tree of values. Every error is found, and each names its place.

mod error;
mod table;
mod tree;

pub(crate) use error::nearest;
pub use error::{InputError, InputErrors};
pub(crate) use table::{Allowed, Table, read_table, time};
pub(crate) use tree::{Node, Value, from_json, from_toml};
