//! From words to numbers: the division of rows, the vocabulary and the scales, the last two from training rows
//! alone.

use super::read::RawRows;
use super::schema::{CATEGORICAL, FIELDS, Kind, NUMERIC};
use super::{COLUMNS, Census, CensusSpec, MainTask};
use crate::data::Subset;
use crate::data::shuffle::shuffled;
use crate::data::stream::{Purpose, Stream};

/// Shares of training, validation and test rows where there is one file: the paper's 199,523 : 49,881 : 49,881.
const SHARES: [usize; 3] = [4, 1, 1];

/// Row numbers of the three sets. `lengths` are the rows of the training and of the test file.
fn divide(lengths: [usize; 2], split: u64) -> [Vec<u64>; 3] {
    let stream = Stream::new(split, Purpose::Split);
    let mut order = Vec::new();
    match lengths {
        [0, rows] | [rows, 0] => {
            shuffled(stream, 0, rows, &mut order);
            let each = rows / SHARES.iter().sum::<usize>();
            let test = order.split_off(rows - SHARES[2] * each);
            let validation = order.split_off(order.len() - SHARES[1] * each);
            [order, validation, test]
        }
        [training, rows] => {
            shuffled(stream, 0, rows, &mut order);
            order.iter_mut().for_each(|row| *row += training as u64);
            let test = order.split_off(rows.div_ceil(2));
            [(0..training as u64).collect(), order, test]
        }
    }
}

/// Rows in the order of their sets, encoded, and their keys.
///
/// # Errors
/// Rows whose labels are all alike in some set.
pub fn encode(raw: &RawRows, lengths: [usize; 2], spec: &CensusSpec) -> Result<(Census, Vec<u64>), String> {
    let sets = divide(lengths, spec.split);
    let sizes = [0, 1, 2].map(|set| sets[set].len());
    let order: Vec<usize> = sets.concat().into_iter().map(|row| row as usize).collect();
    let (training, _) = order.split_at(sizes[0]);
    let (tables, vocabulary) = vocabulary(raw, training);
    let scales = scales(raw, training);
    let mut x = Vec::with_capacity(order.len() * COLUMNS);
    for &row in &order {
        let codes = &raw.codes[row * CATEGORICAL..][..CATEGORICAL];
        x.extend(codes.iter().zip(&tables).map(|(&code, table)| table[code as usize] as f32));
        let numbers = raw.numbers[row * NUMERIC..][..NUMERIC].iter().zip(&scales);
        x.extend(numbers.map(|(&number, scale)| scale.apply(number)));
    }
    let task = match spec.main {
        MainTask::Education => 0,
        MainTask::Income => 2,
    };
    let labels = |label: usize| -> Vec<f32> {
        order.iter().map(|&row| f32::from(u8::from(raw.labels[label][row]))).collect()
    };
    let y = [labels(task), labels(1)];
    let census = Census {
        spec: spec.clone(),
        files: Vec::new(),
        skipped: 0,
        checks: Vec::new(),
        vocabulary,
        x,
        y,
        sizes,
    };
    usable(&census)?;
    Ok((census, order.iter().map(|&row| raw.keys[row]).collect()))
}

/// Refuses rows whose labels are all alike in some set: nothing could be learnt, or no AUC be measured.
fn usable(census: &Census) -> Result<(), String> {
    for set in Subset::ALL {
        for task in 0..2 {
            let labels = census.labels(set, task);
            let positive = labels.iter().filter(|label| **label > 0.0).count();
            if positive == 0 || positive == labels.len() {
                let (set, rows) = (set.as_str(), labels.len());
                return Err(format!(
                    "{positive} of the {rows} {set} rows are positive for task {}; expected rows of both kinds in \
                     every set, so more rows",
                    task + 1
                ));
            }
        }
    }
    Ok(())
}

/// For every categorical input, the row of the embedding table for each of its words; and the table's rows. The
/// words of the training rows come column after column, sorted; all others have the number of rows, which no
/// row has.
fn vocabulary(raw: &RawRows, training: &[usize]) -> (Vec<Vec<u32>>, usize) {
    let mut rows = 0;
    let mut tables = Vec::with_capacity(CATEGORICAL);
    for (column, words) in raw.words.iter().enumerate() {
        let words = words.sorted();
        let mut seen = vec![false; words.len()];
        training.iter().for_each(|row| seen[raw.codes[row * CATEGORICAL + column] as usize] = true);
        let mut table = vec![u32::MAX; words.len()];
        for (_, code) in words.into_iter().filter(|(_, code)| seen[*code as usize]) {
            table[code as usize] = rows;
            rows += 1;
        }
        tables.push(table);
    }
    let unseen = |row: &mut u32| *row = rows.min(*row);
    tables.iter_mut().flatten().for_each(unseen);
    (tables, rows as usize)
}

/// The scale of a numeric feature.
struct Scale {
    kind: Kind,
    mean: f64,
    /// 1 where all training rows are alike.
    deviation: f64,
}

impl Scale {
    fn value(kind: Kind, number: f32) -> f64 {
        match kind {
            Kind::Amount => f64::from(number).ln_1p(),
            _ => f64::from(number),
        }
    }

    /// The number in standard deviations from the mean; the mean where it is not known.
    fn apply(&self, number: f32) -> f32 {
        if number.is_nan() {
            return 0.0;
        }
        ((Self::value(self.kind, number) - self.mean) / self.deviation) as f32
    }
}

