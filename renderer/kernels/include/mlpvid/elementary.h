// exp, sigmoid, sine and cosine as polynomials: the same bits with every compiler. They use no
// math library. They compute the weights, colors and view directions of docs/format.md, "Evaluating a point" and
// "Rendering".
#pragma once

#include "platform.h"

MLPVID_BEGIN

// e^x, relative error below 2e-7; 0 below -87, at most e^88.
MLPVID_FUNCTION float exponential(float x) {
    if (x < -87.0f) return 0.0f;
    x = smaller(x, 88.0f);
    const float rounded = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to a whole number
    const float n = rounded - 12582912.0f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const float mantissa = p * r * r + r + 1.0f;
    return mantissa * float_of_bits(static_cast<uint32>(static_cast<int32>(n) + 127) << 23);
}

MLPVID_FUNCTION float sigmoid(float x) {
    return 1.0f / (1.0f + exponential(-x));
}

// Sine and cosine for |x| <= 1 by their series, absolute error below 3e-8. Their only arguments are direction cosines.
MLPVID_FUNCTION void sine_and_cosine(float x, float& sine, float& cosine) {
    const float s = x * x;
    sine = x + x * s * (-1.6666667e-1f + s * (8.3333333e-3f + s * (-1.9841270e-4f + s * 2.7557319e-6f)));
    cosine = 1.0f + s * (-0.5f + s * (4.1666667e-2f + s * (-1.3888889e-3f + s * (2.4801587e-5f - s * 2.7557319e-7f))));
}

MLPVID_END
