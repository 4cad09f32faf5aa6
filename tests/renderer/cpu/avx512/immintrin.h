// AVX-512 on processors without it: SIMDe (https://github.com/simd-everywhere/simde) under the intrinsics' names, in
// place of the compiler's header, and the intrinsics that its release in Debian 12 lacks. Only kernels compiled with
// -D__AVX512F__ and without -mavx512f come here (MLPVID_AVX512_EMULATION in the package's CMakeLists.txt).
#if defined(MLPVID_WITHIN_SIMDE)
#include_next <immintrin.h>
#elif !defined(MLPVID_EMULATED_IMMINTRIN)
#define MLPVID_EMULATED_IMMINTRIN
#define MLPVID_WITHIN_SIMDE
#undef __AVX512F__
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#pragma GCC diagnostic pop
#define __AVX512F__ 1
#undef MLPVID_WITHIN_SIMDE

static inline simde__m512 join(__m256 low, __m256 high) {
    simde__m512_private both;
    both.m256[0] = low;
    both.m256[1] = high;
    return simde__m512_from_private(both);
}

static inline simde__m512i join(__m256i low, __m256i high) {
    simde__m512i_private both;
    both.m256i[0] = low;
    both.m256i[1] = high;
    return simde__m512i_from_private(both);
}

static inline simde__m512 mlpvid_cvtepi32_ps(simde__m512i a) {
    const simde__m512i_private parts = simde__m512i_to_private(a);
    return join(_mm256_cvtepi32_ps(parts.m256i[0]), _mm256_cvtepi32_ps(parts.m256i[1]));
}

static inline simde__m512i mlpvid_cvttps_epi32(simde__m512 a) {
    const simde__m512_private parts = simde__m512_to_private(a);
    return join(_mm256_cvttps_epi32(parts.m256[0]), _mm256_cvttps_epi32(parts.m256[1]));
}

static inline simde__m512i mlpvid_madd_epi16(simde__m512i a, simde__m512i b) {
    const simde__m512i_private x = simde__m512i_to_private(a), y = simde__m512i_to_private(b);
    return join(_mm256_madd_epi16(x.m256i[0], y.m256i[0]), _mm256_madd_epi16(x.m256i[1], y.m256i[1]));
}

#define _mm512_cvtepi32_ps mlpvid_cvtepi32_ps
#define _mm512_cvttps_epi32 mlpvid_cvttps_epi32
#undef _mm512_madd_epi16  // SIMDe defines it with other parameters
#define _mm512_madd_epi16 mlpvid_madd_epi16
#endif
