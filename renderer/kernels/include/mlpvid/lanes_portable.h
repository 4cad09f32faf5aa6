// Lanes in plain C++, 4 floats: for compilers that have neither intrinsics nor vector types.
#pragma once

#include "corners.h"
#include "platform.h"

MLPVID_BEGIN

constexpr int kLanes = 4;

#define MLPVID_EACH_LANE MLPVID_UNROLL for (int i = 0; i < kLanes; i++)

struct alignas(16) Lanes {
    float v[kLanes];
};
struct alignas(16) IntLanes {
    int32 v[kLanes];
};
struct alignas(16) Words {
    uint32 v[kLanes];
};

MLPVID_FUNCTION Lanes broadcast(float x) {
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = x;
    return r;
}

MLPVID_FUNCTION Lanes load(const float* p) {
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = p[i];
    return r;
}

MLPVID_FUNCTION void store(float* p, Lanes a) {
    MLPVID_EACH_LANE p[i] = a.v[i];
}

MLPVID_FUNCTION Lanes operator+(Lanes a, Lanes b) {
    MLPVID_EACH_LANE a.v[i] += b.v[i];
    return a;
}

MLPVID_FUNCTION Lanes operator-(Lanes a, Lanes b) {
    MLPVID_EACH_LANE a.v[i] -= b.v[i];
    return a;
}

MLPVID_FUNCTION Lanes operator*(Lanes a, Lanes b) {
    MLPVID_EACH_LANE a.v[i] *= b.v[i];
    return a;
}

MLPVID_FUNCTION Lanes fused(Lanes a, Lanes b, Lanes c) {
    MLPVID_EACH_LANE c.v[i] = a.v[i] * b.v[i] + c.v[i];
    return c;
}

MLPVID_FUNCTION Lanes relu(Lanes a) {
    MLPVID_EACH_LANE a.v[i] = larger(a.v[i], 0.0f);
    return a;
}

MLPVID_FUNCTION float sum(Lanes a) {
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}

MLPVID_FUNCTION IntLanes load_ints(const int32* p) {
    IntLanes r;
    MLPVID_EACH_LANE r.v[i] = p[i];
    return r;
}

MLPVID_FUNCTION void store_ints(int32* p, IntLanes a) {
    MLPVID_EACH_LANE p[i] = a.v[i];
}

// Left out: it is only a hint.
MLPVID_FUNCTION void prefetch(const void*) {}

MLPVID_FUNCTION IntLanes operator+(IntLanes a, IntLanes b) {
    MLPVID_EACH_LANE a.v[i] += b.v[i];
    return a;
}

MLPVID_FUNCTION IntLanes operator*(IntLanes a, IntLanes b) {
    MLPVID_EACH_LANE a.v[i] *= b.v[i];
    return a;
}

MLPVID_FUNCTION IntLanes minimum(IntLanes a, IntLanes b) {
    MLPVID_EACH_LANE a.v[i] = smaller(a.v[i], b.v[i]);
    return a;
}

MLPVID_FUNCTION IntLanes truncate(Lanes a) {
    IntLanes r;
    MLPVID_EACH_LANE r.v[i] = static_cast<int32>(a.v[i]);
    return r;
}

MLPVID_FUNCTION Lanes to_float(IntLanes a) {
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = static_cast<float>(a.v[i]);
    return r;
}

constexpr float kLoadedHalfScale = 5192296858534827628530496329220096.0f;  // 2^112, as for words

MLPVID_FUNCTION Lanes load_halves(const uint16* p) {
#if defined(__CUDA_ARCH__)
    const uint2 loaded = __ldg(reinterpret_cast<const uint2*>(p));
    const uint32 high[kLanes] = {loaded.x << 16, loaded.x & 0xFFFF0000u, loaded.y << 16, loaded.y & 0xFFFF0000u};
#else
    const uint32 high[kLanes] = {static_cast<uint32>(p[0]) << 16, static_cast<uint32>(p[1]) << 16,
                                 static_cast<uint32>(p[2]) << 16, static_cast<uint32>(p[3]) << 16};
#endif
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = float_of_bits(static_cast<uint32>(static_cast<int32>(high[i]) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION Lanes low_halves(Words a) {
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = float_of_bits(static_cast<uint32>(static_cast<int32>(a.v[i] << 16) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION Lanes high_halves(Words a) {
    Lanes r;
    MLPVID_EACH_LANE r.v[i] = float_of_bits(static_cast<uint32>(static_cast<int32>(a.v[i]) >> 3) & 0x8FFFE000u);
    return r;
}

MLPVID_FUNCTION Corners<Words> load_corners(const uint32* grid, const int32* index) {
    Corners<Words> r;
    MLPVID_EACH_LANE {
        const uint32* cell = grid + 2 * static_cast<int64>(index[i]);
        r.at00.v[i] = cell[0];
        r.at01.v[i] = cell[1];
        r.at10.v[i] = cell[2];
        r.at11.v[i] = cell[3];
    }
    return r;
}

MLPVID_FUNCTION void separate(Lanes a, Lanes b, Lanes& even, Lanes& odd) {
    even = {{a.v[0], a.v[2], b.v[0], b.v[2]}};
    odd = {{a.v[1], a.v[3], b.v[1], b.v[3]}};
}

#undef MLPVID_EACH_LANE

MLPVID_END
