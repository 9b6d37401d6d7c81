//! Bias of pCVR: mean predicted over mean true pCVR in each decile of the impressions by true pCTR. A log says nothing
//! about the deciles that are hardly ever clicked.

use super::super::runs::{SweptAxis, base_condition, bias_by_decile, model_runs};
use super::curve;
use crate::analysis::Runs;
use crate::analysis::curve::BAND_RESAMPLES;
use crate::experiment::Condition;
use crate::figure::canvas::{Area, Drawing};
use crate::figure::emphasis::{self, Curve, CurvePanel};
use crate::figure::frame::{Entry, Frame, Swatch};
use crate::figure::panel::{Axis, Heading, Panel};
use crate::figure::theme::Palette;
use crate::figure::{Figure, NO_RUN_FINISHED, theme};
use crate::store::Study;

/// Deciles of the impressions.
const DECILES: usize = 10;
/// Most settings with a panel.
const MOST_PANELS: usize = 4;

/// The figure of a study with known true probabilities.
pub struct Bias {
    panels: Vec<CurvePanel>,
    x: Axis,
}

impl Bias {
    /// None for a study without deciles.
    pub fn from_study(study: &Study) -> Option<Self> {
        let runs = model_runs(study);
        let palette = Palette::new(&study.experiment);
        let panels: Vec<CurvePanel> = conditions(study)
            .into_iter()
            .filter_map(|(heading, condition)| {
                let here = runs.iter().filter(|runs| runs.condition == condition);
                let curves: Vec<Curve> = here.filter_map(|runs| bias(study, &palette, runs)).collect();
                let y = emphasis::size_axis(&curves);
                (!curves.is_empty()).then_some(CurvePanel { heading, curves, y })
            })
            .collect();
        if panels.is_empty() {
            return None;
        }
        let width = if panels.len() > 1 { 1_700 } else { 3_600 };
        let ticks =
            (1..=DECILES).rev().map(|decile| ((DECILES - decile) as f64, decile.to_string())).collect();
        let x = emphasis::axis("decile of the impressions by true pCTR", ticks, width, &panels);
        Some(Self { panels, x })
    }
}

/// The ratios of a model; none without deciles.
fn bias(study: &Study, palette: &Palette, runs: &Runs) -> Option<Curve> {
    let ratios = bias_by_decile(runs, BAND_RESAMPLES);
    let values = ratios.into_iter().map(|(decile, ratio)| ((DECILES - decile) as f64, ratio));
    // By rising x.
    let values: Vec<_> = values.rev().collect();
    (!values.is_empty()).then(|| curve(study, palette, runs.model, values))
}

/// Heading and condition of every panel: the first and the last setting and evenly spaced ones between.
fn conditions(study: &Study) -> Vec<(String, Condition)> {
    let Some(varied) = SweptAxis::from_study(study) else {
        return vec![(String::new(), base_condition(study))];
    };
    let count = varied.conditions.len().min(MOST_PANELS);
    // Rounded to the nearest: with five settings and four panels 0, 1, 3, 4.
    let chosen =
        (0..count).map(|panel| (panel * (varied.conditions.len() - 1) * 2 + count - 1) / (2 * (count - 1)));
    let named = chosen.map(|number| {
        let (value, condition) = varied.conditions[number].clone();
        (format!("{} {}", varied.name, value.label(theme::number)), condition)
    });
    named.collect()
}

impl Figure for Bias {
    fn name(&self) -> &'static str {
        "funnel_bias"
    }

    fn heading(&self) -> &'static str {
        "Bias by click probability"
    }

    fn frame(&self) -> Frame {
        let mut legend = emphasis::legend(emphasis::crowded(&self.panels[0].curves));
        legend.push(Entry::new(Swatch::Dashed(theme::INK), "truth"));
        Frame {
            title: "Mean pCVR over the truth, from the most to the least clicked decile".to_owned(),
            legend,
            panels: self.panels.len(),
            columns: self.panels.len().min(2),
            panel_height: 1_500,
        }
    }

    fn caption(&self) -> String {
        format!(
            "Mean predicted over mean true pCVR in each decile of the test impressions by true pCTR: mean over runs with \
             95 % bootstrap bands; 1 is right on average. Decile 1, the least clicked, is at the right: a model of clicked \
             impressions has seen the least of it, and a log shows nothing about it.{}",
            emphasis::note(emphasis::crowded(&self.panels[0].curves))
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        for (area, CurvePanel { heading, curves, y }) in panels.iter().zip(&self.panels) {
            Panel::draw(area, &Heading::short(heading), (&self.x, y), NO_RUN_FINISHED, |panel| {
                panel.dashed(&[(self.x.range.start, 1.0), ((DECILES - 1) as f64, 1.0)], theme::INK)?;
                emphasis::draw(panel, curves, y)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::FunnelSample;

    #[test]
    fn the_ends_have_panels_however_many_settings_there_are() {
        let chosen = |settings: usize| {
            let values: Vec<f64> = (0..settings).map(|i| i as f64).collect();
            let study =
                FunnelSample { vary: Some(("data.selection", values)), seeds: 1, ..FunnelSample::default() }
                    .study();
            conditions(&study)
                .into_iter()
                .filter_map(|(_, at)| at.setting.get("data.selection")?.number())
                .collect::<Vec<f64>>()
        };
        assert_eq!(chosen(2), [0.0, 1.0]);
        assert_eq!(chosen(4), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(chosen(5), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(chosen(7), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(conditions(&FunnelSample::default().study()).len(), 1);
    }
}
