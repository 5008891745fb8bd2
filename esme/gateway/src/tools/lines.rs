//! The loop of all tools: one line in, one answer out, in constant memory.

use std::io::{self, BufRead, Write};

/// Longest line; a longer one is answered with an error and passed over.
pub const LINE_OCTETS_MAX: usize = 1 << 20;

/// A line without its end, or what is wrong with it.
pub(super) type Line<'l> = Result<&'l [u8], TooLong>;

/// Where the lines of a tool come from.
pub enum Input<'i, R> {
    /// Lines of a stream.
    Lines(R),
    /// Arguments of the command line: each is a line, whatever is in it.
    Arguments(&'i [String]),
}

/// A line of more than [`LINE_OCTETS_MAX`] octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl TooLong {
    /// The problem in words.
    pub(super) fn detail(self) -> String {
        format!("the line has more than {LINE_OCTETS_MAX} octets")
    }
}

/// Answers each line of `input`. `answer` appends to the output, which ends the line itself, and
/// returns whether the line was good; so does this function for all of them. Answers are written
/// before more input is waited for, so that the tools can stand in a dialogue.
pub(super) fn each(
    input: Input<'_, impl BufRead>,
    mut output: impl Write,
    mut answer: impl FnMut(Line<'_>, &mut Vec<u8>) -> bool,
) -> io::Result<bool> {
    let arguments = match input {
        Input::Lines(lines) => return each_of_stream(lines, output, answer),
        Input::Arguments(arguments) => arguments,
    };
    let mut all_good = true;
    let mut answers = Vec::new();
    for argument in arguments {
        let line = argument.as_bytes();
        all_good &= answer(judge(line, false), &mut answers);
        output.write_all(&answers)?;
        answers.clear();
    }
    output.flush()?;
    Ok(all_good)
}

fn each_of_stream(
    mut input: impl BufRead,
    mut output: impl Write,
    mut answer: impl FnMut(Line<'_>, &mut Vec<u8>) -> bool,
) -> io::Result<bool> {
    let mut all_good = true;
    let mut answers = Vec::new();
    let mut begun = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let octets = chunk.len();
        let is_end = octets == 0;
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, behind) = rest.split_at(end);
            rest = &behind[1..];
            // Most lines lie in one chunk; only those that do not are copied.
            let whole = if begun.is_empty() && !too_long {
                line
            } else {
                collect(&mut begun, &mut too_long, line);
                &begun
            };
            all_good &= answer(judge(whole, too_long), &mut answers);
            begun.clear();
            too_long = false;
        }
        collect(&mut begun, &mut too_long, rest);
        if is_end && (!begun.is_empty() || too_long) {
            all_good &= answer(judge(&begun, too_long), &mut answers);
        }
        output.write_all(&answers)?;
        output.flush()?;
        answers.clear();
        if is_end {
            return Ok(all_good);
        }
        input.consume(octets);
    }
}

fn judge(line: &[u8], too_long: bool) -> Line<'_> {
    if too_long || line.len() > LINE_OCTETS_MAX {
        return Err(TooLong);
    }
    Ok(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Keeps the beginning of a line, as long as it may become a good one.
fn collect(begun: &mut Vec<u8>, too_long: &mut bool, more: &[u8]) {
    *too_long |= begun.len() + more.len() > LINE_OCTETS_MAX;
    if *too_long {
        begun.clear();
    } else {
        begun.extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn echo(line: Line<'_>, out: &mut Vec<u8>) -> bool {
        match line {
            Ok(line) => out.extend_from_slice(line),
            Err(TooLong) => out.extend_from_slice(b"too long"),
        }
        out.push(b'\n');
        line.is_ok()
    }

    #[test]
    fn lines_are_the_same_whatever_the_size_of_the_chunks() {
        let input = "a\r\n\nbcd\nlast";
        for capacity in 1..20 {
            let mut output = Vec::new();
            let good = each(
                Input::Lines(BufReader::with_capacity(capacity, input.as_bytes())),
                &mut output,
                echo,
            );
            assert!(good.unwrap());
            assert_eq!(output, b"a\n\nbcd\nlast\n");
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let long = "x".repeat(LINE_OCTETS_MAX + 1);
        let most = "y".repeat(LINE_OCTETS_MAX);
        let input = format!("{long}\n{most}\n{long}");
        for capacity in [1_000, 4 << 20] {
            let mut output = Vec::new();
            let input = BufReader::with_capacity(capacity, input.as_bytes());
            assert!(!each(Input::Lines(input), &mut output, echo).unwrap());
            assert_eq!(output, format!("too long\n{most}\ntoo long\n").as_bytes());
        }
    }

    #[test]
    fn an_argument_is_one_line_whatever_is_in_it() {
        let arguments = ["a\nb".to_owned(), String::new()];
        let mut output = Vec::new();
        let input: Input<'_, &[u8]> = Input::Arguments(&arguments);
        assert!(each(input, &mut output, echo).unwrap());
        assert_eq!(output, b"a\nb\n\n");
    }
}
