// Arrays of a fixed number of floats or doubles in vector registers, as wide as the instruction set that a file is
// compiled for. With MLPVID_PORTABLE, or another compiler than g++ and clang, they are plain arrays.
#pragma once

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
    // Loads N / 2 numbers from memory and returns them twice. (Writing them to memory twice and reading them back would
    // stall the load.)
    static MLPVID_FUNCTION SimdArray load_twice(const T* p) {
        SimdArray r;
        if constexpr (kParts > 1 || kWidth == 1) {
            MLPVID_UNROLL
            for (int i = 0; i < kParts; ++i) std::memcpy(&r.part[i], p + (i * kWidth) % (N / 2), sizeof(Part));
        }
#if defined(__GNUC__) && !defined(MLPVID_PORTABLE)
        else {
            typedef T Half __attribute__((vector_size(kWidth / 2 * sizeof(T))));
            Half h;
            std::memcpy(&h, p, sizeof(Half));
            if constexpr (kWidth == 4) r.part[0] = __builtin_shufflevector(h, h, 0, 1, 0, 1);
            if constexpr (kWidth == 8) r.part[0] = __builtin_shufflevector(h, h, 0, 1, 2, 3, 0, 1, 2, 3);
            if constexpr (kWidth == 16)
                r.part[0] = __builtin_shufflevector(h, h, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
        }
#endif
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
};

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

template <class T, int N>
MLPVID_FUNCTION T dot(const SimdArray<T, N>& a, const SimdArray<T, N>& b) {
    alignas(64) T products[N];
    (a * b).store(products);
    MLPVID_UNROLL
    for (int width = N / 2; width >= 1; width /= 2) {
        for (int i = 0; i < width; ++i) products[i] += products[i + width];
    }
    return products[0];
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
