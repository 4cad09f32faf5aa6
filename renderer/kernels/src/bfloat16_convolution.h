// A convolution in bfloat16, but for the sums of products of a block, which each unit computes in its own way.
#pragma once

#include "bfloat16.h"
#include "mlpvid/bfloat16.h"
#include "mlpvid/simd.h"

MLPVID_BEGIN

// The floats of the input that a piece reads: from the first pixel's first tap to the last pixel's last one.
struct InputRange {
    int64 first, count;  // `first`: from Convolution::input
};

MLPVID_FUNCTION InputRange input_range(const Convolution& c, const ConvolutionPiece& piece) {
    const int64 first = piece.first_pixel / c.width * c.input_row + c.tap_offsets[0];
    const int64 last = (piece.last_pixel - 1) / c.width * c.input_row + (c.width - 1) * c.input_column;
    return {first, last + c.tap_offsets[c.taps - 1] + c.inputs - first};
}

static int64 scratch_numbers(const Bfloat16Convolution& convolution, const ConvolutionPiece& piece) {
    return input_range(convolution.shape, piece).count * convolution.parts;
}

// What the sums of a block are computed from. Part 0 has rounded floats, part 1 their rests.
struct Bfloat16Block {
    const uint16* pixels[2][2];  // [part][tile]: the first tap of the tile's first pixel
    const uint16* weights[2];    // [part]
    int32 parts;
    int64 pixel_step;  // numbers from one pixel to the next
    const int64* tap_offsets;
    int32 taps, inputs;
    const uint16* next_weights;  // of the next block with one part, for units that fetch them ahead; or null
};

// The parts of inputs and weights that are multiplied, in this order. With one part it is only the product in the
// middle.
struct Bfloat16Product {
    int32 pixels, weights;
};
constexpr Bfloat16Product kProducts[3] = {{1, 0}, {0, 0}, {0, 1}};

MLPVID_FUNCTION int32 first_product(const Bfloat16Block& block) {
    return block.parts == 1 ? 1 : 0;
}
MLPVID_FUNCTION int32 last_product(const Bfloat16Block& block) {
    return block.parts == 1 ? 2 : 3;
}

constexpr int32 kTileSums = kBfloat16Tile * kBfloat16Tile;

// Rounds the floats that a piece reads, and with two parts also what is left of them: [parts][count].
static void round_inputs(const float* MLPVID_RESTRICT values, int64 count, int32 parts,
                         uint16* MLPVID_RESTRICT rounded) {
    if (parts == 1)
        for (int64 i = 0; i < count; i++) rounded[i] = bfloat16_of(values[i]);
    else
        for (int64 i = 0; i < count; i++) {
            rounded[i] = bfloat16_of(values[i]);
            rounded[count + i] = bfloat16_of(values[i] - float_of_bfloat16(rounded[i]));
        }
}

// Writes the sums of one pixel, with activation. `tiles`: its 16 sums in both tiles of output channels.
static void write_pixel(const float* tiles, float leak, int32 channels, float* output) {
    alignas(64) float values[kBfloat16Block];
    float* target = channels == kBfloat16Block ? output : values;
    for (int32 j = 0; j < kBfloat16Block; j += kSimdWidth) {
        const SimdFloats sum = load(tiles + j / kBfloat16Tile * kTileSums + j % kBfloat16Tile), positive = relu(sum);
        store(target + j, fused(broadcast(leak), sum - positive, positive));
    }
    if (target == values)
        for (int32 i = 0; i < channels; i++) output[i] = values[i];
}

// The first of 32 floats of a pixel, in an array that c.bias or c.output begins.
template <class T>
MLPVID_FUNCTION T* floats_of(T* array, int64 row, int64 column, const Convolution& c, int32 pixel, int32 panel) {
    return array + pixel / c.width * row + pixel % c.width * column + panel * kBfloat16Block;
}

// The sums of a pixel of a block: [2 tiles of pixels][2 tiles of outputs][16 pixels][16 outputs].
MLPVID_FUNCTION float* sums_of(float* sums, int32 pixel) {
    return sums + pixel / kBfloat16Tile * 2 * kTileSums + pixel % kBfloat16Tile * kBfloat16Tile;
}

// Asks for the memory of the block at `pixel`. A large layer has more biases and outputs than caches hold.
static void prefetch_block(const Convolution& c, int32 pixel, int32 panel) {
    for (int32 p = pixel; p < pixel + kBfloat16Block; p++)
        for (int32 j = 0; j < kBfloat16Block; j += 16) {
            if (c.bias_column) prefetch(floats_of(c.bias, c.bias_row, c.bias_column, c, p, panel) + j);
            prefetch(floats_of(c.output, c.output_row, c.output_column, c, p, panel) + j);
        }
}

// Computes a block: sums start with the bias.
template <class Products>
static void convolve_block(const Products& products, const Convolution& c, const Bfloat16Block& block, int32 pixel,
                           int32 panel) {
    alignas(64) float sums[4 * kTileSums];
    const int32 left = c.outputs - panel * kBfloat16Block, channels = left < kBfloat16Block ? left : kBfloat16Block;
    for (int32 i = 0; i < kBfloat16Block; i++) {
        const float* bias = floats_of(c.bias, c.bias_row, c.bias_column, c, pixel + i, panel);
        float* target = sums_of(sums, i);
        for (int32 j = 0; j < kBfloat16Block; j += kSimdWidth)
            store(target + j / kBfloat16Tile * kTileSums + j % kBfloat16Tile, load(bias + j));
    }
    products.add(block, sums);
    for (int32 i = 0; i < kBfloat16Block; i++)
        write_pixel(sums_of(sums, i), c.leak, channels,
                    floats_of(c.output, c.output_row, c.output_column, c, pixel + i, panel));
}

template <class Products>
static void convolve_bfloat16(const Bfloat16Convolution& convolution, const ConvolutionPiece& piece, uint16* scratch) {
    const Convolution& c = convolution.shape;
    const InputRange range = input_range(c, piece);
    round_inputs(c.input + range.first, range.count, convolution.parts, scratch);
    const int64 weights = int64{c.taps} * c.inputs * kBfloat16Block;  // of a part of a panel
    const Products products;
    for (int32 panel = piece.first_panel; panel < piece.last_panel; panel++)
        for (int32 pixel = piece.first_pixel; pixel < piece.last_pixel; pixel += kBfloat16Block) {
            const uint16* high = convolution.weights + weights * panel * convolution.parts;
            Bfloat16Block block = {
                {},     {high, high + weights}, convolution.parts, c.input_column, c.tap_offsets, c.taps, c.inputs,
                nullptr};
            for (int32 t = 0; t < 2; t++) {
                const int32 p = pixel + t * kBfloat16Tile;
                const uint16* rounded =
                    scratch + (p / c.width * c.input_row + p % c.width * c.input_column - range.first);
                block.pixels[0][t] = rounded;
                block.pixels[1][t] = rounded + range.count;
            }
            if (pixel + kBfloat16Block < piece.last_pixel) prefetch_block(c, pixel + kBfloat16Block, panel);
            convolve_block(products, c, block, pixel, panel);
        }
}

MLPVID_END
