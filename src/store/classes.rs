//! How labels are distributed: the records of `classes.csv`, counted where rows are read.

use super::ClassRecord;
use crate::data::{AliCcp, Census, CensusSpec, Impressions, Opened, Subset};
use crate::experiment::Experiment;

/// The distribution of yes-or-no labels, by subset and task; empty where rows are generated or not opened.
pub(super) fn count_classes(experiment: &Experiment) -> Vec<ClassRecord> {
    match &experiment.opened {
        Opened::Generated => Vec::new(),
        Opened::Census(census) => {
            let names = experiment.data.census().map(CensusSpec::task_names).unwrap_or_default();
            census_classes(census, names)
        }
        Opened::AliCcp(read) => impression_classes(read),
    }
}

/// Both tasks of the census on every subset.
fn census_classes(census: &Census, names: [&str; 2]) -> Vec<ClassRecord> {
    let mut records = Vec::new();
    for subset in Subset::ALL {
        for (task, name) in names.into_iter().enumerate() {
            let labels = census.labels(subset, task);
            records.push(ClassRecord {
                subset,
                task: task + 1,
                name: name.to_string(),
                rows: labels.len(),
                positives: labels.iter().filter(|label| **label > 0.0).count(),
                label_correlation: census.label_correlation(subset),
                skipped_rows: census.skipped,
            });
        }
    }
    records
}

/// Clicks and conversions of both periods of Ali-CCP.
fn impression_classes(read: &AliCcp) -> Vec<ClassRecord> {
    let log = &read.log;
    let period = |(subset, rows): (Subset, &Impressions)| {
        let label_correlation = rows.label_correlation();
        let facts = [("click", rows.clicks()), ("click and conversion", rows.conversions())];
        (1..)
            .zip(facts)
            .map(move |(task, (name, positives))| ClassRecord {
                subset,
                task,
                name: name.to_string(),
                rows: rows.len(),
                positives,
                label_correlation,
                skipped_rows: read.skipped + read.unclicked,
            })
            .collect::<Vec<_>>()
    };
    [(Subset::Training, &log.training), (Subset::Test, &log.test)].into_iter().flat_map(period).collect()
}
