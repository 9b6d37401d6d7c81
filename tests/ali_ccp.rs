//! Reading files in the form of Ali-CCP: what a log is made of them, and what is said of files that are not right.

#[path = "ali_ccp/make.rs"]
mod make;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use mmoe_study::data::ali_ccp::{AliCcp, AliCcpSpec, FIELDS, FILES};
use mmoe_study::data::{Check, CheckResult, DataError, Impressions, Source};

const SKELETON: &str = FILES[0];
const COMMON: &str = FILES[1];

/// Small files that `make.rs` wrote.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ali_ccp")
}

fn spec(path: &Path) -> AliCcpSpec {
    let path = path.to_owned();
    AliCcpSpec {
        path,
        rows: 0,
        min_count: 2,
        embedding_units: 4,
        skip_bad_rows: false,
        max_skipped: 0.05,
        digest: String::new(),
    }
}

/// A copy of the files that a test may change.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        FILES.iter().for_each(|name| {
            fs::copy(fixture().join(name), folder.path().join(name)).unwrap();
        });
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the lines of a file.
    fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<String>)) -> &Self {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        change(&mut lines);
        fs::write(self.path(name), lines.join("\n")).unwrap();
        self
    }

    /// Gzips a file under its name with `.gz`, of whose bytes the first `share` are written.
    fn pack(&self, name: &str, share: f64) -> &Self {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&fs::read(self.path(name)).unwrap()).unwrap();
        let packed = packer.finish().unwrap();
        let length = (packed.len() as f64 * share) as usize;
        fs::write(self.path(&format!("{name}.gz")), &packed[..length]).unwrap();
        fs::remove_file(self.path(name)).unwrap();
        self
    }

    fn spec(&self) -> AliCcpSpec {
        spec(self.folder.path())
    }

    /// What is said of the files, without the folder.
    fn refusal(&self) -> String {
        let error = self.spec().read().unwrap_err().to_string();
        error.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The log without malformed rows.
    fn without_bad_rows(&self) -> AliCcp {
        AliCcpSpec { skip_bad_rows: true, ..self.spec() }.read().unwrap().1
    }
}

/// The row of the embedding table of every row of a period for a field.
fn column(rows: &Impressions, field: usize) -> Vec<usize> {
    rows.x.chunks(FIELDS).map(|row| row[field] as usize).collect()
}

/// A column of a skeleton's lines that are not a purchase without a click.
fn published(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(fixture().join(name)).unwrap();
    let rows = text.lines().map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
    rows.filter(|row| (&*row[1], &*row[2]) != ("0", "1")).collect()
}

#[test]
fn a_log_has_the_rows_and_labels_of_the_skeletons() {
    let (opened, read) = spec(&fixture()).read().unwrap();
    let log = &read.log;
    assert_eq!((log.categorical, log.numeric, opened.features()), (18, 0, 72));
    assert_eq!((read.skipped, read.unclicked, &read.files[..]), (0, 12, &FILES.map(str::to_string)[..]));
    for (period, name) in [(&log.training, FILES[0]), (&log.test, FILES[2])] {
        let rows = published(name);
        assert_eq!((period.len(), period.x.len()), (rows.len(), rows.len() * FIELDS));
        let label = |at: usize| rows.iter().map(|row| row[at].parse().unwrap()).collect::<Vec<f32>>();
        assert_eq!((&period.click, &period.conversion), (&label(1), &label(2)));
        assert!(period.waited.is_empty() && period.truth.is_none());
        assert!(period.x.iter().all(|&row| row >= 0.0 && row <= log.vocabulary as f32 && row.fract() == 0.0));
    }
    assert_eq!(read.log.bytes(), 4 * 20 * (log.training.len() + log.test.len()) as u64);
}

#[test]
fn equal_words_have_equal_rows_of_the_table_and_others_have_others() {
    let (_, read) = spec(&fixture()).read().unwrap();
    let log = &read.log;
    let place = |id: &str| read.fields().position(|field| field.id == id).unwrap();
    let word = |row: &[String], field: &str| {
        let features =
            row[5].split('\x01').map(|feature| feature.split(['\x02', '\x03']).collect::<Vec<_>>());
        features.into_iter().find(|feature| feature[0] == field).map(|feature| feature[1].to_string())
    };
    for field in ["205", "206", "207", "216", "301", "508"] {
        let mut rows_of = std::collections::BTreeMap::new();
        for (period, name) in [(&log.training, FILES[0]), (&log.test, FILES[2])] {
            for (row, at) in published(name).iter().zip(column(period, place(field))) {
                match word(row, field) {
                    None => assert_eq!(at, log.vocabulary, "field {field} is not there"),
                    Some(word) => assert_eq!(*rows_of.entry(word).or_insert(at), at),
                }
            }
        }
        let mut rows: Vec<usize> = rows_of.into_values().filter(|row| *row < log.vocabulary).collect();
        let known = rows.len();
        rows.sort_unstable();
        rows.dedup();
        assert!(known > 1 && rows.len() == known, "two words of field {field} share a row");
    }
    // The periods' indexes differ, and a user of both reads the same.
    let users = |period: &Impressions| {
        let mut users = column(period, place("101"));
        users.dedup();
        users
    };
    let (training, test) = (users(&log.training), users(&log.test));
    assert_eq!((training.len(), test.len()), (24, 13), "users that training lacks are one unknown word");
    assert_eq!(training[12..], test[..12]);
    assert_eq!(test[12], log.vocabulary);
}

