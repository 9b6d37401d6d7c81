//! Atomic writes: a file is written under a temporary name, then renamed.

use std::io::Write;
use std::path::Path;

use super::StoreError;

/// Prefix of files that are being written, or were when their process was killed.
pub const UNFINISHED: &str = ".writing-";

/// Replaces the file at `path` by `content`. Readers see the old content or the new, also when the process is killed
/// or the machine loses power meanwhile. A link at `path` is replaced, not followed.
///
/// # Errors
/// The file cannot be written or renamed.
pub fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    // A bare file name has the empty path as its parent: the current folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let refused = || StoreError::io(path, "write");
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // Only their owner can read temporary files; those of a study have the permissions that the umask leaves.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| StoreError::io(folder, "write in")(system_error(error)))?;
    file.as_file_mut().write_all(content).map_err(refused())?;
    file.as_file().sync_all().map_err(refused())?;
    file.persist(path).map_err(|error| error.error).map_err(refused())?;
    // The rename is durable once the folder is.
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(StoreError::io(folder, "sync"))?;
    Ok(())
}

/// The error of the operating system, without the name of the temporary file that `tempfile` adds to its words.
fn system_error(error: std::io::Error) -> std::io::Error {
    match error.to_string().rsplit_once(" at path ") {
        Some((words, _)) => std::io::Error::new(error.kind(), words),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_made_is_told_without_the_name_of_a_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("none/a.csv"), b"x").unwrap_err();
        let expected =
            format!("{}: cannot write in: No such file or directory", folder.path().join("none").display());
        assert!(
            error.to_string().starts_with(&expected) && !error.to_string().contains(UNFINISHED),
            "{error}"
        );
    }
}
