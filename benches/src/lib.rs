//! End-to-end runs: the real programs as processes of their own, loaded from outside and measured
//! by what the operating system says they used. Criterion benches of single crates stand in the
//! crates' own `benches/` folders.

#![forbid(unsafe_code)]

pub mod load;
pub mod process;
pub mod sink;
