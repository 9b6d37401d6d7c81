//! Figure 6: how much each task's gate uses each expert, for every gated model and task correlation.
//!
//! Experts are interchangeable: expert 1 of one run may be expert 5 of another. So within each run experts are sorted by
//! task 1's mean weight, and the k-th most used are averaged over runs. Task 1's bars fall from left to right by
//! construction; the other tasks' bars carry the information.

use super::canvas::{Area, Drawing};
use super::frame::{Entry, Frame, Swatch};
use super::panel::{Axis, Heading, Panel, round_up};
use super::{Figure, NO_RUN_FINISHED, facets, theme};
use crate::analysis::statistics::{Bootstrap, Confidence};
use crate::analysis::{Interval, Measure, reference, selected_runs};
use crate::store::{GatePoint, RunRecord, Study};

/// Tasks with a colour and a legend entry of their own; as many as the theme has colours.
const MOST_TASKS: usize = 8;

/// Figure 6 of a study.
pub struct Figure6 {
    /// Name and title of every gated model.
    models: Vec<(String, String)>,
    /// Task correlations with a panel; one `None` where the data has no such axis.
    correlations: Vec<Option<f64>>,
    panels: Vec<GateUse>,
    tasks: usize,
    y: Axis,
}

/// One panel: a model at a task correlation.
struct GateUse {
    model: String,
    task_correlation: Option<f64>,
    /// Mean weight over runs, `[tasks][experts in order of use]`.
    weights: Vec<Vec<Interval>>,
    runs: usize,
}

impl Figure6 {
    /// None for a study without finished runs of a gated model.
    pub fn from_study(study: &Study) -> Option<Self> {
        let experiment = &study.experiment;
        let panels: Vec<GateUse> = selected_runs(study, Measure::from_study(study))
            .iter()
            .filter_map(|reported| {
                let runs: Vec<Vec<Vec<f64>>> = reported.runs.iter().filter_map(|run| last_use(run)).collect();
                let weights = mean_use(&runs)?;
                let model = reported.model.name.clone();
                Some(GateUse {
                    model,
                    task_correlation: reported.condition.task_correlation,
                    weights,
                    runs: runs.len(),
                })
            })
            .collect();
        let tasks = panels.iter().map(|panel| panel.weights.len()).max()?.min(MOST_TASKS);
        let models = experiment
            .models
            .iter()
            .filter(|model| panels.iter().any(|panel| panel.model == model.name))
            .map(|model| (model.name.clone(), model.title.clone()))
            .collect();
        let correlations = experiment.grid.correlation_axis().into_iter();
        let correlations = correlations.filter(|&c| panels.iter().any(|p| p.task_correlation == c)).collect();
        let means = panels.iter().flat_map(|panel| panel.weights.iter().flatten());
        let highest = means.map(|weight| weight.highest()).fold(0.0, f64::max);
        let y = Axis::new("Mean gate weight", 0.0..round_up(highest * 1.05).min(1.0), 4, theme::number);
        Some(Self { models, correlations, panels, tasks, y })
    }

    /// Whether the data has no axis of task correlations.
    fn without_correlations(&self) -> bool {
        self.correlations.iter().all(Option::is_none)
    }

    /// Panels in a row: correlations, or models and the paper's panel where there is no such axis.
    fn columns(&self) -> usize {
        let across =
            if self.without_correlations() { self.models.len() + 1 } else { self.correlations.len() };
        facets::columns(across)
    }

    fn cells(&self) -> Vec<Option<(usize, usize)>> {
        if self.without_correlations() {
            return (0..self.models.len()).map(|model| Some((model, 0))).collect();
        }
        facets::cells(self.models.len(), self.correlations.len())
    }

    fn draw_panel(&self, area: &Area, model: usize, correlation: Option<f64>) -> Drawing {
        let (name, title) = &self.models[model];
        let heading = Heading::cell(title, correlation);
        let found = self.panels.iter().find(|p| p.model == *name && p.task_correlation == correlation);
        let Some(gates) = found else {
            let empty = Axis { label: String::new(), range: 0.0..1.0, ticks: Vec::new() };
            return Panel::draw(area, &heading, (&empty, &self.y), NO_RUN_FINISHED, |_| Ok(()));
        };
        let experts = gates.weights[0].len();
        let x = expert_axis(experts, "Expert, by task 1's use", 1);
        Panel::draw(area, &heading, (&x, &self.y), NO_RUN_FINISHED, |panel| {
            draw_bars(panel, &gates.weights)?;
            let even = 1.0 / experts as f64;
            panel.dashed(&[(0.5, even), (experts as f64 + 0.5, even)], theme::FAINT)?;
            let runs = if gates.runs == 1 { "1 run".to_owned() } else { format!("{} runs", gates.runs) };
            panel.note((experts as f64 + 0.5, self.y.range.end), &runs)
        })
    }
}

