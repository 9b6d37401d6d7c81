//! Figure 3: the shared bottom's loss, a curve for every task correlation.

use super::super::reference::Counterpart;
use crate::analysis::{Measure, selected_runs};
use crate::experiment::{Experiment, ModelSpec};
use crate::figure::canvas::{Area, Drawing};
use crate::figure::curves::{
    ModelCurve, above_note, diverged_note, draw_curves, loss_axis, runs_note, step_axis, stopped_note,
    swatch, uncertainty_note, with_room,
};
use crate::figure::frame::{Entry, Frame, Swatch};
use crate::figure::panel::{Axis, Heading, Panel};
use crate::figure::{Figure, NO_RUN_FINISHED, theme};
use crate::store::Study;

/// Figure 3 of a study.
pub struct Figure3 {
    /// The measure in words.
    loss: &'static str,
    model: String,
    counterpart: Option<Counterpart>,
    curves: Vec<ModelCurve>,
    x: Axis,
    y: Axis,
}

/// The model that Figure 3 shows: the paper's shared bottom of 16 units where the study has it, else the
/// first shared bottom.
pub fn subject(experiment: &Experiment) -> Option<&ModelSpec> {
    let bottoms = || experiment.models.iter().filter(|model| model.architecture.name == "shared_bottom");
    bottoms()
        .find(|model| Counterpart::for_model(model) == Some(Counterpart::Figure3))
        .or_else(|| bottoms().next())
}

impl Figure3 {
    /// None for a study without runs of a shared bottom.
    pub fn from_study(study: &Study) -> Option<Self> {
        let model = subject(&study.experiment)?;
        let curves: Vec<ModelCurve> = selected_runs(study, Measure::from_study(study))
            .iter()
            .filter(|reported| reported.model.name == model.name)
            .map(|runs| super::model_curve(study, runs))
            .collect();
        if curves.is_empty() {
            return None;
        }
        Some(Self {
            loss: Measure::from_study(study).rows.loss(),
            model: model.title.clone(),
            counterpart: Counterpart::for_model(model),
            x: with_room(step_axis(study, "Step", 6), curves.len()),
            y: loss_axis(&curves, 0.0, "Mean loss, one task"),
            curves,
        })
    }
}

impl Figure for Figure3 {
    fn name(&self) -> &'static str {
        "figure3"
    }

    fn heading(&self) -> &'static str {
        "Figure 3"
    }

    fn needs_curves(&self) -> bool {
        true
    }

    fn frame(&self) -> Frame {
        let ours = self.curves.iter().enumerate().filter_map(|(i, curve)| {
            let label = format!("task correlation {}", theme::number(curve.task_correlation?));
            Some(Entry::new(swatch(theme::series(i), self.curves.len()), label))
        });
        let paper = self.curves.iter().any(|curve| !curve.paper.is_empty());
        let paper = paper.then(|| Entry::new(Swatch::Dashed(theme::FAINT), "paper, same colours"));
        Frame {
            title: format!("{} on tasks of different correlation", self.model),
            legend: ours.chain(paper).collect(),
            panels: 1,
            columns: 1,
            panel_height: 1_900,
        }
    }

    fn caption(&self) -> String {
        let paper = match self.counterpart {
            Some(Counterpart::Figure3) => "Dashed: the paper's Figure 3, a shared bottom of 16 units.",
            Some(Counterpart::Figure4) => {
                "Dashed: the paper's shared bottom of these sizes, from its Figure 4 (its Figure 3 has 16 units)."
            }
            None => "The paper has no shared bottom of these sizes.",
        };
        format!(
            "{} of task 1 against the training step: mean over {} a curve, {}, each at its \
             cross-fitted learning rate. {paper} Where sharing hurts, less correlated \
             tasks end higher.{}{}{}",
            self.loss,
            runs_note(&self.curves),
            uncertainty_note(self.curves.len()),
            stopped_note(&self.curves),
            diverged_note(&self.curves),
            above_note(&self.curves, &self.y)
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        let curves = self.curves.iter().enumerate().map(|(i, curve)| (curve, theme::series(i)));
        let curves: Vec<_> = curves.collect();
        Panel::draw(&panels[0], &Heading::default(), (&self.x, &self.y), NO_RUN_FINISHED, |panel| {
            draw_curves(panel, &curves, &self.y)
        })
    }
}
