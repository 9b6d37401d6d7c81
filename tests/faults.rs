//! Faults from outside, none of which loses a finished group: kills, signals, damaged files, full disks. The table is in
//! docs/reliability.md.

mod common;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use common::system::Mount;
use common::{Desk, digest, group_files, system, tables};
use nix::sys::resource::Resource;
use nix::sys::signal::Signal;

/// Slow enough to be interrupted: twelve groups, one after the other.
const SLOW: [&str; 6] = ["--set", "train.engine=graph", "--set", "grid.seeds=12", "--threads", "1"];

fn sweep(desk: &Desk, out: &str, extra: &[&str]) -> Command {
    let mut command = desk.sweep(&["run", "small.toml", "--no-report", "--out", out]);
    command.args(extra);
    command
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn messages(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Tables and digest of a study.
fn results(desk: &Desk, study: &str) -> (Vec<(String, String)>, String) {
    (tables(&desk.path(study)), digest(&desk.path(study)))
}

/// The results of an undisturbed study with these arguments.
fn undisturbed(desk: &Desk, extra: &[&str]) -> (Vec<(String, String)>, String) {
    let output = sweep(desk, "undisturbed", extra).output().unwrap();
    assert!(output.status.success(), "{}", messages(&output));
    results(desk, "undisturbed")
}

/// Waits until a sweep that is still running has finished a group.
fn wait_for_a_group(child: &mut Child, study: &Path) {
    while group_files(study).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it must not end before it is disturbed");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `kill -9` at random moments, `MMOE_STUDY_KILLS` times (five by default).
#[test]
fn killed_at_random_moments_and_resumed_a_sweep_ends_in_the_same_bytes() {
    let kills: u64 =
        std::env::var("MMOE_STUDY_KILLS").map_or(5, |text| text.parse().expect("a number of kills"));
    let desk = Desk::new();
    let began = Instant::now();
    let expected = undisturbed(&desk, &SLOW);
    let whole = began.elapsed();
    let (mut killed, mut studies, mut seconds) = (0, 0, Vec::new());
    while killed < kills {
        studies += 1;
        let out = format!("killed-{studies}");
        // Until this study gets to its end.
        loop {
            // A moment within a quarter of the time that the whole takes; fixed numbers, so that a failure can be
            // had again as far as the machine allows.
            let random = blake3::hash(&killed.to_le_bytes());
            let share = f64::from(random.as_bytes()[0]) / 256.0 / 4.0;
            let mut child = spawn(sweep(&desk, &out, &SLOW));
            std::thread::sleep(whole.mul_f64(share));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
            seconds.push(whole.mul_f64(share).as_secs_f64());
            assert!(killed < kills + 500, "a sweep that is killed again and again gets on");
        }
        assert_eq!(results(&desk, &out), expected, "{killed} kills, study {studies}");
    }
    println!(
        "killed {killed} times in {studies} studies after {seconds:.2?} s; all equal to the undisturbed one"
    );
}

#[test]
fn sigint_and_sigterm_keep_finished_groups() {
    for (signal, name) in [(Signal::SIGINT, "interrupted"), (Signal::SIGTERM, "terminated")] {
        let desk = Desk::new();
        let expected = undisturbed(&desk, &SLOW);
        let mut child = spawn(system::ignoring(sweep(&desk, name, &SLOW), &[]));
        wait_for_a_group(&mut child, &desk.path(name));
        system::send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", messages(&output));
        let text = messages(&output);
        let last = text.lines().last().unwrap();
        assert!(
            last.starts_with("Interrupted: ")
                && last.contains(" of 72 runs stored. To go on: sweep run small.toml")
        );
        assert_eq!(text.matches("Interrupted").count(), 1, "{text}");
        let runs = std::fs::read_to_string(desk.path(name).join("runs.csv")).unwrap().lines().count() - 1;
        assert!(runs > 0 && runs < 72, "{runs} runs are in the tables");
        assert!(sweep(&desk, name, &SLOW).output().unwrap().status.success());
        assert_eq!(results(&desk, name), expected);
    }
}

#[test]
fn two_sweeps_on_one_folder_end_in_the_same_bytes() {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &SLOW);
    let both = [spawn(sweep(&desk, "shared", &SLOW)), spawn(sweep(&desk, "shared", &SLOW))];
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", messages(&output));
    }
    assert_eq!(results(&desk, "shared"), expected);
    assert_eq!(group_files(&desk.path("shared")).len(), 12, "no group twice");
}

#[test]
fn damaged_and_foreign_group_files_are_reported_and_trained_again() {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &[]);
    let study = desk.path("undisturbed");
    let files = group_files(&study);
    let whole = std::fs::read(&files[0]).unwrap();
    std::fs::write(&files[0], &whole[..whole.len() / 2]).unwrap();
    let mut flipped = std::fs::read(&files[1]).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(&files[1], flipped).unwrap();
    std::fs::copy(&files[3], &files[2]).unwrap();
    std::fs::write(study.join("groups/foreign.json"), "not ours").unwrap();
    std::fs::write(study.join("groups/.writing-killed.json"), "left by a killed process").unwrap();
    let output = sweep(&desk, "undisturbed", &[]).output().unwrap();
    let text = messages(&output);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("warning: ").count(), 4, "{text}");
    for reason in ["is cut off", "does not have the hash in its header", "belongs to group"] {
        assert!(text.contains(reason), "{reason}: {text}");
    }
    assert_eq!(results(&desk, "undisturbed"), expected);
    let status = desk.done(&["status", "undisturbed"]);
    assert!(status.contains("foreign.json") && status.contains("unfinished      1 "), "{status}");
}

