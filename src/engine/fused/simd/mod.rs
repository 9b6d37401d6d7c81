//! Vectors of f32 lanes: the vocabulary that every kernel of the mixture family is written in.
//!
//! A kernel is one generic function over [`Simd`]; it is compiled once for each instruction set, and
//! [`Instructions::run`] enters the best one that this CPU has. A value of a type that implements [`Simd`] is
//! a token: it exists only where its instructions may be executed, so that arithmetic needs no `unsafe` in
//! the kernels.
//!
//! [`portable::Portable`] is plain Rust with every access checked. It is what CPUs without AVX2 run, and it
//! is the bounds-checked twin of the other two in tests: the same kernels with the same offsets.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod portable;

/// Rows that are processed together: 2 vectors of AVX-512, 4 of AVX2. Two AVX-512 vectors by twelve columns
/// are 24 accumulators, which hides the latency of a fused multiply-add and leaves 8 of the 32 registers for
/// operands.
pub const PANEL: usize = 32;

/// One quantity for the rows of a panel, on cache lines of its own.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Column(pub [f32; PANEL]);

impl Column {
    /// Every row 0.
    pub const ZERO: Self = Self([0.0; PANEL]);
    /// Every row 1.
    pub const ONE: Self = Self([1.0; PANEL]);
}

/// Columns as one slice of floats.
#[inline(always)]
pub fn flat(columns: &[Column]) -> &[f32] {
    // SAFETY: a `Column` is `PANEL` floats without padding (128 bytes, a multiple of its alignment).
    unsafe { std::slice::from_raw_parts(columns.as_ptr().cast(), columns.len() * PANEL) }
}

/// Columns as one slice of floats.
#[inline(always)]
pub fn flat_mut(columns: &mut [Column]) -> &mut [f32] {
    // SAFETY: as in `flat`; the borrow is exclusive.
    unsafe { std::slice::from_raw_parts_mut(columns.as_mut_ptr().cast(), columns.len() * PANEL) }
}

/// An instruction set: a token that proves it may be executed, and its vectors of `LANES` floats.
pub trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// The same instruction set in vectors of 8 lanes.
    type Half: Octet;
    /// Floats in a vector; divides [`PANEL`].
    const LANES: usize;
    /// Rows of two vectors each that a register tile accumulates.
    const TILE: usize;

    /// The token of [`Self::Half`].
    fn half(self) -> Self::Half;
    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// Lanes from `from[at..]`.
    ///
    /// # Safety
    /// `at + LANES <= from.len()`.
    unsafe fn load(self, from: &[f32], at: usize) -> Self::V;
    /// Lanes to `to[at..]`.
    ///
    /// # Safety
    /// `at + LANES <= to.len()`.
    unsafe fn store(self, to: &mut [f32], at: usize, v: Self::V);
    /// All lanes `from[at]`.
    ///
    /// # Safety
    /// `at < from.len()`.
    unsafe fn broadcast(self, from: &[f32], at: usize) -> Self::V;
    /// a + b.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a − b.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a · b.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a / b.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// a · b + c, rounded once where the instructions can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c − a · b, rounded once where the instructions can.
    fn neg_mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// √a.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// a where a > b, else b: b where either is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `value` where `sign` > 0, else 0.
    fn where_positive(self, sign: Self::V, value: Self::V) -> Self::V;
    /// `value` in the lanes whose bit is 1, the lowest bit the first lane's, else 0; higher bits say nothing.
    fn where_bits(self, bits: u32, value: Self::V) -> Self::V;
    /// The nearest whole number, ties to even; |a| < 2²².
    fn round(self, a: Self::V) -> Self::V;
    /// 2 to a whole power in −126..=127.
    fn power_of_two(self, a: Self::V) -> Self::V;
    /// Sum of the lanes, in an order that is fixed for the instruction set.
    fn sum(self, a: Self::V) -> f32;

    /// All lanes 0.
    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }

    /// Vector `i` of a column.
    #[inline(always)]
    fn get(self, column: &Column, i: usize) -> Self::V {
        assert!((i + 1) * Self::LANES <= PANEL);
        // SAFETY: just checked; the check vanishes where `i` comes from `0..PANEL / LANES`.
        unsafe { self.load(&column.0, i * Self::LANES) }
    }

    /// Writes vector `i` of a column.
    #[inline(always)]
    fn put(self, column: &mut Column, i: usize, v: Self::V) {
        assert!((i + 1) * Self::LANES <= PANEL);
        // SAFETY: just checked, as in `get`.
        unsafe { self.store(&mut column.0, i * Self::LANES, v) }
    }

    /// ReLU that lets NaN through, so that a diverged run shows in its loss.
    #[inline(always)]
    fn relu(self, a: Self::V) -> Self::V {
        self.max(self.zero(), a)
    }

    /// eᵃ for a ≤ 0, within 2 units in the last place down to e⁻⁸⁷; smaller a count as −87.
    ///
    /// a = n ln 2 + r with |r| ≤ ln 2 / 2; ln 2 is split so that n times its upper part is exact, and eʳ is
    /// its Taylor polynomial of degree 7, whose remainder (5e-9) is below half a unit in the last place.
    #[inline(always)]
    fn exp(self, a: Self::V) -> Self::V {
        /// e⁻⁸⁷ is the last whole power that is a normal float.
        const LOWEST: f32 = -87.0;
        /// The upper 10 bits of ln 2.
        const LN_2_UPPER: f32 = 0.693_359_4;
        const LN_2_LOWER: f32 = (std::f64::consts::LN_2 - LN_2_UPPER as f64) as f32;
        let a = self.max(self.splat(LOWEST), a);
        let n = self.round(self.mul(a, self.splat(std::f32::consts::LOG2_E)));
        let r = self.neg_mul_add(n, self.splat(LN_2_UPPER), a);
        let r = self.neg_mul_add(n, self.splat(LN_2_LOWER), r);
        let mut sum = self.splat(1.0 / 5040.0);
        for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            sum = self.mul_add(sum, r, self.splat(coefficient));
        }
        self.mul(sum, self.power_of_two(n))
    }
}

