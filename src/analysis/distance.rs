//! Distance of a study from the paper: a number for every curve of Figures 3 and 4 and every histogram of
//! Figure 5.

use super::histogram::{BIN_WIDTH, Histogram};

/// Distance between two curves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveDistance {
    /// Area between the curves over the area under the paper's: 0 where they are the same, 0.5 where the mean
    /// gap is half of the paper's mean loss.
    pub relative: f64,
    /// The same with signs: positive where ours lies above.
    pub signed: f64,
    /// First step compared.
    pub from: f64,
    /// Last step compared.
    pub to: f64,
    /// Share of the paper's range of steps that was compared: below 1 where we trained for fewer steps.
    pub covered: f64,
}

/// The distance of our curve from the paper's over the steps of the paper's range that we have. Both are
/// step and loss by rising step, straight lines in between. Nothing where they have no range in common.
pub fn between_curves(ours: &[(f64, f64)], paper: &[(f64, f64)]) -> Option<CurveDistance> {
    let (first, last) = (paper.first()?.0, paper.last()?.0);
    let from = first.max(ours.first()?.0);
    let to = last.min(ours.last()?.0);
    if from >= to {
        return None;
    }
    let mut steps: Vec<f64> =
        ours.iter().chain(paper).map(|point| point.0).filter(|step| (from..=to).contains(step)).collect();
    steps.extend([from, to]);
    steps.sort_by(f64::total_cmp);
    steps.dedup();

    let (mut absolute, mut signed, mut under) = (0.0, 0.0, 0.0);
    for pair in steps.windows(2) {
        let width = pair[1] - pair[0];
        let theirs = [at(paper, pair[0]), at(paper, pair[1])];
        let gap = [at(ours, pair[0]) - theirs[0], at(ours, pair[1]) - theirs[1]];
        absolute += width * mean_absolute(gap);
        signed += width * (gap[0] + gap[1]) / 2.0;
        under += width * (theirs[0] + theirs[1]) / 2.0;
    }
    Some(CurveDistance {
        relative: absolute / under,
        signed: signed / under,
        from,
        to,
        covered: (to - from) / (last - first),
    })
}

/// The curve's height at `step`, which lies within its range.
fn at(curve: &[(f64, f64)], step: f64) -> f64 {
    let next = curve.partition_point(|point| point.0 < step).min(curve.len() - 1);
    let (right, right_height) = curve[next];
    if right <= step || next == 0 {
        return right_height;
    }
    let (left, left_height) = curve[next - 1];
    left_height + (right_height - left_height) * (step - left) / (right - left)
}

/// Mean of |y| along a straight line from one height to another: two triangles where it crosses zero.
fn mean_absolute([a, b]: [f64; 2]) -> f64 {
    if a * b >= 0.0 { (a.abs() + b.abs()) / 2.0 } else { (a * a + b * b) / (2.0 * (a.abs() + b.abs())) }
}

