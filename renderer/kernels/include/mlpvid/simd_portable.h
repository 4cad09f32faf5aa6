// Vectors in plain C++, 4 floats: for compilers that have neither intrinsics nor vector types.
#pragma once

#include "fixed_point.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 4;

#define MLPVID_EACH_ELEMENT MLPVID_UNROLL for (int i = 0; i < kSimdWidth; i++)

struct alignas(16) SimdFloats {
    float v[kSimdWidth];
};
struct alignas(16) SimdInts {
    int32 v[kSimdWidth];
};

MLPVID_FUNCTION SimdFloats broadcast(float x) {
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] = x;
    return r;
}

MLPVID_FUNCTION SimdFloats load(const float* p) {
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] = p[i];
    return r;
}

MLPVID_FUNCTION void store(float* p, SimdFloats a) {
    MLPVID_EACH_ELEMENT p[i] = a.v[i];
}

MLPVID_FUNCTION SimdFloats operator+(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] += b.v[i];
    return a;
}

MLPVID_FUNCTION SimdFloats operator-(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] -= b.v[i];
    return a;
}

MLPVID_FUNCTION SimdFloats operator*(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] *= b.v[i];
    return a;
}

MLPVID_FUNCTION SimdFloats operator/(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] /= b.v[i];
    return a;
}

MLPVID_FUNCTION SimdFloats larger(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] = larger(a.v[i], b.v[i]);
    return a;
}

MLPVID_FUNCTION SimdFloats smaller(SimdFloats a, SimdFloats b) {
    MLPVID_EACH_ELEMENT a.v[i] = smaller(a.v[i], b.v[i]);
    return a;
}

MLPVID_FUNCTION SimdFloats fused(SimdFloats a, SimdFloats b, SimdFloats c) {
    MLPVID_EACH_ELEMENT c.v[i] = a.v[i] * b.v[i] + c.v[i];
    return c;
}

MLPVID_FUNCTION SimdFloats relu(SimdFloats a) {
    MLPVID_EACH_ELEMENT a.v[i] = larger(a.v[i], 0.0f);
    return a;
}

MLPVID_FUNCTION float sum(SimdFloats a) {
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}

MLPVID_FUNCTION SimdInts broadcast_int(int32 x) {
    SimdInts r;
    MLPVID_EACH_ELEMENT r.v[i] = x;
    return r;
}

MLPVID_FUNCTION SimdInts load_ints(const int32* p) {
    SimdInts r;
    MLPVID_EACH_ELEMENT r.v[i] = p[i];
    return r;
}

MLPVID_FUNCTION void store_ints(int32* p, SimdInts a) {
    MLPVID_EACH_ELEMENT p[i] = a.v[i];
}

// Does nothing, because it is only a hint.
MLPVID_FUNCTION void prefetch(const void*) {}

MLPVID_FUNCTION SimdInts operator+(SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT a.v[i] += b.v[i];
    return a;
}

MLPVID_FUNCTION SimdInts operator*(SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT a.v[i] *= b.v[i];
    return a;
}

MLPVID_FUNCTION SimdInts minimum(SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT a.v[i] = smaller(a.v[i], b.v[i]);
    return a;
}

MLPVID_FUNCTION SimdInts truncate(SimdFloats a) {
    SimdInts r;
    MLPVID_EACH_ELEMENT r.v[i] = static_cast<int32>(a.v[i]);
    return r;
}

MLPVID_FUNCTION SimdFloats to_float(SimdInts a) {
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] = static_cast<float>(a.v[i]);
    return r;
}

MLPVID_FUNCTION SimdInts operator-(SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT a.v[i] -= b.v[i];
    return a;
}

MLPVID_FUNCTION SimdInts pack_words(SimdInts low, SimdInts high) {
    MLPVID_EACH_ELEMENT low.v[i] = static_cast<int32>(word_of(low.v[i], high.v[i]));
    return low;
}

MLPVID_FUNCTION void store_alternating(int32* p, SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT {
        p[2 * i] = a.v[i];
        p[2 * i + 1] = b.v[i];
    }
}

MLPVID_FUNCTION SimdInts interleave_words(const int32* a, const int32* b) {
    SimdInts r;
    MLPVID_EACH_ELEMENT {
        const uint32 x = static_cast<uint32>(a[i / 2]), y = static_cast<uint32>(b[i / 2]);
        r.v[i] =
            static_cast<int32>(i % 2 ? word_of(high_number(x), high_number(y)) : word_of(low_number(x), low_number(y)));
    }
    return r;
}
MLPVID_FUNCTION SimdInts interleave_low(SimdInts a, SimdInts b) {
    return interleave_words(a.v, b.v);
}
MLPVID_FUNCTION SimdInts interleave_high(SimdInts a, SimdInts b) {
    return interleave_words(a.v + 2, b.v + 2);
}

MLPVID_FUNCTION int32 multiply_add_word(uint32 a, int32 weights) {
    const uint32 b = static_cast<uint32>(weights);
    return low_number(a) * low_number(b) + high_number(a) * high_number(b);
}

MLPVID_FUNCTION SimdInts multiply_add(SimdInts a, SimdInts b) {
    MLPVID_EACH_ELEMENT a.v[i] = multiply_add_word(static_cast<uint32>(a.v[i]), b.v[i]);
    return a;
}

MLPVID_FUNCTION void sort_fours(SimdInts* a) {
    const SimdInts second = a[1];
    a[1] = a[2];
    a[2] = second;
}

using SimdQuad = SimdInts;

MLPVID_FUNCTION SimdInts join(const SimdQuad* quads) {
    return quads[0];
}

struct CellSums {
    SimdInts v = {{0, 0, 0, 0}};
};

MLPVID_FUNCTION void add_cell(const uint32* cell, const int32* weights, CellSums& sums) {
    MLPVID_EACH_ELEMENT sums.v.v[i] +=
        multiply_add_word(cell[i], weights[0]) + multiply_add_word(cell[i + 4], weights[1]);
}

MLPVID_FUNCTION SimdQuad four_channels(const CellSums& sums) {
    return sums.v;
}

MLPVID_FUNCTION void add_two_cells(const uint32* first, const uint32* second, const int32* weights, CellSums& sums) {
    MLPVID_UNROLL
    for (int i = 0; i < 2; i++) {
        sums.v.v[i] += multiply_add_word(first[i], weights[0]) + multiply_add_word(first[i + 2], weights[1]);
        sums.v.v[i + 2] += multiply_add_word(second[i], weights[2]) + multiply_add_word(second[i + 2], weights[3]);
    }
}

MLPVID_FUNCTION SimdQuad two_channels_each(const CellSums& sums) {
    return sums.v;
}

#undef MLPVID_EACH_ELEMENT

MLPVID_END
