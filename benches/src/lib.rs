//! End-to-end comparison runs.
