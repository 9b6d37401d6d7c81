//! Two studies overlaid: the loss curves of every model that both have, a panel a task correlation, the first study's as
//! lines and the second's dashed.

use plotters::prelude::RGBColor;

use super::canvas::{Area, Drawing};
use super::curves::{ModelCurve, above_note, draw_curves, last_step, loss_axis, step_axis, stopped_note};
use super::frame::{Entry, Frame, Swatch};
use super::panel::{Axis, Heading, Panel};
use super::theme::Palette;
use super::{Figure, NO_RUN_FINISHED, theme};
use crate::analysis::{MeanCurve, Measure, Runs, selected_runs};
use crate::store::Study;

/// Panels in a row.
const COLUMNS: usize = 3;

/// The curves of two studies.
pub struct Overlay {
    /// Title and colour of every model, with its name.
    models: Vec<(String, String, RGBColor)>,
    correlations: Vec<Option<f64>>,
    /// The first study's curves, with the second's instead of the paper's.
    curves: Vec<ModelCurve>,
    /// The second study's bands, in the order of `curves`.
    bands: Vec<Vec<(f64, f64, f64)>>,
    x: Axis,
    y: Axis,
}

impl Overlay {
    /// None where the studies share no model and task correlation, or the curves of one are not known.
    pub fn from_studies(first: &Study, second: &Study, measure: Measure) -> Option<Self> {
        let (ours, theirs) = (selected_runs(first, measure), selected_runs(second, measure));
        let known = |study: &Study, runs: &[Runs]| MeanCurve::are_known(study, runs, measure);
        if !(known(first, &ours) && known(second, &theirs)) {
            return None;
        }
        let (mut curves, mut bands) = (Vec::new(), Vec::new());
        for ours in ours {
            let same = |r: &&Runs| r.model.name == ours.model.name && r.condition == ours.condition;
            let Some(theirs) = theirs.iter().find(same) else { continue };
            let other = MeanCurve::of(second, theirs, measure);
            bands.push(other.band());
            curves.push(ModelCurve {
                model: ours.model.name.clone(),
                task_correlation: ours.condition.task_correlation,
                mean: MeanCurve::of(first, &ours, measure),
                paper: other.points(),
            });
        }
        if curves.is_empty() {
            return None;
        }
        let experiment = &first.experiment;
        let palette = Palette::new(experiment);
        let models = experiment
            .models
            .iter()
            .filter(|model| curves.iter().any(|curve| curve.model == model.name))
            .map(|model| (model.name.clone(), model.title.clone(), palette.colour(&model.name)))
            .collect();
        let mut correlations: Vec<Option<f64>> = curves.iter().map(|curve| curve.task_correlation).collect();
        correlations.sort_by(|a, b| a.partial_cmp(b).expect("correlations of a grid are numbers"));
        correlations.dedup();
        let longer = match last_step(first) >= last_step(second) {
            true => first,
            false => second,
        };
        // As in Figure 4, the first twentieth may leave the panel.
        let from = last_step(first) as f64 / 20.0;
        let ticks = if correlations.len() == 1 { 6 } else { 3 };
        Some(Self {
            models,
            correlations,
            x: step_axis(longer, "Step", ticks),
            y: loss_axis(&curves, from, "Mean loss, one task"),
            curves,
            bands,
        })
    }
}

impl Figure for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn heading(&self) -> &'static str {
        "Curves of both"
    }

    fn frame(&self) -> Frame {
        let models = self.models.iter().map(|(_, title, colour)| Entry::new(Swatch::Band(*colour), title));
        let second = Entry::new(Swatch::Dashed(theme::FAINT), "B, same colours");
        let columns = self.correlations.len().min(COLUMNS);
        Frame {
            title: "Loss of A (lines) and B (dashed)".to_owned(),
            legend: models.chain([second]).collect(),
            panels: self.correlations.len(),
            columns,
            panel_height: if columns == 1 { 1_900 } else { 1_560 },
        }
    }

    fn caption(&self) -> String {
        "Loss against the training step, a panel a task correlation: means over runs with 95 % bootstrap bands, each \
         study at its own cross-fitted learning rates. The first steps may lie above the panel."
            .to_owned()
            + &stopped_note(&self.curves)
            + &above_note(&self.curves, &self.y)
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, &correlation) in panels.iter().zip(&self.correlations) {
            let heading =
                correlation.map(|p| Heading::short(format!("Task correlation {}", theme::number(p))));
            let heading = heading.unwrap_or_default();
            let colour =
                |model: &str| self.models.iter().find(|(name, ..)| name == model).map(|found| found.2);
            let here: Vec<_> = self
                .curves
                .iter()
                .zip(&self.bands)
                .filter(|(curve, _)| curve.task_correlation == correlation)
                .filter_map(|(curve, band)| Some((curve, band, colour(&curve.model)?)))
                .collect();
            Panel::draw(area, &heading, (&self.x, &self.y), NO_RUN_FINISHED, |panel| {
                for (_, band, colour) in &here {
                    panel.band(band, *colour)?;
                }
                let curves = here.iter().map(|(curve, _, colour)| (*curve, *colour));
                draw_curves(panel, &curves.collect::<Vec<_>>(), &self.y)
            })?;
        }
        Ok(())
    }
}
