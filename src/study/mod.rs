//! Kinds of studies: claims, figures, tables and words, by the task that models learn.
//!
//! Each kind of study is one folder that implements [`StudyKind`]; [`kind`] is the one place that picks it. Everything
//! below this module is free of kinds.

pub mod classification;
pub mod conversion;
pub mod regression;
mod settings;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::analysis::gain::{Gains, Outcomes};
use crate::analysis::robust::Summaries;
use crate::analysis::{MeanCurve, Measure, RowSet, Runs, TaskLoss, gates, selected_runs};
use crate::claim::ClaimResult;
use crate::data::Task;
use crate::experiment::{Condition, ModelSpec};
use crate::figure::gain::GainFigure;
use crate::figure::gain_map::GainMap;
use crate::figure::profile::ProfileFigure;
use crate::figure::{self, Figure};
use crate::model::Role;
use crate::report::gain::Answer;
use crate::report::robust::RobustTables;
use crate::report::{self, Content, ReportError, Verdicts, words};
use crate::store::{CURVES, Folder, GATES, MeanRecord, Study, commands};

/// A kind of study.
pub trait StudyKind: Sync {
    /// Tests the papers' claims about such data on a study.
    fn claims(&self, study: &Study) -> Vec<ClaimResult>;

    /// The figures that a study has data for, in the order of its page.
    fn figures(&self, study: &Study) -> Vec<Box<dyn Figure>>;

    /// Words and tables of the study's page.
    fn content(&self, study: &Study) -> Content;

    /// The runs of a study, the numbers by which models are compared with a baseline, and the baselines.
    fn outcomes<'a>(&self, study: &'a Study) -> Outcomes<'a>;

    /// The value of the first of [`Self::outcomes`] that no model can beat under a condition, where it is known: the
    /// optimality gap is the distance from it.
    fn optimum(&self, study: &Study, condition: &Condition) -> Option<f64>;

    /// The optimum in words, as in "the distance from an AUC of 1".
    fn optimum_name(&self, study: &Study) -> String;

    /// The runs whose mean loss curves are drawn, one a seed at the selected learning rates.
    fn drawn_runs<'a>(&self, study: &'a Study) -> Vec<Runs<'a>> {
        selected_runs(study, Measure::from_study(study))
    }

    /// The task by whose loss two studies are compared, and its name.
    fn compared_task(&self) -> (TaskLoss, &'static str) {
        (TaskLoss::Task(1), "task 1")
    }
}

/// The kind of study that trains models on a task.
pub fn kind(task: Task) -> &'static dyn StudyKind {
    match task {
        Task::Regression => &regression::Regression,
        Task::Classification => &classification::Classification,
        Task::Conversion => &conversion::Conversion,
    }
}

/// The kind of a study.
pub fn kind_of(study: &Study) -> &'static dyn StudyKind {
    kind(study.experiment.data.task())
}

/// Fills the study's table of means from its runs, where it has every logged step of them. Figures and tables draw means by
/// step from that table, so that a report without the large tables has the same bytes.
pub fn add_means(study: &mut Study) {
    if study.has_curves() && study.has_gates() {
        study.means = means(study);
    }
}