/// An instruction set with vectors of 8 lanes.
pub trait Octet: Simd {
    /// The transpose of 8 vectors.
    fn transpose(self, rows: [Self::V; 8]) -> [Self::V; 8];
}

/// Work that [`Instructions::run`] carries out in an instruction set. `run` must be `#[inline(always)]`, or
/// it is compiled without the instructions it is meant for.
pub trait Job {
    /// Its result.
    type Output;
    /// Carries it out.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this CPU has: made by [`Instructions::available`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructions(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Instructions {
    /// All that this CPU has, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                sets.push(Self(Set::Avx512));
            }
            sets.push(Self(Set::Avx2));
        }
        sets.push(Self(Set::Portable));
        sets
    }

    /// The fastest that this CPU has.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// Name for tables and manifests.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            Set::Portable => "portable",
        }
    }

    /// Carries out `job` in these instructions.
    #[inline]
    pub fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            // SAFETY: `available` made this value after asking the CPU.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::run(job) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::run(job) },
            Set::Portable => job.run(portable::Portable::<8>),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exponentials<'a>(&'a Column);

    impl Job for Exponentials<'_> {
        type Output = Column;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Column {
            let mut out = Column::ZERO;
            for v in 0..PANEL / S::LANES {
                simd.put(&mut out, v, simd.exp(simd.get(self.0, v)));
            }
            out
        }
    }

    #[test]
    fn exponentials_are_within_two_units_in_the_last_place() {
        for instructions in Instructions::available() {
            for block in 0..2720 {
                let a = Column(std::array::from_fn(|i| -(block as f32 + i as f32 / PANEL as f32) / 32.0));
                for (a, e) in a.0.iter().zip(instructions.run(Exponentials(&a)).0) {
                    let exact = (*a as f64).exp();
                    let ulps = (e as f64 - exact).abs() / (exact * f32::EPSILON as f64);
                    assert!(ulps <= 2.0, "{} exp({a}) = {e}: {ulps} ulp", instructions.name());
                }
            }
        }
    }

    #[test]
    fn exponentials_let_nan_through_and_end_at_87() {
        for instructions in Instructions::available() {
            let a = Column(std::array::from_fn(|i| [f32::NAN, f32::NEG_INFINITY, -1e9, 0.0][i % 4]));
            let e = instructions.run(Exponentials(&a)).0;
            assert!(e[0].is_nan());
            assert!(e[1] == e[2] && e[1] > 0.0 && e[1] < 2e-38);
            assert_eq!(e[3], 1.0);
        }
    }

    struct Transposed;

    impl Job for Transposed {
        type Output = [Column; 2];

        /// Vectors 8i, 8i + 1, … of a transpose, row after row.
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> [Column; 2] {
            let half = simd.half();
            let from: [f32; 64] = std::array::from_fn(|i| i as f32);
            let mut to = [Column::ZERO; 2];
            // SAFETY: 8 rows of 8 lanes.
            let rows = std::array::from_fn(|i| unsafe { half.load(&from, 8 * i) });
            for (i, v) in half.transpose(rows).into_iter().enumerate() {
                half.put(&mut to[i / 4], i % 4, v);
            }
            to
        }
    }

    #[test]
    fn a_transpose_swaps_rows_and_lanes() {
        for instructions in Instructions::available() {
            let to = instructions.run(Transposed);
            for (i, &value) in flat(&to).iter().enumerate() {
                assert_eq!(value, (i % 8 * 8 + i / 8) as f32, "{}", instructions.name());
            }
        }
    }
}
