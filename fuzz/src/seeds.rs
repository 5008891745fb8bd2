//! Writes the first inputs of each target below `corpus/TARGET/`.

use std::fs;
use std::io::Error;
use std::path::Path;

use signalbox_fuzz::checks::TARGETS;
use signalbox_fuzz::checks::seeds::seeds;

fn main() -> Result<(), Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, _) in TARGETS {
        let folder = root.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (index, octets) in seeds(target, &root.join("../codec/tests/vectors"))
            .iter()
            .enumerate()
        {
            fs::write(folder.join(format!("seed-{index:04}")), octets)?;
        }
    }
    // Operations need no seed: any octets are some.
    fs::create_dir_all(root.join("corpus/session"))
}
