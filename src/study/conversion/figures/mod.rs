//! Figures of studies of click and conversion.

use plotters::prelude::RGBColor;

use super::super::settings::{self, Compared};
use super::metric::Metric;
use super::runs::model_runs;
use crate::analysis::Interval;
use crate::experiment::{Experiment, ModelSpec};
use crate::figure::by_setting::{BySetting, Scale};
use crate::figure::emphasis::Curve;
use crate::figure::theme::Palette;
use crate::figure::{Figure, boxed};
use crate::store::Study;

mod bias;
mod losses;
mod scores;
mod sweep;

/// Most models that all have a colour in a panel of curves.
const MOST_COLOURS: usize = 6;
/// Architectures that keep their colours where there are more: those that the papers argue about.
const EMPHASISED: [&str; 5] = ["base", "esmm_ns", "esmm", "escm2_ipw", "escm2_dr"];

/// The figures that a study has data for, in the order of its page.
pub fn figures(study: &Study) -> Vec<Box<dyn Figure>> {
    let figures = [
        boxed(scores::figure(study)),
        boxed(sweep::figure(study)),
        boxed(by_second_axis(study)),
        boxed(bias::Bias::from_study(study)),
        boxed(losses::Losses::from_study(study)),
    ];
    figures.into_iter().flatten().collect()
}

/// The AUC of pCTCVR against the first key that varies, a panel a value of the second and a task correlation; none where
/// one thing varies, which `funnel_knob` shows.
fn by_second_axis(study: &Study) -> Option<BySetting> {
    let grid = &study.experiment.grid;
    let several = grid.axes.iter().filter(|axis| axis.values.len() > 1).count();
    let dimensions = several + usize::from(grid.task_correlations.len() > 1);
    let joint = Metric::JOINT_AUC;
    let compared = Compared {
        value: &joint,
        name: "AUC of pCTCVR on all impressions",
        scale: Scale::Score,
        decimals: 4,
    };
    (dimensions > 1).then(|| settings::figure(study, "settings", &model_runs(study), &compared))?
}

/// The colour of a model among many curves; none for one of the background.
fn colour(experiment: &Experiment, palette: &Palette, model: &ModelSpec) -> Option<RGBColor> {
    let emphasised = experiment.models.len() <= MOST_COLOURS || EMPHASISED.contains(&model.architecture.name);
    emphasised.then(|| palette.colour(&model.name))
}

/// The curve of a model: x with the mean and its interval, by rising x.
fn curve(study: &Study, palette: &Palette, model: &ModelSpec, values: Vec<(f64, Interval)>) -> Curve {
    Curve::new(&model.title, colour(&study.experiment, palette, model), values)
}

#[cfg(test)]
mod tests {
    use crate::figure::draw_all;
    use crate::figure::testing::well_formed;
    use crate::store::sample::FunnelSample;

    #[test]
    fn a_study_of_impressions_has_its_own_figures() {
        let draw = |sample: &FunnelSample| {
            let folder = tempfile::tempdir().unwrap();
            let drawn =
                draw_all(&crate::study::Figures::from_study(&sample.study()).drawn, folder.path()).unwrap();
            for figure in &drawn {
                assert!(well_formed(&figure.svg_text) && !figure.svg_text.contains("NaN"), "{}", figure.name);
                assert!(figure.svg_text.matches("<text").count() > 10, "{}", figure.name);
            }
            drawn.into_iter().map(|figure| figure.name).collect::<Vec<_>>()
        };
        let base = FunnelSample { diverged: 1, seeds: 4, ..FunnelSample::default() };
        assert_eq!(draw(&base), ["funnel_scores", "funnel_bias", "funnel_losses"]);
        let vary = Some(("data.selection", vec![0.0, 1.0, 2.0]));
        let all = FunnelSample { models: FunnelSample::all_models(), vary, ..base.clone() };
        assert_eq!(draw(&all), ["funnel_knob", "funnel_bias", "funnel_losses"]);
        let related = FunnelSample { correlations: vec![0.0, 0.5], ..base.clone() };
        assert_eq!(draw(&related), ["gain", "funnel_knob", "funnel_bias", "funnel_losses"]);
        assert!(draw(&FunnelSample { seeds: 1, ..base }).is_empty());
    }
}
