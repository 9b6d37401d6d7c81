//! Tuning before `sweep run`, by successive halving: every rung is trained as a study of its own in `tuning/rung-<n>/`,
//! and the winners replace the experiment's models.

use anyhow::{Result, bail};

use super::output::note;
use super::replace;
use super::training::{note_interruption, rung_folder, stored, this_command, train};
use crate::experiment::Experiment;
use crate::experiment::plan::Plan;
use crate::report::words::plural;
use crate::store::Folder;
use crate::study::classification::tuning::{self, RankedTrial};

/// The experiment with its models replaced by the winners of the tuning, or unchanged without `[tune]`; none after
/// Ctrl-C. Rungs that are already trained cost nothing. Rungs of another experiment are refused unless `replace` is true.
pub fn tuned(
    experiment: &Experiment,
    folder: &Folder,
    threads: usize,
    replace: bool,
) -> Result<Option<Experiment>> {
    let Some(tune) = &experiment.tune else { return Ok(Some(experiment.clone())) };
    let mut trials = experiment.trials();
    let mut records = Vec::new();
    for (number, &rung) in (1..).zip(&tune.rungs) {
        let stage = experiment.rung(number, rung, &trials);
        let (plan, rung_folder) = (Plan::new(&stage), rung_folder(folder, number));
        let finished = rung_folder.finished()?;
        if let Some(replaced) = replace::replaced(&rung_folder, &stage, &finished) {
            replaced.settle(replace)?;
        }
        folder.create_within("tuning")?;
        folder.create_within(&format!("tuning/rung-{number}"))?;
        rung_folder.create(&stage)?;
        let outcome = train(&stage, &plan, &rung_folder, &finished, threads)?;
        if outcome.interrupted {
            note_interruption(&format!("{} in rung {number} of the tuning", stored(&plan, &rung_folder)?));
            return Ok(None);
        }
        if outcome.failures > 0 {
            let failed = plural(outcome.failures, "group");
            bail!("{failed} of rung {number} failed. To try again: {}", this_command());
        }
        let study = rung_folder.merge(&stage, &plan, &outcome.session)?;
        let ranked = tuning::rank_trials(experiment, &study, trials, number, rung);
        let (kept, rest): (Vec<RankedTrial>, Vec<RankedTrial>) =
            ranked.into_iter().partition(|trial| trial.record.kept);
        for RankedTrial { record, .. } in kept.iter().filter(|_| rung.keep == 1) {
            let auc = record.validation_auc.map_or("not known".to_owned(), |auc| format!("{auc:.4}"));
            note(&format!(
                "{}: learning_rate={} {}, validation AUC {auc}",
                record.model, record.learning_rate, record.sizes
            ));
        }
        records.extend(kept.iter().chain(&rest).map(|trial| trial.record.clone()));
        trials = kept.into_iter().map(|trial| trial.trial).collect();
    }
    folder.write_trials(&records)?;
    Ok(Some(experiment.tuned(&trials)))
}
