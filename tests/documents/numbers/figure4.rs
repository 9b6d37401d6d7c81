//! `results/figure4/README.md`: the paper's claims, Figures 3 to 5, held-out losses, gates and learning rates.

use super::{HELD_OUT, TRAINING, claim, count, runs, setting};
use crate::quotes::{Quotes, fixed, interval, significant, thousands};
use crate::tables::{Csv, report_tables, toml_file};

const MODELS: [(&str, &str); 3] = [("shared_bottom", "Shared-bottom"), ("omoe", "OMoE"), ("mmoe", "MMoE")];
const CORRELATIONS: [&str; 3] = ["0.5", "0.9", "1"];

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

    page.leaves(
        "an earlier training on another CPU, which is in the history of this repository",
        &["claim 6 as supported (0.120 [0.0537, 0.189] share of runs)"],
    );
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

    let end = study["train"]["steps"].to_string();
    for row in report_tables("figure4", &["Entropy", "Experts used", "Divergence"]).concat() {
        let (model, _) = MODELS.iter().find(|(_, title)| *title == row[0]).unwrap();
        for (at, quantity) in [(2, "gate_entropy"), (3, "experts_used"), (4, "gate_divergence")] {
            let mean = mean_at("figure4", model, &row[1], quantity, &end);
            let decimals = row[at].find(' ').unwrap() - 2;
            assert!(row[at].starts_with(&format!("{} [", fixed(mean, decimals))), "{row:?}: {mean}");
        }
        let [entropy, used, apart, loss] = [2, 3, 4, 9].map(|at: usize| row[at].clone());
        page.says(format!("| {} | {} | {entropy} | {used} | {apart} | {loss} |", row[0], row[1]));
        assert!(row[5].starts_with("0.00 "), "no gate collapses");
    }
    page.leaves("the largest divergence there can be", &["(1 bit)"]);

    page.says(format!("learning rates on {} seeds", count("figure4-rates", "grid", "seeds")));
    page.says(format!("The {seeds} seeds above are trained at {} alone", study["grid"]["learning_rates"][0]));
    page.says(format!("a grid of three rates on {seeds} seeds takes three times as long"));
    page.says("at 0.001 every mean is lower");
    let higher = MODELS
        .iter()
        .flat_map(|(model, _)| CORRELATIONS.map(|correlation| runs("figure4-rates", model, correlation)));
    let at = |runs: &Csv, rate| runs.with(&[("learning_rate", rate)]).mean(TRAINING);
    assert_eq!(higher.filter(|runs| at(runs, "0.001") > at(runs, "0.01")).count(), 0);
    page.says(format!(
        "is then undecided ({} on {} seeds)",
        interval(claim("figure4-rates", "4", ""), 3),
        count("figure4-rates", "grid", "seeds")
    ));
    page.finish();
}

/// A mean over runs at a step.
fn mean_at(study: &str, model: &str, correlation: &str, quantity: &str, step: &str) -> f64 {
    let means = Csv::read(&format!("results/{study}/means.csv"));
    let cell = [("model", model), ("task_correlation", correlation), ("quantity", quantity), ("step", step)];
    means.with(&cell).number("mean")
}

/// The table of distances. Areas come from the reports, our losses at the paper's last step from means.csv, and the paper's
/// losses from results/reference.
fn distances_to_the_paper(page: &mut Quotes) {
    let columns = ["Area", "Signed area", "Ours, last step compared", "Paper's, last step compared"];
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
            let ours = mean_at(study, model, correlation, "train_loss_1", &step);
            assert_eq!(row[6], fixed(ours, 4), "the report's loss at the paper's last step, {row:?}");
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
    // The highest bin in the right half of the paper's histograms contains 0.45.
    let right = stuck.rows.iter().filter(|row| row["bin_low"].parse::<f64>().unwrap() > 0.3);
    let peak = right.max_by_key(|row| row["runs_of_200"].parse::<u64>().unwrap()).unwrap();
    let [low, high] = ["bin_low", "bin_high"].map(|column| peak[column].parse::<f64>().unwrap());
    assert!(low <= 0.45 && 0.45 <= high, "the paper's peak is from {low} to {high}");
}
