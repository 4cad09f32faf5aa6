// Vectors with the vector extension of g++ and clang, 4 floats: SSE, NEON or another one that the processor has.
#pragma once

#if defined(__SSE2__)
#include <immintrin.h>
#endif

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

MLPVID_FUNCTION SimdInts operator-(SimdInts a, SimdInts b) {
    return {a.v - b.v};
}
MLPVID_FUNCTION SimdInts pack_words(SimdInts low, SimdInts high) {
    return {(low.v & 0xFFFF) | high.v << 16};
}
MLPVID_FUNCTION void store_alternating(int32* p, SimdInts a, SimdInts b) {
    store_ints(p, {SimdInts::Vector{a.v[0], b.v[0], a.v[1], b.v[1]}});
    store_ints(p + kSimdWidth, {SimdInts::Vector{a.v[2], b.v[2], a.v[3], b.v[3]}});
}

#if defined(__SSE2__)
MLPVID_FUNCTION SimdInts interleave_low(SimdInts a, SimdInts b) {
    return {reinterpret_cast<SimdInts::Vector>(
        _mm_unpacklo_epi16(reinterpret_cast<__m128i>(a.v), reinterpret_cast<__m128i>(b.v)))};
}
MLPVID_FUNCTION SimdInts interleave_high(SimdInts a, SimdInts b) {
    return {reinterpret_cast<SimdInts::Vector>(
        _mm_unpackhi_epi16(reinterpret_cast<__m128i>(a.v), reinterpret_cast<__m128i>(b.v)))};
}
MLPVID_FUNCTION SimdInts multiply_add(SimdInts a, SimdInts b) {
    return {reinterpret_cast<SimdInts::Vector>(
        _mm_madd_epi16(reinterpret_cast<__m128i>(a.v), reinterpret_cast<__m128i>(b.v)))};
}
#else
MLPVID_FUNCTION SimdInts interleave_low(SimdInts a, SimdInts b) {
    const SimdInts::Vector x = {a.v[0], a.v[0], a.v[1], a.v[1]}, y = {b.v[0], b.v[0], b.v[1], b.v[1]};
    const SimdInts::Vector upper = {0, -1, 0, -1};
    return {((x & 0xFFFF & ~upper) | (y << 16 & ~upper)) | ((x >> 16 & 0xFFFF & upper) | (y & -0x10000 & upper))};
}
MLPVID_FUNCTION SimdInts interleave_high(SimdInts a, SimdInts b) {
    return interleave_low({SimdInts::Vector{a.v[2], a.v[3], 0, 0}}, {SimdInts::Vector{b.v[2], b.v[3], 0, 0}});
}

MLPVID_FUNCTION SimdInts multiply_add(SimdInts a, SimdInts b) {
    return {(a.v << 16 >> 16) * (b.v << 16 >> 16) + (a.v >> 16) * (b.v >> 16)};
}
#endif

MLPVID_FUNCTION void sort_fours(SimdInts* a) {
    const SimdInts second = a[1];
    a[1] = a[2];
    a[2] = second;
}

using SimdQuad = SimdInts;

MLPVID_FUNCTION SimdInts join(const SimdQuad* quads) {
    return quads[0];
}

// The sums of the nodes at u and at u + 1.
struct CellSums {
    SimdInts left = {SimdInts::Vector{0, 0, 0, 0}}, right = {SimdInts::Vector{0, 0, 0, 0}};
};

MLPVID_FUNCTION SimdInts load_words(const uint32* p) {
    SimdInts::Vector v;
    __builtin_memcpy(&v, p, sizeof v);
    return {v};
}

MLPVID_FUNCTION void add_cell(const uint32* cell, const int32* weights, CellSums& sums) {
    sums.left = sums.left + multiply_add(load_words(cell), broadcast_int(weights[0]));
    sums.right = sums.right + multiply_add(load_words(cell + 4), broadcast_int(weights[1]));
}

MLPVID_FUNCTION SimdQuad four_channels(const CellSums& sums) {
    return sums.left + sums.right;
}

MLPVID_FUNCTION void add_two_cells(const uint32* first, const uint32* second, const int32* weights, CellSums& sums) {
    const SimdInts::Vector one = {weights[0], weights[0], weights[1], weights[1]};
    const SimdInts::Vector two = {weights[2], weights[2], weights[3], weights[3]};
    sums.left = sums.left + multiply_add(load_words(first), {one});
    sums.right = sums.right + multiply_add(load_words(second), {two});
}

MLPVID_FUNCTION SimdQuad two_channels_each(const CellSums& sums) {
    const SimdInts::Vector &a = sums.left.v, &b = sums.right.v;
    return {SimdInts::Vector{a[0], a[1], b[0], b[1]} + SimdInts::Vector{a[2], a[3], b[2], b[3]}};
}

MLPVID_END
