//! The bodies of the fuzz targets: those that the tests of the codec and of the session call on
//! stable.

#[path = "../../codec/tests/checks/mod.rs"]
pub mod checks;
#[path = "../../esme/session/tests/operations/mod.rs"]
pub mod operations;
