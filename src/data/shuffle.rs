//! Random orders: of a finite training set in each epoch, and of rows that are divided.

use super::stream::{Purpose, Stream};

/// The random order of a finite training set in the epoch last asked for.
#[derive(Clone, Debug)]
pub(super) struct EpochOrder {
    stream: Stream,
    /// The epoch that `rows` is the order of.
    epoch: Option<u64>,
    rows: Vec<u64>,
}

impl EpochOrder {
    pub fn new(seed: u64) -> Self {
        Self { stream: Stream::new(seed, Purpose::Shuffle), epoch: None, rows: Vec::new() }
    }

    /// Puts `count` rows into `out`: those at `first`, `first + 1` … of the sequence of epochs of
    /// a training set of `rows`.
    pub fn rows(&mut self, first: u64, count: usize, rows: usize, out: &mut Vec<u64>) {
        out.clear();
        while out.len() < count {
            let position = first + out.len() as u64;
            self.shuffle(position / rows as u64, rows);
            let rest = &self.rows[(position % rows as u64) as usize..];
            out.extend(&rest[..rest.len().min(count - out.len())]);
        }
    }

    fn shuffle(&mut self, epoch: u64, rows: usize) {
        if self.epoch != Some(epoch) {
            self.epoch = Some(epoch);
            shuffled(self.stream, epoch, rows, &mut self.rows);
        }
    }
}

/// Fisher and Yates' shuffle of 0..`count` into `order`, driven by the random words of one row of a stream.
pub(super) fn shuffled(stream: Stream, row: u64, count: usize, order: &mut Vec<u64>) {
    use rand::Rng;
    order.clear();
    order.extend(0..count as u64);
    let mut rng = stream.rng(row);
    for last in (1..count).rev() {
        // A 64-bit fraction times n: biased by no more than n · 2⁻⁶⁴.
        let wide = u128::from(rng.next_u64()) * (last as u128 + 1);
        order.swap(last, (wide >> 64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_a_finite_set_visits_every_row_once() {
        const ROWS: usize = 50;
        // Batches smaller than the set, not dividing it, and larger than two epochs.
        for size in [1usize, 7, 25, 50, 128] {
            let mut order = EpochOrder::new(6);
            let mut sequence = Vec::new();
            let mut numbers = Vec::new();
            for step in 0..(4 * ROWS).div_ceil(size) {
                order.rows((step * size) as u64, size, ROWS, &mut numbers);
                assert_eq!(numbers.len(), size);
                sequence.extend_from_slice(&numbers);
            }
            let epochs: Vec<&[u64]> = sequence.chunks_exact(ROWS).collect();
            for epoch in &epochs {
                let mut sorted = epoch.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..ROWS as u64).collect::<Vec<_>>());
            }
            assert_ne!(epochs[0], epochs[1]);
        }
    }
}
