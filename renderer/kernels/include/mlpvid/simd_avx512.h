// Vectors for AVX-512: 16 floats.
#pragma once

#include <immintrin.h>

#include "half.h"
#include "interpolation.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 16;

struct SimdFloats {
    __m512 v;
};
struct SimdInts {
    __m512i v;
};
using SimdWords = SimdInts;

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

constexpr float kLoadedHalfScale = 1.0f;

MLPVID_FUNCTION SimdFloats load_halves(const uint16* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

// Multiplying the low half, as a whole number with a sign, by 2^13 shifts it left, and its sign into the bits above:
// one instruction instead of two shifts. The high half is multiplied by 0.
MLPVID_FUNCTION SimdFloats low_halves(SimdWords a) {
    const __m512i moved = _mm512_madd_epi16(a.v, _mm512_set1_epi32(1 << 13));
    return {_mm512_castsi512_ps(_mm512_and_si512(moved, _mm512_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

MLPVID_FUNCTION SimdFloats high_halves(SimdWords a) {
    const __m512i moved = _mm512_srai_epi32(a.v, 3);
    return {_mm512_castsi512_ps(_mm512_and_si512(moved, _mm512_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

// The cells of the elements i, i + 4, i + 8 and i + 12: four words each.
MLPVID_FUNCTION __m512i load_cells(const uint32* grid, const int32* index) {
    const auto cell = [&](int i) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(grid + 2 * static_cast<int64>(index[i])));
    };
    const __m512i one = _mm512_castsi128_si512(cell(0));
    const __m512i two = _mm512_inserti32x4(one, cell(4), 1);
    return _mm512_inserti32x4(_mm512_inserti32x4(two, cell(8), 2), cell(12), 3);
}

// One load of 128 bits per element, then a 4 x 4 transposition in each quarter. Gathers take longer for the same words.
MLPVID_FUNCTION Corners<SimdWords> load_corners(const uint32* grid, const int32* i) {
    const __m512i r0 = load_cells(grid, i), r1 = load_cells(grid, i + 1);
    const __m512i r2 = load_cells(grid, i + 2), r3 = load_cells(grid, i + 3);
    const __m512i left01 = _mm512_unpacklo_epi32(r0, r1), left23 = _mm512_unpacklo_epi32(r2, r3);
    const __m512i right01 = _mm512_unpackhi_epi32(r0, r1), right23 = _mm512_unpackhi_epi32(r2, r3);
    return {{_mm512_unpacklo_epi64(left01, left23)},
            {_mm512_unpacklo_epi64(right01, right23)},
            {_mm512_unpackhi_epi64(left01, left23)},
            {_mm512_unpackhi_epi64(right01, right23)}};
}

MLPVID_FUNCTION void separate(SimdFloats a, SimdFloats b, SimdFloats& even, SimdFloats& odd) {
    const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odds = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    even.v = _mm512_permutex2var_ps(a.v, evens, b.v);
    odd.v = _mm512_permutex2var_ps(a.v, odds, b.v);
}

MLPVID_END
