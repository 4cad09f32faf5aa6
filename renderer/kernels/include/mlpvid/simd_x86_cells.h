// Sums over cells of the hash grids for AVX2 and AVX-512: a cell of four channels fills a register of 256 bits.
#pragma once

#include <immintrin.h>

#include "platform.h"

MLPVID_BEGIN

using SimdQuad = __m128i;

struct CellSums {
    __m256i v = _mm256_setzero_si256();
};

MLPVID_FUNCTION void add_cell(const uint32* cell, const int32* weights, CellSums& sums) {
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(cell));
    const __m256i both = _mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights)));
    const __m256i left_and_right = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256 each = _mm256_permutevar_ps(_mm256_castsi256_ps(both), left_and_right);
    sums.v = _mm256_add_epi32(sums.v, _mm256_madd_epi16(values, _mm256_castps_si256(each)));
}

MLPVID_FUNCTION SimdQuad four_channels(const CellSums& sums) {
    return _mm_add_epi32(_mm256_castsi256_si128(sums.v), _mm256_extracti128_si256(sums.v, 1));
}

MLPVID_FUNCTION void add_two_cells(const uint32* first, const uint32* second, const int32* weights, CellSums& sums) {
    const __m256i values = _mm256_set_m128i(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second)),
                                            _mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
    const __m256i four = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
    const __m256i each = _mm256_permutevar8x32_epi32(four, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
    sums.v = _mm256_add_epi32(sums.v, _mm256_madd_epi16(values, each));
}

MLPVID_FUNCTION SimdQuad two_channels_each(const CellSums& sums) {
    const __m128i first = _mm256_castsi256_si128(sums.v), second = _mm256_extracti128_si256(sums.v, 1);
    return _mm_add_epi32(_mm_unpacklo_epi64(first, second), _mm_unpackhi_epi64(first, second));
}

MLPVID_END
