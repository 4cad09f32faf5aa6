// bfloat16 numbers, the upper halves of floats: rounding, and sums of their products as AMX and AVX-512 compute them.
#pragma once

#include "platform.h"

MLPVID_BEGIN

// Rounds to the nearest bfloat16, of two equally near ones to the even one. NaN may become infinite.
MLPVID_FUNCTION uint16 bfloat16_of(float value) {
    const uint32 bits = bits_of_float(value);
    return static_cast<uint16>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

MLPVID_FUNCTION float float_of_bfloat16(uint16 number) {
    return float_of_bits(static_cast<uint32>(number) << 16);
}

namespace scalar {

// Both take subnormal numbers for 0, and return 0 instead of them.
MLPVID_FUNCTION float without_subnormals(float value) {
    return magnitude(value) < 1.17549435e-38f ? 0.0f : value;
}

MLPVID_FUNCTION float multiply_add(uint16 a, uint16 b, float sum) {
    const float x = without_subnormals(float_of_bfloat16(a)), y = without_subnormals(float_of_bfloat16(b));
#if defined(_MSC_VER)
    return without_subnormals(fmaf(x, y, sum));
#else
    return without_subnormals(__builtin_fmaf(x, y, sum));
#endif
}

// Adds the products of 16 pairs as TDPBF16PS does: first and second numbers of pairs have sums of their own.
// Pair k of `b` is `b_step` numbers after pair k - 1.
MLPVID_FUNCTION float add_pairs(const uint16* a, const uint16* b, int32 b_step, float sum) {
    float first = 0.0f, second = 0.0f;
    for (int32 k = 0; k < 16; k++) {
        first = multiply_add(a[2 * k], b[k * b_step], first);
        second = multiply_add(a[2 * k + 1], b[k * b_step + 1], second);
    }
    return without_subnormals(sum + without_subnormals(first + second));
}

// Adds the products of 16 pairs as 16 times VDPBF16PS does: one after the other, of each pair that of the second
// numbers before that of the first ones. `b` as above.
MLPVID_FUNCTION float add_pairs_in_turn(const uint16* a, const uint16* b, int32 b_step, float sum) {
    sum = without_subnormals(sum);
    for (int32 k = 0; k < 16; k++) {
        sum = multiply_add(a[2 * k + 1], b[k * b_step + 1], sum);
        sum = multiply_add(a[2 * k], b[k * b_step], sum);
    }
    return sum;
}

}  // namespace scalar

MLPVID_END
