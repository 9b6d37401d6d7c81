//! Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011).
//!
//! Block number c of a key is a function of c and the key alone: nothing to store, nothing that depends on
//! order, and many blocks at once fill a vector register.

/// Blocks that [`lanes`] makes at once: a 512-bit register of 32-bit words.
pub const LANES: usize = 16;

/// Rounds; 10 are what the authors recommend (7 already pass their tests).
const ROUNDS: usize = 10;
/// Multipliers of the two halves.
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Steps of the two key words between rounds: the golden ratio and √3 − 1 in 32 bits.
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block: four words of a key and a counter.
pub fn block(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    lanes(key, counter.map(|word| [word; 1])).map(|[word]| word)
}

/// `N` blocks of one key; word w of lane l is at `[w][l]`, of the counters and of what comes back.
#[inline(always)]
pub fn lanes<const N: usize>(key: [u32; 2], counters: [[u32; N]; 4]) -> [[u32; N]; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counters;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        for lane in 0..N {
            let a = u64::from(c0[lane]) * u64::from(MULTIPLIERS[0]);
            let b = u64::from(c2[lane]) * u64::from(MULTIPLIERS[1]);
            c0[lane] = (b >> 32) as u32 ^ c1[lane] ^ k0;
            c1[lane] = b as u32;
            c2[lane] = (a >> 32) as u32 ^ c3[lane] ^ k1;
            c3[lane] = a as u32;
        }
        k0 = k0.wrapping_add(KEY_STEPS[0]);
        k1 = k1.wrapping_add(KEY_STEPS[1]);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers that the authors publish with their library (Random123, `kat_vectors`).
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];

    #[test]
    fn gives_the_published_answers() {
        for (counter, key, words) in KNOWN {
            assert_eq!(block(key, counter), words);
        }
    }

    #[test]
    fn lanes_are_single_blocks() {
        let key = [12, 34];
        let counters = [0, 1, 2, 3].map(|word| std::array::from_fn(|lane| word * 100 + lane as u32 * 7));
        let together = lanes::<LANES>(key, counters);
        for lane in 0..LANES {
            assert_eq!(together.map(|words| words[lane]), block(key, counters.map(|words| words[lane])));
        }
    }
}
