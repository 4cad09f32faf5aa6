// Vectors for AVX-512: 16 floats.
#pragma once

#include <immintrin.h>

#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 16;

struct SimdFloats {
    __m512 v;
};
struct SimdInts {
    __m512i v;
};

MLPVID_FUNCTION SimdFloats broadcast(float x) {
    return {_mm512_set1_ps(x)};
}
MLPVID_FUNCTION SimdFloats load(const float* p) {
    return {_mm512_loadu_ps(p)};
}
MLPVID_FUNCTION void store(float* p, SimdFloats a) {
    _mm512_storeu_ps(p, a.v);
}
MLPVID_FUNCTION SimdFloats operator+(SimdFloats a, SimdFloats b) {
    return {_mm512_add_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator-(SimdFloats a, SimdFloats b) {
    return {_mm512_sub_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator*(SimdFloats a, SimdFloats b) {
    return {_mm512_mul_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator/(SimdFloats a, SimdFloats b) {
    return {_mm512_div_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats larger(SimdFloats a, SimdFloats b) {
    return {_mm512_max_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats smaller(SimdFloats a, SimdFloats b) {
    return {_mm512_min_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats fused(SimdFloats a, SimdFloats b, SimdFloats c) {
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
MLPVID_FUNCTION SimdFloats relu(SimdFloats a) {
    return {_mm512_max_ps(a.v, _mm512_setzero_ps())};
}

// Sums in a fixed order: adds both halves until one element is left.
MLPVID_FUNCTION float sum(SimdFloats a) {
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), upper);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

MLPVID_FUNCTION SimdInts broadcast_int(int32 x) {
    return {_mm512_set1_epi32(x)};
}
MLPVID_FUNCTION SimdInts load_ints(const int32* p) {
    return {_mm512_loadu_si512(p)};
}
MLPVID_FUNCTION void store_ints(int32* p, SimdInts a) {
    _mm512_storeu_si512(p, a.v);
}
MLPVID_FUNCTION void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
MLPVID_FUNCTION SimdInts operator+(SimdInts a, SimdInts b) {
    return {_mm512_add_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts operator*(SimdInts a, SimdInts b) {
    return {_mm512_mullo_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts minimum(SimdInts a, SimdInts b) {
    return {_mm512_min_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts truncate(SimdFloats a) {
    return {_mm512_cvttps_epi32(a.v)};
}
MLPVID_FUNCTION SimdFloats to_float(SimdInts a) {
    return {_mm512_cvtepi32_ps(a.v)};
}

MLPVID_FUNCTION SimdInts operator-(SimdInts a, SimdInts b) {
    return {_mm512_sub_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts pack_words(SimdInts low, SimdInts high) {
    const __m512i bits = _mm512_and_si512(low.v, _mm512_set1_epi32(0xFFFF));
    return {_mm512_or_si512(bits, _mm512_slli_epi32(high.v, 16))};
}
MLPVID_FUNCTION void store_alternating(int32* p, SimdInts a, SimdInts b) {
    const __m512i first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i second = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    store_ints(p, {_mm512_permutex2var_epi32(a.v, first, b.v)});
    store_ints(p + kSimdWidth, {_mm512_permutex2var_epi32(a.v, second, b.v)});
}
MLPVID_FUNCTION SimdInts interleave_low(SimdInts a, SimdInts b) {
    return {_mm512_unpacklo_epi16(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts interleave_high(SimdInts a, SimdInts b) {
    return {_mm512_unpackhi_epi16(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts multiply_add(SimdInts a, SimdInts b) {
    return {_mm512_madd_epi16(a.v, b.v)};
}
MLPVID_FUNCTION void sort_fours(SimdInts* a) {
    const SimdInts first = a[0], second = a[1];
    a[0] = {_mm512_shuffle_i32x4(first.v, second.v, 0x44)};
    a[1] = {_mm512_shuffle_i32x4(first.v, second.v, 0xEE)};
}
MLPVID_FUNCTION SimdInts join(const __m128i* quads) {
    const __m512i two = _mm512_inserti32x4(_mm512_castsi128_si512(quads[0]), quads[1], 1);
    return {_mm512_inserti32x4(_mm512_inserti32x4(two, quads[2], 2), quads[3], 3)};
}

MLPVID_END

#include "simd_x86_cells.h"
