//! Philox4x32-10, the counter-based random generator under every random stream of a study.
//!
//! A run must be repeatable alone, in any group, on any shard, in any order. A generator with a
//! hidden state cannot do that without replaying; Philox (Salmon, Moraes, Dror and Shaw, "Parallel
//! random numbers: as easy as 1, 2, 3", SC 2011) has none: it is a keyed bijection of 128-bit
//! counters whose outputs pass for random, so "the seventh normal of row 12,345 of seed 3" is one
//! function call. It is also ten rounds of the same multiplications for every counter, which is
//! what vector units like.

/// Round multipliers of the first and third counter word (Salmon et al. 2011, table 2).
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Key increments a round: the golden ratio and sqrt(3) - 1, as 32-bit fractions.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// Rounds; the authors found seven enough to pass BigCrush and recommend ten.
const ROUNDS: usize = 10;

/// Ten rounds on one counter: four random words.
///
/// ```
/// use mmoe_study::data::philox;
/// assert_eq!(philox::block([0, 0], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
pub fn block(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    block_inline(key, counter)
}

/// Many counters at once, as a structure of arrays: `counters[j][i]` and `words[j][i]` are word
/// `j` of counter `i`. Equal to [`block`] lane by lane; meant to be inlined into a caller compiled
/// for a wide vector unit, where the loop becomes vector code.
#[inline(always)]
pub fn blocks<const LANES: usize>(
    key: [u32; 2],
    counters: &[[u32; LANES]; 4],
    words: &mut [[u32; LANES]; 4],
) {
    for lane in 0..LANES {
        let [a, b, c, d] = counters;
        let word = block_inline(key, [a[lane], b[lane], c[lane], d[lane]]);
        words[0][lane] = word[0];
        words[1][lane] = word[1];
        words[2][lane] = word[2];
        words[3][lane] = word[3];
    }
}

/// The words are carried in 64 bits, of which the upper half is left over from the products and
/// ignored: vector units multiply 32-bit numbers in 64-bit lanes, and this spares them the packing.
#[inline(always)]
fn block_inline(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    const LOW: u64 = u32::MAX as u64;
    let [mut k0, mut k1] = key;
    let [c0, c1, c2, c3] = counter;
    let (mut c0, mut c1) = (u64::from(c0), u64::from(c1));
    let (mut c2, mut c3) = (u64::from(c2), u64::from(c3));
    for _ in 0..ROUNDS {
        let a = (c0 & LOW) * u64::from(MULTIPLIERS[0]);
        let b = (c2 & LOW) * u64::from(MULTIPLIERS[1]);
        (c0, c2) = ((b >> 32) ^ c1 ^ u64::from(k0), (a >> 32) ^ c3 ^ u64::from(k1));
        (c1, c3) = (b, a);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0 as u32, c1 as u32, c2 as u32, c3 as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors published with Random123 (`kat_vectors`, "philox4x32 10").
    #[test]
    fn known_answers() {
        assert_eq!(block([0; 2], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(block([u32::MAX; 2], [u32::MAX; 4]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            block([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn lanes_equal_single_blocks() {
        let key = [7, 0xdead_beef];
        let mut counters = [[0; 13]; 4];
        for lane in 0..13u32 {
            for (j, word) in counters.iter_mut().enumerate() {
                word[lane as usize] = lane.wrapping_mul(0x9E37_79B1).rotate_left(j as u32 * 9);
            }
        }
        let mut words = [[0; 13]; 4];
        blocks(key, &counters, &mut words);
        for lane in 0..13 {
            let alone = block(key, [0, 1, 2, 3].map(|j| counters[j][lane]));
            assert_eq!([0, 1, 2, 3].map(|j| words[j][lane]), alone);
        }
    }
}
