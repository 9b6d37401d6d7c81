//! `sweep`: plans, trains and reports. See `sweep --help`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    single_threaded_candle();
    #[cfg(unix)]
    report_files_that_are_too_large();
    mmoe_study::cli::main()
}

/// Groups are the unit of parallelism: inside a group Candle and its matrix products use one thread. Left to
/// themselves they would ask the system for its number of cores in every product, and share one pool whose
/// lock all groups wait for.
fn single_threaded_candle() {
    // SAFETY: nothing else runs yet that could read the environment at the same time.
    unsafe {
        std::env::set_var("RAYON_NUM_THREADS", "1");
        std::env::set_var("CANDLE_NUM_THREADS", "1");
    }
}

/// A write beyond the limit of a file's size (`ulimit -f`) fails as one on a full disk does: an error, which names the
/// file. Left to itself it would kill the process by SIGXFSZ.
#[cfg(unix)]
fn report_files_that_are_too_large() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no handler of this program is replaced, and ignoring a signal runs no code.
    let ignored = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    ignored.expect("SIGXFSZ may be ignored");
}
