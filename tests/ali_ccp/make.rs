//! Writes four small files in the form of Ali-CCP, the same bytes wherever it runs. Clicks follow item and user,
//! conversions the intention that the item meets, so that there is something to learn. Among the rows are what the
//! published files have: fields that a row lacks, fields with several words, words that the training rows lack, and
//! purchases without a click.

#![allow(dead_code, reason = "the benchmark has a size of its own")]

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

/// How many rows, users and histories of a user.
#[derive(Clone, Copy)]
pub struct Size {
    /// Training rows; there are half as many test rows.
    pub rows: usize,
    /// Users of each period; half of them are in both.
    pub users: usize,
    /// Words of a user's histories.
    pub histories: usize,
}

/// Size of the files beside this one.
pub const SMALL: Size = Size { rows: 300, users: 24, histories: 12 };

/// Fields of histories.
const HISTORIES: [&str; 4] = ["109_14", "110_14", "127_14", "150_14"];

/// A linear congruential generator modulo 2^64, with Knuth's multiplier.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Field, word and value.
type Feature = (&'static str, usize, String);

/// A feature with value 1.
fn plain(field: &'static str, word: usize) -> Feature {
    (field, word, "1.0".into())
}

/// A number with its shortest decimals, and at least one.
fn decimal(value: f64) -> String {
    format!("{value:?}")
}

fn write_line(file: &mut impl Write, head: &str, features: &[Feature]) -> Result<()> {
    let text: Vec<String> =
        features.iter().map(|(field, word, value)| format!("{field}\x02{word}\x03{value}")).collect();
    writeln!(file, "{head},{},{}", features.len(), text.join("\x01"))
}

/// A user's features: nine words, then histories.
fn common(draws: &mut Draws, user: usize, histories: usize) -> Vec<Feature> {
    let fields = [
        ("101", 31_000 + user),
        ("121", user % 7),
        ("122", user % 13),
        ("124", 1 + user % 2),
        ("125", user % 5),
        ("126", user % 3),
        ("127", user % 4),
        ("128", user % 2),
        ("129", user % 6),
    ];
    // One user in eight gives no age.
    let given = fields.into_iter().filter(|(field, _)| *field != "125" || !user.is_multiple_of(8));
    let mut listed: Vec<Feature> = given.map(|(field, word)| plain(field, word)).collect();
    for _ in 0..histories {
        let field = HISTORIES[draws.below(4)];
        let word = 9000 + draws.below(500);
        listed.push((field, word, decimal((10 + draws.below(400)) as f64 / 100.0)));
    }
    listed
}

/// A row's click, purchase and features.
fn sample(draws: &mut Draws, user: usize, items: usize) -> (bool, bool, Vec<Feature>) {
    let item = draws.below(items);
    let mut listed =
        vec![plain("205", 4_186_000 + item), plain("206", 8300 + item % 9), plain("207", 8400 + item % 17)];
    for _ in 0..draws.below(3) {
        listed.push(plain("210", 9030 + draws.below(40)));
    }
    if !item.is_multiple_of(5) {
        listed.push(plain("216", 9150 + item % 11));
    }
    listed.push(plain("301", 93_510 + item % 3));
    let meets = draws.below(3);
    if meets > 0 {
        listed.push(("508", 9350 + item % 9, decimal((50 + draws.below(300)) as f64 / 100.0)));
        let word = 10_080 + draws.below(6);
        listed.push(("853", word, decimal(draws.below(4) as f64 / 2.0)));
    }
    if meets > 1 {
        let word = 10_090 + draws.below(6);
        listed.push(("853", word, decimal(draws.below(4) as f64 / 2.0)));
    }
    let click = draws.below(10) < 2 + 2 * (item % 2) + 2 * (user % 2);
    let purchase = click && draws.below(10) < 1 + 3 * meets;
    match draws.below(50) {
        0 => (false, true, listed),
        _ => (click, purchase, listed),
    }
}

/// Writes the two files of a period.
fn write_period(folder: &Path, period: &str, seed: u64, size: Size, items: usize) -> Result<()> {
    let Size { rows, users, histories } = size;
    let mut draws = Draws(seed);
    // The users of the two periods overlap; indexes do not.
    let first = if period == "train" { 0 } else { users / 2 };
    let names: Vec<String> =
        (0..users).map(|user| format!("{seed:04x}{:06x}{user:06x}", draws.below(1 << 24))).collect();
    let create = |name: String| Ok::<_, std::io::Error>(BufWriter::new(File::create(folder.join(name))?));
    let mut file = create(format!("common_features_{period}.csv"))?;
    for (user, name) in names.iter().enumerate() {
        write_line(&mut file, name, &common(&mut draws, first + user, histories))?;
    }
    file.flush()?;
    let mut file = create(format!("sample_skeleton_{period}.csv"))?;
    for number in 0..rows {
        let user = number * users / rows;
        let (click, purchase, listed) = sample(&mut draws, first + user, items);
        let head = format!("{},{},{},{}", number + 1, u8::from(click), u8::from(purchase), names[user]);
        write_line(&mut file, &head, &listed)?;
    }
    file.flush()
}

/// Writes the four files of both periods. The test rows have a few items more.
///
/// # Errors
/// A file cannot be written.
pub fn write(folder: &Path, size: Size) -> Result<()> {
    let Size { rows, .. } = size;
    write_period(folder, "train", 1, size, (rows / 20).max(40))?;
    write_period(folder, "test", 2, Size { rows: rows / 2, ..size }, (rows / 18).max(44))
}