/// Mean losses of every task by step, on training and held-out rows, and the use of gates: of the runs that the report
/// draws, and of those by which `sweep compare` overlays two studies.
fn means(study: &Study) -> Vec<MeanRecord> {
    let kind = kind_of(study);
    let reported = Measure::from_study(study);
    let compared = Measure { task: kind.compared_task().0, ..reported };
    let mut selected = kind.drawn_runs(study);
    for runs in selected_runs(study, reported).into_iter().chain(selected_runs(study, compared)) {
        let same = |other: &Runs| {
            (&other.model.name, &other.condition, other.learning_rates)
                == (&runs.model.name, &runs.condition, runs.learning_rates)
        };
        if !selected.iter().any(same) {
            selected.push(runs);
        }
    }
    let measures: Vec<Measure> = [RowSet::Train, RowSet::HeldOut]
        .into_iter()
        .flat_map(|rows| tasks(study).map(move |task| Measure { rows, task }))
        .collect();
    let curves: Vec<(&Runs, Measure)> =
        selected.iter().flat_map(|runs| measures.iter().map(move |&measure| (runs, measure))).collect();
    let of_curve = |(runs, measure): &(&Runs, Measure)| {
        let quantity = measure.column().expect("of one task");
        MeanCurve::new(&runs.runs, *measure).to_means(runs, &quantity)
    };
    let mut means: Vec<MeanRecord> = curves.par_iter().flat_map_iter(of_curve).collect();
    // Figures of gates are of the base setting.
    let setting = study.experiment.base_setting();
    means.extend(gates::to_means(&study.at_base(), reported).into_iter().map(|mean| {
        let condition = Condition { setting: setting.clone(), ..mean.condition };
        MeanRecord { condition, ..mean }
    }));
    means
}

fn tasks(study: &Study) -> impl Iterator<Item = TaskLoss> + use<> {
    (1..=study.experiment.problem().tasks).map(TaskLoss::Task)
}

/// The figures of a study.
pub struct Figures {
    /// Every figure that the study has data for: those of its kind, then those of its gates.
    pub drawn: Vec<Box<dyn Figure>>,
    /// Names of the figures whose tables the study's folder lacks.
    left_out: Vec<&'static str>,
    /// How the models compare, in words and tables.
    verdicts: Verdicts,
}

impl Figures {
    /// Takes the data of all figures from a study.
    pub fn from_study(study: &Study) -> Self {
        let kind = kind_of(study);
        let (runs, reported) = (kind.drawn_runs(study), Measure::from_study(study));
        let known = tasks(study).all(|task| MeanCurve::are_known(study, &runs, Measure { task, ..reported }));
        let outcomes = kind.outcomes(study);
        let gains = Gains::new(&outcomes, study.experiment.problem());
        let answer = Answer::new(&study.experiment, &gains, &outcomes.outcomes).expect("writing to memory");
        let main = outcomes.outcomes.first();
        let of_gain = main.and_then(|main| GainFigure::from_gains(study, &gains, main));
        let map = main.and_then(|main| GainMap::from_gains(study, &gains, main));
        let summaries = Summaries::new(&outcomes, |condition| kind.optimum(study, condition));
        let profile = main.and_then(|main| ProfileFigure::from_summaries(study, &summaries, main));
        let robust = main.and_then(|main| {
            RobustTables::new(&study.experiment, &summaries, main, &kind.optimum_name(study))
                .expect("writing to memory")
        });
        let (of_kind, without_curves): (Vec<_>, Vec<_>) =
            kind.figures(study).into_iter().partition(|figure| known || !figure.needs_curves());
        let mut drawn: Vec<_> =
            figure::boxed(of_gain).into_iter().chain(figure::boxed(map)).chain(of_kind).collect();
        drawn.extend(figure::boxed(profile));
        let base = study.at_base();
        drawn.extend(figure::of_gates(&base));
        let mut left_out: Vec<_> = without_curves.iter().map(|figure| figure.name()).collect();
        let draws_gates = base.experiment.models.iter().any(|model| has_gates(&base, model));
        if draws_gates && !base.has_final_gates() {
            left_out.push("figure6");
        }
        if draws_gates && !(base.has_final_gates() && gates::known_over_training(&base)) {
            left_out.push("gates");
        }
        Self { drawn, left_out, verdicts: Verdicts { answer, robust } }
    }

    /// The figures that are left out because the study's folder lacks their tables, and the command that restores them, in
    /// sentences; none where no figure is left out. The command names the folder `folder`.
    pub fn note(&self, study: &Study, folder: &Path) -> Option<String> {
        let list = |names: &[&str]| words::list(names.iter().map(|name| name.to_string()));
        let figures = match &self.left_out[..] {
            [] => return None,
            [figure] => format!(", so {figure} is left out"),
            figures => format!(", so {} are left out", list(figures)),
        };
        let large: Vec<&str> =
            study.missing_tables.iter().copied().filter(|name| [CURVES, GATES].contains(name)).collect();
        let missing = format!("{} {} missing", list(&large), if large.len() == 1 { "is" } else { "are" });
        Some(format!(
            "{missing}{figures}. `{}` restores the files; it trains the runs that {} lacks.",
            commands::resume(folder),
            folder.join("groups").display()
        ))
    }
}

