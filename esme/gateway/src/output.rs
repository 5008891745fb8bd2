//! Lines on stdout. A reader that has seen enough, as `head` does, ends the program quietly.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// Prints a line to stdout.
///
/// Ends the process with 0 when nobody reads any more, and with 1 when stdout cannot be written.
pub(crate) fn line(text: Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_fmt(text)
        .and_then(|()| stdout.write_all(b"\n"));
    match written.and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("signalbox: stdout cannot be written: {error}");
            std::process::exit(1);
        }
    }
}

/// `println!` by way of [`line`].
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}

pub(crate) use outln;
