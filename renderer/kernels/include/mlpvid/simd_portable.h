// Vectors in plain C++, 4 floats: for compilers that have neither intrinsics nor vector types.
#pragma once

#include "half.h"
#include "interpolation.h"
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
struct alignas(16) SimdWords {
    uint32 v[kSimdWidth];
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

constexpr float kLoadedHalfScale = kHalfScale;

MLPVID_FUNCTION SimdFloats load_halves(const uint16* p) {
#if defined(__CUDA_ARCH__)
    const uint2 loaded = __ldg(reinterpret_cast<const uint2*>(p));
    const uint32 high[kSimdWidth] = {loaded.x << 16, loaded.x & 0xFFFF0000u, loaded.y << 16, loaded.y & 0xFFFF0000u};
#else
    const uint32 high[kSimdWidth] = {static_cast<uint32>(p[0]) << 16, static_cast<uint32>(p[1]) << 16,
                                     static_cast<uint32>(p[2]) << 16, static_cast<uint32>(p[3]) << 16};
#endif
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] = float_of_bits(static_cast<uint32>(static_cast<int32>(high[i]) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION SimdFloats low_halves(SimdWords a) {
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] =
        float_of_bits(static_cast<uint32>(static_cast<int32>(a.v[i] << 16) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION SimdFloats high_halves(SimdWords a) {
    SimdFloats r;
    MLPVID_EACH_ELEMENT r.v[i] = float_of_bits(static_cast<uint32>(static_cast<int32>(a.v[i]) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION Corners<SimdWords> load_corners(const uint32* grid, const int32* index) {
    Corners<SimdWords> r;
    MLPVID_EACH_ELEMENT {
        const uint32* cell = grid + 2 * static_cast<int64>(index[i]);
        r.at00.v[i] = cell[0];
        r.at01.v[i] = cell[1];
        r.at10.v[i] = cell[2];
        r.at11.v[i] = cell[3];
    }
    return r;
}

MLPVID_FUNCTION void separate(SimdFloats a, SimdFloats b, SimdFloats& even, SimdFloats& odd) {
    even = {{a.v[0], a.v[2], b.v[0], b.v[2]}};
    odd = {{a.v[1], a.v[3], b.v[1], b.v[3]}};
}

#undef MLPVID_EACH_ELEMENT

MLPVID_END
