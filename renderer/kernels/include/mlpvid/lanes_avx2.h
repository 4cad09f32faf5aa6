// Lanes for AVX2 with FMA: 8 floats.
#pragma once

#include <immintrin.h>

#include "platform.h"

MLPVID_BEGIN

constexpr int kLanes = 8;

struct Lanes {
    __m256 v;
};
struct IntLanes {
    __m256i v;
};
using Words = IntLanes;

MLPVID_FUNCTION Lanes broadcast(float x) {
    return {_mm256_set1_ps(x)};
}
MLPVID_FUNCTION Lanes load(const float* p) {
    return {_mm256_loadu_ps(p)};
}
MLPVID_FUNCTION void store(float* p, Lanes a) {
    _mm256_storeu_ps(p, a.v);
}
MLPVID_FUNCTION Lanes operator+(Lanes a, Lanes b) {
    return {_mm256_add_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes operator-(Lanes a, Lanes b) {
    return {_mm256_sub_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes operator*(Lanes a, Lanes b) {
    return {_mm256_mul_ps(a.v, b.v)};
}
MLPVID_FUNCTION Lanes fused(Lanes a, Lanes b, Lanes c) {
    return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
MLPVID_FUNCTION Lanes relu(Lanes a) {
    return {_mm256_max_ps(a.v, _mm256_setzero_ps())};
}

MLPVID_FUNCTION float sum(Lanes a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

MLPVID_FUNCTION IntLanes broadcast(int32 x) {
    return {_mm256_set1_epi32(x)};
}
MLPVID_FUNCTION IntLanes load_ints(const int32* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
MLPVID_FUNCTION IntLanes operator+(IntLanes a, IntLanes b) {
    return {_mm256_add_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes operator*(IntLanes a, IntLanes b) {
    return {_mm256_mullo_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes minimum(IntLanes a, IntLanes b) {
    return {_mm256_min_epi32(a.v, b.v)};
}
MLPVID_FUNCTION IntLanes truncate(Lanes a) {
    return {_mm256_cvttps_epi32(a.v)};
}
MLPVID_FUNCTION Lanes to_float(IntLanes a) {
    return {_mm256_cvtepi32_ps(a.v)};
}

constexpr float kLoadedHalfUnit = 1.0f;

MLPVID_FUNCTION Lanes load_halves(const uint16* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}

MLPVID_FUNCTION Lanes low_halves(Words a) {
    const __m256i moved = _mm256_srai_epi32(_mm256_slli_epi32(a.v, 16), 3);
    return {_mm256_castsi256_ps(_mm256_and_si256(moved, _mm256_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

MLPVID_FUNCTION Lanes high_halves(Words a) {
    const __m256i moved = _mm256_srai_epi32(a.v, 3);
    return {_mm256_castsi256_ps(_mm256_and_si256(moved, _mm256_set1_epi32(static_cast<int>(0x8FFFE000u))))};
}

// Both words of a pair come with one 64-bit load: half as many as 32-bit gathers need.
MLPVID_FUNCTION void gather_pairs(const uint32* table, IntLanes index, Words& first, Words& second) {
    const long long* base = reinterpret_cast<const long long*>(table);
    const __m256 low = _mm256_castsi256_ps(_mm256_i32gather_epi64(base, _mm256_castsi256_si128(index.v), 4));
    const __m256 high = _mm256_castsi256_ps(_mm256_i32gather_epi64(base, _mm256_extracti128_si256(index.v, 1), 4));
    const __m256 even = _mm256_shuffle_ps(low, high, 0x88);  // 0 1 | 4 5 and 2 3 | 6 7 by 128-bit halves: put in order
    const __m256 odd = _mm256_shuffle_ps(low, high, 0xDD);
    first.v = _mm256_permute4x64_epi64(_mm256_castps_si256(even), 0xD8);
    second.v = _mm256_permute4x64_epi64(_mm256_castps_si256(odd), 0xD8);
}

MLPVID_FUNCTION void separate(Lanes a, Lanes b, Lanes& even, Lanes& odd) {
    const __m256d evens = _mm256_castps_pd(_mm256_shuffle_ps(a.v, b.v, 0x88));
    const __m256d odds = _mm256_castps_pd(_mm256_shuffle_ps(a.v, b.v, 0xDD));
    even.v = _mm256_castpd_ps(_mm256_permute4x64_pd(evens, 0xD8));
    odd.v = _mm256_castpd_ps(_mm256_permute4x64_pd(odds, 0xD8));
}

MLPVID_END
