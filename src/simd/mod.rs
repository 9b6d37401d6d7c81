//! Runtime choice of the vector width for hot loops: generators, towers, Adam and operations of models.
//! The mixture kernels of the fused engine have vectors of their own, `engine::fused::simd`.
//!
//! A released binary is built for the oldest CPU of its family, so without help the loops would
//! run four lanes wide on machines that have sixteen. Each hot loop is therefore one ordinary,
//! auto-vectorised function body that `multiversion!` compiles once a vector width; [`CpuFeatures`]
//! says which of the compilations this CPU may run. The body is the same source and uses only
//! correctly rounded operations (never a fused multiply-add), so every width gives the same bits.

pub mod sine;

/// A vector width that this CPU has been found to support.
///
/// Values come from [`CpuFeatures::best`] and [`CpuFeatures::available`] only: holding one is the proof that
/// the CPU has the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuFeatures(pub(crate) Level);

/// The compilations that `multiversion!` makes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Whatever the crate as a whole was compiled for.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl CpuFeatures {
    /// The widest of [`CpuFeatures::available`]. The standard library caches the CPU's answer, so this
    /// costs a few loads.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self(Level::Avx512);
            }
            if has_avx2() {
                return Self(Level::Avx2);
            }
        }
        Self(Level::Portable)
    }

    /// The same, but AVX2 where it would be AVX-512: for loops over short rows, of which the compiler may make
    /// code for AVX-512 that is several times as slow (`benches/NOTES-graph.md`).
    pub fn without_avx512(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // A CPU with AVX-512 has AVX2: `has_avx512` asks for both.
            Level::Avx512 => Self(Level::Avx2),
            _ => self,
        }
    }

    /// Every width this CPU can run, narrowest first.
    pub fn available() -> Vec<Self> {
        let mut all = vec![Self(Level::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx2() {
                all.push(Self(Level::Avx2));
            }
            if has_avx512() {
                all.push(Self(Level::Avx512));
            }
        }
        all
    }

    /// A name for reports: `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
}

/// Defines `fn name(cpu: CpuFeatures, arguments…)` that runs `body(arguments…)` compiled for `simd`.
///
/// `body` has to be `#[inline(always)]`, or it would be compiled for the portable width only.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:path;) => {
        $(#[$meta])*
        $vis fn $name(cpu: $crate::simd::CpuFeatures, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512vl,avx512dq,avx512bw")]
            fn avx512($($arg: $ty),*) {
                $body($($arg),*)
            }
            match cpu.0 {
                $crate::simd::Level::Portable => $body($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `CpuFeatures` values of this level are made only after the CPU said that it
                // has AVX2; `avx2` is otherwise a safe function.
                $crate::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `CpuFeatures` values of this level are made only after the CPU said that it
                // has each of the enabled features; `avx512` is otherwise a safe function.
                $crate::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(crate) use multiversion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_width_is_the_last_available() {
        assert_eq!(CpuFeatures::available().last(), Some(&CpuFeatures::best()));
        assert_eq!(CpuFeatures::available()[0].name(), "portable");
    }
}
