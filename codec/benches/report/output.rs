//! The results as a table (Markdown) and as a picture (SVG).

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::Row;
use crate::operations::FRAMES;

/// What stands behind this line of `RESULTS.md` is kept.
const BY_HAND: &str = "<!-- Behind this line stands what was written by hand. -->\n";

/// Writes `RESULTS.md` and `results.svg` into `folder`.
pub(crate) fn write(folder: &Path, rows: &[Row]) {
    let file = folder.join("RESULTS.md");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    let by_hand = before.split_once(BY_HAND).map_or("", |(_, kept)| kept);
    std::fs::write(file, table(rows) + "\n" + BY_HAND + by_hand).unwrap();
    std::fs::write(folder.join("results.svg"), picture(rows)).unwrap();
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from("# How fast the codec is\n\n");
    let cores = std::thread::available_parallelism().unwrap();
    let _ = write!(
        out,
        "{}, {}, {cores} cores, {}. Written by `cargo bench -p signalbox-codec --bench report`.\n\n\
         Times are the shortest of 400 samples of about 40 µs each. Instructions are callgrind's. \
         Allocations are those of one call. rusmpp 0.4 gets exactly one frame, copied into the \
         buffer that it takes apart.\n\n\
         Texts stand beside rusmpp-extra 0.4, rusmpp's feature `extra`: it encodes GSM 7-bit \
         unpacked and UCS-2, and builds the submit_sm of each part; the coding is told to it. It \
         has no decoder, no national tables, no search for the cheapest coding, no SAR, and cuts \
         between any two characters. Looked at and not taken: gsm7 0.4.1, whose packer adds a \
         septet to texts of 8n + 1; smpp-codec, which counts segments in 8 bits, cuts surrogate \
         pairs, and parses receipts of one order of fields only.\n\n\
         ![decode](results.svg)\n\n\
         | operation | ns | rusmpp, ns | instructions | allocations |\n|---|---:|---:|---:|---:|\n",
        said("date", &["-u", "+%Y-%m-%d"]),
        processor(),
        said("rustc", &["--version"]),
    );
    for row in rows {
        let theirs = row
            .rusmpp_nanoseconds
            .map_or(String::new(), |ns| format!("{ns:.0}"));
        let instructions = row
            .instructions
            .map_or(String::new(), |count| count.to_string());
        let _ = writeln!(
            out,
            "| {} | {:.0} | {theirs} | {instructions} | {} |",
            row.operation, row.nanoseconds, row.allocations
        );
    }
    if let Some(row) = rows.iter().find(|row| row.operation.starts_with("frames")) {
        let per_second = FRAMES as f64 / row.nanoseconds * 1e3;
        let _ = writeln!(
            out,
            "\nFrames of one buffer: {per_second:.0} million PDUs per second."
        );
    }
    for row in rows
        .iter()
        .filter(|row| row.operation.ends_with("70,000 plain"))
    {
        let gigabytes = 70_000.0 / row.nanoseconds;
        let _ = writeln!(out, "\n{}: {gigabytes:.1} GB/s.", row.operation);
    }
    out
}

/// Decoding of each PDU as two bars.
fn picture(rows: &[Row]) -> String {
    const ROW: usize = 26;
    const PIXELS_PER_NS: f64 = 0.6;
    let decoded: Vec<&Row> = rows
        .iter()
        .filter(|row| row.operation.starts_with("decode "))
        .collect();
    let height = 40 + ROW * decoded.len();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <text x=\"10\" y=\"20\">Nanoseconds per decoded PDU: signalbox (blue), rusmpp (grey)</text>\n"
    );
    for (index, row) in decoded.iter().enumerate() {
        let y = 34 + index * ROW;
        let name = row.operation.trim_start_matches("decode ");
        let _ = writeln!(out, "<text x=\"10\" y=\"{}\">{name}</text>", y + 14);
        let mut bar = |y: usize, ns: f64, colour: &str| {
            let width = ns * PIXELS_PER_NS;
            let _ = writeln!(
                out,
                "<rect x=\"280\" y=\"{y}\" width=\"{width:.0}\" height=\"9\" fill=\"{colour}\"/>\
                 <text x=\"{:.0}\" y=\"{}\" font-size=\"10\">{ns:.0}</text>",
                284.0 + width,
                y + 9
            );
        };
        bar(y, row.nanoseconds, "#2a6fdb");
        bar(y + 11, row.rusmpp_nanoseconds.unwrap_or(0.0), "#999");
    }
    out + "</svg>\n"
}

fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    name.unwrap_or_default()
        .trim_start_matches(['\t', ' ', ':'])
        .to_owned()
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