/// Replaces a part of a file, which must be there.
fn change(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// An older and a newer program, whose files have other fields too.
#[test]
fn a_study_of_another_schema_is_refused_and_left_alone() {
    for (schema, field) in [(0, "groups"), (2, "wide")] {
        let desk = Desk::new();
        undisturbed(&desk, &[]);
        let study = desk.path("undisturbed");
        change(
            &group_files(&study)[0],
            "{\"schema\":1,\"group\":",
            &format!("{{\"schema\":{schema},\"{field}\":"),
        );
        let before = tables(&study);
        let told = format!("was written with schema {schema}, but this program has schema 1");
        for part in ["group file", "manifest"] {
            if part == "manifest" {
                std::fs::remove_dir_all(study.join("groups")).unwrap();
                let field = format!("\"schema\": {schema},\n  \"{field}\"");
                change(&study.join("manifest.json"), "\"schema\": 1,\n  \"version\"", &field);
            }
            let output = sweep(&desk, "undisturbed", &[]).output().unwrap();
            let text = messages(&output);
            assert_eq!(output.status.code(), Some(2), "{part}: {text}");
            assert!(text.contains(&told), "{part}: {text}");
            assert!(text.contains("choose another --out"), "{part}: {text}");
            assert_eq!(tables(&study), before);
        }
    }
}

/// A program of another schema trains in the same folder: neither replaces what the other wrote.
#[test]
fn reports_and_merges_leave_a_study_of_another_schema_alone() {
    let desk = Desk::new();
    undisturbed(&desk, &[]);
    let study = desk.path("undisturbed");
    change(&group_files(&study)[0], "{\"schema\":1,", "{\"schema\":2,");
    let manifest = std::fs::read(study.join("manifest.json")).unwrap();
    std::fs::remove_file(study.join("manifest.json")).unwrap();
    let output = desk.run(&["report", "undisturbed"]);
    assert!(!output.status.success() && messages(&output).contains("has schema 1"), "{}", messages(&output));
    assert!(!study.join("manifest.json").exists(), "no tables that lack runs");
    let status = desk.run(&["status", "undisturbed"]);
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(
        text.contains("other schema ") && !text.contains("damaged") && !text.contains("resume with"),
        "{text}"
    );
    // The other program finishes while this one trains.
    let mut child = spawn(sweep(&desk, "both", &SLOW));
    wait_for_a_group(&mut child, &desk.path("both"));
    let theirs = String::from_utf8(manifest).unwrap().replacen("\"schema\": 1", "\"schema\": 2", 1);
    std::fs::write(desk.path("both/manifest.json"), &theirs).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", messages(&output));
    assert!(messages(&output).contains("was written with schema 2"), "{}", messages(&output));
    assert_eq!(std::fs::read_to_string(desk.path("both/manifest.json")).unwrap(), theirs);
    assert_eq!(group_files(&desk.path("both")).len(), 12, "what was trained is stored");
}

/// Another version with the same schema: its files are resumed; only a key that it does not know is in its way.
#[test]
fn a_study_of_another_version_is_resumed() {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &[]);
    let study = desk.path("undisturbed");
    let version = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
    change(&study.join("manifest.json"), version, "\"version\": \"77.1.0\",\n  \"later\": true");
    std::fs::remove_file(&group_files(&study)[0]).unwrap();
    let output = sweep(&desk, "undisturbed", &[]).output().unwrap();
    assert!(messages(&output).contains("18 runs are already finished"), "{}", messages(&output));
    assert_eq!(results(&desk, "undisturbed"), expected);
    change(&study.join("manifest.json"), version, "\"version\": \"77.1.0\"");
    change(&study.join("study.toml"), "[train]\n", "[train]\nlater_key = 1\n");
    let output = desk.run(&["report", "undisturbed"]);
    let text = messages(&output);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("later_key") && text.contains("version 77.1.0 of this program wrote the study"),
        "{text}"
    );
}

