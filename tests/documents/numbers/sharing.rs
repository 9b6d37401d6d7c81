//! `results/sharing/README.md`: the gain of sharing on the paper's tasks, beside networks with the same gates and levels
//! that share nothing, on scarce rows and on PLE's tasks.

use super::{count, cpu_minutes};
use crate::quotes::{Quotes, fixed, interval, significant, thousands};
use crate::tables::Csv;

const MODELS: [(&str, &str); 7] = [
    ("shared_bottom", "Shared-bottom"),
    ("l2_constrained", "L2-constrained"),
    ("cross_stitch", "Cross-stitch"),
    ("omoe", "OMoE"),
    ("mmoe", "MMoE"),
    ("cgc", "CGC"),
    ("ple", "PLE"),
];

/// Gains over a baseline, mean over tasks.
fn gains(study: &str, baseline: &str) -> Csv {
    let gains = Csv::read(&format!("results/{study}/gains.csv"));
    gains.with(&[("baseline", baseline), ("measure", "loss"), ("task", "mean")])
}

/// A gain on a baseline and its interval.
fn gain(study: &str, baseline: &str, model: &str, correlation: &str) -> [f64; 3] {
    let gains = gains(study, baseline);
    let row = gains.with(&[("model", model), ("task_correlation", correlation)]);
    ["gain", "low", "high"].map(|column| row.number(column))
}

/// Whether a model is better or worse than a baseline at a correlation, in the words of `gains.csv`.
fn verdict(study: &str, baseline: &str, model: &str, correlation: &str) -> String {
    let gains = gains(study, baseline);
    gains.with(&[("model", model), ("task_correlation", correlation)]).only()["verdict"].clone()
}

/// The row of a model in a table of gains; those that are told apart from 0 are bold.
fn row(study: &str, baseline: &str, (model, title): (&str, &str), correlations: &[&str]) -> String {
    let all = gains(study, baseline);
    let cell = |p: &&str| {
        let text = interval(gain(study, baseline, model, p), 3);
        match all.with(&[("model", model), ("task_correlation", p)]).only()["verdict"].as_str() {
            "better" | "worse" => format!("**{text}**"),
            _ => text,
        }
    };
    format!("| {title} | {} |", correlations.iter().map(cell).collect::<Vec<_>>().join(" | "))
}

/// At how many combinations of rows and correlation a model is better and worse than single-task networks.
fn counts(model: &str, rows: &[&str]) -> [usize; 3] {
    let all = gains("sharing-scarce", "single_task").with(&[("model", model)]);
    let of_rows: Vec<Csv> = rows.iter().map(|rows| all.with(&[("data.source.rows", rows)])).collect();
    let of = |verdict| of_rows.iter().map(|csv| csv.with(&[("verdict", verdict)]).rows.len()).sum();
    [of("better"), of("worse"), of_rows.iter().map(|csv| csv.rows.len()).sum()]
}

/// Accounts for the answer at the top of the README.
pub fn answer(readme: &mut Quotes) {
    let of = |model, p| interval(gain("sharing", "single_task", model, p), 3);
    let all = |study, baseline, model, expected| {
        let gains = gains(study, baseline).with(&[("model", model)]);
        assert_eq!(gains.values("verdict"), [expected], "{study}: {model}");
    };
    let sharing = |model, expected| all("sharing", "single_task", model, expected);
    readme.says(format!("over {} seeds", count("sharing", "grid", "seeds")));
    sharing("shared_bottom", "worse");
    readme.says(format!("even for identical tasks: its gain there is {}", of("shared_bottom", "1")));
    for (p, expected) in
        [("0.5", "not told apart"), ("0.7", "not told apart"), ("0.8", "better"), ("1", "better")]
    {
        assert_eq!(verdict("sharing", "single_task", "omoe", p), expected);
    }
    readme.says("pays from a correlation of 0.8 on");
    for model in ["mmoe", "cgc", "ple"] {
        sharing(model, "better");
    }
    readme.says(format!("MMoE gains {} at 0.5 and {} at 1.", of("mmoe", "0.5"), of("mmoe", "1")));
    all("sharing-control", "cgc_unshared", "cgc", "not told apart");
    assert_eq!(verdict("sharing-control", "ple_unshared", "ple", "0"), "worse");
    readme.says(format!(
        "PLE's over PLE without them is {} at 0",
        interval(gain("sharing-control", "ple_unshared", "ple", "0"), 3)
    ));
    let [_, worse, combinations] = counts("mmoe", &["100", "300"]);
    readme.says(format!(
        "With 100 or 300 rows the mixtures hurt.** MMoE is worse than no sharing at {worse} of {combinations} combinations"
    ));
    for model in ["l2_constrained", "cross_stitch"] {
        assert_eq!(counts(model, &["100", "300", "1000", "3000", "10000"])[1], 0, "{model}");
    }
}

