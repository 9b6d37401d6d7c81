//! Tells the program which commit it is built from, for the manifest of a study.

use std::path::Path;
use std::process::Command;

fn main() {
    // Moves with every commit and checkout; absent in a source archive.
    let log = Path::new(".git/logs/HEAD");
    if log.exists() {
        println!("cargo:rerun-if-changed={}", log.display());
    } else {
        println!("cargo:rerun-if-changed=build.rs");
    }
    let commit = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = commit.ok().filter(|output| output.status.success());
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    println!("cargo:rustc-env=MMOE_STUDY_COMMIT={}", commit.unwrap_or_default());
}
