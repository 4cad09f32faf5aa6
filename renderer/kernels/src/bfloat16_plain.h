// The sums of products in plain C++. `Sum::add` adds the products of 16 pairs as an instruction does.
#pragma once

#include "bfloat16_convolution.h"

MLPVID_BEGIN

template <class Sum>
struct PlainProducts {
    void add(const Bfloat16Block& block, float* sums) const {
        for (int32 i = 0; i < 4 * kTileSums; i++) sums[i] = add_to(sums[i], block, i);
    }

    static float add_to(float sum, const Bfloat16Block& block, int32 index) {
        const int32 tile = index / kTileSums, row = index % kTileSums / kBfloat16Tile, column = index % kBfloat16Tile;
        int64 weights = tile % 2 * 2 * kTileSums + 2 * column;
        for (int32 tap = 0; tap < block.taps; tap++)
            for (int32 input = 0; input < block.inputs; input += kBfloat16Block, weights += 4 * kTileSums)
                for (int32 i = first_product(block); i < last_product(block); i++) {
                    const uint16* pixel = block.pixels[kProducts[i].pixels][tile / 2];
                    sum = Sum::add(pixel + row * block.pixel_step + block.tap_offsets[tap] + input,
                                   block.weights[kProducts[i].weights] + weights, sum);
                }
        return sum;
    }
};

MLPVID_END
