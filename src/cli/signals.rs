//! Signals that end a sweep: Ctrl-C (SIGINT), SIGTERM and SIGHUP, which a terminal that is closed sends.
//!
//! The first cancels the groups in training; the finished ones are then tabulated. A second Ctrl-C or SIGTERM exits at once.
//! SIGHUP never does, because a shell and the system both send one when a terminal is closed. Signals that are ignored when
//! the program starts stay ignored: `nohup` and shells that start a job in the background ask for that.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a signal has come.
static CAME: AtomicBool = AtomicBool::new(false);
/// Whether the next signal exits at once: one has come, or nothing is being trained that could be cancelled.
static AT_ONCE: AtomicBool = AtomicBool::new(false);

/// Whether a signal has come.
pub fn interrupted() -> bool {
    CAME.load(Ordering::Relaxed)
}

/// From here on a signal cancels training, until [`end_training`].
///
/// # Errors
/// The system refuses the handler.
pub fn begin_training() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        static ONCE: AtomicBool = AtomicBool::new(false);
        if !ONCE.swap(true, Ordering::Relaxed) {
            unix::listen()?;
        }
    }
    AT_ONCE.store(interrupted(), Ordering::Relaxed);
    Ok(())
}

/// From here on a signal ends the program at once, except SIGHUP, after which it goes on to its end: there is nothing left to
/// cancel, and files are written as a whole.
pub fn end_training() {
    AT_ONCE.store(true, Ordering::Relaxed);
}

#[cfg(unix)]
mod unix {
    use super::{AT_ONCE, CAME};
    use crate::cli::INTERRUPTED;
    use nix::libc::{_exit, c_int};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use std::sync::atomic::Ordering;

    /// Replaces the action of every signal that is not ignored.
    pub fn listen() -> std::io::Result<()> {
        // Reads and writes that a signal interrupts go on.
        let handler = SigAction::new(SigHandler::Handler(receive), SaFlags::SA_RESTART, SigSet::empty());
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // SAFETY: the handler sets atomics and calls `_exit`, both of which a handler may do.
            let before = unsafe { sigaction(signal, &handler) }?;
            if let SigHandler::SigIgn = before.handler() {
                // SAFETY: this is the action that was there.
                unsafe { sigaction(signal, &before) }?;
            }
        }
        Ok(())
    }

    extern "C" fn receive(signal: c_int) {
        CAME.store(true, Ordering::Relaxed);
        if signal != Signal::SIGHUP as c_int && AT_ONCE.swap(true, Ordering::Relaxed) {
            // SAFETY: ends the process without the cleaning up that a handler must not do.
            unsafe { _exit(c_int::from(INTERRUPTED)) }
        }
    }
}