/// Whether a model has gates.
fn has_gates(study: &Study, model: &ModelSpec) -> bool {
    let network = model.sizes.configuration.build(study.experiment.problem());
    network.layout().parameters.iter().any(|parameter| matches!(parameter.role, Role::Gate { .. }))
}

/// Writes the report of a study into `folder`: its figures, the tables of means and of final gates, `claims.csv` and
/// `report.html`, whose path is returned. Only the study is read; files of an earlier report are replaced.
///
/// # Errors
///
/// A figure cannot be drawn, or a file not written.
pub fn write_report(study: &Study, figures: Figures, folder: &Path) -> Result<PathBuf, ReportError> {
    let kind = kind_of(study);
    Folder::new(folder).write_tables_of_report(study)?;
    let note = figures.note(study, &report::shown_path(folder));
    let Figures { drawn, verdicts, .. } = figures;
    report::write(study, folder, &kind.claims(study), &drawn, verdicts, note, kind.content(study))
}

/// The baselines of a study: the models of `report.baseline`, or else those of the architecture `default`, or else the first
/// model of the experiment.
fn baselines(study: &Study, default: &str) -> Vec<String> {
    let experiment = &study.experiment;
    let named = |model: &&ModelSpec| match experiment.report.baselines.as_slice() {
        [] => model.architecture.name == default,
        names => names.contains(&model.name),
    };
    let names = |models: &mut dyn Iterator<Item = &ModelSpec>| -> Vec<String> {
        models.map(|model| model.name.clone()).collect()
    };
    let found = names(&mut experiment.models.iter().filter(named));
    if found.is_empty() { names(&mut experiment.models.iter().take(1)) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::NO_RUN_FINISHED;
    use crate::figure::testing::{empty_panels, well_formed};
    use crate::record::{Space, Target};
    use crate::store::sample::{FunnelSample, Sample};

    /// Asserts that every panel of every figure has a mark or says why it has none, and that no text of the study has a number
    /// that is not one.
    fn tells_everything(what: &str, study: &Study) {
        let figures = Figures::from_study(study);
        for figure in &figures.drawn {
            assert_eq!(empty_panels(figure.as_ref()), [0; 0], "{what}: {}", figure.name());
        }
        let folder = tempfile::tempdir().unwrap();
        let report = write_report(study, figures, folder.path()).unwrap();
        let claims = crate::claim::table::text(&kind_of(study).claims(study), true);
        let written =
            [report, folder.path().join("claims.csv")].map(|path| std::fs::read_to_string(path).unwrap());
        for text in written.iter().chain([&claims]) {
            for word in text.split(|c: char| !c.is_alphanumeric()) {
                assert!(!["NaN", "inf"].contains(&word), "{what}: {word}");
            }
        }
    }

    /// A study after a change of its runs.
    fn changed(mut study: Study, change: impl Fn(&mut crate::record::RunRecord)) -> Study {
        study.runs.iter_mut().for_each(change);
        study
    }

    #[test]
    fn every_panel_of_a_regression_study_has_a_mark_or_a_reason() {
        let base = || Sample { seeds: 3, ..Sample::default() };
        let diverged = Sample { seeds: 2, diverged: 2, ..base() }.study();
        tells_everything("all diverged", &diverged);
        tells_everything("one seed", &Sample { seeds: 1, correlations: vec![0.5], ..base() }.study());
        tells_everything("one model", &Sample { models: vec![("mmoe", "mmoe", "")], ..base() }.study());
        tells_everything("large losses", &Sample { loss_scale: 1e3, ..base() }.study());
        tells_everything("small losses", &Sample { loss_scale: 1e-6, ..base() }.study());
        let last_step = |run: &mut crate::record::RunRecord| {
            run.curve = run.curve.split_off(run.curve.len() - 1);
            let step = run.gates.last().map(|gate| gate.step);
            run.gates.retain(|gate| Some(gate.step) == step);
        };
        tells_everything("one logged step", &changed(base().study(), last_step));
        let worse = |run: &mut crate::record::RunRecord| {
            let factor = if run.key.model == "omoe" { 300.0 } else { 1.0 };
            let last = run.curve.last_mut().unwrap();
            last.train_loss.iter_mut().chain(&mut last.held_out_loss).for_each(|loss| *loss *= factor);
        };
        let worse = changed(base().study(), worse);
        tells_everything("one model that got worse", &worse);
        let figures = Figures::from_study(&worse);
        let figure4 = figures.drawn.iter().find(|figure| figure.name() == "figure4").unwrap();
        assert!(figure4.caption().contains("3 curves end above their panels"), "{}", figure4.caption());
        let mut partial = base().study();
        partial.runs.retain(|run| run.key.model != "mmoe" || run.key.condition.task_correlation == Some(0.5));
        tells_everything("runs that are missing", &partial);
        // Where no run finished, that is what panels of losses say.
        for figure in Figures::from_study(&diverged).drawn.iter().filter(|figure| figure.name() != "figure2")
        {
            let svg = figure::canvas::svg(figure.as_ref()).unwrap();
            assert_eq!(svg.matches(NO_RUN_FINISHED).count(), figure.frame().panels, "{}", figure.name());
        }
    }

    #[test]
    fn every_panel_of_a_conversion_study_has_a_mark_or_a_reason() {
        let base = || FunnelSample { models: vec!["base", "esmm"], seeds: 3, ..FunnelSample::default() };
        let varied = || FunnelSample { vary: Some(("data.selection", vec![0.0, 1.5])), ..base() };
        let log = |study: Study| {
            changed(study, |run| {
                run.deciles.clear();
                run.conversion_scores
                    .retain(|score| (score.target, score.space) != (Target::Conversion, Space::All));
                run.conversion_scores.iter_mut().for_each(|score| score.absolute_error = None);
            })
        };
        for (what, sample) in [("one setting", base()), ("two settings", varied())] {
            let of = |sample: FunnelSample| sample.study();
            tells_everything(what, &of(sample.clone()));
            tells_everything(what, &of(FunnelSample { diverged: 3, ..sample.clone() }));
            tells_everything(what, &of(FunnelSample { seeds: 1, ..sample.clone() }));
            tells_everything(what, &of(FunnelSample { models: vec!["esmm"], ..sample.clone() }));
            tells_everything(what, &log(of(sample.clone())));
            for scale in [1e3, 1e-6] {
                let scaled = changed(of(sample.clone()), |run| {
                    for point in &mut run.curve {
                        let losses = point.train_loss.iter_mut().chain(&mut point.held_out_loss);
                        losses.for_each(|loss| *loss *= scale);
                    }
                });
                tells_everything(what, &scaled);
            }
            // A constant pCTR has one decile.
            let one_decile = changed(of(sample), |run| run.deciles.retain(|decile| decile.decile == 5));
            tells_everything(what, &one_decile);
        }
    }

    #[test]
    fn every_panel_of_a_map_has_a_mark_or_a_reason() {
        let sample = FunnelSample {
            models: vec!["base", "esmm", "unbias"],
            correlations: vec![-0.5, 0.5, 1.0],
            vary: Some(("data.selection", vec![0.0, 0.5, 1.5])),
            ..FunnelSample::default()
        };
        let map = |study: &Study| {
            let map = Figures::from_study(study).drawn.into_iter().find(|figure| figure.name() == "gain_map");
            map.map(|map| (map.frame().panels, map.caption()))
        };
        let study = sample.study();
        tells_everything("a map", &study);
        let (panels, caption) = map(&study).unwrap();
        assert_eq!(panels, 2);
        assert!(caption.contains("blue where the model is better, red where it is worse"), "{caption}");
        // No interval, no run, and a hole.
        tells_everything("one seed", &FunnelSample { seeds: 1, ..sample.clone() }.study());
        assert!(map(&FunnelSample { diverged: 8, ..sample.clone() }.study()).is_none());
        let mut partial = sample.study();
        partial.runs.retain(|run| run.key.model != "esmm" || run.key.condition.task_correlation == Some(0.5));
        tells_everything("a map with holes", &partial);
        // One correlation and one key make no map.
        assert!(map(&FunnelSample { correlations: vec![0.5], ..sample }.study()).is_none());
    }

    #[test]
    fn claims_of_a_kind_have_different_names_in_snake_case() {
        let study = Sample { seeds: 1, ..Sample::default() }.study();
        for task in [Task::Regression, Task::Classification, Task::Conversion] {
            let claims = kind(task).claims(&study);
            assert!(claims.len() >= 6);
            for (i, claim) in claims.iter().enumerate() {
                assert_eq!(claim.number, i + 1);
                assert!(claims[..i].iter().all(|other| other.name != claim.name), "{}", claim.name);
                assert!(claim.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", claim.name);
            }
        }
    }

    /// The page of a study and the two tables of its robust summaries.
    fn robust(study: &Study) -> [String; 3] {
        let folder = tempfile::tempdir().unwrap();
        write_report(study, Figures::from_study(study), folder.path()).unwrap();
        ["report.html", "aggregates.csv", "profiles.csv"]
            .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap())
    }

    #[test]
    fn robust_summaries_have_rows_for_every_model_and_correlation() {
        let [page, aggregates, profiles] = robust(&Sample { seeds: 6, ..Sample::default() }.study());
        assert!(
            page.contains("id=\"robust\"") && page.contains("the loss of the noise alone, 0.0034"),
            "{page}"
        );
        // Nine cells with two quantities each, and two models compared with the first at three correlations.
        assert_eq!(aggregates.lines().count(), 1 + 9 * 2 + 2 * 3);
        assert_eq!(profiles.lines().count(), 1 + 9 * 51);
        assert!(
            aggregates.contains("mmoe,0.5,loss,mean,probability_of_improvement,shared_bottom,"),
            "{aggregates}"
        );
    }

    #[test]
    fn gaps_of_scores_are_measured_from_a_perfect_ranking() {
        let study = FunnelSample { models: vec!["base", "esmm"], ..FunnelSample::default() }.study();
        let [page, aggregates, _] = robust(&study);
        assert!(page.contains("an AUC of 1"));
        assert!(aggregates.contains("probability_of_improvement,base,"), "{aggregates}");
    }

    /// The figure of performance profiles.
    fn profile(study: &Study) -> Option<Box<dyn Figure>> {
        Figures::from_study(study).drawn.into_iter().find(|figure| figure.name() == "profile")
    }

    #[test]
    fn profiles_of_enough_runs_have_a_panel_for_each_correlation() {
        let sample = Sample { seeds: 20, diverged: 1, ..Sample::default() };
        let figure = profile(&sample.study()).unwrap();
        assert_eq!((figure.frame().panels, empty_panels(figure.as_ref())), (3, vec![]));
        assert!(well_formed(&crate::figure::canvas::svg(figure.as_ref()).unwrap()));
        assert!(figure.caption().contains("is not above the value") && figure.caption().contains("20 runs"));
        assert!(profile(&Sample { seeds: 19, ..sample.clone() }.study()).is_none());
        let diverged = Sample { diverged: 20, ..sample };
        assert!(profile(&diverged.study()).is_none(), "no threshold is known");
    }

    #[test]
    fn in_profiles_of_scores_the_higher_are_better() {
        let study =
            FunnelSample { seeds: 20, models: vec!["base", "esmm"], ..FunnelSample::default() }.study();
        let figure = profile(&study).unwrap();
        assert!(
            figure.caption().contains("is not below the value") && figure.caption().contains("to the right")
        );
    }
}
