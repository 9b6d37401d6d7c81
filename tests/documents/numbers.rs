//! What the documents quote, computed again from the committed files: one test a document.

use crate::common::Desk;
use crate::markdown;
use crate::quotes::{Quotes, fixed, interval, significant, thousands, word};
use crate::tables::{Csv, mean, numbers_in, report_tables, row, toml_file};

const MODELS: [(&str, &str); 3] = [("shared_bottom", "Shared-bottom"), ("omoe", "OMoE"), ("mmoe", "MMoE")];
const CORRELATIONS: [&str; 3] = ["0.5", "0.9", "1"];
const TRAINING: &str = "final_train_loss_1";
const HELD_OUT: &str = "final_held_out_loss_1";

/// Runs of a study at a model and a correlation.
fn runs(study: &str, model: &str, correlation: &str) -> Csv {
    let runs = Csv::read(&format!("results/{study}/runs.csv"));
    runs.with(&[("model", model), ("task_correlation", correlation)])
}

/// Effect and interval of a claim (`part` empty) or of a comparison behind it.
fn claim(study: &str, number: &str, part: &str) -> [f64; 3] {
    let claims = Csv::read(&format!("results/{study}/claims.csv"));
    let row = claims.with(&[("claim", number), ("part", part)]);
    ["effect", "low", "high"].map(|column| row.number(column))
}

/// How many claims of a study have a verdict.
fn verdicts(study: &str, verdict: &str) -> usize {
    let claims = Csv::read(&format!("results/{study}/claims.csv"));
    claims.with(&[("part", ""), ("verdict", verdict)]).rows.len()
}

/// A key of a study's experiment.
fn setting(study: &str, section: &str, key: &str) -> toml::Value {
    toml_file(&format!("results/{study}/study.toml"))[section][key].clone()
}

fn count(study: &str, section: &str, key: &str) -> usize {
    match setting(study, section, key) {
        toml::Value::Integer(n) => n as usize,
        toml::Value::Array(list) => list.len(),
        other => panic!("{other}"),
    }
}

/// Minutes of CPU time of a study.
fn cpu_minutes(study: &str) -> String {
    let text =
        std::fs::read_to_string(markdown::root().join(format!("results/{study}/manifest.json"))).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    fixed(manifest["cpu_seconds"].as_f64().unwrap() / 60.0, 0)
}

/// Candidates of the search for the paper's protocol.
fn candidates() -> usize {
    Csv::read("results/calibration/protocols.csv").with(&[("rung", "1")]).values("candidate").len()
}

