//! `results/esmm/README.md`: ESMM's Table 2, selection bias, sparsity and delay.

use super::{claim, count, cpu_minutes, setting};
use crate::quotes::{Quotes, fixed, interval, thousands};
use crate::tables::{Csv, mean, numbers_in, report_tables, row, toml_file};

/// The scores of runs at the learning rates that a report chooses: each half of the seeds at the rate with the lowest log-loss
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
pub fn bias_with_interval(model: &str, title: &str) -> String {
    let table = &report_tables("esmm", &["Predicted / true"])[1];
    let ends = numbers_in(&row(table, &[title])[4]);
    interval([predicted_over_true(&reported("esmm", model, &[]), "all"), ends[0], ends[1]], 2)
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
    settings(&mut page);
    table(&mut page);
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
fn settings(page: &mut Quotes) {
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
        let axes = || setting(study, "grid", "vary").as_table().unwrap().clone();
        let values = || axes().values().map(|values| values.as_array().unwrap().len()).product::<usize>();
        let values = (!what.is_empty()).then(|| format!("{}{what} × ", values()));
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
fn table(page: &mut Quotes) {
    let tables = report_tables("esmm", &["Δ vs BASE"]);
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
    assert_eq!(Csv::read("results/esmm-selection/funnel.csv").values("data.selection"), strengths);
    page.says(format!("| selection | {} |", strengths.join(" | ")));
    let at = |model, strength| reported(STUDY, model, &[("data.selection", strength)]);
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
    let deciles = deciles.with(&[("model", model), ("data.selection", "3"), ("decile", "1")]);
    let ratios = reported("esmm-selection", model, &[("data.selection", "3")]).into_iter().map(|run| {
        let of_run = |column: &str| run.rows[0][column].clone();
        let decile = deciles.with(&[("seed", &of_run("seed")), ("learning_rate", &of_run("learning_rate"))]);
        decile.number("mean_prediction") / decile.number("mean_truth")
    });
    mean(&ratios.collect::<Vec<_>>())
}

fn sparsity_and_delay(page: &mut Quotes) {
    let auc = |model, share| {
        score(
            &reported("esmm-sparsity", model, &[("data.share", share)]),
            "click_and_conversion",
            "all",
            "auc",
        )
    };
    let gain = |share| fixed(auc("esmm", share) - auc("base", share), 3);
    page.says(format!("grows from {} with all data to {} with 1 % of them", gain("1"), gain("0.01")));
    page.says(format!(
        "With {} seeds the change, {}, is not significant",
        count("esmm-sparsity", "grid", "seeds"),
        interval(claim("esmm-sparsity", "6", "2"), 3)
    ));

    let late = |model| reported("esmm-delay", model, &[("data.mean_delay", "1")]);
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
    for delay in Csv::read("results/esmm-delay/funnel.csv").values("data.mean_delay") {
        let auc = |model| {
            score(
                &reported("esmm-delay", model, &[("data.mean_delay", delay)]),
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