#[test]
fn rare_words_read_as_unknown_and_the_table_is_of_training_words_alone() {
    let words = |min_count| AliCcpSpec { min_count, ..spec(&fixture()) }.read().unwrap().1.log.vocabulary;
    assert_eq!(words(0), words(1));
    assert!(words(1) > words(5) && words(5) > words(40), "{} {} {}", words(1), words(5), words(40));
    let copy = Copy::new();
    copy.edit(FILES[2], |lines| {
        lines.iter_mut().for_each(|line| *line = line.replace("205\u{2}", "205\u{2}77"))
    });
    let (_, read) = copy.spec().read().unwrap();
    assert_eq!(read.log.vocabulary, words(2));
    let place = read.fields().position(|field| field.id == "205").unwrap();
    assert!(column(&read.log.test, place).iter().all(|row| *row == read.log.vocabulary));
}

#[test]
fn a_limit_of_rows_reads_no_further() {
    let copy = Copy::new();
    copy.edit(SKELETON, |lines| lines[100] = "not read".into());
    // The users of the first hundred of 300 rows are the first eight of 24.
    copy.edit(COMMON, |lines| lines[20] = "not read either".into());
    copy.edit(FILES[2], |lines| lines[100] = "nor this".into());
    let (opened, read) = AliCcpSpec { rows: 100, ..copy.spec() }.read().unwrap();
    let (whole, all) = spec(&fixture()).read().unwrap();
    let rows = read.log.training.len();
    assert!(rows < 100 && read.unclicked > 0 && rows + read.unclicked >= 100);
    assert_eq!(read.log.training.click, all.log.training.click[..rows]);
    assert_ne!(opened.digest, whole.digest);
    assert_ne!(opened.identity(), whole.identity());
    assert_eq!(AliCcpSpec { rows: 100, ..whole.clone() }.reading_bytes(), Some(100 * (2 * 80 + 50)));
    assert_eq!(whole.reading_bytes(), None);
}

#[test]
fn packed_files_are_the_same_rows() {
    let copy = Copy::new();
    FILES.iter().for_each(|name| {
        copy.pack(name, 1.0);
    });
    let (plain, log) = spec(&fixture()).read().unwrap();
    let (packed, same) = copy.spec().read().unwrap();
    assert_eq!((plain.digest.clone(), plain.identity()), (packed.digest.clone(), packed.identity()));
    assert_eq!(log.log, same.log);
    assert_eq!(same.files, FILES.map(|name| format!("{name}.gz")));
    // What a study was made with is asked for by its digest.
    AliCcpSpec { path: fixture(), ..packed }.read().unwrap();
    let other = AliCcpSpec { digest: "0".repeat(32), ..spec(&fixture()) }.read().unwrap_err();
    assert!(matches!(other, DataError::Changed { .. }), "{other}");
}

#[test]
fn the_end_of_a_line_does_not_matter() {
    let copy = Copy::new();
    for name in FILES {
        let text = fs::read_to_string(copy.path(name)).unwrap();
        fs::write(copy.path(name), text.replace('\n', "\r\n")).unwrap();
    }
    assert_eq!(copy.spec().read().unwrap().1.log, spec(&fixture()).read().unwrap().1.log);
}

