// The weights of fixed_point.h for a register full of cells.
#pragma once

#include "fixed_point.h"
#include "simd.h"

MLPVID_BEGIN

// The same as scalar::fixed_weights.
MLPVID_FUNCTION Corners<SimdInts> fixed_weights(SimdFloats u, SimdFloats v) {
    const SimdFloats one = broadcast(static_cast<float>(kWeightOne)), half = broadcast(0.5f);
    const SimdFloats scaled_u = u * one, scaled_v = v * one, both = scaled_u * v;
    Corners<SimdInts> w;
    w.at11 = truncate(both + half);
    w.at10 = truncate(scaled_u - both + half);
    w.at01 = truncate(scaled_v - both + half);
    w.at00 = broadcast_int(kWeightOne) - w.at11 - w.at10 - w.at01;
    return w;
}

// Stores whole numbers that are not negative.
MLPVID_FUNCTION void store_words(uint32* p, SimdInts a) {
    store_ints(reinterpret_cast<int32*>(p), a);
}

MLPVID_END