#[test]
fn modification_times_of_files_are_ignored() {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &[]);
    let far = [Duration::ZERO, Duration::from_secs(4_000_000_000)];
    for (file, since_1970) in group_files(&desk.path("undisturbed")).iter().zip(far.iter().cycle()) {
        let time = std::time::UNIX_EPOCH + *since_1970;
        std::fs::File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }
    let output = sweep(&desk, "undisturbed", &[]).output().unwrap();
    assert!(messages(&output).contains("24 runs are already finished"), "{}", messages(&output));
    assert_eq!(results(&desk, "undisturbed"), expected);
}

#[test]
fn a_study_that_needs_too_much_memory_is_refused_beforehand() {
    let desk = Desk::new();
    let large = [
        ["train.batch_size=1000000", "data.dim=100000"],
        ["models.mmoe.experts=1000000", "models.mmoe.expert_units=1000000"],
        ["train.held_out_rows=1000000", "data.dim=100000"],
        ["train.steps=2000000000", "train.log_every=1"],
    ];
    for sets in large {
        for dry_run in [true, false] {
            let mut command = sweep(&desk, "large", &["--set", sets[0], "--set", sets[1]]);
            let began = Instant::now();
            let output = command.args(dry_run.then_some("--dry-run")).output().unwrap();
            let text = messages(&output);
            assert_eq!(output.status.code(), Some(2), "{sets:?}: {text}");
            assert!(
                text.contains(" of memory; only ") || text.contains("Log less often."),
                "{sets:?}: {text}"
            );
            // Planning takes milliseconds; training the first step of any of these would not.
            assert!(began.elapsed() < Duration::from_secs(10), "{sets:?}");
        }
    }
    assert!(!desk.path("large").exists());
    let output = sweep(&desk, "large", &["--set", "grid.seeds=10000000"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        messages(&output).contains("at most 1000000 runs in total (this grid has 60000000)"),
        "{}",
        messages(&output)
    );
}

/// Names and contents of the figures of a study.
fn figures(study: &Path) -> Vec<(OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(study.join("figures")).unwrap().map(|entry| entry.unwrap());
    let mut figures: Vec<_> =
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect();
    figures.sort();
    figures
}

/// Runs the small study with its report into `out` and expects what any other place and environment gives.
fn assert_as_anywhere(desk: &Desk, mut command: Command, out: &Path) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", out.display(), messages(&output));
    let out = desk.path("").join(out);
    assert_eq!((tables(&out), digest(&out)), EXPECTED.results, "{}", out.display());
    assert!(figures(&out) == EXPECTED.figures, "{}", out.display());
}

