// Lanes for AVX-512: 16 floats.
#pragma once

#include <immintrin.h>

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

MLPVID_FUNCTION IntLanes broadcast(int32 x) {
    return {_mm512_set1_epi32(x)};
}
MLPVID_FUNCTION IntLanes load_ints(const int32* p) {
    return {_mm512_loadu_si512(p)};
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

constexpr float kLoadedHalfUnit = 1.0f;

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

// Both words of a pair come with one 64-bit load: half as many as 32-bit gathers need.
MLPVID_FUNCTION void gather_pairs(const uint32* table, IntLanes index, Words& first, Words& second) {
    const __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(index.v), table, 4);
    const __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(index.v, 1), table, 4);
    const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    first.v = _mm512_permutex2var_epi32(low, even, high);
    second.v = _mm512_permutex2var_epi32(low, odd, high);
}

MLPVID_FUNCTION void separate(Lanes a, Lanes b, Lanes& even, Lanes& odd) {
    const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odds = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    even.v = _mm512_permutex2var_ps(a.v, evens, b.v);
    odd.v = _mm512_permutex2var_ps(a.v, odds, b.v);
}

MLPVID_END
