// clang-format off
// Vectors of floats as wide as the processor's registers. One of four files defines, for kSimdWidth = 16, 8 or 4:
//   SimdFloats    floats; + - * /, broadcast, load, store, larger, smaller, fused (a * b + c), relu, sum
//   SimdInts      whole numbers; + - *, minimum, broadcast_int, load_ints, store_ints, truncate (from floats), to_float
//   pack_words    two numbers of 16 bits per word; the high one may be larger, the low one need not fit
//   multiply_add  the product of the low numbers of words plus that of the high ones
//   interleave_low, interleave_high    words (a, b) of the numbers of two vectors, taken from the lower or the upper
//                 half of each 128 bits
//   sort_fours    the fours of numbers of the 16 channels (32 with 16 elements) whose sums interleaving gives, in natural
//                 order (map_place in plane_maps.h)
//   store_alternating                  elements of two vectors in turn
//   CellSums      sums over cells of a hash grid (baked_frame.h): add_cell and four_channels, or add_two_cells and
//                 two_channels_each; weights [2] or [2][2]: of the nodes at u and at u + 1. SimdQuad: 4 whole numbers
//   join          kSimdWidth / 4 of those as one vector
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
