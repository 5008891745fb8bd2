//! Writes the octets of the PDU vectors as seeds, below `corpus/TARGET/`.

use std::fs;
use std::io::Error;
use std::path::Path;

/// Octets before the optional parameters of most vectors are not known here; the target `tlv`
/// gets whole PDUs as well and finds its way.
const TARGETS: [&str; 5] = ["frame", "pdu", "tlv", "roundtrip", "differential"];

fn main() -> Result<(), Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for target in TARGETS {
        fs::create_dir_all(root.join("corpus").join(target))?;
    }
    for entry in fs::read_dir(root.join("../codec/tests/vectors"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.starts_with("pdu-") {
            continue;
        }
        for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let vector: serde_json::Value = serde_json::from_str(line)?;
            let octets = from_hex(vector["hex"].as_str().unwrap_or_default());
            for target in TARGETS {
                let seed = root.join("corpus").join(target);
                fs::write(seed.join(format!("{name}-{}", index + 1)), &octets)?;
            }
        }
    }
    Ok(())
}

fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