/// Results and figures of the small study.
struct Expected {
    results: (Vec<(String, String)>, String),
    figures: Vec<(OsString, Vec<u8>)>,
}

/// Those of a study that nothing disturbs.
static EXPECTED: LazyLock<Expected> = LazyLock::new(|| {
    let desk = Desk::new();
    desk.done(&["run", "small.toml", "--out", "expected"]);
    Expected { results: results(&desk, "expected"), figures: figures(&desk.path("expected")) }
});

/// The small study in a folder with this name.
#[cfg(unix)]
fn run_into(desk: &Desk, out: impl AsRef<OsStr>) -> Command {
    let mut command = desk.sweep(&["run", "small.toml", "--out"]);
    command.arg(out);
    command
}

#[cfg(unix)]
#[test]
fn few_file_handles_are_enough_and_too_few_lose_nothing() {
    let desk = Desk::new();
    let limited = |out: &str, limit| system::limited(run_into(&desk, out), Resource::RLIMIT_NOFILE, limit);
    assert_as_anywhere(&desk, limited("few", 32), Path::new("few"));
    // With one handle beside the three standard streams, a file in a folder that is open cannot be read.
    let output = limited("too-few", 4).output().unwrap();
    let text = messages(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Too many open files") && !text.contains("panicked"), "{text}");
    assert_as_anywhere(&desk, run_into(&desk, "too-few"), Path::new("too-few"));
}

#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_loses_no_stored_file() {
    let desk = Desk::new();
    let size = |path: PathBuf| std::fs::metadata(path).unwrap().len();
    desk.done(&["run", "small.toml", "--out", "whole"]);
    let study = desk.path("whole");
    let group = group_files(&study).into_iter().map(size).max().unwrap();
    let (table, figure) = (size(study.join("gates.csv")), size(study.join("figures/figure2.png")));
    assert!(group < table && table < figure, "{group}, {table} and {figure} bytes");
    // Below any group, the largest table and a figure. A byte more or less is in no buffer's favour.
    for (limit, refused) in
        [(group / 2, "groups"), (table - 1, "gates.csv"), (figure - 1, "figures/figure2.png")]
    {
        let out = format!("limit-{limit}");
        let output = system::limited(run_into(&desk, &out), Resource::RLIMIT_FSIZE, limit).output().unwrap();
        let text = messages(&output);
        assert_eq!(output.status.code(), Some(1), "{limit}: {text}");
        assert!(text.contains("File too large") && text.contains(refused), "{limit}: {text}");
        assert!(!desk.path(&out).join(refused).is_file(), "{limit}: no part of {refused} stays");
        assert_as_anywhere(&desk, run_into(&desk, &out), Path::new(&out));
    }
}

#[cfg(unix)]
#[test]
fn files_have_the_permissions_that_the_umask_leaves() {
    use std::os::unix::fs::PermissionsExt;
    fn modes(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            found.push((entry.path(), entry.metadata().unwrap().permissions().mode() & 0o777));
            if entry.path().is_dir() {
                modes(&entry.path(), found);
            }
        }
    }
    let desk = Desk::new();
    for mask in [0o077, 0o022, 0o002] {
        let out = format!("mask-{mask:03o}");
        assert!(system::masked(run_into(&desk, &out), mask).output().unwrap().status.success());
        let mut found = Vec::new();
        modes(&desk.path(&out), &mut found);
        assert!(found.len() > 20, "{found:?}");
        for (path, mode) in found {
            let all = if path.is_dir() { 0o777 } else { 0o666 };
            assert_eq!(mode, all & !mask, "{} with umask {mask:03o}: {mode:03o}", path.display());
        }
    }
}

