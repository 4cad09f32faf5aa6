// Vectors for AVX2 with FMA: 8 floats.
#pragma once

#include <immintrin.h>

#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 8;

struct SimdFloats {
    __m256 v;
};
struct SimdInts {
    __m256i v;
};

MLPVID_FUNCTION SimdFloats broadcast(float x) {
    return {_mm256_set1_ps(x)};
}
MLPVID_FUNCTION SimdFloats load(const float* p) {
    return {_mm256_loadu_ps(p)};
}
MLPVID_FUNCTION void store(float* p, SimdFloats a) {
    _mm256_storeu_ps(p, a.v);
}
MLPVID_FUNCTION SimdFloats operator+(SimdFloats a, SimdFloats b) {
    return {_mm256_add_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator-(SimdFloats a, SimdFloats b) {
    return {_mm256_sub_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator*(SimdFloats a, SimdFloats b) {
    return {_mm256_mul_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats operator/(SimdFloats a, SimdFloats b) {
    return {_mm256_div_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats larger(SimdFloats a, SimdFloats b) {
    return {_mm256_max_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats smaller(SimdFloats a, SimdFloats b) {
    return {_mm256_min_ps(a.v, b.v)};
}
MLPVID_FUNCTION SimdFloats fused(SimdFloats a, SimdFloats b, SimdFloats c) {
    return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
MLPVID_FUNCTION SimdFloats relu(SimdFloats a) {
    return {_mm256_max_ps(a.v, _mm256_setzero_ps())};
}

MLPVID_FUNCTION float sum(SimdFloats a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

MLPVID_FUNCTION SimdInts broadcast_int(int32 x) {
    return {_mm256_set1_epi32(x)};
}
MLPVID_FUNCTION SimdInts load_ints(const int32* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
MLPVID_FUNCTION void store_ints(int32* p, SimdInts a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}
MLPVID_FUNCTION void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
MLPVID_FUNCTION SimdInts operator+(SimdInts a, SimdInts b) {
    return {_mm256_add_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts operator*(SimdInts a, SimdInts b) {
    return {_mm256_mullo_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts minimum(SimdInts a, SimdInts b) {
    return {_mm256_min_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts truncate(SimdFloats a) {
    return {_mm256_cvttps_epi32(a.v)};
}
MLPVID_FUNCTION SimdFloats to_float(SimdInts a) {
    return {_mm256_cvtepi32_ps(a.v)};
}

MLPVID_FUNCTION SimdInts operator-(SimdInts a, SimdInts b) {
    return {_mm256_sub_epi32(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts pack_words(SimdInts low, SimdInts high) {
    return {_mm256_blend_epi16(low.v, _mm256_slli_epi32(high.v, 16), 0xAA)};
}
MLPVID_FUNCTION void store_alternating(int32* p, SimdInts a, SimdInts b) {
    const __m256i low = _mm256_unpacklo_epi32(a.v, b.v), high = _mm256_unpackhi_epi32(a.v, b.v);
    store_ints(p, {_mm256_permute2x128_si256(low, high, 0x20)});
    store_ints(p + kSimdWidth, {_mm256_permute2x128_si256(low, high, 0x31)});
}
MLPVID_FUNCTION SimdInts interleave_low(SimdInts a, SimdInts b) {
    return {_mm256_unpacklo_epi16(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts interleave_high(SimdInts a, SimdInts b) {
    return {_mm256_unpackhi_epi16(a.v, b.v)};
}
MLPVID_FUNCTION SimdInts multiply_add(SimdInts a, SimdInts b) {
    return {_mm256_madd_epi16(a.v, b.v)};
}
MLPVID_FUNCTION void sort_fours(SimdInts*) {}  // they are in order
MLPVID_FUNCTION SimdInts join(const __m128i* quads) {
    return {_mm256_set_m128i(quads[1], quads[0])};
}

MLPVID_END

#include "simd_x86_cells.h"
