// CUDA's words for a host compiler: what Candle's kernels are read with.
#pragma once

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include "threads.hpp"

#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
// No __CUDA_ARCH__: the kernels of half-width numbers are left out, as for the oldest of GPUs.
#ifndef __global__
#define __global__
#endif
#define __device__ inline
#define __host__
#define __forceinline__
// One block runs at a time.
#define __shared__ static

struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }

[[noreturn]] inline void unused() {
    fprintf(stderr, "the stand-in for a GPU has no half-width numbers\n");
    abort();
}

using std::isnan;
using std::signbit;

template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) { return a < b ? b : a; }

inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }
inline float normcdff(float x) { return 0.5f * erfcf(-x * float(M_SQRT1_2)); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

template <class To, class From> To bits_as(From value) {
    static_assert(sizeof(To) == sizeof(From));
    To as;
    memcpy(&as, &value, sizeof as);
    return as;
}
inline unsigned __float_as_uint(float value) { return bits_as<unsigned>(value); }
inline int __float_as_int(float value) { return bits_as<int>(value); }
inline float __uint_as_float(unsigned bits) { return bits_as<float>(bits); }
inline float __int_as_float(int bits) { return bits_as<float>(bits); }
inline long long __double_as_longlong(double value) { return bits_as<long long>(value); }
inline double __longlong_as_double(long long bits) { return bits_as<double>(bits); }

// One thread runs at a time: nothing needs to be atomic.
template <class T, class V> T atomicAdd(T *place, V value) { return std::exchange(*place, T(*place + value)); }
template <class T, class V> T atomicMax(T *place, V value) { return std::exchange(*place, max(*place, T(value))); }
template <class T, class V> T atomicMin(T *place, V value) { return std::exchange(*place, min(*place, T(value))); }
template <class T, class O, class V> T atomicCAS(T *place, O old, V value) {
    return std::exchange(*place, *place == T(old) ? T(value) : *place);
}

inline void __syncthreads() { wait_for_block(); }

template <class T> T __shfl_xor_sync(unsigned, T value, int lanes, int = 32) {
    static_assert(sizeof(T) <= sizeof(Exchanged));
    memcpy(exchanged(0), &value, sizeof value);
    wait_for_warp();
    memcpy(&value, exchanged(lanes), sizeof value);
    wait_for_warp();
    return value;
}
