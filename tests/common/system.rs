//! What tests ask of the operating system: signals, pipes, limits, file systems. By system calls, because a bare machine
//! lacks the programs `kill`, `unshare` and `mount`.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, mkfifo};

/// Sends a signal to a child.
pub fn send(signal: Signal, child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// Makes a pipe with a name.
pub fn pipe(path: &Path) {
    mkfifo(path, Mode::S_IRWXU).unwrap();
}

/// The command with system calls of its process before it starts. `calls` must not allocate.
fn prepared(
    mut command: Command,
    calls: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static,
) -> Command {
    // SAFETY: between fork and exec the closures of this file make system calls only; none allocates or locks.
    unsafe { command.pre_exec(calls) };
    command
}

/// A terminal, from the side of who looks at it. Dropping it closes the terminal.
pub struct Terminal {
    screen: std::fs::File,
}

impl Terminal {
    /// A terminal with a command that starts as its session: all its output goes there, and it gets SIGHUP when the terminal
    /// is closed.
    pub fn with(command: Command) -> (Self, Child) {
        use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
        use std::os::unix::fs::OpenOptionsExt;
        // No other program that a test starts may hold the screen: a terminal is closed when the last one closes it.
        let screen = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let mut options = std::fs::File::options();
        options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
        let keyboard = options.open(ptsname_r(&screen).unwrap()).unwrap();
        let size = nix::libc::winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the descriptor is open, and the size outlives the call.
        assert_eq!(unsafe { nix::libc::ioctl(keyboard.as_raw_fd(), nix::libc::TIOCSWINSZ, &size) }, 0);
        let mut command = prepared(command, || {
            nix::unistd::setsid()?;
            // SAFETY: the descriptor is open; the call makes it the terminal of the new session.
            match unsafe { nix::libc::ioctl(2, nix::libc::TIOCSCTTY, 0) } {
                -1 => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            }
        });
        let side = || std::process::Stdio::from(keyboard.try_clone().unwrap());
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        (Self { screen: std::os::fd::OwnedFd::from(screen).into() }, child)
    }

    /// Types text.
    pub fn type_in(&mut self, text: &str) {
        std::io::Write::write_all(&mut self.screen, text.as_bytes()).unwrap();
    }

    /// What is written until a text appears, or to the end.
    pub fn read_until(&mut self, end: &str) -> String {
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while !text.contains(end) {
            // Once all programs have closed it, reading fails.
            match std::io::Read::read(&mut self.screen, &mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(n) => text.push_str(&String::from_utf8_lossy(&buffer[..n])),
            }
        }
        text
    }

    /// What is written from now to the end.
    pub fn read_to_end(&mut self) -> String {
        self.read_until("no program writes this")
    }
}

/// The command with these descriptors closed.
pub fn closed(command: Command, descriptors: &'static [i32]) -> Command {
    prepared(command, move || {
        for descriptor in descriptors {
            // SAFETY: nothing in the new process uses it.
            unsafe { nix::libc::close(*descriptor) };
        }
        Ok(())
    })
}

/// The command, which ignores these of the signals that end a sweep, as `nohup` makes it, and no others, whatever started the
/// tests.
pub fn ignoring(command: Command, ignored: &'static [Signal]) -> Command {
    use nix::sys::signal::{SigHandler, signal};
    prepared(command, move || {
        for ends in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let action = if ignored.contains(&ends) { SigHandler::SigIgn } else { SigHandler::SigDfl };
            // SAFETY: neither action is a handler.
            unsafe { signal(ends, action) }?;
        }
        Ok(())
    })
}

/// The command with a limit, which its children inherit.
pub fn limited(command: Command, resource: Resource, limit: u64) -> Command {
    prepared(command, move || Ok(setrlimit(resource, limit, limit)?))
}

/// The command with another mask of permissions, such as 0o077.
pub fn masked(command: Command, mask: u32) -> Command {
    prepared(command, move || {
        umask(Mode::from_bits_truncate(mask));
        Ok(())
    })
}

/// What the command and its children see in place of a folder.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
pub enum Mount {
    /// An empty file system in memory with these options, such as `size=512k`.
    Empty(&'static str),
    /// The same folder, which cannot be written.
    ReadOnly,
}

/// The output of the command, which sees `folder` as the mount says. None, with a line that says so, where this user may
/// not mount; in CI that fails.
#[cfg(target_os = "linux")]
pub fn mounted(command: Command, folder: &Path, mount: Mount) -> Option<Output> {
    let here = command.get_current_dir().map(Path::to_owned);
    let output = prepared(command, mounting(folder, here, mount)).output();
    let refused = [ErrorKind::PermissionDenied, ErrorKind::Unsupported, ErrorKind::InvalidInput];
    match output {
        Err(error) if refused.contains(&error.kind()) || error.raw_os_error() == Some(nix::libc::ENOSPC) => {
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a file system: {error}");
            println!("skipped: this user may not mount a file system: {error}");
            None
        }
        output => Some(output.unwrap()),
    }
}

/// System calls that give a process its own view of `folder` and leave it in the folder `here`.
#[cfg(target_os = "linux")]
fn mounting(
    folder: &Path,
    here: Option<PathBuf>,
    mount: Mount,
) -> impl FnMut() -> std::io::Result<()> + Send + Sync + 'static {
    use nix::fcntl::open;
    use nix::mount::{MsFlags, mount as mount_at};
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::statvfs::{FsFlags, statvfs};
    use nix::unistd::{Gid, Uid, chdir, write};

    let (user, group) = (Uid::effective(), Gid::effective());
    // A user other than root may mount in a user namespace, as its root.
    let namespace = (!user.is_root()).then(|| {
        [
            ("/proc/self/setgroups", "deny".to_string()),
            ("/proc/self/uid_map", format!("0 {user} 1")),
            ("/proc/self/gid_map", format!("0 {group} 1")),
        ]
    });
    let folder = folder.to_owned();
    let none: Option<&Path> = None;
    move || {
        let users = if namespace.is_some() { CloneFlags::CLONE_NEWUSER } else { CloneFlags::empty() };
        unshare(CloneFlags::CLONE_NEWNS | users)?;
        for (file, text) in namespace.iter().flatten() {
            write(open(*file, OFlag::O_WRONLY, Mode::empty())?, text.as_bytes())?;
        }
        // What is mounted here stays here.
        mount_at(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        match mount {
            Mount::Empty(options) => {
                mount_at(Some("none"), &folder, Some("tmpfs"), MsFlags::empty(), Some(options))?;
            }
            Mount::ReadOnly => {
                mount_at(Some(&folder), &folder, none, MsFlags::MS_BIND, none)?;
                // Only root of the machine may drop what the file system forbids.
                let forbids = statvfs(&folder)?.flags();
                let kept = [
                    (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
                    (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
                    (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
                    (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
                    (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
                    (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
                ];
                let kept = kept.into_iter().filter(|(flag, _)| forbids.contains(*flag)).map(|(_, flag)| flag);
                let flags =
                    kept.fold(MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, MsFlags::union);
                mount_at(none, &folder, none, flags, none)?;
            }
        }
        // The current folder is still the one below the mount.
        Ok(here.as_deref().map_or(Ok(()), chdir)?)
    }
}
