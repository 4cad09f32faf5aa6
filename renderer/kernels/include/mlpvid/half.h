// Half-precision numbers (IEEE 754 binary16) in integer arithmetic: the same results with every compiler and processor.
#pragma once

#include "platform.h"

MLPVID_BEGIN

// Rounds to the nearest half. Values that would be subnormal become 0, and values that are too large the largest half.
MLPVID_FUNCTION uint16 half_of(float value) {
    const uint32 bits = bits_of_float(value);
    const uint32 sign = (bits >> 16) & 0x8000u;
    uint32 size = bits & 0x7FFFFFFFu;
    size += 0xFFFu + ((size >> 13) & 1u);
    size = size < 0x477FE000u ? size : 0x477FE000u;
    const uint32 half = size < 0x38800000u ? 0u : (size - 0x38000000u) >> 13;
    return static_cast<uint16>(half | sign);
}

// Shifting the bits of a half to their positions in a float gives a number that is too small by a factor of 2^112,
// because the offsets of the exponents are 15 and 127. This factor corrects it.
constexpr float kHalfScale = 5192296858534827628530496329220096.0f;  // 2^112

// Returns the value of a half.
MLPVID_FUNCTION float float_of_half(uint32 half) {
    const float value = float_of_bits((half & 0x7FFFu) << 13) * kHalfScale;
    return half & 0x8000u ? -value : value;
}

MLPVID_END
