/* Half-width numbers by name alone: Candle's headers declare functions of them, and nothing here calls one. */
#pragma once

struct __half {
    unsigned short bits;
};
struct __nv_bfloat16 {
    unsigned short bits;
};
/* Converts where kernels convert, to nothing sensible: `unused` ends the program. */
struct __nv_fp8_e4m3 {
    unsigned char __x;
    __nv_fp8_e4m3() = default;
    explicit __nv_fp8_e4m3(float) { unused(); }
};

__half __hmax_nan(__half a, __half b);
__half __hmin_nan(__half a, __half b);
unsigned short __half_as_ushort(__half value);
__half __ushort_as_half(unsigned short bits);
enum { __NV_E4M3 };
__half __nv_cvt_fp8_to_halfraw(unsigned char, int);
float __half2float(__half value);
