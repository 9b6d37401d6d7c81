//! The schedule: trains groups on threads, or on a GPU all groups as one population, and stores them.
//!
//! Each thread takes the next group when it has finished one. Candle and its matrix products use one thread inside a
//! group, so threads do not wait for each other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use thiserror::Error;

use crate::engine::device::explain;
use crate::engine::gpu_populations;
use crate::engine::train::{Progress, population, train_group, train_together};
use crate::experiment::plan::Group;
use crate::experiment::{DeviceChoice, Experiment};
use crate::record::GroupRecord;
use crate::store::{Folder, StoreError};

/// Progress callbacks of a sweep.
pub trait Observer: Progress {
    /// A group is stored, by this process or another.
    fn finished(&self, group: &Group);
}

/// A group that could not be finished.
#[derive(Debug, Error)]
pub enum GroupError {
    /// Training failed.
    #[error("group {group} (seed {seed}): {}", explain(source))]
    Train {
        /// Identity of the group.
        group: String,
        /// Its seed.
        seed: u64,
        /// Error of Candle.
        source: candle_core::Error,
    },
    /// Training panicked, which is a bug.
    #[error("group {group} (seed {seed}) panicked: {message}")]
    Panic {
        /// Identity of the group.
        group: String,
        /// Its seed.
        seed: u64,
        /// Message of the panic.
        message: String,
    },
    /// The group could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GroupError {
    fn train(group: &Group, source: candle_core::Error) -> Self {
        Self::Train { group: group.identity.to_string(), seed: group.seed, source }
    }

    fn panic(group: &Group, panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let message = text.unwrap_or_else(|| "no message".into());
        Self::Panic { group: group.identity.to_string(), seed: group.seed, message }
    }
}

/// Trains `groups` on `threads` threads and stores each when it is finished. Returns the failures. A group that cannot
/// be trained does not stop the others; one that cannot be stored does, because the others could not be stored either.
/// Cancelled groups are neither finished nor failed.
pub fn train(
    experiment: &Experiment,
    groups: &[Group],
    folder: &Folder,
    threads: usize,
    observer: &dyn Observer,
) -> Vec<GroupError> {
    match experiment.train.device {
        DeviceChoice::Cpu => {
            train_by(groups, folder, threads, observer, &|group| train_group(experiment, group, observer))
        }
        DeviceChoice::Cuda(_) => {
            let mut failures = Vec::new();
            // A population has the data and training of one variant.
            let mut groups = groups.to_vec();
            groups.sort_by_key(|group| group.variant);
            for groups in groups.chunk_by(|a, b| a.variant == b.variant) {
                for groups in gpu_populations(experiment.variant(groups[0].variant), groups) {
                    train_jointly(groups, folder, observer, &mut failures, &|groups| {
                        train_together(experiment, groups, observer, &population)
                    });
                }
            }
            failures
        }
    }
}

/// Trains several groups as one population: gives a record for each, or none where the observer cancelled them.
pub type JointTrainer<'a> = dyn Fn(&[Group]) -> candle_core::Result<Option<Vec<GroupRecord>>> + 'a;

/// Trains and stores `groups` as one population. A population that does not fit into the memory of a GPU fails at once,
/// so one that fails is bisected, down to single groups, whose failures count. As on threads, groups that another
/// process has stored meanwhile are skipped, and no further population starts once something could not be stored.
fn train_jointly(
    groups: &[Group],
    folder: &Folder,
    observer: &dyn Observer,
    failures: &mut Vec<GroupError>,
    trainer: &JointTrainer,
) {
    let full = failures.iter().any(|failure| matches!(failure, GroupError::Store(_)));
    if full || observer.cancelled() {
        return;
    }
    let (stored, groups): (Vec<Group>, Vec<Group>) =
        groups.iter().cloned().partition(|group| folder.has_group(group));
    stored.iter().for_each(|group| observer.finished(group));
    if groups.is_empty() {
        return;
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| trainer(&groups)));
    match (outcome, &groups[..]) {
        (Ok(Ok(Some(records))), _) => {
            for (group, record) in groups.iter().zip(records) {
                match folder.write_group(group, &record) {
                    Ok(()) => observer.finished(group),
                    Err(error) => failures.push(error.into()),
                }
            }
        }
        (Ok(Ok(None)), _) => {}
        (Ok(Err(source)), [group]) => failures.push(GroupError::train(group, source)),
        (Err(panic), [group]) => failures.push(GroupError::panic(group, &*panic)),
        _ => {
            let (first, second) = groups.split_at(groups.len() / 2);
            train_jointly(first, folder, observer, failures, trainer);
            train_jointly(second, folder, observer, failures, trainer);
        }
    }
}

