//! One study by several processes: shards share a folder without communication, and give the files of one process.

mod common;

use std::process::{Child, Command, Stdio};

use common::{Desk, digest, group_files, tables};

/// The small study in one process, for comparison.
fn whole(desk: &Desk) -> (Vec<(String, String)>, String) {
    desk.done(&["run", "small.toml", "--no-report", "--out", "whole"]);
    (tables(&desk.path("whole")), digest(&desk.path("whole")))
}

fn shard(desk: &Desk, shard: &str) -> Command {
    desk.sweep(&["run", "small.toml", "--no-report", "--out", "shards", "--shard", shard])
}

fn quietly(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn assert_equals_whole(desk: &Desk, expected: &(Vec<(String, String)>, String)) {
    assert_eq!((tables(&desk.path("shards")), digest(&desk.path("shards"))), *expected);
}

#[test]
fn shards_one_after_the_other_give_the_files_of_one_process() {
    let desk = Desk::new();
    let expected = whole(&desk);
    for index in 0..3 {
        let output = shard(&desk, &format!("{index}/3")).output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{messages}");
        let last = index == 2;
        assert_eq!(
            desk.path("shards/runs.csv").exists(),
            last,
            "the shard that finds all groups writes the tables"
        );
        assert_eq!(
            messages
                .contains("This shard is done. The last shard to finish writes the tables and the report."),
            !last,
            "{messages}"
        );
    }
    assert_eq!(group_files(&desk.path("shards")).len(), 4, "no group twice");
    assert_equals_whole(&desk, &expected);
}

#[test]
fn more_shards_than_groups_all_at_once_and_one_of_them_twice() {
    let desk = Desk::new();
    let expected = whole(&desk);
    let shards = ["0/9", "1/9", "2/9", "2/9", "3/9", "4/9", "5/9", "6/9", "7/9", "8/9"];
    let children: Vec<Child> = shards.iter().map(|name| quietly(shard(&desk, name))).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(group_files(&desk.path("shards")).len(), 4);
    assert_equals_whole(&desk, &expected);
}

#[test]
fn a_killed_shard_is_resumed_and_completes_the_study() {
    let desk = Desk::new();
    let slow = ["--set", "train.engine=graph", "--set", "grid.seeds=12", "--threads", "1"];
    let with = |mut command: Command| {
        command.args(slow);
        command
    };
    assert!(
        with(desk.sweep(&["run", "small.toml", "--no-report", "--out", "whole"])).status().unwrap().success()
    );
    let mut killed = quietly(with(shard(&desk, "0/2")));
    while group_files(&desk.path("shards")).is_empty() {
        assert!(killed.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    for name in ["1/2", "0/2"] {
        assert!(with(shard(&desk, name)).status().unwrap().success());
    }
    assert_eq!(tables(&desk.path("shards")), tables(&desk.path("whole")));
    assert_eq!(digest(&desk.path("shards")), digest(&desk.path("whole")));
}

#[test]
fn a_batch_system_assigns_shards_through_the_environment() {
    let desk = Desk::new();
    let expected = whole(&desk);
    // A Slurm array that begins at 10 in steps of 5, then an indexed Kubernetes job for the rest.
    let run = |variables: &[(&str, &str)]| {
        let mut command = desk.sweep(&["run", "small.toml", "--no-report", "--out", "shards"]);
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, messages) = run(&[
        ("SLURM_ARRAY_TASK_ID", "15"),
        ("SLURM_ARRAY_TASK_COUNT", "2"),
        ("SLURM_ARRAY_TASK_MIN", "10"),
        ("SLURM_ARRAY_TASK_MAX", "15"),
    ]);
    assert_eq!(code, Some(0), "{messages}");
    assert!(messages.contains("shard 1/2, from SLURM_ARRAY_TASK_ID"), "{messages}");
    assert_eq!(group_files(&desk.path("shards")).len(), 2);
    let (code, messages) = run(&[("JOB_COMPLETION_INDEX", "0")]);
    assert_eq!(code, Some(2), "{messages}");
    assert!(messages.contains("JOB_COMPLETIONS: is not set, but JOB_COMPLETION_INDEX is; set it to the number of completions in the job's manifest; or set the shard with --shard i/n"), "{messages}");
    let (code, messages) = run(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")]);
    assert_eq!(code, Some(0), "{messages}");
    assert_equals_whole(&desk, &expected);
}

#[test]
fn status_shows_done_missing_and_damaged_runs() {
    let desk = Desk::new();
    assert!(shard(&desk, "1/2").status().unwrap().success());
    let files = group_files(&desk.path("shards"));
    std::fs::write(&files[0], "{}").unwrap();
    let output = desk.run(&["status", "shards"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "6 of 24 are done",
        "1 of 4 are done",
        "seeds 0",
        "damaged         shards/groups/",
        "none yet; `sweep report shards`",
        "sweep run shards/study.toml --out shards",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    desk.done(&["run", "shards/study.toml", "--no-report", "--out", "shards"]);
    let text = desk.done(&["status", "shards"]);
    assert!(
        text.contains("24 of 24 are done") && text.contains("tables          of all finished runs"),
        "{text}"
    );
    std::fs::remove_dir_all(desk.path("shards/groups")).unwrap();
    let text = desk.done(&["status", "shards"]);
    assert!(text.contains("24 of 24 are done"), "groups of a complete study may be deleted: {text}");
}

#[test]
fn the_report_of_a_partial_study_says_so() {
    let desk = Desk::new();
    let expected = whole(&desk);
    assert!(shard(&desk, "0/2").status().unwrap().success());
    let output = desk.run(&["report", "shards"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{messages}");
    assert!(messages.contains("12 of 24 planned runs are here"), "{messages}");
    let page = std::fs::read_to_string(desk.path("shards/report.html")).unwrap();
    assert!(page.contains("This study is not complete") && page.contains("12 of 24 planned runs"));
    assert!(shard(&desk, "1/2").status().unwrap().success());
    assert_equals_whole(&desk, &expected);
    let output = desk.run(&["report", "shards"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
