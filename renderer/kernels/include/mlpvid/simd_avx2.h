// Vectors for AVX2 with FMA: 8 floats.
#pragma once

#include <immintrin.h>

#include "half.h"
#include "interpolation.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 8;

struct SimdFloats {
    __m256 v;
};
struct SimdInts {
    __m256i v;
};
using SimdWords = SimdInts;

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

constexpr float kLoadedHalfScale = 1.0f;

MLPVID_FUNCTION SimdFloats load_halves(const uint16* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}

// Multiplying the low half, as a whole number with a sign, by 2^13 shifts it left, and its sign into the bits above:
// one instruction instead of two shifts. The high half is multiplied by 0.
MLPVID_FUNCTION SimdFloats low_halves(SimdWords a) {
    const __m256i moved = _mm256_madd_epi16(a.v, _mm256_set1_epi32(1 << 13));
    return {_mm256_castsi256_ps(_mm256_and_si256(moved, _mm256_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

MLPVID_FUNCTION SimdFloats high_halves(SimdWords a) {
    const __m256i moved = _mm256_srai_epi32(a.v, 3);
    return {_mm256_castsi256_ps(_mm256_and_si256(moved, _mm256_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

// The cell of a grid at two indices: words 0 to 3 and 4 to 7.
MLPVID_FUNCTION __m256 load_cells(const uint32* grid, int32 first, int32 second) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(grid + 2 * static_cast<int64>(first)));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(grid + 2 * static_cast<int64>(second)));
    return _mm256_castsi256_ps(_mm256_set_m128i(high, low));
}

// One load of 128 bits per element, then a 4 x 4 transposition in each half. Gathers would need four slower loads
// per element.
MLPVID_FUNCTION Corners<SimdWords> load_corners(const uint32* grid, const int32* i) {
    const __m256 r0 = load_cells(grid, i[0], i[4]), r1 = load_cells(grid, i[1], i[5]);
    const __m256 r2 = load_cells(grid, i[2], i[6]), r3 = load_cells(grid, i[3], i[7]);
    const __m256d left01 = _mm256_castps_pd(_mm256_unpacklo_ps(r0, r1));
    const __m256d left23 = _mm256_castps_pd(_mm256_unpacklo_ps(r2, r3));
    const __m256d right01 = _mm256_castps_pd(_mm256_unpackhi_ps(r0, r1));
    const __m256d right23 = _mm256_castps_pd(_mm256_unpackhi_ps(r2, r3));
    return {{_mm256_castpd_si256(_mm256_unpacklo_pd(left01, left23))},
            {_mm256_castpd_si256(_mm256_unpacklo_pd(right01, right23))},
            {_mm256_castpd_si256(_mm256_unpackhi_pd(left01, left23))},
            {_mm256_castpd_si256(_mm256_unpackhi_pd(right01, right23))}};
}

MLPVID_FUNCTION void separate(SimdFloats a, SimdFloats b, SimdFloats& even, SimdFloats& odd) {
    const __m256d evens = _mm256_castps_pd(_mm256_shuffle_ps(a.v, b.v, 0x88));
    const __m256d odds = _mm256_castps_pd(_mm256_shuffle_ps(a.v, b.v, 0xDD));
    even.v = _mm256_castpd_ps(_mm256_permute4x64_pd(evens, 0xD8));
    odd.v = _mm256_castpd_ps(_mm256_permute4x64_pd(odds, 0xD8));
}

MLPVID_END
