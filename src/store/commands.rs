//! Commands of `sweep` as messages and pages give them: a shell reads a folder's name as one word, whatever is in it.

use std::path::Path;

/// `sweep run FOLDER/study.toml --out FOLDER`, which trains the runs that a study lacks and writes its tables.
pub fn resume(folder: &Path) -> String {
    format!("sweep run {} --out {}", path_word(&folder.join("study.toml")), path_word(folder))
}

/// `sweep report FOLDER`, which writes the tables of the finished runs, the figures and the report.
pub fn report(folder: &Path) -> String {
    format!("sweep report {}", path_word(folder))
}

/// `sweep status FOLDER`, which tells what is done and what is missing.
pub fn status(folder: &Path) -> String {
    format!("sweep status {}", path_word(folder))
}

/// A command line of these words.
pub fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A path as one word; one that begins like an option is given from the current folder.
fn path_word(path: &Path) -> String {
    match path.to_string_lossy() {
        option if option.starts_with('-') => word(&format!("./{option}")),
        path => word(&path),
    }
}

/// Text as one word of a shell, quoted where it has to be. No argument holds the zero byte that cannot be quoted.
fn word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.replace('\0', "\u{FFFD}"), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_every_folder_as_one_word() {
        for folder in
            ["results/quick", "my results", "it's", "$HOME", "a;b", "größe", "a\"b", "*", "~", "x\ny"]
        {
            let words = shlex::split(&resume(Path::new(folder))).unwrap();
            let file = format!("{folder}/study.toml");
            assert_eq!(words, ["sweep", "run", &file, "--out", folder]);
            assert_eq!(shlex::split(&report(Path::new(folder))).unwrap(), ["sweep", "report", folder]);
            assert_eq!(shlex::split(&status(Path::new(folder))).unwrap(), ["sweep", "status", folder]);
        }
        assert_eq!(
            report(Path::new("results/quick")),
            "sweep report results/quick",
            "quoted only where it has to be"
        );
        assert_eq!(report(Path::new("-x")), "sweep report ./-x");
        assert_eq!(line(["sweep", "--set", "a=[1, 2]"]), "sweep --set 'a=[1, 2]'");
    }
}