#[test]
fn sharing() {
    let mut page = Quotes::of("results/sharing/README.md");
    for study in ["sharing", "sharing-control", "sharing-scarce", "sharing-ple"] {
        let runs = Csv::read(&format!("results/{study}/runs.csv")).rows.len();
        page.says(format!("| {} | {} min |", thousands(runs), cpu_minutes(study)));
    }
    page.says(format!("{} seeds", count("sharing", "grid", "seeds")));

    page.says("| | 0 | 0.5 | 0.8 | 0.9 | 1 |");
    for model in MODELS {
        page.says(row("sharing", "single_task", model, &["0", "0.5", "0.8", "0.9", "1"]));
        page.says(row("sharing", "single_task_wide", model, &["0", "0.5", "0.8", "0.9", "1"]));
    }
    let runs = Csv::read("results/sharing/runs.csv").with(&[("task_correlation", "0")]);
    let loss = |model| {
        let runs = runs.with(&[("model", model)]);
        fixed((runs.mean("best_held_out_loss_1") + runs.mean("best_held_out_loss_2")) / 2.0, 3)
    };
    page.says(format!(
        "(loss {} at correlation 0, against {})",
        loss("single_task_wide"),
        loss("single_task")
    ));
    let crossings = Csv::read("results/sharing/crossings.csv");
    let omoe = crossings.with(&[("model", "omoe"), ("baseline", "single_task")]);
    assert_eq!(omoe.only()["low"], "", "the interval begins below the tested correlations");
    page.says(format!(
        "Its gain crosses 0 at {} [below -0.5, {}]",
        fixed(omoe.number("task_correlation"), 2),
        fixed(omoe.number("high"), 2)
    ));

    for (baseline, models) in [
        ("ple_unshared", [("ple", "PLE"), ("cgc", "CGC"), ("mmoe", "MMoE"), ("single_task", "Single-task")]),
        ("cgc_unshared", [("ple", "PLE"), ("cgc", "CGC"), ("mmoe", "MMoE"), ("single_task", "Single-task")]),
    ] {
        for model in models {
            page.says(row("sharing-control", baseline, model, &["0", "0.8", "0.9", "0.95", "1"]));
        }
    }
    page.says("| | 0 | 0.8 | 0.9 | 0.95 | 1 |");
    page.says(format!(
        "({} seeds, learning rates 0.003 and 0.01, cross-fitted)",
        count("sharing-control", "grid", "seeds")
    ));
    for model in ["cgc", "mmoe"] {
        let gains = gains("sharing-control", "cgc_unshared").with(&[("model", model)]);
        assert_eq!(gains.values("verdict"), ["not told apart"], "{model} and CGC without shared experts");
    }
    for p in ["0.8", "0.9", "0.95", "1"] {
        assert_eq!(verdict("sharing-control", "ple_unshared", "ple", p), "not told apart");
    }

    const ROWS: [&str; 5] = ["100", "300", "1000", "3000", "10000"];
    page.says("| | 100 rows | 300 | 1,000 | 3,000 | 10,000 |");
    for (model, title) in MODELS {
        let cells = ROWS.map(|rows| {
            let [better, worse, _] = counts(model, &[rows]);
            format!("{better} / {worse}")
        });
        page.says(format!("| {title} | {} |", cells.join(" | ")));
    }
    page.says(format!("at how many of the {} correlations", counts("mmoe", &["100"])[2]));

    page.says("| | 0 | 0.8 | 1 |");
    page.says(format!(
        "512 inputs ({} seeds, learning rates 0.001 and 0.003, cross-fitted)",
        count("sharing-ple", "grid", "seeds")
    ));
    for (model, p, expected) in
        [("ple", "0", "better"), ("mmoe", "0.8", "not told apart"), ("mmoe", "1", "better")]
    {
        assert_eq!(verdict("sharing-ple", "single_task", model, p), expected);
    }
    for model in MODELS {
        page.says(row("sharing-ple", "single_task", model, &["0", "0.8", "1"]));
    }

    for row in Csv::read("results/sharing/claims.csv").with(&[("part", "")]).rows {
        let number = |column: &str| significant(row[column].parse().unwrap(), 3);
        let (statement, _) = row["statement"].rsplit_once(" (MMoE").unwrap();
        page.says(format!(
            "| {} | {statement} | **{}** | {} [{}, {}] {} |",
            row["claim"],
            row["verdict"],
            number("effect"),
            number("low"),
            number("high"),
            row["unit"],
        ));
    }
    page.leaves(
        "settings of the studies",
        &[
            "from -0.5 to 1",
            "shared_experts = 0",
            "from 0.8 to 1",
            "up to 0.7",
            "from 0.8 on",
            "from 0.5 on",
            "one learning rate, 0.003",
            "waves of 20 inputs",
            "above 0 sharing helps",
            "told apart from 0 after",
            "3,000 steps",
            "batches of 128",
            "2,000 held-out rows",
            "2,000 others",
            "1,000 others",
        ],
    );
    page.leaves(
        "a pilot, which is not committed",
        &["0.001, 0.003, 0.01 and 0.03", "8 seeds and 3 correlations", "0.0003 to 0.08"],
    );
    page.finish();
}