#[cfg(unix)]
#[test]
fn a_results_folder_may_have_any_name() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    let names: [&[u8]; 4] = [
        "études de l'MMoE".as_bytes(),
        "研究 «один два»".as_bytes(),
        b"$HOME; `ls` \"#&%?",
        b"not UTF-8: \xff\xfe",
    ];
    for name in names.map(OsStr::from_bytes) {
        assert_as_anywhere(&desk, run_into(&desk, name), Path::new(name));
        for command in ["status", "claims", "report"] {
            let output = desk.sweep(&[command]).arg(name).output().unwrap();
            assert!(output.status.success(), "{name:?}: {}", messages(&output));
        }
        let page = std::fs::read_to_string(desk.path("").join(name).join("report.html")).unwrap();
        assert!(page.contains("</html>"), "{name:?}");
    }
}

#[cfg(unix)]
#[test]
fn results_may_be_on_another_file_system_than_the_working_folder() {
    use std::os::unix::fs::MetadataExt;
    let desk = Desk::new();
    let device = |path: &Path| std::fs::metadata(path).ok().map(|about| about.dev());
    let other = [Path::new("/dev/shm"), Path::new("/tmp"), Path::new(env!("CARGO_TARGET_TMPDIR"))]
        .into_iter()
        .find(|place| device(place).is_some_and(|number| Some(number) != device(&desk.path(""))))
        .and_then(|place| tempfile::tempdir_in(place).ok());
    let Some(other) = other else {
        println!("skipped: there is no second file system that this user may write");
        return;
    };
    let out = other.path().join("study");
    assert_as_anywhere(&desk, run_into(&desk, &out), &out);
    let names = std::fs::read_dir(desk.path("")).unwrap().count();
    assert_eq!(names, 1, "nothing is written beside small.toml, where it runs");
}

#[cfg(target_os = "linux")]
#[test]
fn a_working_folder_that_cannot_be_written_is_no_obstacle() {
    let (desk, elsewhere) = (Desk::new(), Desk::new());
    let out = elsewhere.path("study");
    let output = system::mounted(run_into(&desk, &out), &desk.path(""), Mount::ReadOnly);
    let Some(output) = output else { return };
    assert!(output.status.success(), "{}", messages(&output));
    assert_eq!(results(&elsewhere, "study"), EXPECTED.results);
    // Without --out it writes to results/, which cannot be made here.
    let output =
        system::mounted(desk.sweep(&["run", "small.toml"]), &desk.path(""), Mount::ReadOnly).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(messages(&output).contains("Read-only file system"), "{}", messages(&output));
}

