//! Shards: the parts of a plan that several processes train.
//!
//! A shard takes every n-th group of the whole plan, finished or not, so shards agree on the owner of a group whenever
//! they start, also when one starts twice. Shards do not communicate: finished groups lie in the shared folder, and a
//! batch system gives each process its index through the environment.

use std::str::FromStr;

use thiserror::Error;

use super::plan::Plan;

/// One of `count` equal parts of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Index of the part, from 0.
    index: usize,
    /// Number of parts.
    count: usize,
}

/// An invalid shard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShardError {
    /// Text that is not a shard.
    #[error("expected i/n with i from 0 to n - 1, such as 3/16")]
    Text,
    /// A missing or invalid variable of a batch system.
    #[error("{variable}{}: {remedy}; or set the shard with --shard i/n", value.as_ref().map(|v| format!(" = {v:?}")).unwrap_or_default())]
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value, if it is set.
        value: Option<String>,
        /// How to correct it.
        remedy: String,
    },
}

impl Shard {
    /// Part `index`, from 0, of `count`; none where `index` is too large.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Number of parts.
    pub fn count(self) -> usize {
        self.count
    }

    /// The shard's part of a plan: every `count`-th group. Empty where there are more shards than groups.
    pub fn select(self, plan: &Plan) -> Plan {
        Plan::part(plan.groups.iter().skip(self.index).step_by(self.count).cloned().collect())
    }

    /// The shard that a batch system assigns to this process, with the variable that gives it: a task of a Slurm array,
    /// a pod of an indexed Kubernetes job, or a child of an AWS Batch array job. `variable` looks up the environment.
    ///
    /// # Errors
    /// The batch system's variables are incomplete or contradict each other.
    pub fn assigned(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, &'static str)>, ShardError> {
        let found = [slurm(&variable), kubernetes(&variable), aws_batch(&variable)];
        found.into_iter().find_map(Result::transpose).transpose()
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, count) = text.split_once('/').ok_or(ShardError::Text)?;
        match (index.parse(), count.parse()) {
            (Ok(index), Ok(count)) => Self::new(index, count).ok_or(ShardError::Text),
            _ => Err(ShardError::Text),
        }
    }
}

