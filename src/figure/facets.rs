//! The grid of panels of Figures 5 and 6: models down, task correlations across, in blocks where one row cannot hold all
//! correlations. And the choice of panels where there are too many.

/// Most panels of a figure with a panel a setting.
pub const MOST_PANELS: usize = 12;

/// At most `most` items, evenly spaced with the first and the last.
pub fn evenly<T>(items: Vec<T>, most: usize) -> Vec<T> {
    if items.len() <= most.max(2) {
        return items;
    }
    let last = items.len() - 1;
    let chosen: Vec<usize> = (0..most).map(|panel| panel * last / (most - 1)).collect();
    let keep = |(index, item)| chosen.contains(&index).then_some(item);
    items.into_iter().enumerate().filter_map(keep).collect()
}

/// Panels in a row at most.
const COLUMNS: usize = 3;

/// The panels of `models` × `correlations` row by row, as indices of model and correlation; none where the last block
/// leaves a panel empty.
pub fn cells(models: usize, correlations: usize) -> Vec<Option<(usize, usize)>> {
    let columns = columns(correlations);
    let mut cells = Vec::new();
    for block in 0..correlations.div_ceil(columns) {
        for model in 0..models {
            for column in 0..columns {
                let correlation = block * columns + column;
                cells.push((correlation < correlations).then_some((model, correlation)));
            }
        }
    }
    cells
}

/// Panels in a row.
pub fn columns(correlations: usize) -> usize {
    correlations.clamp(1, COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_chosen_evenly() {
        assert_eq!(evenly((0..100).collect(), 4), [0, 33, 66, 99]);
        assert_eq!(evenly((0..4).collect(), 4), [0, 1, 2, 3]);
    }

    #[test]
    fn every_model_and_correlation_has_one_cell() {
        for (models, correlations) in [(1, 1), (3, 3), (2, 5), (4, 7)] {
            let cells = cells(models, correlations);
            assert_eq!(cells.len() % columns(correlations), 0);
            let mut filled: Vec<_> = cells.into_iter().flatten().collect();
            filled.sort_unstable();
            filled.dedup();
            assert_eq!(filled.len(), models * correlations);
        }
    }
}
