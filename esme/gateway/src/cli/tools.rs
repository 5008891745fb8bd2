//! `signalbox pdu`, `text` and `receipt`: the tools on arguments or stdin, and stdout.

use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::process::ExitCode;

use super::{EXIT_FAILED, EXIT_UNWANTED, PduCommand, ReceiptCommand, TextCommand};
use crate::output::errln;
use crate::tools::{Input, pdu_decode, pdu_encode, receipt_parse, text_decode, text_plan};

pub(super) fn pdu(command: &PduCommand) -> ExitCode {
    with_output(|output| match command {
        PduCommand::Decode { hex, json } => pdu_decode::run(*json, input(hex), output),
        PduCommand::Encode { pdus, strict } => {
            pdu_encode::run(*strict, input(pdus), output, io::stderr())
        }
    })
}

pub(super) fn text(command: &TextCommand) -> ExitCode {
    with_output(|output| match command {
        TextCommand::Plan { texts, json } => text_plan::run(*json, input(texts), output),
        TextCommand::Decode { octets, json } => text_decode::run(*json, input(octets), output),
    })
}

pub(super) fn receipt(command: &ReceiptCommand) -> ExitCode {
    let ReceiptCommand::Parse { texts, json } = command;
    with_output(|output| receipt_parse::run(*json, input(texts), output))
}

type Output = BufWriter<io::StdoutLock<'static>>;

/// The arguments; with none, or `-` alone, the lines of stdin.
fn input(arguments: &[String]) -> Input<'_, impl BufRead> {
    match arguments {
        [] => {}
        [one] if one == "-" => {}
        arguments => return Input::Arguments(arguments),
    }
    Input::Lines(BufReader::with_capacity(1 << 16, io::stdin().lock()))
}

fn with_output(run: impl FnOnce(&mut Output) -> io::Result<bool>) -> ExitCode {
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = run(&mut output).and_then(|good| output.flush().map(|()| good));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_UNWANTED),
        // The reader of our output has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            errln!("signalbox: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}
