//! `results/calibration/README.md`: the search for the paper's protocol.

use super::{candidates, setting};
use crate::quotes::{Quotes, fixed, thousands, word};
use crate::tables::{Csv, mean};

#[test]
fn calibration() {
    let mut page = Quotes::of("results/calibration/README.md");
    let protocols = Csv::read("results/calibration/protocols.csv");
    let rungs = protocols.values("rung");
    let [seeds, steps] = ["seeds", "steps"].map(|column| protocols.numbers(column));
    let ends = |values: &[f64]| (values[0], values[values.len() - 1]);
    page.says(format!("lists {} candidates", candidates()));
    page.says(format!(
        "{} rungs of {} to {} seeds and {} to {} steps",
        word(rungs.len()),
        ends(&seeds).0,
        ends(&seeds).1,
        ends(&steps).0,
        thousands(ends(&steps).1 as usize)
    ));

    let generators = Csv::read("results/calibration/generators.csv").with(&[("origin", "fitted")]);
    let within = |waves: &str| generators.with(&[("waves", waves)]).numbers("points_within");
    page.says("All fits in `generators.csv` with four, five or six waves lie within all nine error bars");
    assert!(["4", "5", "6"].iter().all(|waves| within(waves).iter().all(|&points| points == 9.0)));
    page.says("With three waves the best fits miss one");
    assert!(within("3").iter().all(|&points| points == 8.0));

    let last = protocols.with(&[("rung", rungs[rungs.len() - 1]), ("loss", "training")]);
    let kept = last.with(&[("kept", "true")]);
    let winner = kept.only();
    assert_eq!((winner["generator"].as_str(), winner["init"].as_str()), ("6b", "uniform_fan_in"));
    page.says(format!(
        "six waves (`6b`), batches of {}, Adam at {}, weights and biases uniform in ±1/√fan_in, {} rows",
        winner["batch"],
        winner["learning_rate"],
        thousands(winner["rows"].parse().unwrap())
    ));
    page.says(format!(
        "Its distance on {} seeds is {} to Figure 4, {} to Figure 3 and {} to Figure 5",
        word(winner["seeds"].parse().unwrap()),
        fixed(kept.number("distance_figure4"), 2),
        fixed(kept.number("distance_figure3"), 2),
        fixed(kept.number("distance_figure5"), 2)
    ));
    let mut totals = last.numbers("distance");
    totals.sort_by(f64::total_cmp);
    let totals: Vec<String> = totals.iter().map(|&total| fixed(total, 3)).collect();
    page.says(format!(
        "Four seeds on the last rung cannot separate its three candidates ({})",
        totals.join(", ")
    ));
    page.says("All of the last three have 10,000 rows");
    assert_eq!(last.values("rows"), ["10000"]);

    let first = protocols.with(&[("rung", "1")]);
    let best = |wanted: &[(&str, &str)]| {
        fixed(
            first.with(wanted).numbers("distance").into_iter().filter(|d| d.is_finite()).fold(9.0, f64::min),
            3,
        )
    };
    page.says(format!(
        "the best candidate with 10,000 rows and training losses is at {}, the best with fresh rows at {}",
        best(&[("rows", "10000"), ("loss", "training")]),
        best(&[("rows", "fresh")])
    ));
    page.says("**Raw labels and Adam at 0.001 do not pass** the first rung");
    let passed = first.with(&[("kept", "true")]);
    assert_eq!(
        (passed.values("labels"), passed.values("learning_rate")),
        (vec!["standardised"], vec!["0.01"])
    );
    let given = Csv::read("results/calibration/generators.csv").with(&[("origin", "given")]);
    page.says(format!("Raw losses start near {}. At 0.001 the", fixed(given.number("signal_variance"), 1)));

    page.says("our 16-unit shared bottom ends at about half the paper's loss");
    let cells = Csv::read("results/calibration/cells.csv")
        .with(&[("candidate", &winner["candidate"]), ("figure", "3")]);
    let ratio = mean(&cells.numbers("last_loss")) / mean(&cells.numbers("paper_last_loss"));
    assert!((0.4..0.6).contains(&ratio), "{ratio}");
    page.says("the bottom of 113 units");
    assert_eq!(setting("figure4", "models", "shared_bottom")["bottom_units"].as_integer(), Some(113));
    page.says("our runs at correlation 1 end lower");
    page.says("more than 10,000 rows, and rungs");
    page.leaves("what a relative distance is", &["0.1 is a tenth"]);
    page.leaves("time of a machine, which no file has", &["about 35 minutes"]);
    page.finish();
}
