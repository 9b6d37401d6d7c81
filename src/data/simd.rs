//! One source, several instruction sets: compiles a loop for AVX-512, AVX2 and the portable baseline, and
//! runs the widest that this CPU has.
//!
//! The loops use plain multiplications and additions, which round alike everywhere, never fused ones. So all
//! variants give the same bits, and data do not depend on the CPU.

/// `widest! { fn name(arguments) = body_function; }` defines `name`, which calls the `#[inline(always)]`
/// function `body_function` compiled for the widest instruction set at hand.
macro_rules! widest {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:path;) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
                fn avx512($($argument: $type),*) {
                    $body($($argument),*)
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    $body($($argument),*)
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                {
                    // SAFETY: the CPU has every feature that the function was compiled for.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the CPU has the feature that the function was compiled for.
                    return unsafe { avx2($($argument),*) };
                }
            }
            $body($($argument),*)
        }
    };
}

pub(super) use widest;