/// A runs' scores at the learning rates that a report chooses: each half of the seeds at the rate with the lowest log-loss
/// of pCTCVR on the other half.
fn reported(study: &str, model: &str, varied: &[(&str, &str)]) -> Vec<Csv> {
    let scores = Csv::read(&format!("results/{study}/funnel.csv")).with(&[("model", model)]).with(varied);
    let (rates, seeds) = (scores.values("learning_rate"), scores.values("seed"));
    let log_loss = |rate: &str, seeds: &[&str]| {
        let joint = scores.with(&[("learning_rate", rate), ("target", "click_and_conversion")]);
        mean(&seeds.iter().map(|seed| joint.with(&[("seed", seed)]).number("log_loss")).collect::<Vec<_>>())
    };
    let half = |odd: usize| -> Vec<&str> { seeds.iter().copied().skip(odd).step_by(2).collect() };
    let of_half = |odd: usize| -> Vec<Csv> {
        let losses: Vec<f64> = rates.iter().map(|rate| log_loss(rate, &half(1 - odd))).collect();
        let best = (0..rates.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        half(odd).iter().map(|seed| scores.with(&[("learning_rate", rates[best]), ("seed", seed)])).collect()
    };
    [of_half(0), of_half(1)].concat()
}

/// The mean over runs of a score.
fn score(runs: &[Csv], target: &str, space: &str, column: &str) -> f64 {
    let of_run = |run: &Csv| run.with(&[("target", target), ("space", space)]).number(column);
    mean(&runs.iter().map(of_run).collect::<Vec<_>>())
}

/// The mean over runs of mean prediction over mean truth of pCVR.
fn predicted_over_true(runs: &[Csv], space: &str) -> f64 {
    let of_run = |run: &Csv| {
        let score = run.with(&[("target", "conversion"), ("space", space)]);
        score.number("mean_prediction") / score.number("mean_truth")
    };
    mean(&runs.iter().map(of_run).collect::<Vec<_>>())
}

/// Predicted over true pCVR on all impressions with the interval of the report, whose second table it is.
fn bias_with_interval(model: &str, title: &str) -> String {
    let table = &report_tables("esmm", &["Predicted / true"])[1];
    let ends = numbers_in(&row(table, &[title])[4]);
    interval([predicted_over_true(&reported("esmm", model, &[]), "all"), ends[0], ends[1]], 2)
}

#[test]
fn readme() {
    let mut readme = Quotes::of("README.md");
    let seeds = count("figure4", "grid", "seeds");
    let steps = thousands(count("figure4", "train", "steps"));
    readme.says(format!("mean loss over {seeds} seeds, {steps} training steps"));
    readme.says(format!("the closest of {} candidates", candidates()));
    readme.says(format!(
        "Of the paper's {} claims, {} are supported, {} are contradicted and {} is undecided",
        word(Csv::read("results/figure4/claims.csv").with(&[("part", "")]).rows.len()),
        word(verdicts("figure4", "supported")),
        word(verdicts("figure4", "contradicted")),
        word(verdicts("figure4", "undecided"))
    ));
    readme.says(format!("loss is {} higher at 0.5 than at 1", interval(claim("figure4", "1", "7"), 3)));
    readme.says(format!("not clearly higher: {}", interval(claim("figure4", "1", "1"), 3)));
    readme.says(format!("The results above use {},", setting("figure4", "grid", "learning_rates")[0]));
    let at =
        |model, rate| runs("figure4-rates", model, "0.5").with(&[("learning_rate", rate)]).mean(TRAINING);
    readme.says(format!(
        "With 0.001 ([{} seeds](results/figure4/README.md#learning-rates)) the shared bottom's loss at correlation 0.5 \
         falls from {} to {}, and MMoE's is {} too",
        count("figure4-rates", "grid", "seeds"),
        fixed(at("shared_bottom", "0.01"), 2),
        fixed(at("shared_bottom", "0.001"), 2),
        fixed(at("mmoe", "0.001"), 2)
    ));
    let rows = setting("figure4", "data", "source")["rows"].as_integer().unwrap() as usize;
    readme.says(format!("losses on the {} training rows", thousands(rows)));
    readme.says(format!(
        "at correlation 0.5 the shared bottom's loss is {}, MMoE's {}",
        fixed(runs("figure4", "shared_bottom", "0.5").mean(HELD_OUT), 2),
        fixed(runs("figure4", "mmoe", "0.5").mean(HELD_OUT), 2)
    ));
    readme.says(format!(
        "differs by at most {} between its seven models",
        fixed(census_spread("census-income"), 4)
    ));
    readme.says(format!("it predicts {} times the true conversion rate", bias_with_interval("esmm", "ESMM")));
    readme.says(format!("the usual model {} times", bias_with_interval("base", "BASE")));

    let cargo = toml_file("Cargo.toml");
    readme.says(format!("Rust {} or later", cargo["package"]["rust-version"].as_str().unwrap()));
    let quick = toml_file("experiments/quick.toml");
    readme.says(format!("three models, three correlations, {} seeds", quick["grid"]["seeds"]));
    readme.leaves("the definition of task correlation", &["(0: unrelated, 1: the same task)"]);
    readme.leaves("correlations of figures", &["correlations 0.5, 0.9 and 1"]);
    readme.leaves(
        "exit codes, tested in tests/command_line.rs",
        &["0: done. 1: something", "2: the request", "130: int"],
    );
    readme.finish();
}

#[test]
fn figure4() {
    let mut page = Quotes::of("results/figure4/README.md");
    let study = toml_file("results/figure4/study.toml");
    let (seeds, steps) = (count("figure4", "grid", "seeds"), thousands(count("figure4", "train", "steps")));
    let rows = study["data"]["source"]["rows"].as_integer().unwrap() as usize;
    page.says(format!(
        "{seeds} seeds, {steps} steps, batches of {}, Adam at {}, {} rows for each seed, training loss of task 1",
        study["train"]["batch_size"],
        study["grid"]["learning_rates"][0],
        thousands(rows)
    ));
    assert_eq!(study["report"]["loss"].as_str(), Some("training"));

    for row in Csv::read("results/figure4/claims.csv").with(&[("part", "")]).rows {
        let number = |column: &str| significant(row[column].parse().unwrap(), 3);
        let (statement, _) = row["statement"].rsplit_once(" (MMoE").unwrap();
        page.says(format!(
            "| {} | {statement} | **{}** | {} [{}, {}] {} | {} | {} |",
            row["claim"],
            row["verdict"],
            number("effect"),
            number("low"),
            number("high"),
            row["unit"],
            row["requirement"],
            number("paper")
        ));
    }

    distances_to_the_paper(&mut page);
    let cells = MODELS.iter().flat_map(|model| CORRELATIONS.map(|correlation| (model, correlation)));
    for ((model, title), correlation) in cells {
        let runs = runs("figure4", model, correlation);
        let losses = [TRAINING, HELD_OUT].map(|column| fixed(runs.mean(column), 3));
        page.says(format!("| {title} | {correlation} | {} |", losses.join(" | ")));
        let runs = self::runs("figure4-rates", model, correlation);
        let losses = ["0.0001", "0.001", "0.01"]
            .map(|rate| fixed(runs.with(&[("learning_rate", rate)]).mean(TRAINING), 3));
        page.says(format!("| {title} | {correlation} | {} |", losses.join(" | ")));
    }
    page.says(format!("Means after {steps} steps"));
    page.says(format!(
        "training loss of task 1 after {steps} steps: | model | correlation | 0.0001 | 0.001 | 0.01 |"
    ));

    // Gates are computed from gates.csv, which is too large to commit; the report has what came of it.
    for row in report_tables("figure4", &["Entropy", "Experts used", "Tasks apart"]).concat() {
        let [entropy, used, apart, loss] = [2, 3, 4, 9].map(|at: usize| row[at].clone());
        page.says(format!("| {} | {} | {entropy} | {used} | {apart} | {loss} |", row[0], row[1]));
        assert!(row[5].starts_with("0.00 "), "no gate collapses");
    }
    page.leaves("the largest divergence there can be", &["(1 bit)"]);

    page.says(format!("learning rates on {} seeds", count("figure4-rates", "grid", "seeds")));
    page.says(format!("The {seeds} seeds above are trained at {} alone", study["grid"]["learning_rates"][0]));
    page.says(format!("a grid of three rates on {seeds} seeds takes three times as long"));
    page.says("at 0.001 every mean but one is lower");
    let higher = MODELS
        .iter()
        .flat_map(|(model, _)| CORRELATIONS.map(|correlation| runs("figure4-rates", model, correlation)));
    let at = |runs: &Csv, rate| runs.with(&[("learning_rate", rate)]).mean(TRAINING);
    assert_eq!(higher.filter(|runs| at(runs, "0.001") > at(runs, "0.01")).count(), 1);
    page.says(format!(
        "is then undecided ({} on {} seeds)",
        interval(claim("figure4-rates", "4", ""), 3),
        count("figure4-rates", "grid", "seeds")
    ));
    page.finish();
}

/// The table of distances: areas and our curves at the paper's last step were computed from curves.csv, which is too large
/// to commit; the reports have what came of it. The paper's losses are in results/reference.
fn distances_to_the_paper(page: &mut Quotes) {
    let columns = ["Area between", "Signed", "Ours at the end", "Paper's there"];
    let mut ends = Vec::new();
    for (study, reference) in [("figure3", "mmoe_figure3"), ("figure4", "mmoe_figure4")] {
        let paper = Csv::read(&format!("results/reference/{reference}.csv"));
        let last = paper.numbers("step").into_iter().fold(0.0, f64::max);
        page.says(format!("Curves are compared up to step {}, the paper's last", thousands(last as usize)));
        for row in report_tables(study, &columns).concat() {
            let (title, correlation) = match study {
                "figure3" => ("Shared-bottom of 16", &row[1]),
                _ => (row[0].as_str(), &row[1]),
            };
            let model = MODELS.iter().find(|(_, title)| *title == row[0]).unwrap().0;
            let step = last.to_string();
            let mut at_end = paper.with(&[("correlation", correlation), ("step", &step)]);
            if study == "figure4" {
                at_end = at_end.with(&[("model", model)]);
                ends.push((at_end.number("loss"), runs(study, model, correlation).mean(TRAINING)));
            }
            assert_eq!(row[7], fixed(at_end.number("loss"), 4), "the report's loss of the paper, {row:?}");
            page.says(format!(
                "| {title} | {correlation} | {} | {} | {} | {} | {} |",
                row[6], row[7], row[4], row[5], row[8]
            ));
        }
    }
    let last = "9,900";
    page.says(format!("| ours, step {last} | paper, step {last} |"));
    let range = |values: Vec<f64>| {
        let (low, high) =
            (values.iter().copied().fold(1.0, f64::min), values.iter().copied().fold(0.0, f64::max));
        format!("between {} and {}", fixed(low, 3), fixed(high, 3))
    };
    let (paper, ours) = (ends.iter().map(|end| end.0).collect(), ends.iter().map(|end| end.1).collect());
    page.says(format!("lie {} after the last step, the paper's {}.", range(ours), range(paper)));
    page.says("the 16-unit shared bottom of Figure 3");
    assert_eq!(setting("figure3", "models", "shared_bottom")["bottom_units"].as_integer(), Some(16));
    page.says("a loss of 0.45");
    let stuck = Csv::read("results/reference/mmoe_figure5.csv").with(&[("model", "shared_bottom")]);
    // The highest bin of the right half of the paper's histograms: 0.45 is its middle.
    let right = stuck.rows.iter().filter(|row| row["bin_low"].parse::<f64>().unwrap() > 0.3);
    let peak = right.max_by_key(|row| row["runs_of_200"].parse::<u64>().unwrap()).unwrap();
    let [low, high] = ["bin_low", "bin_high"].map(|column| peak[column].parse::<f64>().unwrap());
    assert!(low <= 0.45 && 0.45 <= high, "the paper's peak is from {low} to {high}");
}

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

/// Test AUCs of a census study, by task.
fn test_auc(study: &str, model: &str, task: &str) -> f64 {
    let scores = Csv::read(&format!("results/{study}/scores.csv"));
    scores.with(&[("model", model), ("subset", "test"), ("task", task)]).mean("auc")
}

/// How far the models of a census study are apart on the main task.
fn census_spread(study: &str) -> f64 {
    let scores = Csv::read(&format!("results/{study}/scores.csv"));
    let means: Vec<f64> = scores.values("model").iter().map(|model| test_auc(study, model, "1")).collect();
    means.iter().copied().fold(0.0, f64::max) - means.iter().copied().fold(1.0, f64::min)
}

/// Rows that a census study read.
fn census_rows(study: &str) -> usize {
    Csv::read(&format!("results/{study}/classes.csv"))
        .with(&[("task", "1")])
        .numbers("rows")
        .iter()
        .sum::<f64>() as usize
}

/// Trials that every model of a study was tuned by.
fn trials(study: &str) -> usize {
    let tuning = Csv::read(&format!("results/{study}/tuning.csv")).with(&[("rung", "1")]);
    tuning.rows.len() / tuning.values("model").len()
}

/// The table of a census study beside the paper's.
fn census_table(page: &mut Quotes, study: &str, reference: &str, main: &str) {
    let titles = [
        ("single_task", "Single-task"),
        ("shared_bottom", "Shared-bottom"),
        ("l2_constrained", "L2-constrained"),
        ("cross_stitch", "Cross-stitch"),
        ("tensor_factorization", "Tensor-factorisation"),
        ("omoe", "OMoE"),
        ("mmoe", "MMoE"),
    ];
    let paper = Csv::read(&format!("results/reference/{reference}.csv"));
    for (model, title) in titles {
        let of_paper = paper.with(&[("model", model)]);
        page.says(format!(
            "| {title} | {} | {} | {} | {} |",
            fixed(test_auc(study, model, "1"), 4),
            fixed(of_paper.number(&format!("auc_{main}_mean")), 4),
            fixed(test_auc(study, model, "2"), 4),
            fixed(of_paper.number("auc_marital_mean"), 4)
        ));
    }
    page.says(format!("test AUC, mean of {} runs", count(study, "grid", "seeds")));
}

#[test]
fn census_income() {
    const STUDY: &str = "census-income";
    let mut page = Quotes::of("results/census-income/README.md");
    census_table(&mut page, STUDY, "mmoe_table1_census_income", "income");
    page.says(format!("The rows are the {} of", thousands(census_rows(STUDY))));
    page.says("these rows are divided 4:1:1");
    let subsets = Csv::read("results/census-income/classes.csv").with(&[("task", "1")]).numbers("rows");
    assert_eq!(subsets.iter().map(|rows| (rows / subsets[2]).round()).collect::<Vec<_>>(), [4.0, 1.0, 1.0]);
    page.says(format!(
        "{} trials of every model, then {} runs of {} steps each",
        trials(STUDY),
        count(STUDY, "grid", "seeds"),
        thousands(count(STUDY, "train", "steps"))
    ));
    page.says(format!("{} of them for these runs", cpu_minutes(STUDY)));
    page.leaves("time of the tuning, which no file has", &["14 minutes of CPU time in all"]);
    page.says("income above $50,000");

    let [effect, low, high] = claim(STUDY, "1", "").map(|x| -x);
    let below = |other| fixed(test_auc(STUDY, other, "1") - test_auc(STUDY, "mmoe", "1"), 4);
    page.says(format!(
        "MMoE is {} below the shared bottom, {} below single-task and {} below OMoE",
        interval([effect, high, low], 4),
        below("single_task"),
        below("omoe")
    ));
    let paper = Csv::read("results/reference/mmoe_table1_census_income.csv");
    let factorised = paper.with(&[("model", "tensor_factorization")]).number("auc_income_mean");
    page.says(format!("far from the paper's {}", fixed(factorised, 4)));
    page.says(format!("lie within {} of each other", fixed(census_spread(STUDY), 4)));
    page.leaves("DeLong's standard error; predictions are not stored", &["standard error of 0.003"]);
    page.says(format!("Limits: {} trials", trials(STUDY)));
    page.finish();
}

#[test]
fn census_education() {
    const STUDY: &str = "census-education";
    let mut page = Quotes::of("results/census-education/README.md");
    census_table(&mut page, STUDY, "mmoe_table2_census_education", "education");
    page.says(format!("The same {} rows", thousands(census_rows(STUDY))));
    let seeds = count(STUDY, "grid", "seeds");
    page.says(format!("{} trials of every model, {seeds} runs", trials(STUDY)));
    page.says(format!("With {seeds} runs, {} claims of", word(verdicts(STUDY, "undecided"))));
    assert_eq!((verdicts(STUDY, "contradicted"), verdicts(STUDY, "supported")), (1, 0));
    page.finish();
}

/// Names and titles of the methods in ESMM's table.
const METHODS: [(&str, &str); 10] = [
    ("base", "BASE"),
    ("aman", "AMAN"),
    ("oversampling", "OVERSAMPLING"),
    ("unbias", "UNBIAS"),
    ("division", "DIVISION"),
    ("esmm_ns", "ESMM-NS"),
    ("esmm", "ESMM"),
    ("esmm_mmoe", "ESMM-MMoE"),
    ("escm2_ipw", "ESCM²-IPW"),
    ("escm2_dr", "ESCM²-DR"),
];

#[test]
fn esmm() {
    let mut page = Quotes::of("results/esmm/README.md");
    esmm_settings(&mut page);
    esmm_table(&mut page);
    let error = |model| fixed(score(&reported("esmm", model, &[]), "conversion", "all", "absolute_error"), 3);
    page.says(format!("ESMM's error per impression is {}, BASE's {}", error("esmm"), error("base")));
    let percent = |model| fixed(100.0 * (predicted_over_true(&reported("esmm", model, &[]), "all") - 1.0), 0);
    let [_, low, high] = claim("esmm", "9", "1");
    page.says(format!(
        "BASE overestimates the conversion rate by {} %, ESMM by {} % (± {})",
        percent("base"),
        percent("esmm"),
        fixed(50.0 * (high - low), 0)
    ));
    selection_bias(&mut page);
    sparsity_and_delay(&mut page);
    page.leaves("the paper's own data set, ESMM §3.1", &["84 million impressions"]);
    page.leaves(
        "rates of a first trial and a longer study, neither of which is committed",
        &[
            "from 0.001 to 0.004",
            "With 800 steps at 0.002 on 4 seeds",
            "0.721 on clicked impressions, BASE 0.682",
        ],
    );
    page.finish();
}

/// Sizes of the four studies.
fn esmm_settings(page: &mut Quotes) {
    let data = toml_file("results/esmm/study.toml")["data"].clone();
    let whole = |key: &str| data[key].as_integer().unwrap() as usize;
    let rate = |key: &str| data[key].as_float().unwrap();
    let conversions = whole("training_impressions") as f64 * rate("click_rate") * rate("conversion_rate");
    page.says(format!(
        "{} impressions are for training: {} % are clicked and {} % of the clicks convert, which gives {} conversions. {} \
         later ones are for testing",
        thousands(whole("training_impressions")),
        fixed(100.0 * rate("click_rate"), 0),
        fixed(100.0 * rate("conversion_rate"), 0),
        fixed(conversions, 0),
        thousands(whole("test_impressions"))
    ));
    page.says(format!("{} conversions are few", fixed(conversions, 0)));
    let hidden = setting("esmm", "models", "esmm")["hidden"].clone();
    page.says(format!(
        "Towers have {} and {} units, embeddings {}",
        hidden[0],
        hidden[1],
        whole("embedding_units")
    ));
    page.says(format!(
        "{} steps of Adam with batches of {}",
        count("esmm", "train", "steps"),
        thousands(count("esmm", "train", "batch_size"))
    ));
    let studies = [
        ("esmm", ""),
        ("esmm-selection", " selection strengths"),
        ("esmm-sparsity", " shares"),
        ("esmm-delay", " delays"),
    ];
    for (study, what) in studies {
        let [models, rates, seeds] =
            ["models", "learning_rates", "seeds"].map(|key| count(study, "grid", key));
        let values = (!what.is_empty()).then(|| format!("{}{what} × ", count(study, "grid", "values")));
        let rates = match (rates, study) {
            (1, _) => String::new(),
            (rates, "esmm") => format!("{rates} learning rates × "),
            (rates, _) => format!("{rates} rates × "),
        };
        page.says(format!(
            "| {models} models × {}{rates}{seeds} seeds | {} min |",
            values.unwrap_or_default(),
            cpu_minutes(study)
        ));
    }
    page.says(format!("({} impressions)", thousands(count("esmm-sparsity", "data", "training_impressions"))));
    let rates = setting("esmm", "grid", "learning_rates");
    page.says(format!("extended to {}, so that", rates.as_array().unwrap().last().unwrap()));
    page.says(format!("Means over {} seeds", count("esmm", "grid", "seeds")));
}

/// ESMM's Table 2: means computed from funnel.csv, intervals from the report.
fn esmm_table(page: &mut Quotes) {
    let tables = report_tables("esmm", &["Less BASE"]);
    let paper = Csv::read("results/reference/esmm_table2.csv");
    let base = reported("esmm", "base", &[]);
    for (model, title) in METHODS {
        let runs = reported("esmm", model, &[]);
        let auc = |runs: &[Csv], target, space| score(runs, target, space, "auc");
        // An AUC less BASE's, with the report's interval, and the paper's difference.
        let less_base = |target, space, table: &[Vec<String>], column: &str| {
            let cell = numbers_in(&row(table, &[title])[4]);
            let of_paper = |model| {
                paper
                    .with(&[("model", model)])
                    .rows
                    .first()
                    .map(|row| row[column].parse::<f64>().unwrap() / 100.0)
            };
            let of_paper = of_paper(model).map(|auc| fixed(auc - of_paper("base").unwrap(), 4));
            match model {
                "base" => [String::new(), String::new()],
                _ => {
                    let difference = auc(&runs, target, space) - auc(&base, target, space);
                    [interval([difference, cell[1], cell[2]], 4), of_paper.unwrap_or_default()]
                }
            }
        };
        let clicked = less_base("conversion", "clicked", &tables[0], "auc_cvr_mean");
        let joint = less_base("click_and_conversion", "all", &tables[2], "auc_ctcvr_mean");
        let bias = match model {
            "base" | "esmm" | "escm2_ipw" => bias_with_interval(model, title),
            "division" => format!(
                "{}, {} % above 1",
                fixed(predicted_over_true(&runs, "all"), 2),
                fixed(100.0 * score(&runs, "conversion", "all", "above_one"), 1)
            ),
            _ => fixed(predicted_over_true(&runs, "all"), 2),
        };
        let cells = [
            title.to_string(),
            fixed(auc(&runs, "conversion", "clicked"), 4),
            clicked[0].clone(),
            clicked[1].clone(),
            fixed(auc(&runs, "conversion", "all"), 4),
            fixed(auc(&runs, "click_and_conversion", "all"), 4),
            joint[0].clone(),
            joint[1].clone(),
            bias,
        ];
        let text = format!("| {} |", cells.join(" | "));
        page.says(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

fn selection_bias(page: &mut Quotes) {
    const STUDY: &str = "esmm-selection";
    let strengths = ["0", "0.75", "1.5", "2.25", "3"];
    assert_eq!(Csv::read("results/esmm-selection/funnel.csv").values("selection"), strengths);
    page.says(format!("| selection | {} |", strengths.join(" | ")));
    let at = |model, strength| reported(STUDY, model, &[("selection", strength)]);
    for (model, title) in [("base", "BASE"), ("esmm", "ESMM"), ("escm2_dr", "ESCM²-DR")] {
        let ratios = strengths.map(|strength| fixed(predicted_over_true(&at(model, strength), "all"), 2));
        page.says(format!("| {title} | {} |", ratios.join(" | ")));
    }
    page.says(format!(
        "at strength 3, BASE predicts {} times the truth, ESMM {} times",
        fixed(least_clicked_decile("base"), 1),
        fixed(least_clicked_decile("esmm"), 1)
    ));
    page.says(format!("exceeds ESMM's by {} of the mean truth", interval(claim(STUDY, "7", ""), 2)));
    let auc = |model, strength| fixed(score(&at(model, strength), "conversion", "all", "auc"), 4);
    page.says(format!(
        "ranks better than BASE from 2.25 on (AUC {} against {}; at 3 {} against {})",
        auc("esmm", "2.25"),
        auc("base", "2.25"),
        auc("esmm", "3"),
        auc("base", "3")
    ));
}

/// Predicted over true pCVR in the least clicked decile at the strongest selection: the mean over runs.
fn least_clicked_decile(model: &str) -> f64 {
    let deciles = Csv::read("results/esmm-selection/deciles.csv");
    let deciles = deciles.with(&[("model", model), ("selection", "3"), ("decile", "1")]);
    let ratios = reported("esmm-selection", model, &[("selection", "3")]).into_iter().map(|run| {
        let of_run = |column: &str| run.rows[0][column].clone();
        let decile = deciles.with(&[("seed", &of_run("seed")), ("learning_rate", &of_run("learning_rate"))]);
        decile.number("mean_prediction") / decile.number("mean_truth")
    });
    mean(&ratios.collect::<Vec<_>>())
}

fn sparsity_and_delay(page: &mut Quotes) {
    let auc = |model, share| {
        score(&reported("esmm-sparsity", model, &[("share", share)]), "click_and_conversion", "all", "auc")
    };
    let gain = |share| fixed(auc("esmm", share) - auc("base", share), 3);
    page.says(format!("grows from {} with all data to {} with 1 % of them", gain("1"), gain("0.01")));
    page.says(format!(
        "With {} seeds the change, {}, is not significant",
        count("esmm-sparsity", "grid", "seeds"),
        interval(claim("esmm-sparsity", "6", "2"), 3)
    ));

    let late = |model| reported("esmm-delay", model, &[("mean_delay", "1")]);
    let ratio = |model| fixed(predicted_over_true(&late(model), "clicked"), 2);
    page.says(format!(
        "BASE's mean pCVR on clicked impressions is {} of the truth, ESMM's {}",
        ratio("base"),
        ratio("esmm")
    ));
    let table = report_tables("esmm-delay", &["At", "Predicted / true, clicked"]).concat();
    let cell = numbers_in(&row(&table, &["Delayed feedback", "mean delay 1"])[5]);
    let late_feedback = predicted_over_true(&late("delayed_feedback"), "clicked");
    page.says(format!("overestimates it: {}", interval([late_feedback, cell[1], cell[2]], 2)));
    page.says("best AUC of CTCVR at every delay");
    for delay in Csv::read("results/esmm-delay/funnel.csv").values("mean_delay") {
        let auc = |model| {
            score(
                &reported("esmm-delay", model, &[("mean_delay", delay)]),
                "click_and_conversion",
                "all",
                "auc",
            )
        };
        assert!(
            ["base", "esmm", "fake_negative_weighted"]
                .iter()
                .all(|model| auc("delayed_feedback") > auc(model))
        );
    }
}

#[test]
fn pages_of_studies_without_numbers() {
    for study in ["esmm-delay", "esmm-selection", "esmm-sparsity"] {
        Quotes::of(&format!("results/{study}/README.md")).finish();
    }
}

#[test]
fn every_page_of_results_is_checked() {
    let checked = [
        "calibration",
        "census-education",
        "census-income",
        "esmm",
        "esmm-delay",
        "esmm-selection",
        "esmm-sparsity",
        "figure4",
    ];
    let pages: Vec<String> = markdown::results().into_iter().map(|page| page.path).collect();
    assert_eq!(pages, checked.map(|study| format!("results/{study}/README.md")));
}

/// Pages of `docs/`: they describe the program, so that nearly all of their numbers are settings, not results.
#[test]
fn guides() {
    let mut page = Quotes::of("docs/experiments.md");
    // Defaults are checked against the program in keys.rs.
    page.leaves_tables(&["The file", "`", "Sizes"]);
    page.leaves("what a key takes", &["(seeds 0 to n − 1)", "from -1 to 1"]);
    page.finish();

    let mut page = Quotes::of("docs/data.md");
    page.leaves("the standard normal distribution", &["N(0, I)"]);
    page.leaves("the paper's division, src/data/census", &["divided 4:1:1"]);
    page.leaves("probabilities", &["ratios above 1)"]);
    page.leaves(
        "memory measured on the published files, which are not here",
        &["2 million rows of each period take 0.4 GB of memory, and 0.6 GB more"],
    );
    page.finish();

    let mut page = Quotes::of("docs/architectures.md");
    let desk = Desk::new();
    let planned = |counting: &str| {
        let change = |key: &str| format!("models.shared_bottom.{key}");
        let [matched, by] = [change("match_parameters=mmoe"), change(&format!("match_by={counting}"))];
        desk.done(&["run", "figure4", "--dry-run", "--set", &matched, "--set", &by])
    };
    let by_weights = planned("weights");
    assert!(by_weights.contains("shared_bottom: bottom_units = 113,"), "{by_weights}");
    assert!(by_weights.contains("tower_units = 8; 14,818 parameters, 13,056 of them"), "{by_weights}");
    assert!(planned("all").contains("shared_bottom: bottom_units = 126,"));
    page.says("13,056 / (100 + 16) ≈ 113 units");
    page.says("MMoE has 14,818, which equals a shared bottom of 126 units");
    page.leaves("weights of rows", &["1/pCTR"]);
    page.finish();

    let mut page = Quotes::of("docs/clusters.md");
    let batch = std::fs::read_to_string(markdown::root().join("experiments/slurm/sweep.sbatch")).unwrap();
    assert!(batch.contains("#SBATCH --array=0-15\n"));
    page.says("an array of 16 tasks");
    page.finish();

    let mut page = Quotes::of("docs/reliability.md");
    page.leaves("exit codes and times, each a test that the page names", &["exit code 130", "1970 or 2096"]);
    page.leaves("exit codes, each a test that the page names", &["exit code 1", "exit code 2"]);
    page.leaves("an exit code of the system's loader, seen once", &["exit code 127"]);
    page.finish();

    let mut page = Quotes::of("docs/regression-checks.md");
    page.leaves("tolerances of the check, tested beside it", &["at most 0.001", "within 0.1 of each other"]);
    page.leaves("exit codes, tested in tests/regression.rs", &["0 the same, 1 regressed, 2 not comparable"]);
    page.leaves("a mistake that tests/regression.rs plants", &["10 % too high"]);
    page.finish();

    let mut page = Quotes::of("docs/files.md");
    page.leaves("the first task", &["from 1"]);
    page.finish();

    Quotes::of("docs/gpu.md").finish();
}
