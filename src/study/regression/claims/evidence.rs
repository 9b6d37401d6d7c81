//! The evidence for the claims: the runs that they are tested on.
//!
//! One run a seed for each of the paper's three models and each task correlation from 0 up, at cross-fitted
//! learning rates. Runs of one seed share their data, so every comparison pairs them on the seeds that all of its
//! models and correlations have.

use std::collections::BTreeMap;

use crate::analysis::{Measure, Runs, selected_runs};
use crate::claim::{FEWEST_SEEDS, NO_RUN_FINISHED, Seeds};
use crate::store::Study;

/// The paper's three models. A study's model is the first with that architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperModel {
    /// One network for all tasks, with a tower each.
    SharedBottom,
    /// Experts and one gate for all tasks.
    Omoe,
    /// Experts and a gate for each task.
    Mmoe,
}

impl PaperModel {
    /// All three, in the paper's order.
    pub const ALL: [Self; 3] = [Self::SharedBottom, Self::Omoe, Self::Mmoe];

    /// Name of its architecture, in experiments and in the reference data.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::SharedBottom => "shared_bottom",
            Self::Omoe => "omoe",
            Self::Mmoe => "mmoe",
        }
    }

    /// Name in sentences.
    pub fn title(self) -> &'static str {
        match self {
            Self::SharedBottom => "shared bottom",
            Self::Omoe => "OMoE",
            Self::Mmoe => "MMoE",
        }
    }
}

/// A model at a task correlation.
pub(super) type At = (PaperModel, f64);

/// The evidence of a study for or against the claims.
pub(super) struct Evidence<'a> {
    pub(super) study: &'a Study,
    measure: Measure,
    runs: Vec<Runs<'a>>,
    /// Variance of the labels that models are trained on: the unit in which losses are given.
    label_variance: f64,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(study: &'a Study) -> Self {
        let measure = Measure::from_study(study);
        let label_variance = study.experiment.data.source().loss_unit();
        Self { study, measure, runs: selected_runs(study, measure), label_variance }
    }

    /// The runs of a model at a task correlation.
    fn runs(&self, (model, task_correlation): At) -> Option<&Runs<'a>> {
        let architecture = model.architecture();
        let first = self.study.experiment.models.iter().find(|m| m.architecture.name == architecture)?;
        self.runs.iter().find(|runs| {
            runs.model.name == first.name && runs.condition.task_correlation == Some(task_correlation)
        })
    }

    /// Task correlations from 0 up at which all of these models have runs, in rising order. The paper's claims are
    /// about related tasks only.
    ///
    /// # Errors
    /// If the study lacks one of the models, or a correlation that they share.
    pub(super) fn correlations(&self, models: &[PaperModel]) -> Result<Vec<f64>, String> {
        for model in models {
            let name = model.architecture();
            if !self.study.experiment.models.iter().any(|m| m.architecture.name == name) {
                return Err(format!("the study has no model of architecture {name}"));
            }
        }
        let mut correlations = self.study.experiment.grid.task_correlations.clone();
        correlations.retain(|&p| p >= 0.0 && models.iter().all(|&model| self.runs((model, p)).is_some()));
        correlations.sort_by(f64::total_cmp);
        match correlations.is_empty() {
            true => Err("no task correlation of 0 or more has runs of every model compared".into()),
            false => Ok(correlations),
        }
    }

    /// The lowest and the highest of [`Self::correlations`].
    ///
    /// # Errors
    /// As there, or if there is only one.
    pub(super) fn extremes(&self, models: &[PaperModel]) -> Result<(f64, f64), String> {
        match self.correlations(models)?[..] {
            [low, .., high] => Ok((low, high)),
            _ => Err("one task correlation: two are needed".into()),
        }
    }

    /// 0.5 as in the paper, or else the lowest correlation, and correlation 1 (identical tasks) to compare it with.
    ///
    /// # Errors
    /// As [`Self::correlations`], or if there is no correlation of 1 or none below.
    pub(super) fn loose_and_identical(&self, models: &[PaperModel]) -> Result<(f64, f64), String> {
        let correlations = self.correlations(models)?;
        if !correlations.contains(&1.0) {
            return Err("needs identical tasks (task correlation 1)".into());
        }
        let loose = if correlations.contains(&0.5) { 0.5 } else { correlations[0] };
        if loose == 1.0 {
            return Err("one task correlation: two are needed".into());
        }
        Ok((loose, 1.0))
    }

    /// Final losses of these models and correlations, as shares of the labels' variance, on the seeds that all of them
    /// have.
    ///
    /// # Errors
    /// If there are fewer than three such seeds.
    pub(super) fn table(&self, columns: &[At]) -> Result<Table, String> {
        let mut by_seed: BTreeMap<u64, Vec<Option<f64>>> = BTreeMap::new();
        for &at in columns {
            for run in self.runs(at).into_iter().flat_map(|runs| &runs.runs) {
                let loss = self.measure.final_loss(run).filter(|loss| loss.is_finite());
                by_seed.entry(run.key.seed).or_default().push(loss.map(|loss| loss / self.label_variance));
            }
        }
        let rows: Vec<_> = by_seed.into_values().filter(|row| row.len() == columns.len()).collect();
        if rows.len() < FEWEST_SEEDS {
            return Err(format!("{} seeds in common: {FEWEST_SEEDS} are needed", rows.len()));
        }
        Ok(Table { rows })
    }
}

