//! Use of the gates over training: entropy, utilisation and divergence between the tasks' gates, a row of panels
//! for every gated model. The paper shows gates once, at the end, of a production model (Figure 6).

use super::canvas::{Area, Drawing};
use super::curves::step_axis;
use super::frame::{Entry, Frame, Swatch};
use super::panel::{Axis, Heading, Panel, round_up};
use super::{Figure, NO_RUN_FINISHED, theme};
use crate::analysis::gates::{GateCurvePoint, GateSummary, gate_summaries, known_over_training};
use crate::analysis::{Interval, Measure};
use crate::store::Study;

/// A function from a point of the curve to one of its numbers.
type Value = fn(&GateCurvePoint) -> Interval;

/// Name and value of every panel in a row.
const MEASURES: [(&str, Value); 3] = [
    ("entropy, nats", |point| point.entropy),
    ("experts used, share", |point| point.utilisation),
    ("divergence of tasks, bits", |point| point.divergence),
];

/// The use of gates over training, of a study.
pub struct Gates {
    /// Title of every gated model, with its summaries by task correlation.
    models: Vec<(String, Vec<GateSummary>)>,
    /// Task correlations with a summary; one `None` where the data has no such axis.
    correlations: Vec<Option<f64>>,
    x: Axis,
    /// One for each of [`MEASURES`].
    y: Vec<Axis>,
}

impl Gates {
    /// None for a study without finished runs of a gated model, or whose gates are known after the last step only.
    pub fn from_study(study: &Study) -> Option<Self> {
        if !known_over_training(study) {
            return None;
        }
        let summaries = gate_summaries(study, Measure::from_study(study));
        let highest = |value: Value| {
            let points = summaries.iter().flat_map(|summary| &summary.curve).map(value);
            points.map(Interval::highest).fold(0.0, f64::max)
        };
        let y = MEASURES.map(|(_, value)| {
            let top = highest(value);
            // One gate for all tasks has no divergence at all; the axis still needs a length.
            let top = if top > 0.0 { round_up(top) } else { 1.0 };
            Axis::new("", 0.0..top, 5, theme::number)
        });
        let experiment = &study.experiment;
        let models: Vec<(String, Vec<GateSummary>)> = experiment
            .models
            .iter()
            .map(|model| {
                let summaries_of_model = summaries.iter().filter(|summary| summary.model == model.name);
                (model.title.clone(), summaries_of_model.cloned().collect::<Vec<_>>())
            })
            .filter(|(_, summaries)| !summaries.is_empty())
            .collect();
        let seen = |p: &Option<f64>| summaries.iter().any(|summary| summary.task_correlation == *p);
        let correlations = experiment.grid.correlation_axis().into_iter().filter(seen).collect();
        (!models.is_empty()).then(|| Self {
            models,
            correlations,
            x: step_axis(study, "Step", 3),
            y: y.into(),
        })
    }
}

impl Figure for Gates {
    fn name(&self) -> &'static str {
        "gates"
    }

    fn heading(&self) -> &'static str {
        "Gates while training"
    }

    fn frame(&self) -> Frame {
        let entry = |(i, p): (usize, &Option<f64>)| {
            let label = format!("task correlation {}", theme::number((*p)?));
            Some(Entry::new(Swatch::Band(theme::series(i)), label))
        };
        Frame {
            title: "Use of the gates over training".to_owned(),
            legend: self.correlations.iter().enumerate().filter_map(entry).collect(),
            panels: self.models.len() * MEASURES.len(),
            columns: MEASURES.len(),
            panel_height: 1_200,
        }
    }

    fn caption(&self) -> String {
        let runs = self.models.iter().flat_map(|(_, summaries)| summaries).flat_map(|s| &s.curve);
        let most = runs.map(|point| point.runs).max().unwrap_or(0);
        format!(
            "Means over up to {most} runs with 95 % bootstrap bands, on held-out rows, a row of panels a model. \
             Left: entropy of a row's gate weights (0: one expert a row; ln of the number of experts: uniform). \
             Middle: effective share of the experts that the tasks use together. Right: Jensen–Shannon divergence \
             of the tasks' mean weights (0: equal, as always where tasks share one gate; 1: two tasks share no \
             expert). Where gates separate unrelated tasks, the curves at the right differ by correlation."
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        let rows = self.models.iter().flat_map(|model| (0..MEASURES.len()).map(move |m| (model, m)));
        for (area, ((title, summaries), m)) in panels.iter().zip(rows) {
            let (name, value) = MEASURES[m];
            let heading = Heading { name: title.clone(), rest: format!(", {name}") };
            let coloured: Vec<_> = self
                .correlations
                .iter()
                .enumerate()
                .filter_map(|(i, p)| {
                    Some((summaries.iter().find(|s| s.task_correlation == *p)?, theme::series(i)))
                })
                .collect();
            Panel::draw(area, &heading, (&self.x, &self.y[m]), NO_RUN_FINISHED, |panel| {
                for (summary, colour) in &coloured {
                    let at = |point: &GateCurvePoint| {
                        value(point).ends.map(|(low, high)| (point.step as f64, low, high))
                    };
                    panel.band(&summary.curve.iter().filter_map(at).collect::<Vec<_>>(), *colour)?;
                }
                for (summary, colour) in &coloured {
                    let at = |point: &GateCurvePoint| (point.step as f64, value(point).estimate);
                    panel.line(&summary.curve.iter().map(at).collect::<Vec<_>>(), *colour)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::canvas;
    use crate::store::sample::Sample;

    /// Lines of the drawn figure.
    fn lines(study: &Study) -> usize {
        let gates = Gates::from_study(study).unwrap();
        let svg = canvas::svg(&gates).unwrap();
        svg.matches("<polyline").count()
    }

    #[test]
    fn every_panel_has_a_curve_where_the_data_has_no_task_correlations() {
        let mut study = Sample { correlations: vec![0.5], seeds: 4, ..Sample::default() }.study();
        let with_correlations = lines(&study);
        study.experiment.grid.task_correlations.clear();
        for run in &mut study.runs {
            run.key.condition.task_correlation = None;
        }
        let gates = Gates::from_study(&study).unwrap();
        assert_eq!(gates.correlations, [None]);
        assert!(gates.frame().legend.is_empty());
        // As many curves as with one task correlation; only the line of its legend entry is gone.
        assert_eq!(lines(&study), with_correlations - 1);
    }
}
