//! Lanes in arrays: plain Rust that a compiler vectorises as well as the target allows, every access checked.

#[cfg(test)]
use super::Job;
use super::{Octet, Simd};

/// Vectors of `N` lanes; 8 for work, 16 where a test wants AVX-512's blocking with every access checked.
#[derive(Debug, Clone, Copy)]
pub struct Portable<const N: usize>;

/// Lane by lane, as a loop over lanes: `array::from_fn` and `map` were left scalar by the compiler.
#[inline(always)]
fn zip<const N: usize>(a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    let mut out = a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = f(*out, b);
    }
    out
}

impl<const N: usize> Simd for Portable<N> {
    type V = [f32; N];
    type Half = Portable<8>;
    const LANES: usize = N;
    // 2 × 2 vectors of 8 are 8 of SSE2's 16 registers, the right operand 4 more. Four rows spill, and are slower.
    const TILE: usize = 2;

    #[inline(always)]
    fn half(self) -> Portable<8> {
        Portable
    }
    #[inline(always)]
    fn splat(self, x: f32) -> [f32; N] {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(self, from: &[f32], at: usize) -> [f32; N] {
        from[at..at + N].try_into().expect("N lanes")
    }
    #[inline(always)]
    unsafe fn store(self, to: &mut [f32], at: usize, v: [f32; N]) {
        to[at..at + N].copy_from_slice(&v);
    }
    #[inline(always)]
    unsafe fn broadcast(self, from: &[f32], at: usize) -> [f32; N] {
        [from[at]; N]
    }
    #[inline(always)]
    fn add(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| a / b)
    }
    // `f32::mul_add` would call a library function a lane where the target has no such instruction.
    #[inline(always)]
    fn mul_add(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn neg_mul_add(self, a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
        self.sub(c, self.mul(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: [f32; N]) -> [f32; N] {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    fn max(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn where_positive(self, sign: [f32; N], value: [f32; N]) -> [f32; N] {
        zip(sign, value, |sign, value| if sign > 0.0 { value } else { 0.0 })
    }
    #[inline(always)]
    fn where_bits(self, bits: u32, value: [f32; N]) -> [f32; N] {
        let mut out = value;
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if bits >> lane & 1 == 1 { *out } else { 0.0 };
        }
        out
    }
    #[inline(always)]
    fn round(self, a: [f32; N]) -> [f32; N] {
        /// 1.5 · 2²³: adding it leaves no bits after the point.
        const SHIFT: f32 = 12_582_912.0;
        a.map(|a| (a + SHIFT) - SHIFT)
    }
    #[inline(always)]
    fn power_of_two(self, a: [f32; N]) -> [f32; N] {
        // 127 is the exponent's bias, 23 the width of the mantissa.
        a.map(|a| f32::from_bits(((a as i32).wrapping_add(127) as u32) << 23))
    }
    #[inline(always)]
    fn sum(self, a: [f32; N]) -> f32 {
        a.iter().sum()
    }
}

impl Octet for Portable<8> {
    #[inline(always)]
    fn transpose(self, rows: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
    }
}

/// Carries out a job in 16 lanes: AVX-512's blocking, bounds checked.
#[cfg(test)]
pub fn run_wide<J: Job>(job: J) -> J::Output {
    job.run(Portable::<16>)
}
