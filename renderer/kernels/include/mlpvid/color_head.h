// Color heads (docs/format.md, "Evaluating a point", color). There is no activation between a head's first two layers,
// so F W0 W1 = F (W0 W1), and the product is computed once per frame: hidden = relu([F, view] [W0 W1a; W1b]), output =
// hidden W2. A baked head is a matrix of rows of 32 floats:
//   32 rows W0 W1a, in the order of features in memory | view_channels rows W1b | 3 rows W2 transposed
#pragma once

#include "baked_frame.h"
#include "simd.h"

MLPVID_BEGIN

constexpr int kInputStride = 48;  // floats per sample: features, then the encoded view

MLPVID_FUNCTION int32 head_floats(const BakedFrame& frame) {
    return (kChannels + frame.view_channels + 3) * kHidden;
}

// Evaluates one head on `Samples` samples at once, so that its weights are loaded once for all of them.
//   inputs: [Samples][kInputStride]; outputs: [Samples][3], before the sigmoid.
template <int Samples>
MLPVID_FUNCTION void evaluate_head(const float* MLPVID_RESTRICT head, int rows, const float* MLPVID_RESTRICT inputs,
                                   float (*outputs)[3]) {
    constexpr int block =
        2 * kSimdWidth < kHidden ? 2 * kSimdWidth : kHidden;  // hidden channels at once: two registers per sample
    const float* last_layer = head + rows * kHidden;
    SimdFloats totals[Samples][3];
    MLPVID_UNROLL
    for (int first = 0; first < kHidden; first += block) {
        SimdFloats left[Samples], right[Samples];
        MLPVID_UNROLL
        for (int n = 0; n < Samples; n++) left[n] = right[n] = broadcast(0.0f);
        for (int i = 0; i < rows; i++) {
            const SimdFloats w0 = load(head + i * kHidden + first), w1 = load(head + i * kHidden + first + kSimdWidth);
            MLPVID_UNROLL
            for (int n = 0; n < Samples; n++) {
                const SimdFloats x = broadcast(inputs[n * kInputStride + i]);
                left[n] = fused(x, w0, left[n]);
                right[n] = fused(x, w1, right[n]);
            }
        }
        MLPVID_UNROLL
        for (int n = 0; n < Samples; n++) {
            const SimdFloats h0 = relu(left[n]), h1 = relu(right[n]);
            MLPVID_UNROLL
            for (int j = 0; j < 3; j++) {
                const float* row = last_layer + j * kHidden + first;
                const SimdFloats part = fused(h1, load(row + kSimdWidth), h0 * load(row));
                totals[n][j] = first == 0 ? part : totals[n][j] + part;
            }
        }
    }
    MLPVID_UNROLL
    for (int n = 0; n < Samples; n++)
        for (int j = 0; j < 3; j++) outputs[n][j] = sum(totals[n][j]);
}

namespace scalar {

// The scalar twin of evaluate_head, for one sample: inputs [rows], output [3] before the sigmoid.
MLPVID_FUNCTION void evaluate_head(const float* head, int rows, const float* inputs, float* output) {
    for (int j = 0; j < 3; j++) output[j] = 0.0f;
    for (int k = 0; k < kHidden; k++) {
        float hidden = 0.0f;
        for (int i = 0; i < rows; i++) hidden += inputs[i] * head[i * kHidden + k];
        for (int j = 0; j < 3; j++) output[j] += larger(hidden, 0.0f) * head[(rows + j) * kHidden + k];
    }
}

}  // namespace scalar

MLPVID_END