fn scales(raw: &RawRows, training: &[usize]) -> Vec<Scale> {
    let kinds = FIELDS.iter().map(|field| field.kind).filter(|kind| kind.is_number());
    kinds
        .enumerate()
        .map(|(column, kind)| {
            let known =
                training.iter().map(|row| raw.numbers[row * NUMERIC + column]).filter(|x| !x.is_nan());
            let values: Vec<f64> = known.map(|number| Scale::value(kind, number)).collect();
            let n = values.len().max(1) as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            // The mean of equal numbers can be rounded, so their variance need not be 0.
            let alike = values.iter().all(|x| *x == values[0]);
            let deviation = if alike { 1.0 } else { variance.sqrt() };
            Scale { kind, mean, deviation }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{CensusSpec, Subset};
    use super::*;
    use crate::data::Batch;
    use std::path::Path;

    fn fixture() -> CensusSpec {
        CensusSpec {
            path: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/census"),
            main: MainTask::Income,
            split: 0,
            embedding_units: 4,
            skip_bad_rows: false,
            max_skipped: 0.05,
            digest: String::new(),
        }
    }

    fn raw() -> RawRows {
        let mut rows = RawRows::default();
        rows.read(&fixture().path.join("census-income.test"), false).unwrap();
        rows
    }

    #[test]
    fn rows_are_divided_as_the_paper_divides_them() {
        let sizes = |lengths: [usize; 2]| divide(lengths, 3).map(|set| set.len());
        assert_eq!(sizes([199_523, 99_762]), [199_523, 49_881, 49_881]);
        assert_eq!(sizes([0, 99_762]), [66_508, 16_627, 16_627]);
        for lengths in [[50, 31], [0, 31], [31, 0]] {
            let mut all = divide(lengths, 3).concat();
            assert_ne!(all, divide(lengths, 4).concat(), "another division");
            all.sort_unstable();
            assert_eq!(all, (0..lengths[0] as u64 + lengths[1] as u64).collect::<Vec<_>>());
        }
        assert!(divide([50, 31], 3)[0].iter().all(|row| *row < 50));
    }

    #[test]
    fn vocabulary_and_scales_know_training_rows_alone() {
        let raw = raw();
        // The last row alone was born in Guatemala.
        let training: Vec<usize> = (0..11).collect();
        let (tables, words) = vocabulary(&raw, &training);
        let column =
            FIELDS.iter().filter(|f| f.kind.is_category()).position(|f| f.name.ends_with("self")).unwrap();
        let country = |row: usize| tables[column][raw.codes[row * CATEGORICAL + column] as usize] as usize;
        assert_eq!(country(11), words, "a word that no training row has");
        assert!((0..11).all(|row| country(row) < words));
        // Numbers of different columns never meet, and every number is used.
        let mut used: Vec<u32> =
            tables.iter().flatten().copied().filter(|&row| (row as usize) < words).collect();
        used.sort_unstable();
        assert_eq!(used, (0..words as u32).collect::<Vec<_>>());
        let scales = scales(&raw, &training);
        let ages: Vec<f64> = training.iter().map(|row| f64::from(raw.numbers[row * NUMERIC])).collect();
        assert!((scales[0].mean - ages.iter().sum::<f64>() / 11.0).abs() < 1e-9);
        let standard: Vec<f64> =
            training.iter().map(|row| scales[0].apply(raw.numbers[row * NUMERIC]).into()).collect();
        assert!(standard.iter().sum::<f64>().abs() < 1e-5);
        assert!((standard.iter().map(|x| x * x).sum::<f64>() / 11.0 - 1.0).abs() < 1e-5);
        assert_eq!(scales[0].apply(f32::NAN), 0.0, "not known: the mean");
    }

    #[test]
    fn labels_follow_their_rows() {
        let raw = raw();
        let sets = divide([0, 12], 0);
        // Twelve rows are too few to have both kinds in every set.
        let error = encode(&raw, [0, 12], &fixture()).unwrap_err();
        assert!(error.contains("expected rows of both kinds"), "{error}");
        assert_eq!(sets.map(|set| set.len()), [8, 2, 2]);
    }

    /// The real rows, where they are beside the project; the line says so where they are not.
    #[test]
    fn the_real_rows_are_read_whole() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
        if !path.join("census-income.test.gz").is_file() {
            println!("skipped: {} has no census-income.test.gz", path.display());
            return;
        }
        let began = std::time::Instant::now();
        let (spec, census) = CensusSpec { path, ..fixture() }.read().unwrap();
        println!("{} rows in {:.2} s", census.len(), began.elapsed().as_secs_f64());
        assert_eq!(Subset::ALL.map(|set| census.rows(set).len()), [66_508, 16_627, 16_627]);
        let positive = |task: usize| {
            Subset::ALL.iter().map(|&set| census.labels(set, task).iter().sum::<f32>()).sum::<f32>()
        };
        assert_eq!([positive(0), positive(1)], [6_186.0, 43_143.0]);
        // The paper has 0.1768 and 0.2373 over 10,000 random rows, whose standard error is 0.01.
        let income = census.label_correlation(Subset::Training).abs();
        assert!((income - 0.1768).abs() < 0.02, "{income}");
        let (_, education) = CensusSpec { main: MainTask::Education, ..spec }.read().unwrap();
        let education = education.label_correlation(Subset::Training).abs();
        assert!((education - 0.2373).abs() < 0.02, "{education}");
        let mut batch = Batch::default();
        census.fill(Subset::Test, 16_620..20_000, &mut batch);
        assert_eq!((batch.rows, batch.features, batch.tasks), (7, COLUMNS, 2));
    }
}
