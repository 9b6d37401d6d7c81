//! Files that are whole or not there: written beside their place, then renamed into it.

use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use super::StoreError;

/// How files begin that are being written, or were when their process was killed.
pub const UNFINISHED: &str = ".writing-";

/// Replaces the file at `path` by `content`. Whoever reads sees the old content or the new, also when the
/// process is killed or the machine loses power in between. A link at `path` is replaced, not followed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    write_by(path, |file| file.as_file_mut().write_all(content))
}

/// As [`write()`], by a function that fills the file that will take the place of `path`.
pub fn write_by(
    path: &Path,
    fill: impl FnOnce(&mut NamedTempFile) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let folder = path.parent().expect("files of a study lie in a folder");
    let refused = || StoreError::io(path, "write");
    // The ending stays: some writers choose a format by it.
    let ending = path.extension().map_or(String::new(), |ending| format!(".{}", ending.to_string_lossy()));
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .suffix(&ending)
        .tempfile_in(folder)
        .map_err(|error| StoreError::io(folder, "write in")(system_error(error)))?;
    fill(&mut file).map_err(refused())?;
    file.as_file().sync_all().map_err(refused())?;
    // Temporary files are for their owner alone; those of a study are as any other new file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(readable).map_err(refused())?;
    }
    file.persist(path).map_err(|error| error.error).map_err(refused())?;
    // The rename itself is durable once the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder, "sync"))?;
    Ok(())
}

/// What the system said, without the name of a temporary file that `tempfile` puts around it.
fn system_error(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source()?.downcast_ref::<std::io::Error>());
    match inner.and_then(std::io::Error::raw_os_error) {
        Some(code) => std::io::Error::from_raw_os_error(code),
        None => error,
    }
}
