//! The gain of sharing in words and tables: the answer at the top of a page, `gains.csv` and `crossings.csv`.

use std::io;

use super::section::{Column, Section, Table};
use super::words::{count, either, ends, list, or_dash};
use crate::analysis::Interval;
use crate::analysis::gain::{Budget, Crossing, Gain, Gains, Outcome, Sign};
use crate::analysis::statistics::confidence::SEEDS_TO_DECIDE;
use crate::experiment::{Condition, Experiment};
use crate::figure::theme::{decimals, number};

/// The baseline of single-task networks in a sentence.
const NO_SHARING: &str = "no sharing";
/// Decimals of a gain.
const GAIN: usize = 4;
/// Most sentences of an answer; the table has the rest.
const MOST_SENTENCES: usize = 6;

/// The answer of a study: does sharing help, and from which task correlation on?
pub struct Answer {
    /// Heading.
    pub heading: String,
    /// A few sentences.
    pub sentences: Vec<String>,
    /// How the numbers were made.
    pub method: String,
    /// The table of all gains.
    pub section: Section,
    /// Content of `gains.csv`.
    pub gains: Vec<u8>,
    /// Content of `crossings.csv`; none without a crossing to look for.
    pub crossings: Option<Vec<u8>>,
}

impl Answer {
    /// None without a gain: the study has no baseline, or no other model.
    ///
    /// # Errors
    /// If a table cannot be written.
    pub fn new(experiment: &Experiment, gains: &Gains, outcomes: &[Outcome]) -> csv::Result<Option<Self>> {
        let Some(main) = outcomes.first().filter(|_| !gains.gains.is_empty()) else { return Ok(None) };
        let words = Words { experiment, gains, main, outcomes };
        Ok(Some(Self {
            heading: words.heading(),
            sentences: words.sentences(),
            method: words.method(),
            section: words.section(),
            gains: gains_csv(experiment, &gains.gains)?,
            crossings: match gains.crossings.is_empty() {
                true => None,
                false => Some(crossings_csv(experiment, &gains.crossings)?),
            },
        }))
    }
}

/// What sentences are made of.
struct Words<'a> {
    experiment: &'a Experiment,
    gains: &'a Gains,
    main: &'a Outcome,
    outcomes: &'a [Outcome],
}

/// What is true of some models under some settings.
struct Statement<'a> {
    settings: Vec<Condition>,
    budget: Budget,
    /// From "worse than no sharing …" on.
    predicate: String,
    gains: Vec<&'a Gain>,
    titles: Vec<String>,
}

impl Statement<'_> {
    /// Whether it says that models are better or worse.
    fn is_told(&self) -> bool {
        self.gains.iter().any(|gain| matches!(gain.sign, Sign::Better | Sign::Worse))
    }
}

/// Statements in which the same is true of the same models under several settings are one.
fn merged<'a>(statements: impl Iterator<Item = Statement<'a>>) -> Vec<Statement<'a>> {
    let mut merged: Vec<Statement> = Vec::new();
    for statement in statements {
        let same = |other: &&mut Statement| {
            (other.budget, &other.predicate, &other.titles)
                == (statement.budget, &statement.predicate, &statement.titles)
        };
        match merged.iter_mut().find(same) {
            Some(other) => {
                other.settings.extend(statement.settings);
                other.gains.extend(statement.gains);
            }
            None => merged.push(statement),
        }
    }
    merged
}

impl<'a> Words<'a> {
    /// A baseline in a sentence.
    fn baseline(&self, name: &str) -> String {
        let title = self.experiment.model_title(name);
        let single = self
            .experiment
            .models
            .iter()
            .any(|model| model.name == name && model.architecture.name == "single_task");
        if single { NO_SHARING.to_owned() } else { title.to_owned() }
    }

    fn heading(&self) -> String {
        let names: Vec<String> = self.gains.baselines().into_iter().map(|name| self.baseline(name)).collect();
        match names.iter().all(|name| name == NO_SHARING) {
            true => "Does sharing help?".to_owned(),
            false => format!("Is any model better than {}?", either(names.into_iter())),
        }
    }