/// Trains one group: gives its records, or none where the observer cancelled it.
pub type Trainer<'a> = dyn Fn(&Group) -> candle_core::Result<Option<GroupRecord>> + Sync + 'a;

/// As [`train`] on threads with another trainer, with which tests plant faults.
pub fn train_by(
    groups: &[Group],
    folder: &Folder,
    threads: usize,
    observer: &dyn Observer,
    trainer: &Trainer,
) -> Vec<GroupError> {
    let next = AtomicUsize::new(0);
    let full = AtomicBool::new(false);
    let failures = Mutex::new(Vec::new());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.min(groups.len()).max(1))
        .thread_name(|number| format!("group-{number}"))
        .build()
        .expect("the system gives a few threads");
    pool.broadcast(|_| {
        while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            if observer.cancelled() || full.load(Ordering::Relaxed) {
                return;
            }
            if let Err(failure) = finish(group, folder, observer, trainer) {
                full.fetch_or(matches!(failure, GroupError::Store(_)), Ordering::Relaxed);
                failures.lock().expect("no thread panics while it holds this").push(failure);
            }
        }
    });
    failures.into_inner().expect("no thread panics while it holds this")
}

/// Trains and stores one group, unless another process has stored it meanwhile.
fn finish(
    group: &Group,
    folder: &Folder,
    observer: &dyn Observer,
    trainer: &Trainer,
) -> Result<(), GroupError> {
    if folder.has_group(group) {
        observer.finished(group);
        return Ok(());
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| trainer(group)));
    match outcome {
        Ok(Ok(Some(record))) => {
            folder.write_group(group, &record)?;
            observer.finished(group);
            Ok(())
        }
        Ok(Ok(None)) => Ok(()),
        Ok(Err(source)) => Err(GroupError::train(group, source)),
        Err(panic) => Err(GroupError::panic(group, &*panic)),
    }
}

#[cfg(test)]
impl Observer for () {
    fn finished(&self, _: &Group) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::experiment::library;
    use crate::experiment::plan::Plan;

    #[test]
    fn a_population_that_is_too_large_is_split_until_it_fits() {
        let sets = ["grid.seeds=7", "train.steps=5", "data.dim=8", "label_points=50", "train.engine=graph"];
        let experiment = library::find("ci", &sets.map(String::from)).unwrap();
        let (plan, directory) = (Plan::new(&experiment), tempfile::tempdir().unwrap());
        let folder = Folder::new(directory.path());
        folder.create(&experiment).unwrap();
        let sizes = std::cell::RefCell::new(Vec::new());
        let small = |groups: &[Group]| {
            sizes.borrow_mut().push(groups.len());
            if groups.len() > 2 || groups.iter().any(|group| group.seed == 4) {
                candle_core::bail!("out of memory");
            }
            train_together(&experiment, groups, &(), &population)
        };
        let mut failures = Vec::new();
        train_jointly(&plan.groups, &folder, &(), &mut failures, &small);
        assert_eq!(*sizes.borrow(), [7, 3, 1, 2, 4, 2, 1, 1, 2]);
        assert!(matches!(failures[..], [GroupError::Train { seed: 4, .. }]), "{failures:?}");
        let missing = folder.status().unwrap().missing;
        assert_eq!(missing.iter().map(|group| group.seed).collect::<Vec<_>>(), [4]);
        // Stored groups are not trained again.
        sizes.borrow_mut().clear();
        train_jointly(&plan.groups, &folder, &(), &mut failures, &small);
        assert_eq!(*sizes.borrow(), [1]);
    }
}
