//! Files that are whole or not there: written beside their place, then renamed into it.

use std::io::Write;
use std::path::Path;

use super::StoreError;

/// Replaces the file at `path` by `content`. Whoever reads sees the old content or the new, also when the
/// process is killed or the machine loses power in between.
pub fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let folder = path.parent().expect("files of a study lie in a folder");
    let refused = || StoreError::io(path, "write");
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .tempfile_in(folder)
        .map_err(StoreError::io(folder, "write in"))?;
    file.write_all(content).map_err(refused())?;
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
