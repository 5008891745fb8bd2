//! Command-line tools that need no daemon.
