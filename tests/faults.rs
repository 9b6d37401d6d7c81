//! Faults from outside, none of which loses a finished group: kills, signals, damaged files, full disks. The table is in
//! docs/reliability.md.

mod common;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use common::system::Mount;
use common::{Desk, digest, group_files, system, tables};
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
        let mut child = spawn(sweep(&desk, name, &SLOW));
        wait_for_a_group(&mut child, &desk.path(name));
        system::send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", messages(&output));
        assert!(
            messages(&output)
                .contains("Interrupted. Finished runs are saved. Run the same command again to resume."),
            "{}",
            messages(&output)
        );
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

#[test]
fn a_study_of_another_schema_is_refused_and_left_alone() {
    let desk = Desk::new();
    undisturbed(&desk, &[]);
    let study = desk.path("undisturbed");
    let file = &group_files(&study)[0];
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("\"schema\":1,"));
    std::fs::write(file, text.replacen("\"schema\":1,", "\"schema\":0,", 1)).unwrap();
    let before = tables(&study);
    for out in ["group file", "manifest"] {
        let output = sweep(&desk, "undisturbed", &[]).output().unwrap();
        let text = messages(&output);
        assert_eq!(output.status.code(), Some(2), "{out}: {text}");
        assert!(text.contains("was written with schema 0, but this program has schema 1"), "{out}: {text}");
        assert!(text.contains("choose another --out"), "{out}: {text}");
        assert_eq!(tables(&study), before);
        // The same of a study whose group files are gone.
        let manifest = std::fs::read_to_string(study.join("manifest.json")).unwrap();
        let _ = std::fs::remove_dir_all(study.join("groups"));
        std::fs::write(study.join("manifest.json"), manifest.replace("\"schema\": 1", "\"schema\": 0"))
            .unwrap();
    }
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