#[test]
fn malformed_lines_are_named_or_left_out_and_counted() {
    let rows = spec(&fixture()).read().unwrap().1.log.training.len();
    // Rows of the second user, who is the second line of common features.
    let text = fs::read_to_string(fixture().join(COMMON)).unwrap();
    let second = text.lines().nth(1).unwrap().split(',').next().unwrap();
    let seconds = published(SKELETON).iter().filter(|row| row[3] == second).count();
    assert!(seconds > 0 && seconds < rows);
    type Edit = fn(&mut Vec<String>);
    let cases: [(&str, Edit, &str, usize, usize); 7] = [
        (
            SKELETON,
            |lines| lines[2] = "3,0,0".into(),
            "sample_skeleton_train.csv:3: has 3 columns; expected 6",
            1,
            1,
        ),
        (
            SKELETON,
            |lines| lines[0] = lines[0].replacen("1,0,0,", "1,2,0,", 1),
            "sample_skeleton_train.csv:1, field 2 (click): \"2\": expected 0 or 1",
            1,
            1,
        ),
        (
            SKELETON,
            // The last line breaks off within a feature.
            |lines| lines.last_mut().unwrap().truncate(40),
            "sample_skeleton_train.csv:300, field",
            1,
            1,
        ),
        (
            SKELETON,
            |lines| lines[0] = lines[0].replacen("00012bb7d6000000", "nobody", 1),
            "sample_skeleton_train.csv:1, field 4 (common feature index): \"nobody\": is not in \
             common_features_train.csv; expected an index that is",
            1,
            1,
        ),
        (
            COMMON,
            |lines| lines.swap_remove(1).clear(),
            "sample_skeleton_train.csv:14, field 4 (common feature index)",
            seconds,
            seconds,
        ),
        (
            COMMON,
            |lines| lines.insert(1, lines[0].clone()),
            "common_features_train.csv:2, field 1 (common feature index): \"00012bb7d6000000\": is there a second \
             time; expected every index once",
            0,
            1,
        ),
        (
            COMMON,
            |lines| lines[1] = lines[1].replacen(",21,", ",22,", 1),
            "common_features_train.csv:2, field 2 (number of features): 22: the list has 21 features; expected equal \
             numbers",
            seconds,
            seconds + 1,
        ),
    ];
    for (name, edit, message, fewer, skipped) in cases {
        let copy = Copy::new();
        copy.edit(name, edit);
        let refusal = copy.refusal();
        assert!(refusal.starts_with(message), "{refusal}");
        assert!(refusal.ends_with("; --skip-bad-rows leaves such rows out and counts them"), "{refusal}");
        let read = copy.without_bad_rows();
        assert_eq!((rows - read.log.training.len(), read.skipped), (fewer, skipped), "{message}");
    }
}

#[test]
fn a_packed_file_that_breaks_off_is_told_by_its_line() {
    for (name, share) in [(SKELETON, 0.5), (COMMON, 0.3), (SKELETON, 0.0)] {
        let copy = Copy::new();
        copy.pack(name, share);
        let refusal = copy.refusal();
        let told = "the packed text breaks off or is damaged";
        assert!(refusal.starts_with(&format!("{name}.gz:")) && refusal.contains(told), "{refusal}");
        assert!(refusal.ends_with("expected a whole file, which gzip -t tells"), "{refusal}");
        let skipped = AliCcpSpec { skip_bad_rows: true, ..copy.spec() }.read().unwrap_err();
        assert!(matches!(skipped, DataError::Packed { .. }), "no choice of rows mends it: {skipped}");
    }
}

#[test]
fn a_damaged_packed_file_is_never_another_log() {
    let log = spec(&fixture()).read().unwrap().1.log;
    for name in [SKELETON, COMMON] {
        let copy = Copy::new();
        copy.pack(name, 1.0);
        let path = copy.path(&format!("{name}.gz"));
        let packed = fs::read(&path).unwrap();
        // Every so many bits: a prime, so that all places within a byte come up.
        for bit in (0..8 * packed.len()).step_by(251) {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            // The header's time and system say nothing about the rows.
            if let Ok((_, read)) = copy.spec().read() {
                assert!(read.log == log, "{name}, bit {bit}");
            }
        }
    }
}

