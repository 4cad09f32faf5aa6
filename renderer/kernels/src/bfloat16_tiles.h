// Convolutions in bfloat16 that also compute 3x3 kernels of stride 1 in tiles of 2 x 2 output pixels, see
// winograd_kernels.h. Transformed inputs and transformed weights are rounded.
#pragma once

#include "bfloat16_convolution.h"
#include "winograd_transforms.h"

MLPVID_BEGIN

constexpr int32 kTileProducts = (kBfloat16Side + 2) * (kBfloat16Side + 2);

MLPVID_FUNCTION void store(uint16* p, SimdFloats a) {
    alignas(64) float values[kSimdWidth];
    store(values, a);
    for (int32 i = 0; i < kSimdWidth; i++) p[i] = bfloat16_of(values[i]);
}

// The sums of all products of a block of 32 tiles of pixels and a panel. `inputs`: transformed, of the block's first
// tile. `last`: no weights follow in memory.
template <class Products>
static void multiply_tiles(const Products& products, const Convolution& c, const uint16* inputs, int64 inputs_step,
                           const uint16* weights, bool last, float (*sums)[4 * kTileSums]) {
    const int64 no_offset = 0, weights_step = int64{c.inputs} * kBfloat16Block;
    for (int32 i = 0; i < kTileProducts; i++) {
        const uint16 *first = inputs + i * inputs_step, *of_product = weights + i * weights_step;
        const Bfloat16Block block = {{{first, first + int64{kBfloat16Tile} * c.inputs}, {}},
                                     {of_product, nullptr},
                                     1,
                                     c.inputs,
                                     &no_offset,
                                     1,
                                     c.inputs,
                                     last && i == kTileProducts - 1 ? nullptr : of_product + weights_step};
        for (int32 j = 0; j < 4 * kTileSums; j++) sums[i][j] = 0.0f;
        products.add(block, sums[i]);
    }
}

template <class Products>
static void convolve_tiles(const Bfloat16Convolution& convolution, const ConvolutionPiece& piece, uint16* scratch) {
    const Convolution& c = convolution.shape;
    const int32 count = piece.last_pixel - piece.first_pixel;
    const int64 weights = int64{kTileProducts} * c.inputs * kBfloat16Block;  // of a panel
    alignas(64) float sums[kTileProducts][4 * kTileSums];
    transform_tiles<kBfloat16Side>(c, piece.first_pixel, count, scratch);
    const Products products;
    for (int32 panel = piece.first_panel; panel < piece.last_panel; panel++)
        for (int32 tile = 0; tile < count; tile += kBfloat16Block) {
            multiply_tiles(products, c, scratch + int64{tile} * c.inputs, int64{count} * c.inputs,
                           convolution.weights + panel * weights, panel == piece.last_panel - 1, sums);
            write_tiles<kBfloat16Side, kBfloat16Block>(
                c, piece.first_pixel + tile, kBfloat16Block, panel, [&](int i, int32 t, int32 channel) {
                    return sums_of(sums[i], t) + channel / kBfloat16Tile * kTileSums + channel % kBfloat16Tile;
                });
        }
}

// The functions of Bfloat16Kernels for units that compute tiles.
static int64 scratch_numbers_with_tiles(const Bfloat16Convolution& convolution, const ConvolutionPiece& piece) {
    if (!convolution.tile) return scratch_numbers(convolution, piece);
    return int64{kTileProducts} * (piece.last_pixel - piece.first_pixel) * convolution.shape.inputs;
}

template <class Products>
static void convolve_with_tiles(const Bfloat16Convolution& convolution, const ConvolutionPiece& piece,
                                uint16* scratch) {
    if (convolution.tile)
        convolve_tiles<Products>(convolution, piece, scratch);
    else
        convolve_bfloat16<Products>(convolution, piece, scratch);
}

MLPVID_END
