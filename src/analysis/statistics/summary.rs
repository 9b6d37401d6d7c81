//! One number for a sample.

/// Arithmetic mean; NaN for an empty sample.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Arithmetic mean; none for an empty sample, or one whose values are not all finite.
pub fn mean_if_any(values: &[f64]) -> Option<f64> {
    Some(mean(values)).filter(|mean| mean.is_finite())
}

/// Standard deviation of a sample (n − 1); none for fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    Some(variance(values).sqrt()).filter(|deviation| deviation.is_finite())
}

/// Sample variance, Σ(x − x̄)² / (n − 1); NaN for fewer than two values.
pub fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    // Taken from the first value on, so that equal values have a variance of exactly 0.
    let n = values.len() as f64;
    let centre = values.iter().map(|x| x - values[0]).sum::<f64>() / n;
    values.iter().map(|x| (x - values[0] - centre).powi(2)).sum::<f64>() / (n - 1.0)
}

/// Interquartile mean: the mean of the middle half, ⌊n/4⌋ values cut from either end (Agarwal et al. 2021,
/// "Deep Reinforcement Learning at the Edge of the Statistical Precipice", §4.3). NaN for an empty sample.
pub fn interquartile_mean(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// Expected lowest of `k` values drawn without replacement from the sample,
/// Σ_i x₍ᵢ₎ · C(n − i, k − 1) / C(n, k): the U-statistic for the expected best of `k` runs, unbiased (Dodge et
/// al. 2019, "Show Your Work", is its plug-in relative). Unlike the sample's minimum it does not fall with n
/// and may be bootstrapped. NaN where there are fewer than `k` values, or `k` is 0.
pub fn expected_lowest(values: &[f64], k: usize) -> f64 {
    if k == 0 || values.len() < k {
        return f64::NAN;
    }
    expected_lowest_of_sorted(&sorted(values), k)
}

/// [`expected_lowest`] of values that already rise.
fn expected_lowest_of_sorted(sorted: &[f64], k: usize) -> f64 {
    let n = sorted.len();
    // Weight of the lowest: C(n−1, k−1) / C(n, k) = k/n. From x₍ᵢ₎ to x₍ᵢ₊₁₎ it shrinks by
    // (n−i−k+1)/(n−i).
    let mut weight = k as f64 / n as f64;
    let mut total = 0.0;
    for (i, x) in sorted.iter().take(n - k + 1).enumerate() {
        total += weight * x;
        let left = (n - 1 - i) as f64;
        weight *= (left - (k - 1) as f64) / left.max(1.0);
    }
    total
}

/// Middle value; the mean of the two middle ones where n is even. NaN for an empty sample.
pub fn median(values: &[f64]) -> f64 {
    quantile_of_sorted(&sorted(values), 0.5)
}

/// Quantile of values that already rise, with linear interpolation between neighbours (R's type 7, numpy's
/// default); `p` from 0 to 1. NaN for an empty sample.
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p.clamp(0.0, 1.0) * last as f64;
    let below = (position as usize).min(last);
    let above = (below + 1).min(last);
    let share = position - below as f64;
    // Not `a + share·(b − a)` alone: equal neighbours must give themselves, even if infinite.
    if sorted[below] == sorted[above] {
        sorted[below]
    } else {
        (1.0 - share) * sorted[below] + share * sorted[above]
    }
}

/// The values in rising order, NaN last.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: [f64; 10] = [0.31, 0.05, 0.11, 0.07, 0.45, 0.06, 0.08, 0.21, 0.09, 0.05];

    #[test]
    fn summaries_agree_with_numpy_and_scipy() {
        // numpy 2.4.6: mean, var(ddof=1), median, quantile(0.1); scipy 1.17.1: stats.trim_mean(x, 0.25)
        assert!((mean(&SAMPLE) - 0.148).abs() < 1e-12);
        assert!((variance(&SAMPLE) - 0.018195555555555555).abs() < 1e-12);
        assert!((median(&SAMPLE) - 0.085).abs() < 1e-12);
        assert!((quantile_of_sorted(&sorted(&SAMPLE), 0.1) - 0.05).abs() < 1e-12);
        assert!((interquartile_mean(&SAMPLE) - 0.10333333333333333).abs() < 1e-12);
    }

    #[test]
    fn the_expected_lowest_is_the_mean_over_all_subsets() {
        // itertools: mean(min(c) for c in combinations(x, 3))
        assert!((expected_lowest(&SAMPLE, 3) - 0.061583333333333344).abs() < 1e-12);
        assert!((expected_lowest(&SAMPLE, 1) - mean(&SAMPLE)).abs() < 1e-12);
        assert!((expected_lowest(&SAMPLE, 10) - 0.05).abs() < 1e-12);
        assert!(expected_lowest(&SAMPLE, 11).is_nan());
    }
}
