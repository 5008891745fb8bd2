//! Durable journal, index and history.