/// Final losses, `[seeds][columns]`, a column for each model and correlation; none where the run diverged.
pub(super) struct Table {
    rows: Vec<Vec<Option<f64>>>,
}

impl Table {
    /// Losses of the seeds on which no run diverged, `[columns][seeds]`.
    ///
    /// # Errors
    /// If there is no such seed.
    pub(super) fn finished(&self) -> Result<(Vec<Vec<f64>>, Seeds), String> {
        self.worst()?;
        let complete: Vec<Vec<f64>> =
            self.rows.iter().filter_map(|row| row.iter().copied().collect()).collect();
        let seeds = Seeds { used: complete.len(), left_out: self.rows.len() - complete.len() };
        if seeds.used == 0 {
            return Err("on no seed did every compared run finish".into());
        }
        let columns = (0..self.rows[0].len()).map(|c| complete.iter().map(|row| row[c]).collect());
        Ok((columns.collect(), seeds))
    }

    /// Losses of all seeds, `[columns][seeds]`, with `stand_in` for the loss of a diverged run.
    ///
    /// # Errors
    /// If no run finished: nothing is known of models that all diverge, not even that they are alike.
    pub(super) fn with_diverged_as(&self, stand_in: f64) -> Result<(Vec<Vec<f64>>, Seeds), String> {
        self.worst()?;
        let column = |c: usize| self.rows.iter().map(|row| row[c].unwrap_or(stand_in)).collect();
        let seeds = Seeds { used: self.rows.len(), left_out: 0 };
        Ok(((0..self.rows[0].len()).map(column).collect(), seeds))
    }

    /// The highest loss of any run that finished.
    ///
    /// # Errors
    /// If none did.
    pub(super) fn worst(&self) -> Result<f64, String> {
        let losses = self.rows.iter().flatten().flatten().copied();
        losses.reduce(f64::max).ok_or_else(|| NO_RUN_FINISHED.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::study;
    use super::*;

    #[test]
    fn losses_are_shares_of_the_labels_variance_however_labels_are_scaled() {
        let mut study = study(&[1.0], 4, |_, _, _| Some(0.5));
        let loss = |study: &Study| {
            let table = Evidence::new(study).table(&[(PaperModel::Mmoe, 1.0)]).unwrap();
            table.finished().unwrap().0[0][0]
        };
        assert_eq!(loss(&study), 0.5);
        let spec = study.experiment.data.synthetic_mut().unwrap();
        spec.standardise_labels = false;
        let variance = spec.label_variance();
        assert_eq!(loss(&study), 0.5 / variance);
    }

    #[test]
    fn cells_are_compared_on_their_common_seeds() {
        let mut study = study(&[0.5, 1.0], 8, |_, p, s| (p == 1.0 || s != 5).then_some(0.1 * s as f64));
        study.runs.retain(|run| run.key.seed != 3 || run.key.condition.task_correlation != Some(1.0));
        let evidence = Evidence::new(&study);
        let table = evidence.table(&[(PaperModel::Omoe, 0.5), (PaperModel::Omoe, 1.0)]).unwrap();
        let (columns, seeds) = table.finished().unwrap();
        assert_eq!(seeds, Seeds { used: 6, left_out: 1 });
        assert_eq!(columns[0], columns[1]);
        let worst = table.worst().unwrap();
        let (columns, seeds) = table.with_diverged_as(worst).unwrap();
        assert_eq!((columns[0].len(), seeds.left_out), (7, 0));
        assert_eq!(columns[0].iter().copied().fold(0.0, f64::max), worst);
    }

    #[test]
    fn without_a_finished_run_there_is_nothing_to_compare() {
        let cells = [(PaperModel::Omoe, 0.5), (PaperModel::Mmoe, 0.5)];
        let study_of = |finishes: fn(PaperModel, u64) -> bool| {
            study(&[0.5, 1.0], 8, move |model, _, s| finishes(model, s).then_some(0.1))
        };
        let diverged = study_of(|_, _| false);
        let table = Evidence::new(&diverged).table(&cells).unwrap();
        assert_eq!(table.finished().unwrap_err(), NO_RUN_FINISHED);
        assert_eq!(table.with_diverged_as(f64::INFINITY).unwrap_err(), NO_RUN_FINISHED);
        let one_model = study_of(|model, _| model == PaperModel::Mmoe);
        let table = Evidence::new(&one_model).table(&cells).unwrap();
        assert_eq!(table.finished().unwrap_err(), "on no seed did every compared run finish");
        assert_eq!(table.with_diverged_as(f64::INFINITY).unwrap().1.used, 8);
    }

    #[test]
    fn negative_correlations_are_not_the_papers() {
        let study = study(&[-0.5, 0.5, 1.0], 4, |_, _, _| Some(0.5));
        assert_eq!(Evidence::new(&study).correlations(&PaperModel::ALL), Ok(vec![0.5, 1.0]));
    }
}
