//! The step of a run that counts: the logged one with the lowest validation loss. Early stopping ends a run when that was
//! long ago.

use crate::experiment::{Recipe, StopOn};

/// The best step of every run of a cohort so far.
pub struct Selection {
    on: StopOn,
    /// Losses in a row above the lowest before a run ends; none where all runs go on to the last step.
    patience: Option<u64>,
    /// One a record.
    runs: Vec<Best>,
}

/// The best step of a run.
#[derive(Debug, Clone)]
struct Best {
    step: u64,
    loss: f64,
    /// Logged losses since then.
    since: u64,
    /// Parameters at that step, in the order of the layout; empty where they are not needed.
    parameters: Vec<f32>,
}

/// What a validation loss says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it is the lowest so far.
    pub improved: bool,
    /// Whether patience is used up.
    pub stopped: bool,
}

impl Selection {
    /// The selection of `runs` runs; none without validation rows.
    pub fn new(recipe: &Recipe, runs: usize) -> Option<Self> {
        let none = Best { step: 0, loss: f64::INFINITY, since: 0, parameters: Vec::new() };
        (recipe.validation_rows > 0).then(|| Self {
            on: recipe.stop.map_or(StopOn::Mean, |stop| stop.on),
            patience: recipe.stop.map(|stop| stop.patience),
            runs: vec![none; runs],
        })
    }

    /// Takes note of the validation losses of a run, `[tasks]`, at a logged step. Of equal ones the first counts.
    pub fn note(&mut self, run: usize, step: u64, losses: &[f32]) -> Outcome {
        let (loss, best) = (self.on.loss(losses), &mut self.runs[run]);
        let improved = loss < best.loss;
        if improved {
            (best.step, best.loss, best.since) = (step, loss, 0);
        } else {
            best.since += 1;
        }
        Outcome { improved, stopped: self.patience.is_some_and(|patience| best.since >= patience) }
    }

    /// Keeps the parameters of a run at its best step.
    pub fn keep(&mut self, run: usize, parameters: &[f32]) {
        let kept = &mut self.runs[run].parameters;
        kept.clear();
        kept.extend_from_slice(parameters);
    }

    /// The best step of a run.
    pub fn step(&self, run: usize) -> u64 {
        self.runs[run].step
    }

    /// The parameters that were kept of a run.
    pub fn parameters(&self, run: usize) -> &[f32] {
        &self.runs[run].parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Stop;

    fn outcomes(recipe: Recipe, losses: &[[f32; 2]]) -> (Vec<(bool, bool)>, u64) {
        let mut selection = Selection::new(&recipe, 1).unwrap();
        let outcome = |(step, losses): (u64, &[f32; 2])| {
            let outcome = selection.note(0, 10 * step, losses);
            (outcome.improved, outcome.stopped)
        };
        ((0..).zip(losses).map(outcome).collect(), selection.step(0))
    }

    #[test]
    fn a_run_stops_when_its_patience_is_used_up() {
        let losses = [[3.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.5, 2.0], [0.0, 3.0]];
        let stop =
            |on| Recipe { validation_rows: 1, stop: Some(Stop { patience: 2, on }), ..Recipe::default() };
        let (yes, no, last) = ((true, false), (false, false), (false, true));
        // Equal losses do not count as lower.
        assert_eq!(outcomes(stop(StopOn::Mean), &losses[..4]), (vec![yes, yes, no, last], 10));
        assert_eq!(outcomes(stop(StopOn::Task(1)), &losses), (vec![yes, yes, no, yes, yes], 40));
        assert_eq!(outcomes(stop(StopOn::Task(2)), &losses[..3]), (vec![yes, no, last], 0));
        let on = Recipe { validation_rows: 1, ..Recipe::default() };
        assert_eq!(outcomes(on, &losses).0, [yes, yes, no, no, no]);
        assert!(Selection::new(&Recipe::default(), 1).is_none());
    }
}
