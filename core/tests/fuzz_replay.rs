//! The fuzz targets' oracles over their seeds, and over every input that once broke one.
//!
//! `make fuzz` searches for more; what it finds belongs into `core/fuzz/regressions/<target>/`, under a name that says what
//! it is, together with the mending.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[allow(unreachable_pub)] // it is a crate of its own for the fuzzer
#[path = "../fuzz/src/lib.rs"]
mod oracles;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn seeds_and_regressions_hold() {
    let mut failed = Vec::new();
    for (target, oracle) in oracles::TARGETS {
        let seeds = entries(&folder("seeds").join(target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for path in seeds.into_iter().chain(entries(&folder("regressions").join(target))) {
            let data = fs::read(&path).unwrap();
            if catch_unwind(AssertUnwindSafe(|| oracle(&data))).is_err() {
                failed.push(path);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_input_belongs_to_a_target() {
    let targets: BTreeSet<&str> = oracles::TARGETS.iter().map(|(target, _)| *target).collect();
    for path in [entries(&folder("seeds")), entries(&folder("regressions"))].concat() {
        assert!(targets.contains(path.file_name().unwrap().to_str().unwrap()), "{}", path.display());
    }
    let programs: Vec<PathBuf> = entries(&folder("fuzz_targets"));
    let programs: BTreeSet<&str> = programs.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(programs, targets);
}
