// Bake decoded maps and hash tables into the arrays of a BakedFrame (docs/format.md, "Evaluating a point"; README.md
// has the layout and the scales).
#pragma once

#include "baked_frame.h"
#include "half.h"
#include "hash_index.h"

namespace mlpvid {

// One level of the hash encoding at the frame's time.
struct BakeLevel {
    HashLevel hash;
    int32 time_node;    // lower node along t
    float time_weight;  // of the upper node
    int32 first_pair;   // of its channel pairs; a level with two features has one
};

}  // namespace mlpvid

MLPVID_BEGIN

// Returns one node of a level at the frame's time: both channels of a pair as one word, halves of value *
// inverse_scale.
MLPVID_FUNCTION uint32 blend_in_time(const float* lower, const float* upper, float weight, float inverse_scale) {
    const uint32 low = half_of((lower[0] + weight * (upper[0] - lower[0])) * inverse_scale);
    const uint32 high = half_of((lower[1] + weight * (upper[1] - lower[1])) * inverse_scale);
    return low | (high << 16);
}

// Returns the position in memory of channel `c` of a color head's features: even channels first.
MLPVID_FUNCTION int memory_order(int c) {
    return (c >> 1) + (c & 1) * kChannelPairs;
}

// Bakes one color head: W0 (32 x 32), W1 ((32 + V) x 32), W2 (32 x 3), row-major, to the rows of color_head.h.
MLPVID_FUNCTION void bake_head(const float* MLPVID_RESTRICT head, int view_channels, float* MLPVID_RESTRICT baked) {
    const float* W0 = head;
    const float* W1 = W0 + kChannels * kHidden;
    const float* W2 = W1 + (kHidden + view_channels) * kHidden;
    for (int c = 0; c < kChannels; c++) {
        float row[kHidden] = {};
        for (int i = 0; i < kHidden; i++)
            for (int j = 0; j < kHidden; j++) row[j] += W0[c * kHidden + i] * W1[i * kHidden + j];
        float* out = baked + memory_order(c) * kHidden;
        for (int j = 0; j < kHidden; j++) out[j] = row[j];
    }
    float* views = baked + kChannels * kHidden;
    for (int i = 0; i < view_channels * kHidden; i++) views[i] = W1[kHidden * kHidden + i];
    float* outputs = views + view_channels * kHidden;
    for (int i = 0; i < kHidden; i++)
        for (int j = 0; j < 3; j++) outputs[j * kHidden + i] = W2[i * 3 + j];
}

MLPVID_END
