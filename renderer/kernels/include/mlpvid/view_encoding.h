// Encodings of the unit view direction (docs/format.md, "Evaluating a point", view direction; model/view_encoding.py).
#pragma once

#include "baked_frame.h"
#include "elementary.h"

MLPVID_BEGIN

// For each coordinate c of x, y, z: c, cos(c), cos(2c), sin(c), sin(2c).
MLPVID_FUNCTION void frequency_encoding(const float* direction, float* encoded) {
    for (int axis = 0; axis < 3; axis++) {
        float sine, cosine;
        sine_and_cosine(direction[axis], sine, cosine);
        encoded[0] = direction[axis];
        encoded[1] = cosine;
        encoded[2] = 1.0f - 2.0f * sine * sine;
        encoded[3] = sine;
        encoded[4] = 2.0f * sine * cosine;
        encoded += 5;
    }
}

// The nine real spherical harmonics of degree 0 to 2, with Condon-Shortley signs.
MLPVID_FUNCTION void spherical_harmonics(const float* direction, float* encoded) {
    const float x = direction[0], y = direction[1], z = direction[2];
    encoded[0] = 0.28209479177387814f;
    encoded[1] = -0.4886025119029199f * y;
    encoded[2] = 0.4886025119029199f * z;
    encoded[3] = -0.4886025119029199f * x;
    encoded[4] = 1.0925484305920792f * x * y;
    encoded[5] = -1.0925484305920792f * y * z;
    encoded[6] = 0.31539156525252005f * (3.0f * z * z - 1.0f);
    encoded[7] = -1.0925484305920792f * x * z;
    encoded[8] = 0.5462742152960396f * (x * x - y * y);
}

MLPVID_FUNCTION void encode_direction(const BakedFrame& frame, const float* direction, float* encoded) {
    if (frame.view_encoding == kFrequencyEncoding)
        frequency_encoding(direction, encoded);
    else
        spherical_harmonics(direction, encoded);
}

MLPVID_END
