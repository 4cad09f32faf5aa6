// Volume rendering along a ray, front to back (paper, supplementary equation 3; docs/format.md, "Rendering").
#pragma once

#include "baked_frame.h"
#include "elementary.h"

MLPVID_BEGIN

// Returns the weight w = T * alpha of a sample, alpha = 1 - exp(-sigma * step). Multiplies the transmittance T by 1 -
// alpha. The difference loses digits for small sigma * step. Such weights are below tau2, so their samples get no
// color. Another form, such as -T expm1(-sigma step), would change the last bits of images.
MLPVID_FUNCTION float volume_weight(float sigma, float step, float& transmittance) {
    const float left = transmittance * exponential(-sigma * step);
    const float weight = transmittance - left;
    transmittance = left;
    return weight;
}

MLPVID_FUNCTION void add_sample(RaySums& sums, float weight, const float* color, float distance) {
    sums.red += weight * color[0];
    sums.green += weight * color[1];
    sums.blue += weight * color[2];
    sums.opacity += weight;
    sums.distance += weight * distance;
}

MLPVID_END
