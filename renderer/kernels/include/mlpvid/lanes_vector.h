// Lanes by the vector extension of g++ and clang, 4 floats: SSE, NEON or whatever the processor has.
#pragma once

#include "corners.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kLanes = 4;

struct Lanes {
    typedef float Vector __attribute__((vector_size(16)));
    Vector v;
};
struct IntLanes {
    typedef int32 Vector __attribute__((vector_size(16)));
    Vector v;
};
struct Words {
    typedef uint32 Vector __attribute__((vector_size(16)));
    Vector v;
};

MLPVID_FUNCTION Lanes broadcast(float x) {
    return {Lanes::Vector{x, x, x, x}};
}
MLPVID_FUNCTION Lanes load(const float* p) {
    return {Lanes::Vector{p[0], p[1], p[2], p[3]}};
}
MLPVID_FUNCTION void store(float* p, Lanes a) {
    __builtin_memcpy(p, &a.v, sizeof a.v);
}
MLPVID_FUNCTION Lanes operator+(Lanes a, Lanes b) {
    return {a.v + b.v};
}
MLPVID_FUNCTION Lanes operator-(Lanes a, Lanes b) {
    return {a.v - b.v};
}
MLPVID_FUNCTION Lanes operator*(Lanes a, Lanes b) {
    return {a.v * b.v};
}
MLPVID_FUNCTION Lanes fused(Lanes a, Lanes b, Lanes c) {
    return {a.v * b.v + c.v};
}

MLPVID_FUNCTION Lanes relu(Lanes a) {
    const IntLanes::Vector positive = a.v > 0.0f;  // all bits of a lane set, or none
    return {reinterpret_cast<Lanes::Vector>(positive & reinterpret_cast<IntLanes::Vector>(a.v))};
}

MLPVID_FUNCTION float sum(Lanes a) {
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}

MLPVID_FUNCTION IntLanes load_ints(const int32* p) {
    return {IntLanes::Vector{p[0], p[1], p[2], p[3]}};
}
MLPVID_FUNCTION void store_ints(int32* p, IntLanes a) {
    __builtin_memcpy(p, &a.v, sizeof a.v);
}
MLPVID_FUNCTION void prefetch(const void* p) {
    __builtin_prefetch(p);
}
MLPVID_FUNCTION IntLanes operator+(IntLanes a, IntLanes b) {
    return {a.v + b.v};
}
MLPVID_FUNCTION IntLanes operator*(IntLanes a, IntLanes b) {
    return {a.v * b.v};
}

MLPVID_FUNCTION IntLanes minimum(IntLanes a, IntLanes b) {
    const IntLanes::Vector less = a.v < b.v;
    return {(a.v & less) | (b.v & ~less)};
}

MLPVID_FUNCTION IntLanes truncate(Lanes a) {
    return {__builtin_convertvector(a.v, IntLanes::Vector)};
}
MLPVID_FUNCTION Lanes to_float(IntLanes a) {
    return {__builtin_convertvector(a.v, Lanes::Vector)};
}

constexpr float kLoadedHalfScale = 5192296858534827628530496329220096.0f;  // 2^112, as for words

MLPVID_FUNCTION Lanes load_halves(const uint16* p) {
    const Words::Vector high = Words::Vector{p[0], p[1], p[2], p[3]} << 16;
    const IntLanes::Vector moved = reinterpret_cast<IntLanes::Vector>(high) >> 3;
    return {reinterpret_cast<Lanes::Vector>(reinterpret_cast<Words::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION Lanes low_halves(Words a) {
    const IntLanes::Vector moved = reinterpret_cast<IntLanes::Vector>(a.v << 16) >> 3;
    return {reinterpret_cast<Lanes::Vector>(reinterpret_cast<Words::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION Lanes high_halves(Words a) {
    const IntLanes::Vector moved = reinterpret_cast<IntLanes::Vector>(a.v) >> 3;
    return {reinterpret_cast<Lanes::Vector>(reinterpret_cast<Words::Vector>(moved) & 0x8FFFE000u)};
}

MLPVID_FUNCTION Corners<Words> load_corners(const uint32* grid, const int32* index) {
    Words::Vector a, b, c, d;
    __builtin_memcpy(&a, grid + 2 * static_cast<int64>(index[0]), sizeof a);
    __builtin_memcpy(&b, grid + 2 * static_cast<int64>(index[1]), sizeof b);
    __builtin_memcpy(&c, grid + 2 * static_cast<int64>(index[2]), sizeof c);
    __builtin_memcpy(&d, grid + 2 * static_cast<int64>(index[3]), sizeof d);
    return {{Words::Vector{a[0], b[0], c[0], d[0]}},
            {Words::Vector{a[2], b[2], c[2], d[2]}},
            {Words::Vector{a[1], b[1], c[1], d[1]}},
            {Words::Vector{a[3], b[3], c[3], d[3]}}};
}

MLPVID_FUNCTION void separate(Lanes a, Lanes b, Lanes& even, Lanes& odd) {
    even.v = Lanes::Vector{a.v[0], a.v[2], b.v[0], b.v[2]};
    odd.v = Lanes::Vector{a.v[1], a.v[3], b.v[1], b.v[3]};
}

MLPVID_END
