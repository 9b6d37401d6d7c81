//! Tells the program which commit it is built from, for the manifest of a study; with the feature `cuda` compiles the
//! kernels of the graph engine.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() {
        compile_kernels();
    }
    // Git's log of HEAD moves with every commit and checkout; a worktree has it elsewhere, a source archive nowhere.
    match git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        Some(log) => println!("cargo:rerun-if-changed={log}"),
        None => println!("cargo:rerun-if-changed=build.rs"),
    }
    let commit = git(&["rev-parse", "HEAD"]);
    println!("cargo:rustc-env=MMOE_STUDY_COMMIT={}", commit.unwrap_or_default());
}

/// What a command of Git prints; nothing where there is no Git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes kernels.ptx for the oldest GPUs that CUDA 13 knows (Turing); drivers compile it for the GPU that they find.
fn compile_kernels() {
    const SOURCE: &str = "src/model/ops/gpu/kernels.cu";
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-env-changed=NVCC");
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    // As Candle's build looks for it: named, on the path, in a toolkit.
    let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let of_toolkits = toolkits.chain(["/usr/local/cuda".into()]).map(|toolkit| toolkit.join("bin/nvcc"));
    let named = std::env::var_os("NVCC").map(PathBuf::from);
    let mut places = named.into_iter().chain(["nvcc".into()]).chain(of_toolkits);
    let answers = |nvcc: &PathBuf| Command::new(nvcc).arg("--version").output().is_ok();
    let nvcc = places.find(answers).unwrap_or_else(|| "nvcc".into());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("kernels.ptx");
    let mut command = Command::new(&nvcc);
    command.args(["--ptx", "-arch=compute_75", "-O3", "-o"]).arg(&out).arg(SOURCE);
    match command.status() {
        Ok(status) if status.success() => {}
        result => panic!("{} of the CUDA toolkit could not compile {SOURCE}: {result:?}", nvcc.display()),
    }
}
