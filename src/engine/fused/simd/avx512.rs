//! AVX-512: 32 registers of 16 lanes.

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::{Job, Simd};

/// The token; private field, so that only [`run`] makes it.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

/// Carries out a job in AVX-512.
///
/// # Safety
/// The CPU has AVX2, FMA, AVX-512F and AVX-512VL.
#[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
pub unsafe fn run<J: Job>(job: J) -> J::Output {
    job.run(Avx512(()))
}

// SAFETY of every block below: the token proves that the CPU has AVX-512F; memory is touched by `load`,
// `store` and `broadcast` alone, whose callers promise the bounds.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    type V = __m512;
    type Half = Avx2;
    const LANES: usize = 16;
    // 12 × 2 accumulators, 2 vectors of the right operand and 1 of the left are 27 of the 32 registers.
    const TILE: usize = 12;

    #[inline(always)]
    fn half(self) -> Avx2 {
        unsafe { Avx2::new() }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, from: &[f32], at: usize) -> __m512 {
        debug_assert!(at + Self::LANES <= from.len());
        unsafe { _mm512_loadu_ps(from.as_ptr().add(at)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: &mut [f32], at: usize, v: __m512) {
        debug_assert!(at + Self::LANES <= to.len());
        unsafe { _mm512_storeu_ps(to.as_mut_ptr().add(at), v) }
    }
    #[inline(always)]
    unsafe fn broadcast(self, from: &[f32], at: usize) -> __m512 {
        debug_assert!(at < from.len());
        unsafe { _mm512_set1_ps(*from.as_ptr().add(at)) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn where_positive(self, sign: __m512, value: __m512) -> __m512 {
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(sign, _mm512_setzero_ps());
            _mm512_maskz_mov_ps(positive, value)
        }
    }
    #[inline(always)]
    fn where_bits(self, bits: u32, value: __m512) -> __m512 {
        unsafe { _mm512_maskz_mov_ps(bits as u16, value) }
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn power_of_two(self, a: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), a) }
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        unsafe {
            let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(a)));
            self.half().sum(_mm256_add_ps(_mm512_castps512_ps256(a), upper))
        }
    }
}
