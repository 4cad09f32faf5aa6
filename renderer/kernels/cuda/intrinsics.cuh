// Wrappers for GPU features: halves, warps and tensor cores. They use compiler built-ins only, because users have no
// CUDA toolkit headers. In plain C++, the tests' emulation (tests/renderer/cuda/emulation) defines the same names.
#pragma once

#include "mlpvid/baked_frame.h"

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define MLPVID_DEVICE __device__ __forceinline__
#define MLPVID_DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#define MLPVID_NO_UNROLL _Pragma("unroll 1")
#else
#include "emulation/cuda.h"
#define MLPVID_DEVICE inline __attribute__((always_inline))
#define MLPVID_DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(emulation::dynamic_shared())
#define MLPVID_NO_UNROLL
#endif

namespace mlpvid {

constexpr uint32 kWholeWarp = 0xFFFFFFFFu;
constexpr int kWarp = 32;
constexpr float kLargestHalf = 65504.0f;

MLPVID_DEVICE int32 lane_index() {
    return static_cast<int32>(threadIdx.x) & (kWarp - 1);
}

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

// Returns an address that was read from memory, marked as one of global memory: accesses to addresses of any kind are
// slower.
template <class T>
MLPVID_DEVICE T* global(T* address) {
    __builtin_assume(__isGlobal(address));
    return address;
}

MLPVID_DEVICE float low_half(uint32 word) {
    float value;
    asm("{.reg .b16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, a;}" : "=f"(value) : "r"(word));
    return value;
}

MLPVID_DEVICE float high_half(uint32 word) {
    float value;
    asm("{.reg .b16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, b;}" : "=f"(value) : "r"(word));
    return value;
}

// Rounds both to the nearest half. Values that are too large become the largest half, because infinities would turn
// sums into NaN.
MLPVID_DEVICE uint32 pack_halves(float low, float high) {
    uint32 word;
    low = fminf(fmaxf(low, -kLargestHalf), kLargestHalf);
    high = fminf(fmaxf(high, -kLargestHalf), kLargestHalf);
    asm("{.reg .b16 a, b; cvt.rn.f16.f32 a, %1; cvt.rn.f16.f32 b, %2; mov.b32 %0, {a, b};}"
        : "=r"(word)
        : "f"(low), "f"(high));
    return word;
}

// Rounds to the nearest half, twice in one word. For values within the range of halves.
MLPVID_DEVICE uint32 half_pair(float value) {
    uint32 word;
    asm("{.reg .b16 a; cvt.rn.f16.f32 a, %1; mov.b32 %0, {a, a};}" : "=r"(word) : "f"(value));
    return word;
}

// a * b of the low and of the high halves, rounded to halves.
MLPVID_DEVICE uint32 multiply_halves(uint32 a, uint32 b) {
    uint32 word;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(word) : "r"(a), "r"(b));
    return word;
}

// a * b + c of the low and of the high halves, rounded once to halves.
MLPVID_DEVICE uint32 multiply_add_halves(uint32 a, uint32 b, uint32 c) {
    uint32 word;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(word) : "r"(a), "r"(b), "r"(c));
    return word;
}

// One warp's D = A B + D on its tensor core: A 16 x 16 and B 16 x 8 of halves, D 16 x 8 of floats. With row = lane / 4
// and pair = lane % 4 a lane holds
//   a: A[row][2 pair, + 1], A[row + 8][2 pair, + 1], A[row][2 pair + 8, + 9], A[row + 8][2 pair + 8, + 9]
//   b: B[2 pair, + 1][row], B[2 pair + 8, + 9][row]          d: D[row][2 pair, + 1], D[row + 8][2 pair, + 1]
// All lanes must call it together. `volatile` keeps the compiler from moving the operation into a branch where only
// some lanes use its D.
MLPVID_DEVICE void multiply_accumulate(float (&d)[4], const uint32 (&a)[4], uint32 b0, uint32 b1) {
#if __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(b0));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

#endif

}  // namespace mlpvid
