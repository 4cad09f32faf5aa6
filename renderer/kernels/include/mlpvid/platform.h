// Differences between g++, clang, MSVC and nvcc/NVRTC. Includes no standard headers, because NVRTC has none.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define MLPVID_FUNCTION __host__ __device__ __forceinline__
#define MLPVID_UNROLL _Pragma("unroll")
#define MLPVID_RESTRICT __restrict__
#elif defined(_MSC_VER)
#define MLPVID_FUNCTION __forceinline
#define MLPVID_UNROLL
#define MLPVID_RESTRICT __restrict
#else
#define MLPVID_FUNCTION inline __attribute__((always_inline))
#if defined(__clang__)
#define MLPVID_UNROLL _Pragma("clang loop unroll(full)")
#else
#define MLPVID_UNROLL _Pragma("GCC unroll 32")
#endif
#define MLPVID_RESTRICT __restrict__
#endif

#if defined(_MSC_VER) && !defined(__CUDACC_RTC__)
#include <intrin.h>
#include <math.h>
#include <string.h>
#endif

// The functions of these headers are compiled once per instruction set and all builds are linked together. Each build
// has its own namespace, so that the linker cannot merge functions that were compiled for different processors.
#ifndef MLPVID_INSTRUCTION_SET
#define MLPVID_INSTRUCTION_SET generic
#endif
#define MLPVID_BEGIN   \
    namespace mlpvid { \
    namespace MLPVID_INSTRUCTION_SET {
#define MLPVID_END \
    }              \
    }

namespace mlpvid {

using int32 = int;
using uint32 = unsigned int;
using uint16 = unsigned short;
using uint8 = unsigned char;
using int64 = long long;

}  // namespace mlpvid

MLPVID_BEGIN

// Returns the float that has these bits.
MLPVID_FUNCTION float float_of_bits(uint32 bits) {
#if defined(__CUDA_ARCH__)
    return __uint_as_float(bits);
#elif defined(_MSC_VER)
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
#else
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
#endif
}

// Returns the bits of a float.
MLPVID_FUNCTION uint32 bits_of_float(float value) {
#if defined(__CUDA_ARCH__)
    return __float_as_uint(value);
#elif defined(_MSC_VER)
    uint32 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
#else
    uint32 bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
#endif
}

MLPVID_FUNCTION double square_root(double value) {
#if defined(__CUDA_ARCH__) || defined(_MSC_VER)
    return sqrt(value);
#else
    return __builtin_sqrt(value);
#endif
}

template <class T>
MLPVID_FUNCTION constexpr T smaller(T a, T b) {
    return a < b ? a : b;
}
template <class T>
MLPVID_FUNCTION constexpr T larger(T a, T b) {
    return a > b ? a : b;
}
MLPVID_FUNCTION float magnitude(float a) {
    return a < 0.0f ? -a : a;
}

// Returns the place of the lowest bit of a number that is not 0.
MLPVID_FUNCTION int32 lowest_bit(uint32 bits) {
#if defined(__CUDA_ARCH__)
    return __ffs(static_cast<int32>(bits)) - 1;
#elif defined(_MSC_VER)
    unsigned long place;
    _BitScanForward(&place, bits);
    return static_cast<int32>(place);
#else
    return __builtin_ctz(bits);
#endif
}

MLPVID_END
