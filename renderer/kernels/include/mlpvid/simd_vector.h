// Vectors with the vector extension of g++ and clang, 4 floats: SSE, NEON or another one that the processor has.
#pragma once

#include "half.h"
#include "interpolation.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kSimdWidth = 4;

struct SimdFloats {
    typedef float Vector __attribute__((vector_size(16)));
    Vector v;
};
struct SimdInts {
    typedef int32 Vector __attribute__((vector_size(16)));
    Vector v;
};
struct SimdWords {
    typedef uint32 Vector __attribute__((vector_size(16)));
    Vector v;
};

MLPVID_FUNCTION SimdFloats broadcast(float x) {
    return {SimdFloats::Vector{x, x, x, x}};
}
MLPVID_FUNCTION SimdFloats load(const float* p) {
    return {SimdFloats::Vector{p[0], p[1], p[2], p[3]}};
}
MLPVID_FUNCTION void store(float* p, SimdFloats a) {
    __builtin_memcpy(p, &a.v, sizeof a.v);
}
MLPVID_FUNCTION SimdFloats operator+(SimdFloats a, SimdFloats b) {
    return {a.v + b.v};
}
MLPVID_FUNCTION SimdFloats operator-(SimdFloats a, SimdFloats b) {
    return {a.v - b.v};
}
MLPVID_FUNCTION SimdFloats operator*(SimdFloats a, SimdFloats b) {
    return {a.v * b.v};
}
MLPVID_FUNCTION SimdFloats operator/(SimdFloats a, SimdFloats b) {
    return {a.v / b.v};
}
MLPVID_FUNCTION SimdFloats choose(SimdInts::Vector which, SimdFloats a, SimdFloats b) {  // a where all bits are set
    const SimdInts::Vector x = reinterpret_cast<SimdInts::Vector>(a.v), y = reinterpret_cast<SimdInts::Vector>(b.v);
    return {reinterpret_cast<SimdFloats::Vector>((x & which) | (y & ~which))};
}
MLPVID_FUNCTION SimdFloats larger(SimdFloats a, SimdFloats b) {
    return choose(a.v > b.v, a, b);
}
MLPVID_FUNCTION SimdFloats smaller(SimdFloats a, SimdFloats b) {
    return choose(a.v < b.v, a, b);
}
MLPVID_FUNCTION SimdFloats fused(SimdFloats a, SimdFloats b, SimdFloats c) {
    return {a.v * b.v + c.v};
}

MLPVID_FUNCTION SimdFloats relu(SimdFloats a) {
    const SimdInts::Vector positive = a.v > 0.0f;  // all bits of an element set, or none
    return {reinterpret_cast<SimdFloats::Vector>(positive & reinterpret_cast<SimdInts::Vector>(a.v))};
}

MLPVID_FUNCTION float sum(SimdFloats a) {
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}

MLPVID_FUNCTION SimdInts broadcast_int(int32 x) {
    return {SimdInts::Vector{x, x, x, x}};
}
MLPVID_FUNCTION SimdInts load_ints(const int32* p) {
    return {SimdInts::Vector{p[0], p[1], p[2], p[3]}};
}
MLPVID_FUNCTION void store_ints(int32* p, SimdInts a) {
    __builtin_memcpy(p, &a.v, sizeof a.v);
}
MLPVID_FUNCTION void prefetch(const void* p) {
    __builtin_prefetch(p);
}
MLPVID_FUNCTION SimdInts operator+(SimdInts a, SimdInts b) {
    return {a.v + b.v};
}
MLPVID_FUNCTION SimdInts operator*(SimdInts a, SimdInts b) {
    return {a.v * b.v};
}

MLPVID_FUNCTION SimdInts minimum(SimdInts a, SimdInts b) {
    const SimdInts::Vector less = a.v < b.v;
    return {(a.v & less) | (b.v & ~less)};
}

MLPVID_FUNCTION SimdInts truncate(SimdFloats a) {
    return {__builtin_convertvector(a.v, SimdInts::Vector)};
}
MLPVID_FUNCTION SimdFloats to_float(SimdInts a) {
    return {__builtin_convertvector(a.v, SimdFloats::Vector)};
}

constexpr float kLoadedHalfScale = kHalfScale;

MLPVID_FUNCTION SimdFloats load_halves(const uint16* p) {
    const SimdWords::Vector high = SimdWords::Vector{p[0], p[1], p[2], p[3]} << 16;
    const SimdInts::Vector moved = reinterpret_cast<SimdInts::Vector>(high) >> 3;
    return {reinterpret_cast<SimdFloats::Vector>(reinterpret_cast<SimdWords::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION SimdFloats low_halves(SimdWords a) {
    const SimdInts::Vector moved = reinterpret_cast<SimdInts::Vector>(a.v << 16) >> 3;
    return {reinterpret_cast<SimdFloats::Vector>(reinterpret_cast<SimdWords::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION SimdFloats high_halves(SimdWords a) {
    const SimdInts::Vector moved = reinterpret_cast<SimdInts::Vector>(a.v) >> 3;
    return {reinterpret_cast<SimdFloats::Vector>(reinterpret_cast<SimdWords::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION Corners<SimdWords> load_corners(const uint32* grid, const int32* index) {
    SimdWords::Vector a, b, c, d;
    __builtin_memcpy(&a, grid + 2 * static_cast<int64>(index[0]), sizeof a);
    __builtin_memcpy(&b, grid + 2 * static_cast<int64>(index[1]), sizeof b);
    __builtin_memcpy(&c, grid + 2 * static_cast<int64>(index[2]), sizeof c);
    __builtin_memcpy(&d, grid + 2 * static_cast<int64>(index[3]), sizeof d);
    return {{SimdWords::Vector{a[0], b[0], c[0], d[0]}},
            {SimdWords::Vector{a[2], b[2], c[2], d[2]}},
            {SimdWords::Vector{a[1], b[1], c[1], d[1]}},
            {SimdWords::Vector{a[3], b[3], c[3], d[3]}}};
}

MLPVID_FUNCTION void separate(SimdFloats a, SimdFloats b, SimdFloats& even, SimdFloats& odd) {
    even.v = SimdFloats::Vector{a.v[0], a.v[2], b.v[0], b.v[2]};
    odd.v = SimdFloats::Vector{a.v[1], a.v[3], b.v[1], b.v[3]};
}

MLPVID_END
