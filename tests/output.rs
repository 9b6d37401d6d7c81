//! Output that cannot be written ends nothing: closed descriptors, full devices, pipes without a reader, terminals that are
//! gone. And what a terminal shows.
#![cfg(unix)]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::system::{Terminal, closed, ignoring, send};
use common::{Desk, digest, group_files};
use nix::sys::signal::Signal;

/// Small enough to be done in a moment.
const RUN: [&str; 6] = ["run", "small.toml", "--set", "train.steps=20", "--out", "study"];
/// Slow enough to be interrupted: twelve groups, one after the other.
const SLOW: [&str; 13] = [
    "run",
    "small.toml",
    "--set",
    "train.engine=graph",
    "--set",
    "train.steps=3000",
    "--set",
    "grid.seeds=12",
    "--threads",
    "1",
    "--no-report",
    "--out",
    "study",
];

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A command whose standard error or output is full or missing.
fn hindered(make: impl Fn() -> Command) -> [(&'static str, Command); 6] {
    let with = |out: Stdio, err: Stdio| {
        let mut command = make();
        command.stdout(out).stderr(err);
        command
    };
    let piped = || with(Stdio::piped(), Stdio::piped());
    [
        ("full stderr", with(Stdio::piped(), full())),
        ("full stdout", with(full(), Stdio::piped())),
        ("both full", with(full(), full())),
        ("closed stderr", closed(piped(), &[2])),
        ("closed stdout", closed(piped(), &[1])),
        ("all closed", closed(piped(), &[0, 1, 2])),
    ]
}

#[test]
fn a_study_is_trained_and_reported_whatever_becomes_of_its_output() {
    let desk = Desk::new();
    for (name, mut command) in hindered(|| desk.sweep(&RUN)) {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", messages(&output));
        for file in ["runs.csv", "manifest.json", "report.html"] {
            assert!(desk.path("study").join(file).is_file(), "{name}: {file}");
        }
        if name == "full stdout" {
            let warning = "warning: cannot write to standard output: No space left on device\n";
            assert!(messages(&output).ends_with(warning), "{}", messages(&output));
        }
        std::fs::remove_dir_all(desk.path("study")).unwrap();
    }
}

/// As `sweep run … 2>&1 | head -1` does.
#[test]
fn a_reader_that_leaves_after_a_line_stops_nothing() {
    let desk = Desk::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = desk.sweep(&RUN);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    assert!(line.starts_with("small: 24 runs of 20 steps in 4 groups on "), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(desk.path("study/report.html").is_file());
}

#[test]
fn tables_that_cannot_be_printed_are_a_failure_except_where_the_reader_left() {
    let desk = Desk::new();
    desk.done(&[&RUN[..], &["--no-report"]].concat());
    let commands: [&[&str]; 8] = [
        &["list"],
        &["claims", "study", "--parts"],
        &["compare", "study", "study", "--page", "compare.html"],
        &["run", "small.toml", "--dry-run"],
        &["completions", "bash"],
        &["completions", "fish"],
        &["status", "study"],
        &["--help"],
    ];
    for arguments in commands {
        let own_code = ["status", "--help"].contains(&arguments[0]);
        let mut command = desk.sweep(arguments);
        let output = command.stdout(full()).output().unwrap();
        let text = messages(&output);
        assert_eq!(output.status.code(), Some(if own_code { 0 } else { 1 }), "{arguments:?}: {text}");
        let says = "cannot write to standard output: No space left on device\n";
        assert!(text.ends_with(says) || arguments == ["--help"], "{arguments:?}: {text}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.sweep(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), messages(&output)), (Some(0), String::new()), "{arguments:?}");
    }
    for file in ["study/claims.csv", "compare.html"] {
        assert!(desk.path(file).is_file(), "{file} is written before anything is printed");
    }
}

/// A mistake is told by the exit code where it cannot be told in words.
#[test]
fn a_mistake_that_cannot_be_printed_keeps_its_exit_code() {
    let desk = Desk::new();
    for arguments in [&["run", "nowhere.toml"][..], &["report", "nowhere"], &["run", "--nonsense"]] {
        for (name, mut command) in hindered(|| desk.sweep(arguments)) {
            assert_eq!(command.output().unwrap().status.code(), Some(2), "{arguments:?}, {name}");
        }
    }
}

/// Waits until a sweep has finished a group.
fn wait_for_a_group(desk: &Desk) {
    let began = Instant::now();
    while group_files(&desk.path("study")).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "no group was finished");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn runs(desk: &Desk) -> usize {
    std::fs::read_to_string(desk.path("study/runs.csv")).unwrap().lines().count() - 1
}

#[test]
fn a_terminal_that_is_closed_interrupts_and_one_that_a_sweep_left_behind_does_not() {
    let desk = Desk::new();
    let (terminal, mut child) = Terminal::with(ignoring(desk.sweep(&SLOW), &[]));
    wait_for_a_group(&desk);
    drop(terminal);
    // A shell passes the signal on that the system has sent too.
    send(Signal::SIGHUP, &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(runs(&desk) > 0 && runs(&desk) < 72, "{} runs are in the tables", runs(&desk));

    // As under nohup, and as in the background of a shell without job control.
    let command = ignoring(desk.sweep(&SLOW), &[Signal::SIGHUP, Signal::SIGINT]);
    let (mut terminal, mut child) = Terminal::with(command);
    terminal.read_until(" runs are already finished)");
    send(Signal::SIGINT, &child);
    drop(terminal);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(runs(&desk), 72);
    let resumed = digest(&desk.path("study"));
    std::fs::remove_dir_all(desk.path("study")).unwrap();
    desk.done(&SLOW);
    assert_eq!(digest(&desk.path("study")), resumed);
}

#[test]
fn ctrl_c_on_a_terminal_removes_the_bar_and_ends_in_one_line() {
    let desk = Desk::new();
    let mut command = desk.sweep(&SLOW);
    command.env("TERM", "xterm");
    let (mut terminal, mut child) = Terminal::with(ignoring(command, &[]));
    let bar = terminal.read_until("of 12 groups");
    assert!(bar.contains("run-steps/s"), "{bar}");
    terminal.type_in("\u{3}");
    let rest = terminal.read_to_end();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    // Cleared, not left behind: nothing of it comes after the last time that its line is emptied.
    let (_, last) = rest.rsplit_once("\u{1b}[2K").expect("the bar is cleared");
    let last = last.trim_start_matches(['\r', '\n']);
    assert!(last.starts_with("Interrupted: "), "{rest:?}");
    // What is given can be typed again: a shell reads the same words.
    let (stored, command) = last.trim_end().split_once(". To go on: ").expect("a way to go on");
    assert!(stored.ends_with(" of 72 runs stored"), "{rest:?}");
    assert_eq!(shlex::split(command).unwrap(), [&["sweep"], &SLOW[..]].concat());
    assert_eq!((rest.matches("Interrupted").count(), last.lines().count()), (1, 1), "{rest:?}");
}

#[test]
fn a_terminal_without_a_cursor_gets_the_lines_of_a_pipe() {
    let desk = Desk::new();
    for (variable, value) in [("TERM", Some("dumb")), ("TERM", None)] {
        let mut command = desk.sweep(&SLOW);
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
        let (mut terminal, mut child) = Terminal::with(ignoring(command, &[]));
        let text = terminal.read_until(" to go\r\n");
        assert!(text.contains(" %, ") && text.contains(" of 12 groups, "), "{text:?}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        terminal.type_in("\u{3}");
        let rest = terminal.read_to_end();
        assert!(!rest.contains('\u{1b}') && rest.contains("Interrupted: "), "{rest:?}");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let _ = std::fs::remove_dir_all(desk.path("study"));
    }
}
