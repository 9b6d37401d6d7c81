//! Figure 4: loss curves of all models, a panel for every task correlation.

use plotters::prelude::RGBColor;

use super::figure3;
use crate::analysis::{Measure, selected_runs};
use crate::figure::canvas::{Area, Drawing};
use crate::figure::curves::{
    ModelCurve, above_note, diverged_note, draw_curves, last_step, loss_axis, runs_note, step_axis,
    stopped_note, swatch, uncertainty_note, with_room,
};
use crate::figure::frame::{Entry, Frame, Swatch};
use crate::figure::panel::{Axis, Heading, Panel};
use crate::figure::theme::Palette;
use crate::figure::{Figure, NO_RUN_FINISHED, theme};
use crate::store::Study;

/// Panels in a row, as in the paper.
const COLUMNS: usize = 3;
/// First step of the paper's curves; losses before it would flatten all that follows.
const PAPER_START: f64 = 500.0;

/// Figure 4 of a study.
pub struct Figure4 {
    /// The measure in words.
    loss: &'static str,
    /// Title and colour of every model.
    models: Vec<(String, String, RGBColor)>,
    correlations: Vec<f64>,
    curves: Vec<ModelCurve>,
    x: Axis,
    y: Axis,
}

impl Figure4 {
    /// None for a study without runs, or where Figure 3 shows them all.
    pub fn from_study(study: &Study) -> Option<Self> {
        let experiment = &study.experiment;
        let palette = Palette::new(experiment);
        let curves: Vec<ModelCurve> = selected_runs(study, Measure::from_study(study))
            .iter()
            .map(|runs| super::model_curve(study, runs))
            .collect();
        let in_figure3 = figure3::subject(experiment).map(|model| model.name.as_str());
        if curves.iter().all(|curve| Some(curve.model.as_str()) == in_figure3) {
            return None;
        }
        let models: Vec<(String, String, RGBColor)> = experiment
            .models
            .iter()
            .filter(|model| curves.iter().any(|curve| curve.model == model.name))
            .map(|model| (model.name.clone(), model.title.clone(), palette.colour(&model.name)))
            .collect();
        let correlations = experiment.grid.task_correlations.iter().copied();
        let correlations: Vec<f64> = correlations
            .filter(|&correlation| curves.iter().any(|curve| curve.task_correlation == Some(correlation)))
            .collect();
        // A short study starts as late in its training as the paper in its 10,000 steps.
        let from = PAPER_START.min(last_step(study) as f64 / 20.0);
        let ticks = if correlations.len() == 1 { 6 } else { 3 };
        Some(Self {
            loss: Measure::from_study(study).rows.loss(),
            x: with_room(step_axis(study, "Step", ticks), models.len()),
            models,
            correlations,
            y: loss_axis(&curves, from, "Mean loss, one task"),
            curves,
        })
    }
}

impl Figure for Figure4 {
    fn name(&self) -> &'static str {
        "figure4"
    }

    fn heading(&self) -> &'static str {
        "Figure 4"
    }

    fn needs_curves(&self) -> bool {
        true
    }

    fn frame(&self) -> Frame {
        let models = self.models.iter();
        let models = models.map(|(_, title, colour)| Entry::new(swatch(*colour, self.models.len()), title));
        let paper = self.curves.iter().any(|curve| !curve.paper.is_empty());
        let paper = paper.then(|| Entry::new(Swatch::Dashed(theme::FAINT), "paper, same colours"));
        let columns = self.correlations.len().min(COLUMNS);
        Frame {
            title: "Loss of every model at every task correlation".to_owned(),
            legend: models.chain(paper).collect(),
            panels: self.correlations.len(),
            columns,
            panel_height: if columns == 1 { 1_900 } else { 1_560 },
        }
    }

    fn caption(&self) -> String {
        let paper = if self.curves.iter().any(|curve| !curve.paper.is_empty()) {
            "Dashed, in the same colours: the paper's Figure 4 (200 runs, from step 500). "
        } else {
            "The paper has no curves for these models and correlations. "
        };
        format!(
            "{} of task 1 against the training step, one panel a task correlation, the same axes in \
             all: mean over {} a curve, {}, each at its cross-fitted learning rate. \
             {paper}Compare the distance between models within a panel, and from panel to panel. The first steps \
             may lie above the panel.{}{}{}",
            self.loss,
            runs_note(&self.curves),
            uncertainty_note(self.models.len()),
            stopped_note(&self.curves),
            diverged_note(&self.curves),
            above_note(&self.curves, &self.y)
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, &correlation) in panels.iter().zip(&self.correlations) {
            let heading = Heading::short(format!("Task correlation {}", theme::number(correlation)));
            let here: Vec<&ModelCurve> =
                self.curves.iter().filter(|curve| curve.task_correlation == Some(correlation)).collect();
            let coloured = self.models.iter().flat_map(|(name, _, colour)| {
                here.iter().filter(move |curve| curve.model == *name).map(|&curve| (curve, *colour))
            });
            let coloured: Vec<_> = coloured.collect();
            Panel::draw(area, &heading, (&self.x, &self.y), NO_RUN_FINISHED, |panel| {
                draw_curves(panel, &coloured, &self.y)
            })?;
        }
        Ok(())
    }
}
