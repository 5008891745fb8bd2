//! Runs the checks of the fuzz targets on stable: over their seeds, over mutations of them, and
//! over every input that once failed (`fuzz/crashes/TARGET/`).

#![allow(clippy::unwrap_used)] // Test code.

mod checks;

use std::path::{Path, PathBuf};

use checks::TARGETS;
use checks::seeds::seeds;

/// Mutations of each seed.
const MUTATIONS: u64 = if cfg!(debug_assertions) { 10 } else { 200 };

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn inputs_that_failed_once_pass() {
    for (target, check) in TARGETS {
        let Ok(entries) = root().join("fuzz/crashes").join(target).read_dir() else {
            continue; // Nothing of this target has failed yet.
        };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn seeds_and_their_mutations_pass() {
    for (target, check) in TARGETS {
        let seeds = seeds(target, &root().join("codec/tests/vectors"));
        assert!(seeds.len() >= 4, "{target}: {} seeds", seeds.len());
        let mut state = 0x5EED_0007_u64;
        for seed in &seeds {
            check(seed);
            for _ in 0..MUTATIONS {
                check(&mutated(seed, &mut state));
            }
        }
    }
}

/// The seed with up to three octets changed, dropped or doubled.
fn mutated(seed: &[u8], state: &mut u64) -> Vec<u8> {
    let mut octets = seed.to_vec();
    let mut next = || {
        // xorshift64
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    for _ in 0..1 + next() % 3 {
        if octets.is_empty() {
            break;
        }
        let at = next() as usize % octets.len();
        match next() % 4 {
            0 | 1 => octets[at] = next().to_be_bytes()[0],
            2 => drop(octets.remove(at)),
            _ => octets.insert(at, octets[at]),
        }
    }
    octets
}
