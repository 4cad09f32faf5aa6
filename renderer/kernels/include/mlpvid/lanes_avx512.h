// Lanes for AVX-512: 16 floats.
#pragma once

#include <immintrin.h>

#include "corners.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kLanes = 16;

struct Lanes {
    __m512 v;
};
struct IntLanes {
    __m512i v;
};
using Words = IntLanes;

MLPVID_FUNCTION Lanes broadcast(float x) {
    return {_mm512_set1_ps(x)};
}
MLPVID_FUNCTION Lanes load(const float* p) {
    return {_mm512_loadu_ps(p)};
}
MLPVID_FUNCTION void store(float* p, Lanes a) {
    _mm512_storeu_ps(p, a.v);
}
MLPVID_FUNCTION Lanes operator+(Lanes a, Lanes b) {
    return {_mm512_add_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes operator-(Lanes a, Lanes b) {
    return {_mm512_sub_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes operator*(Lanes a, Lanes b) {
    return {_mm512_mul_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes fused(Lanes a, Lanes b, Lanes c) {
    return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
MLPVID_FUNCTION Lanes relu(Lanes a) {
    return {_mm512_max_ps(a.v, _mm512_setzero_ps())};
}

// Sum in a fixed order: halves are added until one lane is left.
MLPVID_FUNCTION float sum(Lanes a) {
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), upper);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

MLPVID_FUNCTION IntLanes load_ints(const int32* p) {
    return {_mm512_loadu_si512(p)};
}
MLPVID_FUNCTION void store_ints(int32* p, IntLanes a) {
    _mm512_storeu_si512(p, a.v);
}
MLPVID_FUNCTION void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}
MLPVID_FUNCTION IntLanes operator+(IntLanes a, IntLanes b) {
    return {_mm512_add_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes operator*(IntLanes a, IntLanes b) {
    return {_mm512_mullo_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes minimum(IntLanes a, IntLanes b) {
    return {_mm512_min_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes truncate(Lanes a) {
    return {_mm512_cvttps_epi32(a.v)};
}
MLPVID_FUNCTION Lanes to_float(IntLanes a) {
    return {_mm512_cvtepi32_ps(a.v)};
}

constexpr float kLoadedHalfScale = 1.0f;

MLPVID_FUNCTION Lanes load_halves(const uint16* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

MLPVID_FUNCTION Lanes low_halves(Words a) {
    const __m512i moved = _mm512_srai_epi32(_mm512_slli_epi32(a.v, 16), 3);
    return {_mm512_castsi512_ps(_mm512_and_si512(moved, _mm512_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

MLPVID_FUNCTION Lanes high_halves(Words a) {
    const __m512i moved = _mm512_srai_epi32(a.v, 3);
    return {_mm512_castsi512_ps(_mm512_and_si512(moved, _mm512_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

// The cells of lanes i, i + 4, i + 8 and i + 12: four words each.
MLPVID_FUNCTION __m512i load_cells(const uint32* grid, const int32* index) {
    const auto cell = [&](int i) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(grid + 2 * static_cast<int64>(index[i])));
    };
    const __m512i one = _mm512_castsi128_si512(cell(0));
    const __m512i two = _mm512_inserti32x4(one, cell(4), 1);
    return _mm512_inserti32x4(_mm512_inserti32x4(two, cell(8), 2), cell(12), 3);
}

// One load of 128 bits a lane, then a 4 x 4 transposition in each quarter: gathers take longer for the same words.
MLPVID_FUNCTION Corners<Words> load_corners(const uint32* grid, const int32* i) {
    const __m512i r0 = load_cells(grid, i), r1 = load_cells(grid, i + 1);
    const __m512i r2 = load_cells(grid, i + 2), r3 = load_cells(grid, i + 3);
    const __m512i left01 = _mm512_unpacklo_epi32(r0, r1), left23 = _mm512_unpacklo_epi32(r2, r3);
    const __m512i right01 = _mm512_unpackhi_epi32(r0, r1), right23 = _mm512_unpackhi_epi32(r2, r3);
    return {{_mm512_unpacklo_epi64(left01, left23)},
            {_mm512_unpacklo_epi64(right01, right23)},
            {_mm512_unpackhi_epi64(left01, left23)},
            {_mm512_unpackhi_epi64(right01, right23)}};
}

MLPVID_FUNCTION void separate(Lanes a, Lanes b, Lanes& even, Lanes& odd) {
    const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odds = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    even.v = _mm512_permutex2var_ps(a.v, evens, b.v);
    odd.v = _mm512_permutex2var_ps(a.v, odds, b.v);
}

MLPVID_END
