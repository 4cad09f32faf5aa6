// clang-format off
// Vectors of floats as wide as the processor's registers (README.md explains how halves are widened). One of four files defines, for kSimdWidth = 16, 8 or 4:
//   SimdFloats    floats; + - * /, broadcast, load, store, larger, smaller, fused (a * b + c), relu, sum
//   SimdInts      whole numbers; + *, minimum, broadcast_int, load_ints, store_ints, truncate (from floats), to_float
//   SimdWords     pairs of halves; low_halves, high_halves
//   load_corners  the words of the grid cells at kSimdWidth nodes (baked_frame.h)
//   load_halves   kSimdWidth halves as floats, too small by kLoadedHalfScale
//   separate      the even and the odd ones of 2 kSimdWidth floats
//   prefetch      asks for a cache line
// clang-format on
#pragma once

// MLPVID_PORTABLE takes plain C++, as compilers for GPUs do.
#if defined(__AVX512F__) && !defined(MLPVID_PORTABLE)
#include "simd_avx512.h"
#elif defined(__AVX2__) && !defined(MLPVID_PORTABLE)
#include "simd_avx2.h"
#elif defined(__GNUC__) && !defined(__CUDACC__) && !defined(__CUDACC_RTC__) && !defined(MLPVID_PORTABLE)
#include "simd_vector.h"
#else
#include "simd_portable.h"
#endif