#[test]
fn files_that_no_study_can_be_made_with_are_refused() {
    let copy = Copy::new();
    fs::remove_file(copy.path(FILES[3])).unwrap();
    let refusal = copy.refusal();
    assert!(refusal.contains("(common_features_test.csv: not there), plain or with .gz"), "{refusal}");
    assert!(refusal.contains("published at https://tianchi.aliyun.com/dataset/408"), "{refusal}");

    for name in [SKELETON, FILES[2]] {
        let copy = Copy::new();
        fs::write(copy.path(name), "\n\n").unwrap();
        let refusal = copy.refusal();
        assert_eq!(refusal, format!("{name}: has no rows; expected the published file"));
    }
    let copy = Copy::new();
    fs::write(copy.path(COMMON), "").unwrap();
    assert!(copy.refusal().contains("is not in common_features_train.csv"), "{}", copy.refusal());

    // Labels of the rows that have others, and what is said when they become these.
    for (name, from, to, told) in [
        (SKELETON, ["1,1", "1,0"], "0,0", "0 of the 290 training rows are clicked"),
        (SKELETON, ["0,0", "0,1"], "1,0", "300 of the 300 training rows are clicked"),
        (SKELETON, ["1,1", "1,1"], "1,0", "0 of the 124 training clicks are converted"),
        (FILES[2], ["1,0", "1,0"], "1,1", "65 of the 65 test clicks are converted"),
    ] {
        let copy = Copy::new();
        copy.edit(name, |lines| {
            lines.iter_mut().for_each(|line| {
                let columns: Vec<&str> = line.splitn(4, ',').collect();
                let labels = format!("{},{}", columns[1], columns[2]);
                if from.contains(&&*labels) {
                    *line = format!("{},{to},{}", columns[0], columns[3]);
                }
            });
        });
        let refusal = copy.refusal();
        let remedy = "; expected some and not all, so other files or more data.rows";
        assert!(refusal.ends_with(&format!("{told}{remedy}")), "{refusal}");
    }
}

/// The checks with a result, by file and subject.
fn found(read: &AliCcp, result: CheckResult) -> Vec<(Check, &str, &str, usize, usize)> {
    let checks = read.checks.iter().filter(|check| check.result == result);
    checks.map(|c| (c.check, &*c.file, &*c.subject, c.found, c.of)).collect()
}

#[test]
fn byte_order_marks_are_read_in_every_file_however_it_is_packed() {
    let (plain, read) = spec(&fixture()).read().unwrap();
    for name in FILES {
        for packed in [false, true] {
            let copy = Copy::new();
            let text = fs::read_to_string(copy.path(name)).unwrap();
            // One at the start, and one where files were joined.
            let middle = text.find('\n').unwrap() + 1;
            let marked = format!("\u{feff}{}\u{feff}{}", &text[..middle], &text[middle..]);
            fs::write(copy.path(name), marked).unwrap();
            if packed {
                copy.pack(name, 1.0);
            }
            let (marked, same) = copy.spec().read().unwrap();
            assert_eq!((&marked.digest, &same.log), (&plain.digest, &read.log), "{name}");
            assert_eq!((same.skipped, same.unclicked), (0, 12));
        }
    }
}

#[test]
fn the_end_of_a_file_does_not_matter() {
    let log = spec(&fixture()).read().unwrap().1.log;
    for name in FILES {
        for end in ["", "\n", "\r\n", "\n\n\n", "\n \r\n\t\n"] {
            let copy = Copy::new();
            let text = fs::read_to_string(copy.path(name)).unwrap();
            fs::write(copy.path(name), text.trim_end_matches('\n').to_string() + end).unwrap();
            assert_eq!(copy.spec().read().unwrap().1.log, log, "{name} with {end:?}");
        }
    }
}

#[test]
fn a_file_in_another_form_is_named_with_its_look() {
    type Form = fn(&str) -> Vec<u8>;
    let forms: [(Form, &str); 6] = [
        (|text| text.replace(',', ";").into(), "separated by semicolons; expected commas"),
        (|text| text.replace(',', "\t").into(), "separated by tabs; expected commas"),
        (
            |text| format!("\"{}\"", text.trim_end().replace(',', "\",\"").replace('\n', "\"\n\"")).into(),
            "in quotes",
        ),
        (|_| b"<!doctype html>\n<html>\n".into(), "it looks like a web page"),
        (
            |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "is UTF-16 text without a byte order mark",
        ),
        (|text| text.replace('\n', "\r").into(), "expected line feeds"),
    ];
    for name in FILES {
        for (form, told) in forms {
            for skip_bad_rows in [false, true] {
                let copy = Copy::new();
                let text = fs::read_to_string(copy.path(name)).unwrap();
                fs::write(copy.path(name), form(&text)).unwrap();
                let error = AliCcpSpec { skip_bad_rows, ..copy.spec() }.read().unwrap_err().to_string();
                assert!(
                    error.contains(told) && error.contains(&format!("{name}:")),
                    "{name}, {told}: {error}"
                );
                assert!(error.len() < 1_000 && !error.contains(char::is_control), "{error:?}");
            }
        }
        let copy = Copy::new();
        fs::write(copy.path(name), "").unwrap();
        assert!(AliCcpSpec { skip_bad_rows: true, ..copy.spec() }.read().is_err(), "{name} is empty");
    }
}

