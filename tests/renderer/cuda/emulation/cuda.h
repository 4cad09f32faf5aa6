// The part of CUDA C++ that the kernels use, in plain C++: grid, block, shared memory, barriers, warp operations,
// atomics and the tensor core, carried out and checked by runtime.cpp. Kernels compile against it unchanged.
//
// intrinsics.cuh includes this header if the compiler is not a CUDA compiler.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
// All shared variables are in a separate section, which the runtime swaps when it switches between blocks.
#define __shared__ __attribute__((section("emulated_shared"))) static

struct alignas(8) int2 {
    int x, y;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct uint3 {
    unsigned x, y, z;
};

inline int2 make_int2(int x, int y) {
    return {x, y};
}
inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

namespace emulation {

constexpr int kWarp = 32;
constexpr int kPayload = 64;  // bytes that a lane can pass to a warp operation

// Position of the calling thread.
uint3 thread_index();
uint3 block_index();
uint3 block_size();
uint3 grid_size();
void* dynamic_shared();

void block_barrier();
// Waits until all lanes of `mask` are at an operation of this kind; then `gathered` holds the value of each lane.
void warp_exchange(const char* kind, unsigned mask, const void* mine, size_t size, unsigned char (*gathered)[kPayload]);
void warp_barrier(unsigned mask);
// Adds `value` to the integer of `size` bytes at `address` and returns its old value.
unsigned long long atomic_add(void* address, size_t size, unsigned long long value);

template <class T>
T warp_value(const char* kind, unsigned mask, T mine, int lane) {
    unsigned char gathered[kWarp][kPayload];
    warp_exchange(kind, mask, &mine, sizeof(T), gathered);
    T result;
    std::memcpy(&result, gathered[lane], sizeof(T));
    return result;
}

inline int lane() {
    return static_cast<int>(thread_index().x) % kWarp;
}

float float_of_half(unsigned half);
unsigned half_of_float(float value);
unsigned half_of_sum(float a, float b, float c);  // a * b + c of halves, rounded once
void tensor_core(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1);

}  // namespace emulation

#define threadIdx (emulation::thread_index())
#define blockIdx (emulation::block_index())
#define blockDim (emulation::block_size())
#define gridDim (emulation::grid_size())

inline void __syncthreads() {
    emulation::block_barrier();
}
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
    emulation::warp_barrier(mask);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
    return emulation::warp_value("__shfl_sync", mask, value, lane % emulation::kWarp);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
    return emulation::warp_value("__shfl_xor_sync", mask, value, emulation::lane() ^ bits);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, int delta) {
    const int from = emulation::lane() - delta;
    return emulation::warp_value("__shfl_up_sync", mask, value, from < 0 ? emulation::lane() : from);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate) {
    unsigned char gathered[emulation::kWarp][emulation::kPayload];
    emulation::warp_exchange("__ballot_sync", mask, &predicate, sizeof predicate, gathered);
    unsigned result = 0;
    for (int i = 0; i < emulation::kWarp; i++)
        if ((mask >> i & 1u) && gathered[i][0]) result |= 1u << i;
    return result;
}
inline bool __any_sync(unsigned mask, bool predicate) {
    return __ballot_sync(mask, predicate) != 0;
}
inline int __popc(unsigned bits) {
    return __builtin_popcount(bits);
}

template <class T>
T __ldg(const T* address) {
    return *address;
}

template <class T>
T atomicAdd(T* address, T value) {
    return static_cast<T>(emulation::atomic_add(address, sizeof(T), static_cast<unsigned long long>(value)));
}

namespace mlpvid {

template <class T>
T* global(T* address) {
    return address;
}
inline float low_half(unsigned word) {
    return emulation::float_of_half(word & 0xFFFFu);
}
inline float high_half(unsigned word) {
    return emulation::float_of_half(word >> 16);
}
inline unsigned pack_halves(float low, float high) {
    const float most = 65504.0f;
    low = std::fmin(std::fmax(low, -most), most), high = std::fmin(std::fmax(high, -most), most);
    return emulation::half_of_float(low) | (emulation::half_of_float(high) << 16);
}
inline unsigned half_pair(float value) {
    return emulation::half_of_float(value) * 0x10001u;
}
inline unsigned multiply_add_halves(unsigned a, unsigned b, unsigned c) {
    return emulation::half_of_sum(low_half(a), low_half(b), low_half(c)) |
           (emulation::half_of_sum(high_half(a), high_half(b), high_half(c)) << 16);
}
inline unsigned multiply_halves(unsigned a, unsigned b) {
    return multiply_add_halves(a, b, 0x80008000u);  // -0 + x is x, whatever its sign
}
inline void multiply_accumulate(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    emulation::tensor_core(d, a, b0, b1);
}

}  // namespace mlpvid
