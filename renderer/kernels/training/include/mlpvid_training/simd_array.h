// Arrays of a fixed number of floats or doubles in vector registers, as wide as the instruction set that a file is
// compiled for. With MLPVID_PORTABLE, or another compiler than g++ and clang, they are plain arrays.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mlpvid/platform.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX__)
constexpr int kRegisterBytes = 32;
constexpr int kRegisters = 16;
#else
constexpr int kRegisterBytes = 16;
constexpr int kRegisters = 16;
#endif

// N numbers in as few registers as the instruction set allows. With GCC, vector types wider than a register are slow.
template <class T, int N>
struct SimdArray {
#if defined(__GNUC__) && !defined(MLPVID_PORTABLE)
    static constexpr int kWidth = smaller(N, kRegisterBytes / static_cast<int>(sizeof(T)));
    typedef T Part __attribute__((vector_size(kWidth * sizeof(T))));
#else
    static constexpr int kWidth = 1;
    typedef T Part;
#endif
    static constexpr int kParts = N / kWidth;
    Part part[kParts];

    static MLPVID_FUNCTION SimdArray zero() {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = Part{};
        return r;
    }
    static MLPVID_FUNCTION SimdArray load(const T* p) {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) std::memcpy(&r.part[i], p + i * kWidth, sizeof(Part));
        return r;
    }
    MLPVID_FUNCTION void store(T* p) const {
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) std::memcpy(p + i * kWidth, &part[i], sizeof(Part));
    }
    // this += a * s
    MLPVID_FUNCTION void add_scaled(const SimdArray& a, T s) {
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) part[i] += a.part[i] * s;
    }
    // this += a * b
    MLPVID_FUNCTION void add_product(const SimdArray& a, const SimdArray& b) {
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) part[i] += a.part[i] * b.part[i];
    }
    MLPVID_FUNCTION SimdArray operator*(T s) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] * s;
        return r;
    }
    MLPVID_FUNCTION SimdArray operator*(const SimdArray& b) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] * b.part[i];
        return r;
    }
    MLPVID_FUNCTION SimdArray operator+(const SimdArray& b) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] + b.part[i];
        return r;
    }
    MLPVID_FUNCTION SimdArray operator-(const SimdArray& b) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] - b.part[i];
        return r;
    }
    MLPVID_FUNCTION SimdArray operator/(const SimdArray& b) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] / b.part[i];
        return r;
    }
    MLPVID_FUNCTION SimdArray operator+(T s) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] + s;
        return r;
    }
    // The square root of each number.
    MLPVID_FUNCTION SimdArray roots() const {
        alignas(64) T numbers[N];
        store(numbers);
        for (int i = 0; i < N; ++i) numbers[i] = std::sqrt(numbers[i]);
        return load(numbers);
    }
    // The numbers where `a` is above 0, and 0 elsewhere.
    MLPVID_FUNCTION SimdArray where_positive(const SimdArray& a) const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = a.part[i] > 0 ? part[i] : Part{};
        return r;
    }
    // A ReLU that lets NaN through.
    MLPVID_FUNCTION SimdArray rectified() const {
        SimdArray r;
        MLPVID_UNROLL
        for (int i = 0; i < kParts; ++i) r.part[i] = part[i] < 0 ? Part{} : part[i];
        return r;
    }
};

// Starts to load the cache line of an address, which need not be valid.
MLPVID_FUNCTION void prefetch_line(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

// Numbers on the heap, not initialized. (The linker would merge the standard library's containers across instruction
// sets.)
template <class T>
class Buffer {
 public:
    explicit MLPVID_FUNCTION Buffer(int64_t count) : data_(new T[static_cast<size_t>(count)]) {}
    MLPVID_FUNCTION ~Buffer() { delete[] data_; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    MLPVID_FUNCTION T& operator[](int64_t i) { return data_[i]; }
    MLPVID_FUNCTION const T& operator[](int64_t i) const { return data_[i]; }

 private:
    T* data_;
};

// The sum of products, in the order of a tree whose halves are added first.
template <class T, int N>
MLPVID_FUNCTION T dot(const SimdArray<T, N>& a, const SimdArray<T, N>& b) {
    auto products = a * b;
    MLPVID_UNROLL
    for (int width = SimdArray<T, N>::kParts / 2; width >= 1; width /= 2)
        for (int i = 0; i < width; ++i) products.part[i] += products.part[i + width];
    alignas(64) T sums[SimdArray<T, N>::kWidth];
    std::memcpy(sums, &products.part[0], sizeof sums);
    MLPVID_UNROLL
    for (int width = SimdArray<T, N>::kWidth / 2; width >= 1; width /= 2) {
        for (int i = 0; i < width; ++i) sums[i] += sums[i + width];
    }
    return sums[0];
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