type Assigned = Result<Option<(Shard, &'static str)>, ShardError>;

/// The whole number in a variable; none where it is not set.
fn number(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<usize>, ShardError> {
    let Some(text) = variable(name) else { return Ok(None) };
    let wrong = |_| wrong(name, Some(text.clone()), "expected a whole number".into());
    text.parse().map(Some).map_err(wrong)
}

fn wrong(variable: &'static str, value: Option<String>, remedy: String) -> ShardError {
    ShardError::Environment { variable, value, remedy }
}

/// The whole number in a variable that has to be set because `because` is set.
fn needed(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    because: &str,
    hint: &str,
) -> Result<usize, ShardError> {
    number(variable, name)?.ok_or_else(|| wrong(name, None, format!("is not set, but {because} is{hint}")))
}

/// The task of a Slurm array. Tasks may start above 0 and be more than 1 apart: `--array=10-40:10` has tasks 10, 20,
/// 30 and 40.
fn slurm(variable: &impl Fn(&str) -> Option<String>) -> Assigned {
    const ID: &str = "SLURM_ARRAY_TASK_ID";
    let Some(id) = number(variable, ID)? else { return Ok(None) };
    let count = needed(variable, "SLURM_ARRAY_TASK_COUNT", ID, "")?;
    let first = needed(variable, "SLURM_ARRAY_TASK_MIN", ID, "")?;
    let last = needed(variable, "SLURM_ARRAY_TASK_MAX", ID, "")?;
    // The distance of evenly spaced tasks; a single task has none, so any will do.
    let step = match count {
        0 | 1 => 1,
        _ => last.saturating_sub(first) / (count - 1),
    };
    let index = id.checked_sub(first).filter(|_| step > 0).map(|distance| distance / step);
    let even = first.checked_add(count.saturating_sub(1).saturating_mul(step)) == Some(last)
        && index.is_some_and(|index| first + index * step == id);
    match index.and_then(|index| Shard::new(index, count)).filter(|_| even) {
        Some(shard) => Ok(Some((shard, ID))),
        None => Err(wrong(
            ID,
            Some(id.to_string()),
            format!(
                "expected a task of an evenly spaced array, such as --array=0-15 (this one has {count} tasks from \
                     {first} to {last})"
            ),
        )),
    }
}

/// The pod of an indexed Kubernetes job. Kubernetes does not tell pods their number: the manifest sets it.
fn kubernetes(variable: &impl Fn(&str) -> Option<String>) -> Assigned {
    const INDEX: &str = "JOB_COMPLETION_INDEX";
    const COUNT: &str = "JOB_COMPLETIONS";
    let Some(index) = number(variable, INDEX)? else { return Ok(None) };
    let hint = "; set it to the number of completions in the job's manifest";
    let count = needed(variable, COUNT, INDEX, hint)?;
    within(index, count, INDEX, COUNT)
}

fn aws_batch(variable: &impl Fn(&str) -> Option<String>) -> Assigned {
    const INDEX: &str = "AWS_BATCH_JOB_ARRAY_INDEX";
    const SIZE: &str = "AWS_BATCH_JOB_ARRAY_SIZE";
    let Some(index) = number(variable, INDEX)? else { return Ok(None) };
    let count = needed(variable, SIZE, INDEX, "")?;
    within(index, count, INDEX, SIZE)
}

fn within(index: usize, count: usize, index_name: &'static str, count_name: &str) -> Assigned {
    match Shard::new(index, count) {
        Some(shard) => Ok(Some((shard, index_name))),
        None => Err(wrong(
            index_name,
            Some(index.to_string()),
            format!("expected a number below {count_name}, which is {count}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::library;
    use proptest::prelude::*;

    /// The shard that an environment with these variables assigns, as text.
    fn assigned(variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.to_string())
        };
        match Shard::assigned(lookup) {
            Ok(Some((shard, variable))) => format!("{shard} by {variable}"),
            Ok(None) => "none".into(),
            Err(error) => error.to_string(),
        }
    }

    fn slurm_task(id: &str, count: &str, first: &str, last: &str) -> String {
        assigned(&[
            ("SLURM_ARRAY_TASK_ID", id),
            ("SLURM_ARRAY_TASK_COUNT", count),
            ("SLURM_ARRAY_TASK_MIN", first),
            ("SLURM_ARRAY_TASK_MAX", last),
        ])
    }

    #[test]
    fn batch_systems_assign_shards() {
        assert_eq!(assigned(&[("HOME", "/root")]), "none");
        assert_eq!(slurm_task("3", "16", "0", "15"), "3/16 by SLURM_ARRAY_TASK_ID");
        assert_eq!(slurm_task("1", "4", "1", "4"), "0/4 by SLURM_ARRAY_TASK_ID");
        assert_eq!(slurm_task("30", "4", "10", "40"), "2/4 by SLURM_ARRAY_TASK_ID");
        assert_eq!(slurm_task("7", "1", "7", "7"), "0/1 by SLURM_ARRAY_TASK_ID");
        let pod = [("JOB_COMPLETION_INDEX", "2"), ("JOB_COMPLETIONS", "5")];
        assert_eq!(assigned(&pod), "2/5 by JOB_COMPLETION_INDEX");
        let child = [("AWS_BATCH_JOB_ARRAY_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")];
        assert_eq!(assigned(&child), "0/2 by AWS_BATCH_JOB_ARRAY_INDEX");
    }

    #[test]
    fn an_environment_that_makes_no_sense_is_named() {
        let uneven = "SLURM_ARRAY_TASK_ID = \"2\": expected a task of an evenly spaced array, such as --array=0-15 \
                      (this one has 3 tasks from 1 to 7); or set the shard with --shard i/n";
        assert_eq!(slurm_task("2", "3", "1", "7"), uneven);
        for [id, count, first, last] in [
            ["x", "3", "0", "2"],
            ["5", "3", "0", "2"],
            ["0", "3", "1", "3"],
            ["0", "0", "0", "0"],
            ["-1", "3", "0", "2"],
            ["18446744073709551615", "2", "0", "18446744073709551615"],
        ] {
            let message = slurm_task(id, count, first, last);
            assert!(message.contains("expected") || message.starts_with("1/2"), "{message}");
        }
        assert_eq!(
            assigned(&[("JOB_COMPLETION_INDEX", "2")]),
            "JOB_COMPLETIONS: is not set, but JOB_COMPLETION_INDEX is; set it to the number of completions in the job's \
             manifest; or set the shard with --shard i/n"
        );
        assert_eq!(
            assigned(&[("AWS_BATCH_JOB_ARRAY_INDEX", "2"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")]),
            "AWS_BATCH_JOB_ARRAY_INDEX = \"2\": expected a number below AWS_BATCH_JOB_ARRAY_SIZE, which is 2; or set the shard \
             with --shard i/n"
        );
    }

    #[test]
    fn shards_read_back_as_they_are_written() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!((shard, shard.to_string()), (Shard::new(3, 16).unwrap(), "3/16".into()));
        for wrong in ["16/16", "3", "3/", "/16", "-1/4", "0/0", "a/b", "1/2/3", ""] {
            assert_eq!(wrong.parse::<Shard>(), Err(ShardError::Text), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_group_is_in_exactly_one_shard(seeds in 1usize..30, count in 1usize..50) {
            let experiment = library::find("ci", &[format!("grid.seeds={seeds}")]).unwrap();
            let plan = Plan::new(&experiment);
            let names = |plan: &Plan| plan.groups.iter().map(|g| g.identity.clone()).collect::<Vec<_>>();
            let mut all: Vec<_> =
                (0..count).flat_map(|index| names(&Shard::new(index, count).unwrap().select(&plan))).collect();
            let mut expected = names(&plan);
            all.sort();
            expected.sort();
            prop_assert_eq!(all, expected);
        }
    }
}