    fn sentences(&self) -> Vec<String> {
        let settings = self.gains.settings();
        let mut statements = Vec::new();
        for baseline in self.gains.baselines() {
            let of_settings = settings.iter().flat_map(|setting| self.statements_on(baseline, setting));
            statements.extend(merged(of_settings));
        }
        let left_out = statements.len() > MOST_SENTENCES;
        if left_out && settings.len() > 1 {
            let baselines = self.gains.baselines().into_iter();
            return baselines.flat_map(|baseline| self.counts(baseline)).collect();
        }
        if left_out {
            // What is decided comes before what is not, each in the order of the study.
            statements.sort_by_key(|statement| !statement.is_told());
            statements.truncate(MOST_SENTENCES - 1);
        }
        let rest = left_out.then(|| "The table below has the rest.".to_owned());
        statements.into_iter().map(|statement| self.sentence(statement, &settings)).chain(rest).collect()
    }

    /// At how many settings and task correlations every model is better and worse than a baseline: what can be said
    /// shortly where much varies.
    fn counts(&self, baseline: &str) -> Vec<String> {
        let mut varied: Vec<String> =
            self.experiment.grid.drawn_axes().iter().map(|axis| axis.name()).collect();
        if self.experiment.grid.task_correlations.len() > 1 {
            varied.push("task correlation".to_owned());
        }
        let values = match varied.as_slice() {
            [one] => format!("values of {one}"),
            _ => format!("combinations of {}", list(varied.into_iter())),
        };
        let mut groups: Vec<([usize; 3], Vec<String>)> = Vec::new();
        for model in &self.experiment.models {
            let own = self.gains.main(baseline).filter(|gain| gain.model == model.name);
            let signs: Vec<Sign> = own.map(|gain| gain.sign).collect();
            if signs.is_empty() {
                continue;
            }
            let of = |sign| signs.iter().filter(|other| **other == sign).count();
            let counts = [of(Sign::Better), of(Sign::Worse), signs.len()];
            match groups.iter_mut().find(|(other, _)| *other == counts) {
                Some((_, titles)) => titles.push(model.title.clone()),
                None => groups.push((counts, vec![model.title.clone()])),
            }
        }
        let baseline = self.baseline(baseline);
        let sentence = |([better, worse, all], titles): ([usize; 3], Vec<String>)| {
            let is = if titles.len() == 1 { "is" } else { "are" };
            let models = list(titles.into_iter());
            let number = |n| if n == 0 { "none".to_owned() } else { count(n) };
            let (better, worse) = (number(better), number(worse));
            format!(
                "{models} {is} better than {baseline} at {better} of {} {values}, and worse at {worse}.",
                count(all)
            )
        };
        groups.into_iter().map(sentence).collect()
    }

    /// Where a sentence is true, such as "With training rows 100 and 300, "; empty where nothing varies.
    fn place(&self, settings: &[Condition], all: &[Condition]) -> String {
        let grid = &self.experiment.grid;
        let label = |setting: &Condition| grid.setting_label(&setting.setting, number);
        match (settings, &grid.drawn_axes()[..]) {
            _ if all.len() > 1 && settings.len() == all.len() => "At every setting, ".to_owned(),
            ([only], _) if only.setting.is_empty() => String::new(),
            ([only], _) => format!("With {}, ", label(only)),
            (_, [axis]) => {
                let value = |at: &Condition| Some(at.setting.get(&axis.key)?.label(number));
                format!("With {} {}, ", axis.name(), list(settings.iter().filter_map(value)))
            }
            (few @ [_, _], _) => {
                format!("With {}, ", few.iter().map(label).collect::<Vec<_>>().join(", and with "))
            }
            _ => format!("At {} of {} settings, ", settings.len(), all.len()),
        }
    }

    fn sentence(&self, statement: Statement, all: &[Condition]) -> String {
        let place = self.place(&statement.settings, all);
        let Statement { budget, predicate, gains, titles, .. } = statement;
        let one = titles.len() == 1;
        let with = match budget {
            Budget::Total => "at equal weights in total, ",
            Budget::Prediction => "at equal weights for the prediction of one task, ",
            Budget::Unequal if one => "with another number of weights, ",
            Budget::Unequal => "with other numbers of weights, ",
        };
        let is = if one { "is" } else { "are" };
        let models = list(titles.into_iter());
        upper_case(&format!("{place}{with}{models} {is} {predicate}{}.", range(&gains)))
    }

