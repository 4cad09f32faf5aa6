// Volume rendering along a ray, front to back (paper, supplementary equation 3).
#pragma once

#include "elementary.h"

MLPVID_BEGIN

// The weight w = T * alpha of a sample, alpha = 1 - exp(-sigma * step); takes alpha out of the transmittance T.
MLPVID_FUNCTION float absorb(float sigma, float step, float& transmittance) {
    const float left = transmittance * exponential(-sigma * step);
    const float weight = transmittance - left;
    transmittance = left;
    return weight;
}

// Sums over the kept samples of a ray.
struct RaySums {
    float red, green, blue, opacity, distance;

    MLPVID_FUNCTION void add(float weight, const float* color, float at) {
        red += weight * color[0];
        green += weight * color[1];
        blue += weight * color[2];
        opacity += weight;
        distance += weight * at;
    }
};

MLPVID_END