/// Total-variation distance of two histograms over the same bins: the share of runs that would have to move
/// to turn one into the other, from 0 to 1. Losses beyond the last bin and diverged runs count as one more
/// bin. NaN where one has no runs.
pub fn total_variation(ours: &Histogram, paper: &Histogram) -> f64 {
    let bins = ours.counts.len().max(paper.counts.len());
    let shares = |histogram: &Histogram| -> Vec<f64> {
        let runs = histogram.runs() as f64;
        let beyond = histogram.overflow + histogram.diverged;
        let mut counts = histogram.counts.clone();
        counts.resize(bins, 0);
        counts.iter().chain([&beyond]).map(|&count| count as f64 / runs).collect()
    };
    shares(ours).iter().zip(shares(paper)).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// Earth mover's distance of two histograms over the same bins, in units of loss: how far the runs of one have
/// to be moved, on average, to turn it into the other; the area between the two distribution functions. Losses
/// beyond the last bin and diverged runs count as if they were in the bin after it. NaN where one has no runs.
pub fn earth_mover(ours: &Histogram, paper: &Histogram) -> f64 {
    let bins = ours.counts.len().max(paper.counts.len()) + 1;
    let shares = |histogram: &Histogram| -> Vec<f64> {
        let mut counts = histogram.counts.clone();
        counts.resize(bins, 0);
        counts[bins - 1] += histogram.overflow + histogram.diverged;
        counts.iter().map(|&count| count as f64 / histogram.runs() as f64).collect()
    };
    let mut between = 0.0;
    let gaps = shares(ours).into_iter().zip(shares(paper)).map(|(a, b)| {
        between += a - b;
        f64::abs(between)
    });
    gaps.sum::<f64>() * BIN_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identical_curves_and_histograms_have_distance_0() {
        let curve = [(0.0, 1.0), (100.0, 0.5), (300.0, 0.25)];
        let distance = between_curves(&curve, &curve).unwrap();
        assert_eq!((distance.relative, distance.signed, distance.covered), (0.0, 0.0, 1.0));
        let histogram = Histogram::new(&[0.1, 0.2, 0.9], 1, 20);
        assert_eq!(total_variation(&histogram, &histogram), 0.0);
    }

    #[test]
    fn a_curve_twice_as_high_is_at_distance_1() {
        let paper = [(500.0, 0.2), (600.0, 0.1)];
        let ours = [(0.0, 1.0), (500.0, 0.4), (550.0, 0.3), (600.0, 0.2), (700.0, 0.0)];
        let distance = between_curves(&ours, &paper).unwrap();
        assert!((distance.relative - 1.0).abs() < 1e-12 && (distance.signed - 1.0).abs() < 1e-12);
    }

    #[test]
    fn curves_that_cross_do_not_cancel() {
        let paper = [(0.0, 1.0), (10.0, 1.0)];
        let ours = [(0.0, 0.5), (10.0, 1.5)];
        let distance = between_curves(&ours, &paper).unwrap();
        assert!((distance.relative - 0.25).abs() < 1e-12);
        assert!(distance.signed.abs() < 1e-12);
    }

    #[test]
    fn a_short_curve_is_compared_where_it_is() {
        let paper = [(500.0, 0.4), (9_900.0, 0.2)];
        let distance = between_curves(&[(0.0, 1.0), (2_850.0, 0.4)], &paper).unwrap();
        assert_eq!((distance.from, distance.to), (500.0, 2_850.0));
        assert!((distance.covered - 0.25).abs() < 1e-12);
        assert_eq!(between_curves(&[(0.0, 1.0), (400.0, 0.4)], &paper), None);
        assert_eq!(between_curves(&[], &paper), None);
    }

    #[test]
    fn the_earth_movers_distance_is_how_far_the_mass_moves() {
        let at = |loss: f64| Histogram::new(&[loss; 4], 0, 30);
        assert!((earth_mover(&at(0.2), &at(0.5)) - 0.3).abs() < 1e-12);
        assert_eq!(earth_mover(&at(0.2), &at(0.2)), 0.0);
        // Half of the runs move by 0.1, whichever is called ours.
        let half = Histogram::new(&[0.2, 0.2, 0.3, 0.3], 0, 30);
        assert!((earth_mover(&half, &at(0.2)) - 0.05).abs() < 1e-12);
        assert!((earth_mover(&at(0.2), &half) - 0.05).abs() < 1e-12);
        // Diverged runs are as far as the bins reach.
        let diverged = Histogram::new(&[], 4, 30);
        assert!((earth_mover(&diverged, &at(0.2)) - 0.8).abs() < 1e-12);
    }

    #[test]
    fn total_variation_is_the_share_that_has_to_move() {
        let low = Histogram::new(&[0.0; 10], 0, 20);
        let half = Histogram::new(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 9.0], 1, 20);
        assert!((total_variation(&low, &half) - 0.5).abs() < 1e-12);
        assert!((total_variation(&low, &Histogram::new(&[0.5; 3], 0, 30)) - 1.0).abs() < 1e-12);
    }
}
