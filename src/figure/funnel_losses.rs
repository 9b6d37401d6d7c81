//! How models of click and conversion learn: the losses of clicks, and of clicks that convert, against the step.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::curves::{
    ModelCurve, diverged_note, draw_curves, loss_axis, runs_note, step_axis, swatch, uncertainty_note,
    with_room,
};
use super::frame::{Entry, Frame};
use super::panel::{Area, Axis, Drawing, Heading, Panel};
use super::{Figure, theme};
use crate::analysis::funnel::{base_place, model_runs};
use crate::analysis::{MeanCurve, Measure, TaskLoss};
use crate::store::Study;

/// Share of the training from which on all curves are within their panel: before it untrained models fall from ln 2,
/// which is thirty times where losses of rare conversions end.
const SHOWN_FROM: f64 = 0.2;

/// The figure of a study of impressions.
pub struct FunnelLosses {
    /// What is shown, in words.
    loss: &'static str,
    /// Title and colour of every model.
    models: Vec<(String, RGBColor)>,
    panels: Vec<(&'static str, Vec<ModelCurve>, Axis)>,
    x: Axis,
}

impl FunnelLosses {
    /// Nothing for a study without finished runs at its base place.
    pub fn of(study: &Study) -> Option<Self> {
        let (place, rows) = (base_place(study), Measure::shown(study).rows);
        let runs: Vec<_> = model_runs(study).into_iter().filter(|runs| runs.place == place).collect();
        let panel = |(name, task): (&'static str, usize)| {
            let measure = Measure { rows, task: TaskLoss::Task(task) };
            let curves: Vec<ModelCurve> = runs
                .iter()
                .map(|runs| ModelCurve {
                    model: runs.model.name.clone(),
                    task_correlation: place.task_correlation,
                    mean: MeanCurve::of(&runs.runs, measure),
                    paper: Vec::new(),
                })
                .collect();
            let y = axis(&curves, SHOWN_FROM * study.experiment.train.steps as f64);
            (name, curves, y)
        };
        let colour = |model| theme::model(&study.experiment, model);
        let models = runs.iter().map(|runs| (runs.model.title.clone(), colour(&runs.model.name))).collect();
        runs.iter().any(|runs| runs.runs.len() > runs.diverged()).then(|| Self {
            loss: rows.loss(),
            models,
            panels: [("Clicks", 1), ("Clicks that convert", 2)].map(panel).into(),
            x: with_room(step_axis(study, "Step", 5), runs.len()),
        })
    }

    fn frame(&self) -> Frame {
        let entry = |(title, colour): &(String, RGBColor)| {
            Entry::new(swatch(*colour, self.models.len()), title.clone())
        };
        Frame {
            title: self.title(),
            legend: self.models.iter().map(entry).collect(),
            panels: self.panels.len(),
            columns: 2,
            panel_height: 1_500,
        }
    }
}

/// From a little below the lowest mean, since losses of rare things are far from 0 however well they are known, to the
/// losses from step `from` on.
fn axis(curves: &[ModelCurve], from: f64) -> Axis {
    let top = loss_axis(curves, from, "").range.end;
    let points = curves.iter().flat_map(|curve| curve.mean.points()).map(|point| point.1);
    let lowest = points.filter(|loss| loss.is_finite()).fold(top, f64::min);
    let low = (lowest - 0.1 * (top - lowest)).max(0.0);
    Axis::new("Loss, nats", low..top, 6, theme::number)
}

impl Figure for FunnelLosses {
    fn name(&self) -> &'static str {
        "funnel_losses"
    }

    fn title(&self) -> String {
        "Losses of clicks, and of clicks that convert".to_owned()
    }

    fn caption(&self) -> String {
        let curves = &self.panels[0].1;
        format!(
            "{}, cross-entropy in nats of pCTR and of pCTCVR on all impressions, which is logged of every model whatever it \
             is trained on: mean over {} a curve, {}. Panels reach up to the losses after a fifth of the training. Models \
             with the same click network have the same loss of clicks at the same learning rate.{}",
            self.loss,
            runs_note(curves),
            uncertainty_note(curves.len()),
            diverged_note(curves)
        )
    }

    fn size(&self) -> (u32, u32) {
        self.frame().size()
    }

    fn draw<DB: DrawingBackend>(&self, area: &Area<DB>) -> Drawing<DB> {
        for (area, (name, curves, y)) in self.frame().draw(area)?.iter().zip(&self.panels) {
            let panel = Panel::new(area, &Heading::short(*name), &self.x, y)?;
            let curves: Vec<_> =
                curves.iter().zip(&self.models).map(|(curve, model)| (curve, model.1)).collect();
            draw_curves(&panel, &curves)?;
        }
        Ok(())
    }
}
