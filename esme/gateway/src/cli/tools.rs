//! `signalbox pdu`, `text` and `receipt`: the tools on stdin and stdout.

use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::process::ExitCode;

use super::{EXIT_FAILED, EXIT_UNWANTED, PduCommand, ReceiptCommand, TextCommand};
use crate::tools::{pdu_decode, pdu_encode, receipt_parse, text_decode, text_plan};

pub(super) fn pdu(command: &PduCommand) -> ExitCode {
    with_output(|output| match command {
        PduCommand::Decode { hex, json } if hex.is_empty() || hex == &["-"] => {
            pdu_decode::run(*json, stdin(), output)
        }
        PduCommand::Decode { hex, json } => {
            // An end behind each: an empty argument is a line too, and gets its answer.
            let lines: String = hex.iter().map(|hex| format!("{hex}\n")).collect();
            pdu_decode::run(*json, lines.as_bytes(), output)
        }
        PduCommand::Encode => pdu_encode::run(stdin(), output),
    })
}

pub(super) fn text(command: &TextCommand) -> ExitCode {
    with_output(|output| match command {
        TextCommand::Plan { json } => text_plan::run(*json, stdin(), output),
        TextCommand::Decode { json } => text_decode::run(*json, stdin(), output),
    })
}

pub(super) fn receipt(command: &ReceiptCommand) -> ExitCode {
    let ReceiptCommand::Parse { json } = command;
    with_output(|output| receipt_parse::run(*json, stdin(), output))
}

type Output = BufWriter<io::StdoutLock<'static>>;

fn stdin() -> impl BufRead {
    BufReader::with_capacity(1 << 16, io::stdin().lock())
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
            eprintln!("signalbox: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}
