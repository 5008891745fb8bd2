//! SMSC simulator: library and program.
