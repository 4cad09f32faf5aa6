// The whole numbers with which the CPU interpolates: values of 16 bits times weights of 14 bits. One instruction
// multiplies two pairs of them and adds the products, and their sums are exact. README.md has the ranges.
#pragma once

#include "interpolation.h"

MLPVID_BEGIN

constexpr int32 kWeightOne = 1 << 14;
constexpr float kWeightUnit = 1.0f / 16384.0f;  // the value of the weight 1

// Rounds to the nearest number of 16 bits; the smallest one is left out, so that the range is symmetric.
MLPVID_FUNCTION int32 fixed_of(float value) {
    const float bounded = smaller(larger(value, -32767.0f), 32767.0f);
    return static_cast<int32>(bounded + (bounded < 0.0f ? -0.5f : 0.5f));
}

// Returns two numbers of 16 bits as one word.
MLPVID_FUNCTION uint32 word_of(int32 low, int32 high) {
    return (static_cast<uint32>(low) & 0xFFFFu) | static_cast<uint32>(high) << 16;
}

// Returns the numbers of a word.
MLPVID_FUNCTION int32 low_number(uint32 word) {
    return static_cast<int32>((word & 0xFFFFu) ^ 0x8000u) - 0x8000;
}
MLPVID_FUNCTION int32 high_number(uint32 word) {
    return low_number(word >> 16);
}

namespace scalar {

// Returns the weights of the corners of a cell as whole numbers whose sum is kWeightOne, from the weights u and v of
// the upper nodes, 0 to 1.
MLPVID_FUNCTION Corners<int32> fixed_weights(float u, float v) {
    const float one = static_cast<float>(kWeightOne), scaled_u = u * one, scaled_v = v * one, both = scaled_u * v;
    Corners<int32> w;
    w.at11 = static_cast<int32>(both + 0.5f);
    w.at10 = static_cast<int32>((scaled_u - both) + 0.5f);
    w.at01 = static_cast<int32>((scaled_v - both) + 0.5f);
    w.at00 = kWeightOne - w.at11 - w.at10 - w.at01;
    return w;
}

}  // namespace scalar

MLPVID_END
