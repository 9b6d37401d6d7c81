//! Figures 2 to 5 of the paper, for studies of regression tasks.

use super::reference;
use crate::analysis::{MeanCurve, Measure, Runs};
use crate::figure::curves::ModelCurve;
use crate::figure::{Figure, boxed};
use crate::store::Study;

mod figure2;
mod figure3;
mod figure4;
mod figure5;

/// The figures that a study has data for, in the order of its page.
pub fn figures(study: &Study) -> Vec<Box<dyn Figure>> {
    let figures = [
        boxed(figure2::Figure2::from_study(study)),
        boxed(figure3::Figure3::from_study(study)),
        boxed(figure4::Figure4::from_study(study)),
        boxed(figure5::Figure5::from_study(study)),
    ];
    figures.into_iter().flatten().collect()
}

/// The mean loss curve of a model's selected runs, with the paper's.
fn model_curve(study: &Study, selected: &Runs) -> ModelCurve {
    let task_correlation = selected.condition.task_correlation;
    let paper = task_correlation.and_then(|p| reference::curve(&study.experiment, &selected.model.name, p));
    let mut paper = paper.map_or(Vec::new(), |curve| curve.points);
    paper.retain(|point| point.0 <= study.experiment.train.steps as f64);
    ModelCurve {
        model: selected.model.name.clone(),
        task_correlation,
        mean: MeanCurve::of(study, selected, Measure::from_study(study)),
        paper,
    }
}

#[cfg(test)]
mod tests {
    use crate::figure::testing::well_formed;
    use crate::figure::{Drawn, draw_all};
    use crate::store::sample::Sample;

    /// Draws a sample into a temporary folder.
    fn drawn(sample: &Sample) -> (tempfile::TempDir, Vec<Drawn>) {
        let folder = tempfile::tempdir().unwrap();
        let drawn =
            draw_all(&crate::study::Figures::from_study(&sample.study()).drawn, folder.path()).unwrap();
        (folder, drawn)
    }

    fn names(drawn: &[Drawn]) -> Vec<&str> {
        drawn.iter().map(|figure| figure.name.as_str()).collect()
    }

    #[test]
    fn every_figure_is_written_twice_and_none_is_blank() {
        let (_folder, drawn) = drawn(&Sample { diverged: 1, ..Sample::default() });
        assert_eq!(names(&drawn), ["gain", "figure2", "figure3", "figure4", "figure5", "figure6", "gates"]);
        for figure in &drawn {
            // A blank PNG of this size takes less than 20 kB.
            assert!(std::fs::metadata(&figure.png).unwrap().len() > 25_000, "{}", figure.name);
            let svg = std::fs::read_to_string(&figure.svg).unwrap();
            assert_eq!(svg, figure.svg_text);
            assert!(well_formed(&svg) && svg.matches("<text").count() > 10, "{}", figure.name);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", figure.name);
            assert!(!figure.caption.is_empty() && !figure.heading.is_empty());
        }
    }

    #[test]
    fn drawing_twice_gives_the_same_files() {
        let (_one, first) = drawn(&Sample::default());
        let (_two, second) = drawn(&Sample::default());
        for (a, b) in first.iter().zip(&second) {
            assert_eq!(a.svg_text, b.svg_text);
            assert_eq!(std::fs::read(&a.png).unwrap(), std::fs::read(&b.png).unwrap());
        }
    }

    #[test]
    fn a_study_has_the_figures_it_has_data_for() {
        let labels_only = Sample { models: vec![], ..Sample::default() };
        assert_eq!(names(&drawn(&labels_only).1), ["figure2"]);
        let bottom = vec![("shared_bottom", "shared_bottom", "bottom_units = 16")];
        let bottom_only = Sample { models: bottom, ..Sample::default() };
        assert_eq!(names(&drawn(&bottom_only).1), ["figure2", "figure3", "figure5"]);
    }

    #[test]
    fn unusual_studies_are_drawn_all_the_same() {
        let base = Sample::default;
        let studies = [
            Sample { seeds: 1, correlations: vec![0.5], ..base() },
            Sample { correlations: vec![-1.0, -0.5, 0.0, 0.5, 1.0], seeds: 2, ..base() },
            Sample { seeds: 2, diverged: 2, ..base() },
            Sample { loss_scale: 300.0, seeds: 3, ..base() },
            Sample { pairs: 4, models: vec![("mmoe", "mmoe", "experts = 64")], seeds: 2, ..base() },
        ];
        for study in studies {
            let (_folder, drawn) = drawn(&study);
            assert!(drawn.len() >= 3, "{study:?}");
            assert!(drawn.iter().all(|figure| well_formed(&figure.svg_text)), "{study:?}");
        }
    }

    #[test]
    fn hostile_names_are_escaped() {
        let hostile =
            "<script>alert('1')</script> & \"a name that is far too long to be shown in any legend\"";
        let models = vec![(hostile, "mmoe", ""), ("shared_bottom", "shared_bottom", "")];
        let (_folder, drawn) = drawn(&Sample { models, seeds: 2, ..Sample::default() });
        for figure in drawn {
            assert!(!figure.svg_text.contains("<script"), "{}", figure.name);
            assert!(well_formed(&figure.svg_text), "{}", figure.name);
        }
    }
}