#[test]
fn more_malformed_lines_than_the_limit_are_refused() {
    let copy = Copy::new();
    copy.edit(SKELETON, |lines| {
        lines[..16].iter_mut().for_each(|line| *line = line.replacen(',', ";", 1));
    });
    let limited = |max_skipped| AliCcpSpec { skip_bad_rows: true, max_skipped, ..copy.spec() }.read();
    let error = limited(0.05).unwrap_err().to_string();
    let told = "sample_skeleton_train.csv: 16 of 300 rows are malformed (5.33 %), more than data.max_skipped = 0.05 \
                allows: line 1: has 5 columns; expected 6";
    assert!(error.contains(told) && error.contains("(and 15 like it)"), "{error}");
    assert_eq!(limited(0.06).unwrap().1.skipped, 16);
}

#[test]
fn left_out_lines_are_counted_by_file_and_reason() {
    let copy = Copy::new();
    copy.edit(SKELETON, |lines| {
        let sound: Vec<usize> = (0..lines.len()).filter(|&at| !lines[at].contains(",0,1,")).collect();
        lines[sound[2]] = "3,0,0".into();
        let columns: Vec<&str> = lines[sound[5]].splitn(3, ',').collect();
        lines[sound[5]] = format!("{},2,{}", columns[0], columns[2]);
        lines[sound[6]] = lines[sound[6]].replacen("00012bb7d6000000", "nobody", 1);
    });
    copy.edit(FILES[3], |lines| lines.insert(1, lines[0].clone()));
    let read = copy.without_bad_rows();
    let told = found(&read, CheckResult::Noted);
    let of = |file: &str| told.iter().filter(|(_, name, ..)| *name == file).copied().collect::<Vec<_>>();
    assert_eq!(
        of(SKELETON),
        [
            (Check::LeftOut, SKELETON, "bought without a click", 10, 300),
            (Check::LeftOut, SKELETON, "another number of columns", 1, 300),
            (Check::LeftOut, SKELETON, "malformed field 2 (click)", 1, 300),
            (Check::LeftOut, SKELETON, "without common features", 1, 300),
        ]
    );
    assert_eq!(of(FILES[3]), [(Check::LeftOut, FILES[3], "a second line of an index", 1, 25)]);
    assert_eq!((read.skipped, read.unclicked), (4, 12));
}

#[test]
fn repeated_ids_and_shared_rows_are_warned_of() {
    let (_, sound) = spec(&fixture()).read().unwrap();
    assert_eq!(found(&sound, CheckResult::Warning), []);
    // A skeleton that was joined to itself.
    let copy = Copy::new();
    copy.edit(SKELETON, |lines| lines.extend_from_within(..100));
    let (_, read) = copy.spec().read().unwrap();
    let warnings = found(&read, CheckResult::Warning);
    assert_eq!(warnings, [(Check::RepeatedIds, SKELETON, "sample id", 100, 400)]);
    // One period twice, under other indexes and sample ids.
    let copy = Copy::new();
    for (from, to) in [(0, 2), (1, 3)] {
        let text = fs::read_to_string(copy.path(FILES[from])).unwrap();
        fs::write(copy.path(FILES[to]), text.replace("0001", "another")).unwrap();
    }
    copy.edit(FILES[2], |lines| lines.iter_mut().for_each(|line| *line = format!("9{line}")));
    let (_, read) = copy.spec().read().unwrap();
    let warnings = found(&read, CheckResult::Warning);
    assert_eq!(warnings, [(Check::SharedRows, FILES[2], "", 290, 290)]);
}

#[test]
fn a_field_that_gives_a_label_away_is_warned_of() {
    let copy = Copy::new();
    for name in [FILES[0], FILES[2]] {
        copy.edit(name, |lines| {
            for line in lines {
                // The position becomes the label.
                let position = if line.split(',').nth(1) == Some("1") { "7" } else { "9" };
                let at = line.find("301\u{2}").unwrap() + 4;
                let end = at + line[at..].find('\u{3}').unwrap();
                line.replace_range(at..end, position);
            }
        });
    }
    let (_, read) = copy.spec().read().unwrap();
    let warnings = found(&read, CheckResult::Warning);
    assert_eq!(warnings, [(Check::RevealingColumns, FILES[2], "click", 1, 18)]);
    let warning = read.checks.iter().find(|check| check.result == CheckResult::Warning).unwrap();
    assert!(warning.text.contains("\u{201c}position\u{201d} (1.0000)"), "{}", warning.text);
}

#[test]
fn the_small_files_are_those_that_the_generator_writes() {
    let folder = tempfile::tempdir().unwrap();
    make::write(folder.path(), make::SMALL).unwrap();
    for name in FILES {
        let [written, small] = [folder.path(), &fixture()].map(|place| fs::read(place.join(name)).unwrap());
        assert!(written == small, "{name}");
    }
}
