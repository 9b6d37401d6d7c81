//! Learning curves of models of click and conversion: the losses of clicks, and of clicks that convert, by step.

use plotters::prelude::RGBColor;

use super::super::runs::{base_condition, model_runs};
use crate::analysis::{MeanCurve, Measure, TaskLoss};
use crate::figure::canvas::{Area, Drawing};
use crate::figure::curves::{
    ModelCurve, above_note, crowded, diverged_note, draw_curves, last_step, loss_axis, runs_note, step_axis,
    stopped_note, swatch, uncertainty_note, with_room,
};
use crate::figure::frame::{Entry, Frame};
use crate::figure::panel::{Axis, Heading, Panel, round_up};
use crate::figure::theme::Palette;
use crate::figure::{Figure, NO_RUN_FINISHED, theme};
use crate::store::Study;

/// Share of the training after which all curves lie within their panel: before it they fall from ln 2, thirty times the
/// final losses of rare conversions.
const SHOWN_FROM: f64 = 0.2;

/// The figure of a study of impressions.
pub struct Losses {
    /// The measure in words.
    loss: &'static str,
    /// Title and colour of every model.
    models: Vec<(String, RGBColor)>,
    panels: Vec<(&'static str, Vec<ModelCurve>, Axis)>,
    x: Axis,
}

impl Losses {
    /// None for a study without finished runs at its base condition.
    pub fn from_study(study: &Study) -> Option<Self> {
        let (condition, rows) = (base_condition(study), Measure::from_study(study).rows);
        let runs: Vec<_> = model_runs(study).into_iter().filter(|runs| runs.condition == condition).collect();
        let panel = |(name, task): (&'static str, usize)| {
            let measure = Measure { rows, task: TaskLoss::Task(task) };
            let curves: Vec<ModelCurve> = runs
                .iter()
                .map(|runs| ModelCurve {
                    model: runs.model.name.clone(),
                    task_correlation: condition.task_correlation,
                    mean: MeanCurve::of(study, runs, measure),
                    paper: Vec::new(),
                })
                .collect();
            let y = axis(&curves, SHOWN_FROM * last_step(study) as f64);
            (name, curves, y)
        };
        let palette = Palette::new(&study.experiment);
        let models = runs.iter().map(|runs| (runs.model.title.clone(), palette.colour(&runs.model.name)));
        runs.iter().any(|runs| runs.runs.len() > runs.diverged()).then(|| Self {
            loss: rows.loss(),
            models: models.collect(),
            panels: [("Clicks", 1), ("Clicks that convert", 2)].map(panel).into(),
            x: with_room(step_axis(study, "Step", 5), runs.len()),
        })
    }
}

/// The axis from a little below to a little above all that is drawn from step `from` on, since losses of rare events lie
/// far from 0. With whiskers instead of bands, that is the means and the last step's intervals. A curve that leaves the
/// panel ([`loss_axis`]) takes its interval with it.
fn axis(curves: &[ModelCurve], from: f64) -> Axis {
    let top = loss_axis(curves, from, "").range.end;
    let drawn = curves.iter().flat_map(|curve| {
        let (means, mut ends) = (curve.mean.points(), curve.mean.band());
        if crowded(curves.len()) {
            ends = ends.split_off(ends.len().saturating_sub(1));
        }
        let ends = ends.into_iter().filter(|&(step, low, _)| step >= from && low <= top);
        let means = means.into_iter().filter(|&(step, mean)| step >= from && mean <= top);
        ends.flat_map(|(_, low, high)| [low, high]).chain(means.map(|(_, mean)| mean)).collect::<Vec<_>>()
    });
    let (low, high) = drawn.fold((top, 0.0), |(low, high), loss| (loss.min(low), loss.max(high)));
    let top = top.max(round_up(high));
    Axis::new("Loss, nats", (low - 0.1 * (top - low)).max(0.0)..top, 6, theme::number)
}

impl Figure for Losses {
    fn name(&self) -> &'static str {
        "funnel_losses"
    }

    fn heading(&self) -> &'static str {
        "Losses while training"
    }

    fn needs_curves(&self) -> bool {
        true
    }

    fn frame(&self) -> Frame {
        let entry = |(title, colour): &(String, RGBColor)| {
            Entry::new(swatch(*colour, self.models.len()), title.clone())
        };
        Frame {
            title: "Losses of clicks, and of clicks that convert".to_owned(),
            legend: self.models.iter().map(entry).collect(),
            panels: self.panels.len(),
            columns: 2,
            panel_height: 1_500,
        }
    }

    fn caption(&self) -> String {
        let curves = &self.panels[0].1;
        format!(
            "{}: cross-entropy in nats of pCTR and of pCTCVR on all impressions, logged for every model whatever it is \
             trained on. Mean over {} a curve, {}. Panels show what follows the first fifth of the training. Models with \
             the same click network have the same loss of clicks at the same learning rate.{}{}{}",
            self.loss,
            runs_note(curves),
            uncertainty_note(curves.len()),
            stopped_note(curves),
            diverged_note(curves),
            self.panels.iter().map(|(_, curves, y)| above_note(curves, y)).collect::<String>()
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, (name, curves, y)) in panels.iter().zip(&self.panels) {
            let curves: Vec<_> =
                curves.iter().zip(&self.models).map(|(curve, model)| (curve, model.1)).collect();
            Panel::draw(area, &Heading::short(*name), (&self.x, y), NO_RUN_FINISHED, |panel| {
                draw_curves(panel, &curves, y)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Interval;

    /// A curve that falls from ln 2 to `last` in 400 steps, with intervals of ± `half` at its end and three times
    /// that before.
    fn curve(last: f64, half: f64) -> ModelCurve {
        let loss =
            |estimate: f64, half| Interval { estimate, ends: Some((estimate - half, estimate + half)) };
        let loss = vec![loss(2f64.ln(), 3.0 * half), loss(1.1 * last, 3.0 * half), loss(last, half)];
        let mean = MeanCurve { steps: vec![0, 200, 400], loss, runs: 10, diverged: 0, stopped: 0 };
        ModelCurve { model: "base".into(), task_correlation: Some(0.5), mean, paper: Vec::new() }
    }

    #[test]
    fn no_band_and_no_whisker_leaves_its_panel() {
        // Six curves have bands, widest at step 200; seven have whiskers, which show the last step alone.
        for (curves, low, high) in [(6, 0.022 - 0.012, 0.022 + 0.012), (7, 0.02 - 0.004, 0.02 + 0.004)] {
            let range = axis(&(0..curves).map(|_| curve(0.02, 0.004)).collect::<Vec<_>>(), 80.0).range;
            assert!(low - 0.01 < range.start && range.start < low, "{curves} curves: {range:?}");
            assert!(high < range.end && range.end < high + 0.01, "{curves} curves: {range:?}");
        }
    }

    #[test]
    fn a_model_that_got_worse_does_not_flatten_the_others() {
        let curves: Vec<_> = (0..7).map(|i| curve(if i == 3 { 50.0 } else { 0.02 }, 0.001)).collect();
        let range = axis(&curves, 80.0).range;
        // At most 1.2 times the loss at the start, ln 2, rounded up.
        assert!(range.start < 0.019 && range.end <= 1.0, "{range:?}");
    }
}