#[test]
fn neither_home_nor_locale_nor_any_other_variable_is_needed() {
    let desk = Desk::new();
    let locales: [&[(&str, &str)]; 3] = [
        &[],
        &[("LC_ALL", "C")],
        &[("LC_ALL", "de_DE.UTF-8"), ("HOME", "/nonexistent"), ("TZ", "Asia/Tokyo")],
    ];
    for (number, variables) in locales.into_iter().enumerate() {
        let out = format!("locale-{number}");
        let mut command = run_into(&desk, &out);
        command.env_clear().envs(variables.iter().copied());
        assert_as_anywhere(&desk, command, Path::new(&out));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_sweep_that_is_stopped_and_continued_ends_in_the_same_bytes() {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &SLOW);
    let mut child = spawn(sweep(&desk, "stopped", &SLOW));
    wait_for_a_group(&mut child, &desk.path("stopped"));
    for _ in 0..3 {
        system::send(Signal::SIGSTOP, &child);
        let before = group_files(&desk.path("stopped")).len();
        std::thread::sleep(Duration::from_millis(300));
        // A group may have been between its temporary name and its own when the signal came.
        assert!(group_files(&desk.path("stopped")).len() <= before + 1, "it does not run on");
        system::send(Signal::SIGCONT, &child);
        std::thread::sleep(Duration::from_millis(30));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", messages(&output));
    assert_eq!(results(&desk, "stopped"), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_clock_that_is_set_back_again_and_again_changes_nothing() {
    let desk = Desk::new();
    let (source, clock) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c"), desk.path("clock.so"));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&clock).arg(source).output();
    let built = built.expect("Rust needs cc, too");
    assert!(built.status.success(), "{}", messages(&built));
    let seconds = |command: &mut Command| {
        let output = command.arg("+%s").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap()
    };
    let right = seconds(&mut Command::new("date"));
    let wrong = seconds(Command::new("date").env("LD_PRELOAD", &clock));
    assert!(wrong < right - 3000, "the clock is set back: {wrong}, not {right}");
    let mut command = run_into(&desk, "set-back");
    command.env("LD_PRELOAD", &clock);
    assert_as_anywhere(&desk, command, Path::new("set-back"));
    let manifest = std::fs::read_to_string(desk.path("set-back/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let seconds = manifest["wall_seconds"].as_f64().unwrap();
    assert!((0.0..600.0).contains(&seconds), "durations are measured by another clock: {seconds}");
}

/// Output of a shell script in which the folder `place` is an empty file system with these options; see
/// [`system::mounted`].
#[cfg(target_os = "linux")]
fn on_small_disk(desk: &Desk, options: &'static str, script: &str) -> Option<Output> {
    std::fs::create_dir_all(desk.path("place")).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(desk.path(""));
    system::mounted(command, &desk.path("place"), Mount::Empty(options))
}

/// A disk on which a study does not fit beside what `fill` writes to `place`, and fits without it: the sweep fails and
/// loses nothing, and ends in the same bytes when there is room.
#[cfg(target_os = "linux")]
fn assert_a_full_disk_loses_nothing(options: &'static str, fill: &str) {
    let desk = Desk::new();
    let expected = undisturbed(&desk, &[]);
    let program = env!("CARGO_BIN_EXE_sweep");
    let script = format!(
        "mkdir place/filler && {fill}\n\
         {program} run small.toml --no-report --out place/study --threads 1\n\
         echo \"exit $?\" >&2\n\
         ls place/study/groups/*.json | wc -l >&2\n\
         {program} status place/study >&2\n\
         rm -r place/filler\n\
         {program} run small.toml --no-report --out place/study && cp -r place/study kept"
    );
    let Some(output) = on_small_disk(&desk, options, &script) else { return };
    let text = messages(&output);
    assert!(text.contains("No space left on device"), "{text}");
    assert!(text.contains("\nexit 1\n"), "{text}");
    assert!(!text.contains("damaged") && !text.contains("warning"), "no half-written file: {text}");
    assert!(output.status.success(), "with free space the same command completes the study: {text}");
    assert_eq!(results(&desk, "kept"), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_no_stored_group() {
    // Four groups of about 15 kB and the tables do not fit beside the filler.
    assert_a_full_disk_loses_nothing("size=512k", "head -c 460k /dev/zero > place/filler/file");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_without_inodes_loses_no_stored_group() {
    // The study has fifteen files and folders; half of them find an inode beside the filler.
    let fill = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do : > place/filler/$i; done";
    assert_a_full_disk_loses_nothing("size=8m,nr_inodes=22", fill);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_reported_before_training() {
    let desk = Desk::new();
    desk.done(&["run", "small.toml", "--out", "place/study", "--set", "grid.seeds=1"]);
    let files = group_files(&desk.path("place/study"));
    let read_only =
        |arguments: &[&str]| system::mounted(desk.sweep(arguments), &desk.path("place"), Mount::ReadOnly);
    for arguments in [
        &["run", "small.toml", "--out", "place/study"][..],
        &["run", "small.toml", "--out", "place/other"],
        &["report", "place/study"],
    ] {
        let Some(output) = read_only(arguments) else { return };
        let text = messages(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains("Read-only file system"), "{arguments:?}: {text}");
        assert!(!text.contains("run-steps") && !text.contains("panicked"), "{arguments:?}: {text}");
    }
    assert_eq!(group_files(&desk.path("place/study")), files);
    let status = read_only(&["status", "place/study"]).unwrap();
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("6 of 6 are done"), "what is there can be looked at: {text}");
}
