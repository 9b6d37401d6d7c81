//! What tests ask of the operating system: signals, pipes, limits, file systems. By system calls, because a bare machine
//! lacks the programs `kill`, `unshare` and `mount`.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

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
    use nix::fcntl::{OFlag, open};
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
