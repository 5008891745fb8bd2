//! Lines on stdout and stderr. A reader that has seen enough, as `head` does, ends the program
//! quietly on stdout, and changes nothing on stderr: not the exit code either.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// `println!` by way of [`line`].
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}

/// `eprintln!` by way of [`error_line`].
macro_rules! errln {
    ($($text:tt)*) => {
        $crate::output::error_line(format_args!($($text)*))
    };
}

pub(crate) use errln;
pub(crate) use outln;

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
            errln!("signalbox: stdout cannot be written: {error}");
            std::process::exit(1);
        }
    }
}

/// Prints a line to stderr. Where nobody reads it, there is nobody left to tell.
pub(crate) fn error_line(text: Arguments<'_>) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr
        .write_fmt(text)
        .and_then(|()| stderr.write_all(b"\n"));
}
