//! Every random comparison allows 4.5 standard errors: of some three hundred none should come near by chance.

use super::*;

/// A funnel with something of everything.
pub fn small() -> FunnelSpec {
    FunnelSpec {
        training_impressions: 3000,
        test_impressions: 1000,
        share: 1.0,
        fields: 3,
        words: 50,
        zipf: 1.0,
        numbers: 9,
        word_share: 0.5,
        click_rate: 0.1,
        conversion_rate: 0.2,
        selection: 1.0,
        signal: 1.0,
        mean_delay: 0.2,
        embedding_units: 4,
    }
}

/// `rows` training rows without words and delays: cheap.
fn dense(rows: usize) -> FunnelSpec {
    FunnelSpec {
        training_impressions: rows,
        test_impressions: 0,
        fields: 0,
        words: 0,
        mean_delay: 0.0,
        ..small()
    }
}

/// Fails if `found` is more than 4.5 standard errors from `expected`.
fn assert_near(what: &str, found: f64, expected: f64, error: f64) {
    let score = (found - expected) / error;
    assert!(score.abs() < 4.5, "{what}: {found}, not {expected}: {score:.1} s.e. off");
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

fn truth(simulated: &Impressions) -> &Truth {
    simulated.truth.as_ref().expect("simulated impressions have their truth")
}

#[test]
fn scores_correlate_by_the_task_correlation() {
    const ROWS: usize = 1 << 16;
    for (p, seed) in [(-1.0, 1), (-0.6, 2), (0.0, 3), (0.5, 4), (0.9, 5), (1.0, 6)] {
        let spec = small();
        let funnel = Funnel::new(&spec, seed, p);
        let [mut squares, mut products] = [vec![], vec![]];
        funnel.blocks(
            Purpose::FunnelInputs,
            ROWS,
            |index| index as u64,
            |numbers, block| {
                for row in 0..numbers.len() {
                    let [a, b] = funnel.click_and_conversion_scores(block, row);
                    squares.push(b * b);
                    products.push(a * b);
                }
            },
        );
        for (what, values, want) in [("E B²", squares, 1.0), ("E AB", products, p)] {
            let (mean, variance) = mean_and_variance(&values);
            assert_near(&format!("{what} at p = {p}"), mean, want, (variance / ROWS as f64).sqrt());
        }
    }
}

/// One click in a hundred and one conversion in two hundred clicks, as in a log. The rates' errors are those of the
/// counts and of the two samples of probabilities: the rows here, and those that the intercepts are solved on.
#[test]
fn rates_are_those_asked_for() {
    const ROWS: usize = 1 << 20;
    let samples = 1.0 / ROWS as f64 + 1.0 / RATE_ROWS as f64;
    for (selection, signal, p, seed) in [(0.0, 0.0, 0.0, 1), (1.0, 1.0, 0.5, 2), (1.5, 0.7, -0.8, 3)] {
        let spec = FunnelSpec { click_rate: 0.01, conversion_rate: 0.005, selection, signal, ..dense(ROWS) };
        let simulated = spec.generate(seed, p).training;
        let Truth { click, conversion } = truth(&simulated);
        let click: Vec<f64> = click.iter().map(|p| f64::from(*p)).collect();
        let (mean, variance) = mean_and_variance(&click);
        assert!(selection > 0.0 || variance < 1e-12);
        // A constant 0.01 is off by its rounding to single precision alone: 1e-9 is a unit of its last index.
        let rounding = 1e-9 / 4.5;
        assert_near("E pCTR", mean, 0.01, (variance * samples).sqrt() + rounding);
        let scatter = variance * samples + 0.01 * 0.99 / ROWS as f64;
        assert_near("clicks", simulated.clicks() as f64 / ROWS as f64, 0.01, scatter.sqrt());
        // The ratio's error by its linearisation: terms pCTR·(pCVR - rate) / E pCTR.
        let terms = click.iter().zip(conversion).map(|(click, p)| click * (f64::from(*p) - 0.005) / mean);
        let (excess, variance) = mean_and_variance(&terms.collect::<Vec<_>>());
        assert_near("E pCTR pCVR / E pCTR", excess, 0.0, (variance * samples).sqrt() + rounding);
        let clicks = simulated.clicks() as f64;
        let scatter = variance * samples + 0.005 * 0.995 / clicks;
        assert_near("conversions", simulated.conversions() as f64 / clicks, 0.005, scatter.sqrt());
    }
}

#[test]
fn outcomes_come_as_often_as_their_probabilities_say() {
    const ROWS: usize = 1 << 18;
    let spec = FunnelSpec { selection: 1.5, signal: 1.5, click_rate: 0.2, ..dense(ROWS) };
    let simulated = spec.generate(7, 0.4).training;
    let Truth { click, conversion } = truth(&simulated);
    let clicked: Vec<usize> = (0..ROWS).filter(|row| simulated.click[*row] == 1.0).collect();
    let all: Vec<usize> = (0..ROWS).collect();
    for (what, mut rows, p, happened) in
        [("click", all, click, &simulated.click), ("conversion", clicked, conversion, &simulated.conversion)]
    {
        rows.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
        let tenth = rows.len().div_ceil(10);
        let mut rates = vec![];
        for rows in rows.chunks(tenth) {
            let sum = |of: &dyn Fn(usize) -> f64| rows.iter().map(|row| of(*row)).sum::<f64>();
            let found = sum(&|row| f64::from(happened[row]));
            let expected = sum(&|row| f64::from(p[row]));
            let variance = sum(&|row| f64::from(p[row]) * (1.0 - f64::from(p[row])));
            assert_near(what, found, expected, variance.sqrt());
            rates.push(expected / rows.len() as f64);
        }
        // Or the deciles would be all the same and the comparison one of totals.
        assert!(rates[9] > 5.0 * rates[0], "{rates:?}");
    }
    for row in 0..ROWS {
        assert!(simulated.conversion[row] <= simulated.click[row]);
    }
}

/// What the paper calls sample selection bias, by the truth of clicked rows: none at selection 0 or between
/// unrelated tasks, and the more the stronger the selection.
#[test]
fn clicked_rows_differ_by_selection_and_correlation() {
    const ROWS: usize = 1 << 17;
    // Scores of conversion from a funnel of the same rows without selection, up to an intercept.
    let gap = |selection: f64, p: f64| {
        let spec = FunnelSpec { selection, ..dense(ROWS) };
        let simulated = spec.generate(11, p).training;
        let reference = FunnelSpec { selection: 0.0, ..spec }.generate(11, p).training;
        assert_eq!(simulated.x, reference.x);
        let score = |row: usize| {
            let p = f64::from(truth(&reference).conversion[row]);
            (p / (1.0 - p)).ln()
        };
        let of = |click: f32| {
            (0..ROWS).filter(|row| simulated.click[*row] == click).map(score).collect::<Vec<_>>()
        };
        let [clicked, others] = [1.0, 0.0].map(of);
        let [(a, var_a), (b, var_b)] = [mean_and_variance(&clicked), mean_and_variance(&others)];
        (a - b, (var_a / clicked.len() as f64 + var_b / others.len() as f64).sqrt())
    };
    let (none, error) = gap(0.0, 0.8);
    assert_near("selection 0", none, 0.0, error);
    let mut last = none;
    for selection in [0.5, 1.0, 2.0] {
        let (found, error) = gap(selection, 0.8);
        assert!(found > last + 4.5 * error, "selection {selection}: {found} after {last}");
        last = found;
    }
    let (against, error) = gap(1.0, -0.8);
    assert!(against < -4.5 * error);
}

/// P(a conversion is seen | clicked at time τ) = E 1 - exp(-(1 - τ)/m(C)), integrated over C ~ N(0, 1).
fn seen(mean_delay: f64, time: f64) -> f64 {
    let points = (-160..=160).map(|i| f64::from(i) * 0.05);
    let term = |c: f64| {
        let density = (-0.5 * c * c).exp() / std::f64::consts::TAU.sqrt();
        let mean = mean_delay * (0.5 * c - 0.125).exp();
        0.05 * density * (1.0 - (-(1.0 - time) / mean).exp())
    };
    points.map(term).sum()
}

#[test]
fn conversions_are_seen_as_often_as_their_delays_allow() {
    const ROWS: usize = 1 << 16;
    let at_once = FunnelSpec { click_rate: 0.5, conversion_rate: 0.5, ..dense(ROWS) };
    let delayed = FunnelSpec { mean_delay: 0.4, ..at_once.clone() };
    let (all, simulated) = (at_once.generate(2, 0.5).training, delayed.generate(2, 0.5).training);
    assert_eq!((&all.x, &all.click, &all.truth), (&simulated.x, &simulated.click, &simulated.truth));
    let at_once = all.conversion.iter().zip(&all.waited).filter(|(conversion, _)| **conversion > 0.0);
    assert!(at_once.clone().count() > 0 && at_once.into_iter().all(|(_, waited)| *waited == 0.0));
    for (quarter, rows) in (0..ROWS).collect::<Vec<_>>().chunks(ROWS / 4).enumerate() {
        let [mut found, mut expected, mut variance] = [0.0; 3];
        for row in rows {
            let left = 1.0 - *row as f32 / ROWS as f32;
            let waited = simulated.waited[*row];
            match (all.click[*row], all.conversion[*row], simulated.conversion[*row]) {
                (0.0, conversion, seen) => assert_eq!([conversion, seen, waited], [0.0; 3]),
                (_, 0.0, seen) => assert_eq!([seen, waited], [0.0, left]),
                (_, _, 0.0) => assert_eq!(waited, left),
                _ => assert!((0.0..=left).contains(&waited), "seen after {waited} of {left}"),
            }
            if all.conversion[*row] == 1.0 {
                let p = seen(0.4, f64::from(1.0 - left));
                found += f64::from(simulated.conversion[*row]);
                expected += p;
                variance += p * (1.0 - p);
            }
        }
        assert_near(&format!("seen in quarter {quarter}"), found, expected, variance.sqrt());
    }
}

/// The mean delay, and that rows differ: E exp(C/2 - 1/8) is 1, and 2Φ(±½) where C is positive or negative. At a mean
/// of 0.02 no delay is cut off by the end of the window: that takes fifty means, where exp(C/2) is seldom 10.
#[test]
fn delays_have_their_mean_and_depend_on_the_row() {
    const ROWS: usize = 1 << 16;
    let spec = FunnelSpec {
        test_impressions: ROWS,
        click_rate: 0.5,
        conversion_rate: 0.5,
        mean_delay: 0.02,
        ..dense(1)
    };
    let simulated = spec.generate(5, 0.5).test;
    let mut scores = vec![];
    Funnel::new(&spec, 5, 0.5).blocks(
        Purpose::FunnelInputs,
        ROWS,
        |index| TEST + index as u64,
        |_, block| scores.extend_from_slice(&block.delay),
    );
    let half = statrs::function::erf::erf(0.5 / 2f64.sqrt());
    let all = f64::NEG_INFINITY..f64::INFINITY;
    for (range, factor) in
        [(all, 1.0), (0.0..f64::INFINITY, 1.0 + half), (f64::NEG_INFINITY..0.0, 1.0 - half)]
    {
        let rows = (0..ROWS).filter(|row| simulated.conversion[*row] == 1.0 && range.contains(&scores[*row]));
        let delays: Vec<f64> = rows.map(|row| f64::from(simulated.waited[row])).collect();
        let (mean, variance) = mean_and_variance(&delays);
        let error = (variance / delays.len() as f64).sqrt();
        assert_near(&format!("mean delay at C in {range:?}"), mean, 0.02 * factor, error);
    }
    for row in 0..ROWS {
        if simulated.click[row] == 1.0 && simulated.conversion[row] == 0.0 {
            assert_eq!(simulated.waited[row], 1.0);
        }
    }
}

/// The row in index `index`, all that is known of it.
fn row(simulated: &Impressions, columns: usize, index: usize) -> (&[f32], [f32; 5]) {
    let labels = [
        &simulated.click,
        &simulated.conversion,
        &simulated.waited,
        &truth(simulated).click,
        &truth(simulated).conversion,
    ];
    (&simulated.x[index * columns..][..columns], labels.map(|label| label[index]))
}

#[test]
fn smaller_shares_are_random_subsets_of_larger_ones() {
    let spec = small();
    let whole = spec.generate(1, 0.5);
    let mut larger: Vec<u64> = (0..3000).collect();
    for (share, count) in [(0.999_9, 3000), (0.3, 900), (0.1, 300), (0.0105, 32), (1e-6, 1)] {
        let part = FunnelSpec { share, ..spec.clone() };
        let log = part.generate(1, 0.5);
        assert_eq!((log.training.len(), part.kept_impressions()), (count, count));
        assert_eq!(log.test, whole.test);
        let numbers = part.kept(1).unwrap_or_else(|| (0..3000).collect());
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(numbers.iter().all(|number| larger.binary_search(number).is_ok()));
        for (index, number) in numbers.iter().enumerate() {
            let columns = spec.columns();
            assert_eq!(row(&log.training, columns, index), row(&whole.training, columns, *number as usize));
        }
        // The mean number of a random subset: variance (n² - 1)/12 a draw, less without replacement.
        let mean = numbers.iter().sum::<u64>() as f64 / count as f64;
        assert_near("mean number", mean, 1499.5, 3000.0 / (12.0 * count as f64).sqrt());
        larger = numbers;
    }
    let part = FunnelSpec { share: 0.1, ..spec };
    assert_ne!(part.kept(1), part.kept(2));
}

#[test]
fn a_longer_window_begins_with_the_same_impressions_at_other_times() {
    let spec = small();
    let longer = FunnelSpec { training_impressions: 5000, ..spec.clone() };
    let (short, long) = (spec.generate(1, 0.5), longer.generate(1, 0.5));
    assert_eq!(short.test, long.test);
    assert_eq!(short.training.x, long.training.x[..short.training.x.len()]);
    assert_eq!(short.training.click, long.training.click[..3000]);
    assert_eq!(truth(&short.training).conversion, truth(&long.training).conversion[..3000]);
    // The same conversions later in the window: fewer of the first 3000 of 5000 are cut off.
    let conversions = |simulated: &Impressions| simulated.conversion[..3000].iter().sum::<f32>();
    assert!(conversions(&short.training) < conversions(&long.training));
    let [short, long] = [&spec, &longer].map(|spec| {
        let log = FunnelSpec { mean_delay: 0.0, ..spec.clone() }.generate(1, 0.5);
        log.training.conversion[..3000].to_vec()
    });
    assert_eq!(short, long);
}

#[test]
fn one_seed_has_the_same_inputs_and_uniforms_at_every_rate_and_correlation() {
    let spec = small();
    let log = spec.generate(6, 0.5);
    let more = FunnelSpec { click_rate: 0.3, ..spec.clone() }.generate(6, 0.5);
    assert_eq!((&log.training.x, &log.test.x), (&more.training.x, &more.test.x));
    // The same uniform, a greater probability: what was clicked stays clicked.
    let clicks = |log: &ImpressionLog| log.training.click.clone();
    assert!(clicks(&log).iter().zip(clicks(&more)).all(|(few, many)| *few <= many));
    assert!(more.training.clicks() > log.training.clicks());
    let other = spec.generate(6, -0.2);
    assert_eq!((&log.training.x, clicks(&log)), (&other.training.x, clicks(&other)));
    assert_ne!(truth(&log.training).conversion, truth(&other.training).conversion);
    let seed = spec.generate(7, 0.5);
    assert_ne!(log.training.x, seed.training.x);
}

#[test]
fn a_row_is_a_code_of_every_field_and_the_numbers() {
    let spec = small();
    let log = spec.generate(1, 0.5);
    assert_eq!((log.categorical, log.numeric, log.vocabulary), (3, 9, 150));
    assert_eq!((log.columns(), spec.columns(), spec.features()), (12, 12, 3 * 4 + 9));
    assert_eq!((log.training.len(), log.test.len()), (3000, 1000));
    for x in log.training.x.chunks_exact(12).chain(log.test.x.chunks_exact(12)) {
        for (field, code) in x[..3].iter().enumerate() {
            assert_eq!(code.fract(), 0.0);
            assert_eq!(*code as usize / 50, field);
        }
    }
    // Without fields, with the fewest numbers, and at the ends of the correlation.
    let spec = FunnelSpec { numbers: 4, mean_delay: 0.1, ..dense(100) };
    for p in [-1.0, 1.0] {
        let log = spec.generate(1, p);
        assert_eq!((log.vocabulary, log.training.x.len(), log.training.waited.len()), (0, 400, 100));
        assert!(log.test.is_empty());
    }
}

/// Written down once: a change of this digest is a change of every stored result. On every machine, vector and build
/// it must be the same.
#[test]
fn the_bits_are_what_they_always_were() {
    let log = FunnelSpec { share: 0.7, ..small() }.generate(3, 0.5);
    let mut hasher = blake3::Hasher::new();
    for simulated in [&log.training, &log.test] {
        let Truth { click, conversion } = truth(simulated);
        for values in
            [&simulated.x, &simulated.click, &simulated.conversion, &simulated.waited, click, conversion]
        {
            for value in values {
                hasher.update(&value.to_bits().to_le_bytes());
            }
        }
    }
    assert_eq!(&hasher.finalize().to_hex()[..16], "261d6e6c6bfd80a5");
}

/// Vectors are allocated at their final length, so that the account holds what is resident and little more.
#[test]
fn the_account_of_memory_holds_the_rows() {
    for spec in [small(), FunnelSpec { share: 0.2, mean_delay: 0.0, ..small() }, dense(100_000)] {
        let log = spec.generate(1, 0.5);
        let rows = log.training.bytes() + log.test.bytes();
        let beside = FunnelSpec { training_impressions: 1, test_impressions: 0, share: 1.0, ..spec.clone() };
        let order = if spec.share < 1.0 { 8 * spec.training_impressions as u64 } else { 0 };
        let row = 5 + spec.columns() as u64;
        assert_eq!(spec.bytes(), rows + order + beside.bytes() - 4 * row);
        for simulated in [&log.training, &log.test] {
            assert_eq!(simulated.x.capacity(), simulated.x.len());
            assert_eq!(simulated.waited.capacity(), simulated.waited.len());
        }
    }
}
