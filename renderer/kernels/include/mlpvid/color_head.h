// Color heads (docs/format.md, "Evaluating a point", color). There is no activation between a head's first two layers,
// so F W0 W1 = F (W0 W1), and the product is computed once per frame: hidden = relu([F, view] [W0 W1a; W1b]), output =
// hidden W2. A baked head is a matrix of rows of 32 floats:
//   32 rows W0 W1a | view_channels rows W1b | 3 rows W2 transposed
#pragma once

#include "baked_frame.h"
#include "simd.h"

MLPVID_BEGIN

MLPVID_FUNCTION int32 head_floats(const BakedFrame& frame) {
    return (kChannels + frame.view_channels + 3) * kHidden;
}

// Hidden channels at once: two registers per sample.
constexpr int kHiddenBlock = 2 * kSimdWidth < kHidden ? 2 * kSimdWidth : kHidden;

// A block of hidden channels of some samples.
template <int Samples>
struct HiddenBlock {
    SimdFloats left[Samples], right[Samples];

    // Adds inputs [Samples][Stride] times `rows` rows of weights; their first weight is that of the block.
    template <int Stride>
    MLPVID_FUNCTION void add(const float* MLPVID_RESTRICT weights, int rows, const float* MLPVID_RESTRICT inputs) {
        for (int i = 0; i < rows; i++) {
            const SimdFloats w0 = load(weights + i * kHidden), w1 = load(weights + i * kHidden + kSimdWidth);
            MLPVID_UNROLL
            for (int n = 0; n < Samples; n++) {
                const SimdFloats x = broadcast(inputs[n * Stride + i]);
                left[n] = fused(x, w0, left[n]);
                right[n] = fused(x, w1, right[n]);
            }
        }
    }
};

// Computes what the views of `Rays` rays add to the hidden channels of a head. All samples of a ray share it.
//   views: [Rays][kViewStride]; sums: [Rays][32].
template <int Rays>
MLPVID_FUNCTION void evaluate_views(const float* head, int view_channels, const float* views, float (*sums)[kHidden]) {
    MLPVID_UNROLL
    for (int first = 0; first < kHidden; first += kHiddenBlock) {
        HiddenBlock<Rays> hidden;
        MLPVID_UNROLL
        for (int n = 0; n < Rays; n++) hidden.left[n] = hidden.right[n] = broadcast(0.0f);
        hidden.template add<kViewStride>(head + kChannels * kHidden + first, view_channels, views);
        MLPVID_UNROLL
        for (int n = 0; n < Rays; n++) {
            store(sums[n] + first, hidden.left[n]);
            store(sums[n] + first + kSimdWidth, hidden.right[n]);
        }
    }
}

// Evaluates one head on `Samples` samples at once, so that its weights are loaded once for all of them.
//   features: [Samples][32]; views: what evaluate_views returned for the ray of each; outputs: [Samples][3], before the
//   sigmoid.
template <int Samples>
MLPVID_FUNCTION void evaluate_head(const float* head, int view_channels, const float* features,
                                   const float* const* views, float (*outputs)[3]) {
    const float* last_layer = head + (kChannels + view_channels) * kHidden;
    SimdFloats totals[Samples][3];
    MLPVID_UNROLL
    for (int first = 0; first < kHidden; first += kHiddenBlock) {
        HiddenBlock<Samples> hidden;
        MLPVID_UNROLL
        for (int n = 0; n < Samples; n++) {
            hidden.left[n] = load(views[n] + first);
            hidden.right[n] = load(views[n] + first + kSimdWidth);
        }
        hidden.template add<kChannels>(head + first, kChannels, features);
        MLPVID_UNROLL
        for (int n = 0; n < Samples; n++) {
            const SimdFloats h0 = relu(hidden.left[n]), h1 = relu(hidden.right[n]);
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

// The scalar twin of evaluate_views and evaluate_head, for one sample: inputs [rows] are its features and its view;
// output [3] before the sigmoid.
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