    /// What is true of one baseline under one setting: models of which the same is true share a statement.
    fn statements_on(&self, baseline: &'a str, setting: &Condition) -> Vec<Statement<'a>> {
        let here = |condition: &Condition| condition.without_correlation() == *setting;
        let gains: Vec<&'a Gain> = self.gains.main(baseline).filter(|gain| here(&gain.condition)).collect();
        let mut statements: Vec<Statement> = Vec::new();
        for model in &self.experiment.models {
            let own: Vec<&Gain> = gains.iter().copied().filter(|gain| gain.model == model.name).collect();
            let Some(budget) = own.first().map(|gain| gain.budget) else { continue };
            let crossing = self.gains.crossings.iter().find(|crossing| {
                crossing.model == model.name
                    && crossing.baseline == baseline
                    && crossing.condition == *setting
            });
            let predicate = self.predicate(&own, crossing, &self.baseline(baseline));
            let same = |other: &&mut Statement| (other.budget, &other.predicate) == (budget, &predicate);
            match statements.iter_mut().find(same) {
                Some(statement) => {
                    statement.gains.extend(own);
                    statement.titles.push(model.title.clone());
                }
                None => statements.push(Statement {
                    settings: vec![setting.clone()],
                    budget,
                    predicate,
                    gains: own,
                    titles: vec![model.title.clone()],
                }),
            }
        }
        statements
    }

    /// What is true of one model, from "worse than no sharing …" on.
    fn predicate(&self, gains: &[&Gain], crossing: Option<&Crossing>, baseline: &str) -> String {
        let mut parts: Vec<(Sign, Vec<Option<f64>>)> = Vec::new();
        for gain in gains {
            let p = gain.condition.task_correlation;
            match parts.last_mut() {
                Some((sign, places)) if *sign == gain.sign => places.push(p),
                _ => parts.push((gain.sign, vec![p])),
            }
        }
        let all = parts.len() == 1;
        let phrases = parts.iter().enumerate().map(|(index, (sign, places))| {
            let than = if index == 0 { baseline } else { "it" };
            let verdict = match sign {
                Sign::Better => format!("better than {than}"),
                Sign::Worse => format!("worse than {than}"),
                Sign::Unclear => format!("not told apart from {than}"),
                Sign::NotTested => {
                    format!("not compared with {than} (fewer than {SEEDS_TO_DECIDE} seeds have both)")
                }
            };
            let place = match (places.as_slice(), all) {
                ([None], _) | ([], _) | ([_], true) => String::new(),
                ([Some(p)], _) => format!(" at a task correlation of {}", number(*p)),
                ([Some(first), .., Some(last)], true) => {
                    format!(" at every task correlation from {} to {}", number(*first), number(*last))
                }
                ([Some(first), .., Some(last)], false) => {
                    format!(" at task correlations from {} to {}", number(*first), number(*last))
                }
                _ => String::new(),
            };
            verdict + &place
        });
        let told = parts.iter().any(|(sign, _)| matches!(sign, Sign::Better | Sign::Worse));
        let crosses = crossing.filter(|_| told).and_then(|crossing| {
            let at = crossing.task_correlation?;
            Some(format!("; its gain crosses 0 at {} {}", decimals(at, 2), crossing_ends(crossing)))
        });
        list(phrases) + &crosses.unwrap_or_default()
    }

    fn method(&self) -> String {
        let seeds = self.gains.gains.iter().map(|gain| gain.seeds).max().unwrap_or(0);
        format!(
            "Gains are of the {}, paired by seed over at most {} seeds, with 95\u{a0}% bootstrap intervals. A model \
             is better or worse where the p-value, Holm-corrected over models and conditions, is below 5\u{a0}%.",
            self.main.title,
            count(seeds)
        )
    }

    /// The gains of every outcome; those of the first are in sight.
    fn section(&self) -> Section {
        let sign = match self.main.higher_is_better {
            true => "the model's score minus the baseline's",
            false => "the baseline's loss minus the model's",
        };
        let crossings = match self.gains.crossings.is_empty() {
            true => "",
            false => " crossings.csv has the task correlations at which gains change sign.",
        };
        let text = format!(
            "The gain is {sign}, on the same seeds: above 0 the model is better. gains.csv has the same numbers.{crossings}"
        );
        let mut section = Section::new("gains", "Gains", "Every model against the baseline")
            .text(text)
            .table(self.table(self.main));
        for outcome in &self.outcomes[1..] {
            section = section.fold(format!("Gains by the {}", outcome.title), self.table(outcome));
        }
        section
    }

    /// The table of all gains of an outcome.
    fn table(&self, outcome: &Outcome) -> Table {
        let columns = [
            Column::model(),
            Column::words("Against"),
            Column::words("Equal weights"),
            Column::words("Setting").if_any(),
            Column::number("Correlation").if_any(),
            Column::number("Gain"),
            Column::number("95\u{a0}% interval"),
            Column::number("p (Holm)"),
            Column::words("Model is"),
            Column::number("Seeds"),
        ];
        let rows = self.gains.of(outcome).map(|gain| {
            let setting = self.experiment.grid.setting_label(&gain.condition.setting, number);
            [
                self.experiment.model_title(&gain.model).to_owned(),
                self.experiment.model_title(&gain.baseline).to_owned(),
                match gain.budget {
                    Budget::Total => "in total",
                    Budget::Prediction => "for one task",
                    Budget::Unequal => "no",
                }
                .to_owned(),
                or_dash((!setting.is_empty()).then_some(setting)),
                or_dash(gain.condition.task_correlation.map(number)),
                or_dash(gain.gain.map(|gain| decimals(gain.estimate, GAIN))),
                ends(gain.gain, GAIN),
                or_dash(gain.p.map(|p| if p < 0.001 { "< 0.001".into() } else { decimals(p, 3) })),
                gain.sign.as_str().to_owned(),
                count(gain.seeds),
            ]
        });
        Table::new(columns, rows)
    }
}

/// The text with its first letter in upper case.
fn upper_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The smallest and the largest gain with their intervals, in parentheses.
fn range(gains: &[&Gain]) -> String {
    let values = || gains.iter().filter_map(|gain| gain.gain);
    let order = |a: &Interval, b: &Interval| a.estimate.total_cmp(&b.estimate);
    let shown = |gain: Interval| format!("{} {}", decimals(gain.estimate, GAIN), ends(Some(gain), GAIN));
    match (values().min_by(order), values().max_by(order)) {
        (Some(only), _) if gains.len() == 1 => format!(" (gain {})", shown(only)),
        (Some(low), Some(high)) => format!(" (gains {} to {})", shown(low), shown(high)),
        _ => String::new(),
    }
}

/// The interval of a crossing; an end beyond the tested correlations says so.
fn crossing_ends(crossing: &Crossing) -> String {
    let [first, last] = crossing.tested;
    let low = crossing.low.map_or(format!("below {}", number(first)), |low| decimals(low, 2));
    let high = crossing.high.map_or(format!("above {}", number(last)), |high| decimals(high, 2));
    format!("[{low}, {high}]")
}

/// A number of a CSV file; empty where there is none.
pub(super) fn cell(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

/// `gains.csv`: a row for each model, condition, baseline and task.
fn gains_csv(experiment: &Experiment, gains: &[Gain]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["model".to_owned(), "task_correlation".to_owned()];
    header.extend(experiment.grid.axis_names());
    header.extend(
        ["baseline", "budget", "measure", "task", "gain", "low", "high", "runs", "p_holm", "verdict"]
            .map(String::from),
    );
    writer.write_record(&header)?;
    for gain in gains {
        let mut row = vec![gain.model.clone(), cell(gain.condition.task_correlation)];
        row.extend(gain.condition.axis_values());
        row.extend([
            gain.baseline.clone(),
            gain.budget.as_str().to_owned(),
            gain.outcome.0.to_owned(),
            gain.outcome.1.clone(),
            cell(gain.gain.map(|gain| gain.estimate)),
            cell(gain.gain.and_then(Interval::low)),
            cell(gain.gain.and_then(Interval::high)),
            gain.seeds.to_string(),
            cell(gain.p),
            gain.sign.as_str().to_owned(),
        ]);
        writer.write_record(&row)?;
    }
    finish(writer)
}

/// `crossings.csv`: a row for each model, setting and baseline.
fn crossings_csv(experiment: &Experiment, crossings: &[Crossing]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["model".to_owned()];
    header.extend(experiment.grid.axis_names());
    header.extend(["baseline", "budget", "task_correlation", "low", "high", "found"].map(String::from));
    writer.write_record(&header)?;
    for crossing in crossings {
        let mut row = vec![crossing.model.clone()];
        row.extend(crossing.condition.axis_values());
        let [first, last] = crossing.tested;
        row.extend([
            crossing.baseline.clone(),
            crossing.budget.as_str().to_owned(),
            cell(crossing.task_correlation),
            cell(crossing.low),
            cell(crossing.high),
            match crossing.task_correlation {
                Some(_) => "worse below, better above".to_owned(),
                None => format!("none in [{first}, {last}]"),
            },
        ]);
        writer.write_record(&row)?;
    }
    finish(writer)
}

/// The text of a CSV file.
///
/// # Errors
/// If it cannot be written.
pub(super) fn finish(writer: csv::Writer<Vec<u8>>) -> csv::Result<Vec<u8>> {
    writer.into_inner().map_err(|error| csv::Error::from(io::Error::from(error.into_error().kind())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gain::Outcomes;
    use crate::analysis::{Measure, TaskLoss, selected_runs};
    use crate::record::RunRecord;
    use crate::store::sample::Sample;

    /// The answer of a study whose MMoE gains `gain(p)` on single-task.
    fn answer(seeds: u64, gain: impl Fn(f64) -> f64) -> Answer {
        let models = vec![("single_task", "single_task", ""), ("mmoe", "mmoe", "")];
        let correlations = vec![0.0, 0.5, 1.0];
        let mut study =
            Sample { models, seeds, correlations, learning_rates: vec![0.01], ..Sample::default() }.study();
        for run in &mut study.runs {
            let noise = 0.001 * ((run.key.seed % 3) as f64 - 1.0);
            let gain = gain(run.key.condition.task_correlation.unwrap()) + noise;
            let loss = if run.key.model == "mmoe" { 0.5 - gain } else { 0.5 };
            let last = run.curve.last_mut().unwrap();
            last.held_out_loss = vec![loss as f32; last.held_out_loss.len()];
        }
        let mean = Measure { task: TaskLoss::Mean, ..Measure::default() };
        let value = Box::new(move |run: &RunRecord| mean.final_loss(run));
        let outcomes = Outcomes {
            runs: selected_runs(&study, mean),
            outcomes: vec![Outcome {
                name: "loss",
                task: "mean".into(),
                title: "loss".into(),
                higher_is_better: false,
                value,
            }],
            baselines: vec!["single_task".into()],
        };
        let gains = Gains::new(&outcomes, study.experiment.problem());
        Answer::new(&study.experiment, &gains, &outcomes.outcomes).unwrap().unwrap()
    }

    #[test]
    fn sentences_say_where_sharing_hurts_and_where_it_helps() {
        let [sentence] = &answer(12, |p| p - 0.75).sentences[..] else { panic!("one sentence a model") };
        let start = "At equal weights in total, MMoE is worse than no sharing at task correlations from 0 to 0.5 and \
                     better than it at a task correlation of 1; its gain crosses 0 at 0.75 [0.75, 0.75]";
        assert!(sentence.starts_with(start), "{sentence}");
        let sentence = &answer(12, |_| 0.1).sentences[0];
        assert!(
            sentence.contains("better than no sharing at every task correlation from 0 to 1"),
            "{sentence}"
        );
        assert!(!sentence.contains("crosses"), "{sentence}");
        let sentence = &answer(4, |_| 0.1).sentences[0];
        assert!(sentence.contains("not compared with no sharing (fewer than 6 seeds"), "{sentence}");
    }

    /// The answer of a study on three numbers of rows and two correlations, with these signs of a model, rows and p.
    fn answer_by_rows(models: &[&str], sign: impl Fn(&str, f64, f64) -> Sign) -> Answer {
        let text = format!(
            "[data]\nkind = \"synthetic\"\nscale = 1.0\nalpha = [1.0]\nbeta = [0.0]\nnoise_std = 0.1\n\
             [grid]\nmodels = [\"single_task\", \"{}\"]\ntask_correlations = [0, 1]\nlearning_rates = [0.01]\n\
             seeds = 8\nvary = {{ \"data.source.rows\" = [100, 300, 1000] }}\n\
             [train]\nsteps = 1\nbatch_size = 8\nlog_every = 1\nheld_out_rows = 8\n",
            models.join("\", \"")
        );
        let experiment = crate::experiment::load::parse("study", "study.toml", &text, &[]).unwrap();
        let gain = |model: &str, condition: Condition| {
            let rows = condition.setting.get("data.source.rows").unwrap().number().unwrap();
            let sign = sign(model, rows, condition.task_correlation.unwrap());
            Gain {
                model: model.into(),
                baseline: "single_task".into(),
                budget: Budget::Total,
                condition,
                outcome: ("loss", "mean".into()),
                gain: None,
                of_baseline: None,
                seeds: 8,
                p: Some(0.01),
                sign,
            }
        };
        let conditions = experiment.grid.conditions();
        let of_model = |model: &&str| {
            conditions.iter().map(|condition| gain(model, condition.clone())).collect::<Vec<_>>()
        };
        let gains = Gains { gains: models.iter().flat_map(of_model).collect(), crossings: Vec::new() };
        let outcome = Outcome {
            name: "loss",
            task: "mean".into(),
            title: "loss".into(),
            higher_is_better: false,
            value: Box::new(|_: &RunRecord| None),
        };
        Answer::new(&experiment, &gains, &[outcome]).unwrap().unwrap()
    }

    #[test]
    fn sentences_name_their_settings_and_the_same_is_said_once() {
        let answer =
            answer_by_rows(&["mmoe"], |_, rows, _| if rows < 1000.0 { Sign::Better } else { Sign::Unclear });
        assert_eq!(
            answer.sentences,
            [
                "With training rows 100 and 300, at equal weights in total, MMoE is better than no sharing at every task \
                 correlation from 0 to 1.",
                "With training rows 1000, at equal weights in total, MMoE is not told apart from no sharing at every task \
                 correlation from 0 to 1."
            ]
        );
        assert!(
            String::from_utf8(answer.gains).unwrap().starts_with("model,task_correlation,data.source.rows,")
        );
    }

    #[test]
    fn where_much_varies_sentences_count() {
        let models = ["shared_bottom", "omoe", "mmoe", "cgc"];
        let answer = answer_by_rows(&models, |model, rows, p| match (model, rows) {
            ("shared_bottom" | "mmoe", 100.0) => Sign::Worse,
            ("omoe", 300.0) => Sign::Better,
            ("cgc", 1000.0) if p == 1.0 => Sign::Better,
            ("cgc", 300.0) => Sign::Worse,
            _ => Sign::Unclear,
        });
        let place = "of 6 combinations of training rows and task correlation";
        assert_eq!(
            answer.sentences,
            [
                format!("Shared-bottom and MMoE are better than no sharing at none {place}, and worse at 2."),
                format!("OMoE is better than no sharing at 2 {place}, and worse at none."),
                format!("CGC is better than no sharing at 1 {place}, and worse at 2."),
            ]
        );
    }

    #[test]
    fn tables_have_a_row_for_each_gain() {
        let answer = answer(12, |p| p - 0.75);
        let gains = String::from_utf8(answer.gains).unwrap();
        assert_eq!(gains.lines().count(), 1 + 3);
        assert!(
            gains.lines().nth(1).unwrap().starts_with("mmoe,0,single_task,total,loss,mean,-0.75"),
            "{gains}"
        );
        let crossings = String::from_utf8(answer.crossings.unwrap()).unwrap();
        assert!(
            crossings.lines().nth(1).unwrap().starts_with("mmoe,single_task,total,0.7499"),
            "{crossings}"
        );
    }
}
