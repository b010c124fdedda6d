//! What is made of series of measurements.

use std::time::Duration;

/// A sample's middle and its spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    /// The 10th percentile.
    pub(crate) low: f64,
    /// The 90th percentile.
    pub(crate) high: f64,
}

impl Summary {
    /// Of at least one value; NaN without any.
    pub(crate) fn of(values: &[f64]) -> Self {
        let sorted = sort(values);
        Self {
            median: quantile(&sorted, 0.5),
            low: quantile(&sorted, 0.1),
            high: quantile(&sorted, 0.9),
        }
    }
}

/// The summary of the quotients of values that were measured together.
pub(crate) fn ratios(numerators: &[f64], denominators: &[f64]) -> Summary {
    let pairs = numerators.iter().zip(denominators);
    Summary::of(&pairs.map(|(above, below)| above / below).collect::<Vec<_>>())
}

/// An integer as a floating-point number, rounded beyond 2^53.
pub(crate) fn to_f64(number: u64) -> f64 {
    let half = |bits: u64| f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX));
    half(number >> 32) * 4_294_967_296.0 + half(number)
}

/// A duration in microseconds.
pub(crate) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Two samples of the same quantity, compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    /// Probability of a difference like this one or larger if both came from the same distribution: two-sided
    /// Mann-Whitney U test, normal approximation with correction for ties.
    pub(crate) significance: f64,
    /// Probability that a value of the first sample is larger than one of the second, ties counted half: 0.5 for equal
    /// distributions.
    pub(crate) superiority: f64,
    /// Median of the first sample less that of the second.
    pub(crate) difference: f64,
    /// 95 % interval of that difference, by bootstrap.
    pub(crate) interval: (f64, f64),
}

/// Compares two samples, neither of them empty.
pub(crate) fn compare(first: &[f64], second: &[f64]) -> Comparison {
    let (u, z) = mann_whitney(first, second);
    let difference = quantile(&sort(first), 0.5) - quantile(&sort(second), 0.5);
    Comparison {
        significance: libm::erfc(z.abs() / core::f64::consts::SQRT_2),
        superiority: u / (count(first) * count(second)),
        difference,
        interval: bootstrap(first, second),
    }
}

/// The U statistic of the first sample and its deviation from the expectation in standard errors.
fn mann_whitney(first: &[f64], second: &[f64]) -> (f64, f64) {
    let mut values: Vec<(f64, bool)> = first.iter().map(|value| (*value, true)).collect();
    values.extend(second.iter().map(|value| (*value, false)));
    values.sort_by(|a, b| a.0.total_cmp(&b.0));

    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in values.chunk_by(|a, b| a.0 == b.0) {
        let size = count(equal);
        let rank = before + f64::midpoint(1.0, size);
        rank_sum += rank * count(&equal.iter().filter(|value| value.1).collect::<Vec<_>>());
        ties += size * (size * size - 1.0);
        before += size;
    }
    let (n, m) = (count(first), count(second));
    let total = n + m;
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let z = if variance > 0.0 {
        (u - n * m / 2.0) / variance.sqrt()
    } else {
        0.0
    };
    (u, z)
}

const RESAMPLES: usize = 2_000;

/// The 2.5th and the 97.5th percentile of the difference of the medians of resamples with replacement.
fn bootstrap(first: &[f64], second: &[f64]) -> (f64, f64) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let differences: Vec<f64> = (0..RESAMPLES)
        .map(|_| random.resampled_median(first) - random.resampled_median(second))
        .collect();
    let sorted = sort(&differences);
    (quantile(&sorted, 0.025), quantile(&sorted, 0.975))
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same sequence in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn resampled_median(&mut self, values: &[f64]) -> f64 {
        let length = u64::try_from(values.len()).unwrap_or(u64::MAX).max(1);
        let mut resample: Vec<f64> = (0..values.len())
            .filter_map(|_| values.get(usize::try_from(self.next() % length).ok()?).copied())
            .collect();
        let middle = resample.len() / 2;
        if resample.is_empty() {
            return f64::NAN;
        }
        *resample.select_nth_unstable_by(middle, f64::total_cmp).1
    }
}

fn sort(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Linear between the neighbouring values.
fn quantile(sorted: &[f64], portion: f64) -> f64 {
    let mut position = portion * (count(sorted) - 1.0);
    let mut values = sorted.iter();
    while position >= 1.0 {
        values.next();
        position -= 1.0;
    }
    let lower = values.next().copied().unwrap_or(f64::NAN);
    let upper = values.next().copied().unwrap_or(lower);
    lower + (upper - lower) * position
}

fn count<T>(values: &[T]) -> f64 {
    to_f64(u64::try_from(values.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-3, "{found} is not {expected}");
    }

    #[test]
    fn summary_takes_the_middle_and_the_outer_tenths() {
        let values: Vec<f64> = (0..=10).rev().map(f64::from).collect();
        let expected = Summary {
            median: 5.0,
            low: 1.0,
            high: 9.0,
        };
        assert_eq!(Summary::of(&values), expected);
        assert_close(Summary::of(&[1.0, 2.0]).median, 1.5);
        assert!(Summary::of(&[]).median.is_nan());
    }

    #[test]
    fn ratios_are_of_pairs() {
        assert_close(ratios(&[1.0, 4.0, 9.0], &[2.0, 4.0, 3.0]).median, 1.0);
    }

    #[test]
    fn large_integers_are_converted() {
        assert_close(to_f64(0), 0.0);
        assert_close(to_f64(3_300_000), 3_300_000.0);
        assert_close(to_f64(1 << 40), 1_099_511_627_776.0);
    }

    /// By hand: of the 15 pairs the first is larger in 2, where 7.5 are expected.
    #[test]
    fn mann_whitney_of_a_small_example() {
        let (u, z) = mann_whitney(&[1.0, 2.0, 5.0], &[3.0, 4.0, 6.0, 8.0, 9.0]);
        assert_close(u, 2.0);
        assert_close(z, -1.6398);
    }

    #[test]
    fn ties_count_half_and_narrow_the_deviation() {
        let (u, z) = mann_whitney(&[1.0, 2.0, 2.0], &[2.0, 3.0, 3.0]);
        assert_close(u, 1.0);
        assert_close(z, -1.6499);
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0, 1.0]), (2.0, 0.0));
    }

    #[test]
    fn equal_samples_do_not_differ() {
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        let same = compare(&values, &values);
        assert_close(same.superiority, 0.5);
        assert_close(same.significance, 1.0);
        assert_close(same.difference, 0.0);
        assert!(same.interval.0 <= 0.0 && same.interval.1 >= 0.0);
    }

    #[test]
    fn a_shift_is_found_with_its_size() {
        let values: Vec<f64> = (0..200).map(|number| f64::from(number % 10)).collect();
        let shifted: Vec<f64> = values.iter().map(|value| value + 5.0).collect();
        let found = compare(&shifted, &values);
        assert!(found.significance < 1e-6 && found.superiority > 0.8, "{found:?}");
        assert_close(found.difference, 5.0);
        assert!(found.interval.0 > 3.0 && found.interval.1 < 7.0, "{found:?}");
    }
}
