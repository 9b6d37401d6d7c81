//! Where pCVR is wrong: mean predicted over mean true pCVR by tenth of the impressions by true pCTR. The tenths that
//! are hardly ever clicked are those that a log says nothing about.

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::highlight::{self, Curve};
use super::panel::{Axis, Heading, Panel};
use super::{Figure, theme};
use crate::analysis::Runs;
use crate::analysis::curve::BAND_RESAMPLES;
use crate::analysis::funnel::{Varied, base_condition, bias_by_decile, model_runs};
use crate::experiment::Condition;
use crate::store::Study;

/// Tenths of the impressions.
const DECILES: usize = 10;
/// Most settings that have a panel.
const MOST_PANELS: usize = 4;

/// The figure of a study whose truth is known.
pub struct FunnelBias {
    panels: Vec<(String, Vec<Curve>, Axis)>,
    x: Axis,
}

impl FunnelBias {
    /// Nothing for a study without deciles.
    pub fn of(study: &Study) -> Option<Self> {
        let runs = model_runs(study);
        let panels: Vec<(String, Vec<Curve>, Axis)> = conditions(study)
            .into_iter()
            .filter_map(|(name, condition)| {
                let here = runs.iter().filter(|runs| runs.condition == condition);
                let curves: Vec<Curve> = here.filter_map(|runs| curve(study, runs)).collect();
                let y = highlight::size_axis(&curves);
                (!curves.is_empty()).then_some((name, curves, y))
            })
            .collect();
        if panels.is_empty() {
            return None;
        }
        let width = if panels.len() > 1 { 1_700 } else { 3_600 };
        let ticks = (1..=DECILES).rev().map(|decile| decile.to_string()).collect();
        let x = highlight::axis(
            "tenth of the impressions by true pCTR",
            ticks,
            width,
            panels.iter().map(|(_, curves, y)| (&curves[..], y)),
        );
        Some(Self { panels, x })
    }
}

/// The ratios of a model; nothing without deciles.
fn curve(study: &Study, runs: &Runs) -> Option<Curve> {
    let ratios = bias_by_decile(runs, BAND_RESAMPLES);
    let values = ratios.into_iter().map(|(decile, ratio)| ((DECILES - decile) as f64, ratio));
    // By rising x.
    let values: Vec<_> = values.rev().collect();
    (!values.is_empty()).then(|| Curve::new(&study.experiment, runs.model, values))
}

/// What has a panel: the first and the last setting and evenly spaced ones between.
fn conditions(study: &Study) -> Vec<(String, Condition)> {
    let Some(varied) = Varied::of(study) else { return vec![(String::new(), base_condition(study))] };
    let count = varied.conditions.len().min(MOST_PANELS);
    // Rounded to the nearest: with five settings and four panels 0, 1, 3, 4.
    let chosen =
        (0..count).map(|panel| (panel * (varied.conditions.len() - 1) * 2 + count - 1) / (2 * (count - 1)));
    let named = chosen.map(|number| {
        let (value, condition) = varied.conditions[number];
        (format!("{} {}", varied.name, theme::number(value)), condition)
    });
    named.collect()
}

impl Figure for FunnelBias {
    fn name(&self) -> &'static str {
        "funnel_bias"
    }

    fn heading(&self) -> &'static str {
        "Bias by click probability"
    }

    fn frame(&self) -> Frame {
        let mut legend = highlight::legend(highlight::crowded(&self.panels[0].1));
        legend.push(Entry::new(Swatch::Dashed(theme::INK), "the truth"));
        Frame {
            title: "Mean pCVR over the truth, from the most to the least clicked".to_owned(),
            legend,
            panels: self.panels.len(),
            columns: self.panels.len().min(2),
            panel_height: 1_500,
        }
    }

    fn caption(&self) -> String {
        format!(
            "Mean predicted over mean true pCVR in each tenth of the test impressions by true pCTR: mean over runs with 95 % \
             bootstrap bands; 1 is right on average. Tenth 1, the least clicked, is at the right: of it a model of clicked \
             impressions has seen the least, and a log can show nothing.{}",
            highlight::note(highlight::crowded(&self.panels[0].1))
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, (name, curves, y)) in panels.iter().zip(&self.panels) {
            let panel = Panel::new(area, &Heading::short(name), &self.x, y)?;
            panel.dashed(&[(self.x.range.start, 1.0), ((DECILES - 1) as f64, 1.0)], theme::INK)?;
            highlight::draw(&panel, curves, y)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Knob;
    use crate::store::funnel_sample::FunnelSample;

    #[test]
    fn the_ends_have_panels_however_many_settings_there_are() {
        let chosen = |settings: usize| {
            let values: Vec<f64> = (0..settings).map(|i| i as f64).collect();
            let study =
                FunnelSample { vary: Some((Knob::Selection, values)), seeds: 1, ..FunnelSample::default() }
                    .study();
            conditions(&study).into_iter().filter_map(|(_, at)| at.swept_value).collect::<Vec<f64>>()
        };
        assert_eq!(chosen(2), [0.0, 1.0]);
        assert_eq!(chosen(4), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(chosen(5), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(chosen(7), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(conditions(&FunnelSample::default().study()).len(), 1);
    }
}