impl Figure for Figure6 {
    fn name(&self) -> &'static str {
        "figure6"
    }

    fn heading(&self) -> &'static str {
        "Figure 6"
    }

    fn frame(&self) -> Frame {
        let tasks = (0..self.tasks)
            .map(|task| Entry::new(Swatch::Bar(theme::series(task)), format!("task {}", task + 1)));
        let even = Entry::new(Swatch::Dashed(theme::FAINT), "uniform weights");
        Frame {
            title: "Which experts the tasks use".to_owned(),
            legend: tasks.chain([even]).collect(),
            // One more for the paper's.
            panels: self.cells().len() + 1,
            columns: self.columns(),
            panel_height: 980,
        }
    }

    fn caption(&self) -> String {
        let more = self.panels.iter().any(|panel| panel.weights.len() > MOST_TASKS);
        let more = if more { " Only the first eight tasks are shown." } else { "" };
        format!(
            "Mean softmax weight of every expert in every task's gate on held-out rows after the last step, with \
             95 % bootstrap intervals over runs. Within each run the experts are sorted by task 1's weight, so \
             task 1's bars fall from left to right by construction; where other tasks' bars do not follow them, the \
             tasks use different experts. A model with one gate has equal bars for all tasks; where experts belong \
             to tasks (CGC, PLE), those of other tasks have weight 0.{more} Last panel: the paper's Figure 6, on \
             production data with four experts (task 1 engagement, task 2 satisfaction; experts as the paper numbers \
             them), on its own axis. Its numbers are not comparable with ours."
        )
    }

    fn draw(&self, panels: &[Area]) -> Drawing {
        let cells = self.cells();
        for (area, cell) in panels.iter().zip(&cells) {
            if let Some((model, correlation)) = *cell {
                self.draw_panel(area, model, self.correlations[correlation])?;
            }
        }
        draw_paper(&panels[cells.len()])
    }
}

/// Draws the paper's production values.
fn draw_paper(area: &Area) -> Drawing {
    let weights: Vec<Vec<Interval>> = reference::figure6()
        .chunk_by(|a, b| a.task == b.task)
        .map(|task| {
            let exactly = |estimate| Interval { estimate, ends: None };
            task.iter().map(|bar| exactly(bar.mean_gate_weight)).collect()
        })
        .collect();
    let y = Axis::new("Mean gate weight", 0.0..1.0, 4, theme::number);
    let x = expert_axis(weights[0].len(), "Expert, as in the paper", 0);
    Panel::draw(area, &Heading::short("Paper, production data"), (&x, &y), "", |panel| {
        draw_bars(panel, &weights)
    })
}

/// Draws the bars of every expert, one a task, side by side, with whiskers.
fn draw_bars(panel: &Panel, weights: &[Vec<Interval>]) -> Drawing {
    let tasks = weights.len().min(MOST_TASKS);
    // A fifth of the space between experts stays free.
    let width = 0.8 / tasks as f64;
    for (task, experts) in weights.iter().take(tasks).enumerate() {
        for (expert, weight) in experts.iter().enumerate() {
            let left = expert as f64 + 0.6 + task as f64 * width;
            panel.bar(left..left + width, weight.estimate, theme::series(task))?;
            if let Some(ends) = weight.ends.filter(|_| tasks * experts.len() <= 32) {
                panel.whisker(left + width / 2.0, ends, theme::INK)?;
            }
        }
    }
    Ok(())
}

/// The axis of experts, the first of which is number `first`; labels are left out where they would touch.
fn expert_axis(experts: usize, label: &str, first: usize) -> Axis {
    let every = experts.div_ceil(8);
    let ticks = (0..experts)
        .step_by(every)
        .map(|expert| ((expert + 1) as f64, (expert + first).to_string()))
        .collect();
    Axis { label: label.to_owned(), range: 0.5..experts as f64 + 0.5, ticks }
}

/// Mean weights of a finished run's gates at its last logged step, `[tasks][experts]`, experts in falling
/// order of task 1's weight. None for a run without gates.
fn last_use(run: &RunRecord) -> Option<Vec<Vec<f64>>> {
    let mut tasks: Vec<&GatePoint> = run.final_gates()?.iter().collect();
    tasks.sort_by_key(|point| point.task);
    let first = &tasks.first()?.mean_weight;
    let mut order: Vec<usize> = (0..first.len()).collect();
    order.sort_by(|&a, &b| first[b].total_cmp(&first[a]));
    let sorted =
        |point: &&GatePoint| order.iter().map(|&expert| f64::from(point.mean_weight[expert])).collect();
    Some(tasks.iter().map(sorted).collect())
}

/// The mean over runs of `[tasks][experts]`; none without runs.
fn mean_use(runs: &[Vec<Vec<f64>>]) -> Option<Vec<Vec<Interval>>> {
    let experts = runs.first()?.first()?.len();
    let rows: Vec<Vec<f64>> = runs.iter().map(|tasks| tasks.concat()).collect();
    let means = Bootstrap::default().means(&rows);
    let means = means.iter().map(Confidence::interval).collect::<Option<Vec<Interval>>>()?;
    Some(means.chunks(experts).map(<[Interval]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::Sample;

    #[test]
    fn experts_are_matched_by_their_order_of_use() {
        let study = Sample { seeds: 20, ..Sample::default() }.study();
        let figure = Figure6::from_study(&study).unwrap();
        assert_eq!(figure.models.len(), 2);
        for panel in &figure.panels {
            assert!(panel.weights[0].is_sorted_by(|a, b| a.estimate >= b.estimate));
            for task in &panel.weights {
                assert!((task.iter().map(|weight| weight.estimate).sum::<f64>() - 1.0).abs() < 1e-4);
            }
            let alike = panel.weights[0] == panel.weights[1];
            assert_eq!(alike, panel.model == "omoe" || panel.task_correlation == Some(1.0));
        }
    }

    #[test]
    fn without_gates_there_is_no_figure_6() {
        let models = vec![("shared_bottom", "shared_bottom", "")];
        assert!(Figure6::from_study(&Sample { models, ..Sample::default() }.study()).is_none());
        assert!(
            Figure6::from_study(&Sample { seeds: 3, diverged: 3, ..Sample::default() }.study()).is_none()
        );
    }
}
