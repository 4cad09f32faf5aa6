// The transformations of 3x3 convolutions in tiles (winograd_kernels.h) before and after the products.
#pragma once

#include "kernel_table.h"
#include "mlpvid/simd.h"

MLPVID_BEGIN

// Transforms one row or column of Side + 2 inputs; elements of `x` and `y` are `step` apart.
template <int Side>
MLPVID_FUNCTION void transform_input(const SimdFloats* x, SimdFloats* y, int step) {
    if constexpr (Side == 4) {
        const SimdFloats two = broadcast(2.0f), four = broadcast(4.0f), five = broadcast(5.0f);
        const SimdFloats x1 = x[step], x2 = x[2 * step], x3 = x[3 * step], x4 = x[4 * step];
        const SimdFloats even = x4 - four * x2, odd = x3 - four * x1, near = x4 - x2, far = two * (x3 - x1);
        y[0] = fused(four, x[0], x4 - five * x2);
        y[5 * step] = fused(four, x1, x[5 * step] - five * x3);
        y[step] = even + odd;
        y[2 * step] = even - odd;
        y[3 * step] = near + far;
        y[4 * step] = near - far;
    } else {
        const SimdFloats x1 = x[step], x2 = x[2 * step];
        y[0] = x[0] - x2;
        y[3 * step] = x1 - x[3 * step];
        y[step] = x1 + x2;
        y[2 * step] = x2 - x1;
    }
}

// Transforms one row or column of Side + 2 products into Side outputs.
template <int Side>
MLPVID_FUNCTION void transform_output(const SimdFloats* x, SimdFloats* y, int step) {
    const SimdFloats sum = x[step] + x[2 * step], difference = x[step] - x[2 * step];
    if constexpr (Side == 4) {
        const SimdFloats far_sum = x[3 * step] + x[4 * step], far = x[3 * step] - x[4 * step];
        const SimdFloats last = x[5 * step];
        y[0] = x[0] + sum + far_sum;
        y[step] = fused(broadcast(2.0f), far, difference);
        y[2 * step] = fused(broadcast(4.0f), far_sum, sum);
        y[3 * step] = fused(broadcast(8.0f), far, difference) + last;
    } else {
        y[0] = x[0] + sum;
        y[step] = difference - x[3 * step];
    }
}

// Transforms the inputs of tiles [first, first + count) to [Side + 2][Side + 2][count][inputs], which `store` writes.
template <int Side, class Number>
static void transform_tiles(const Convolution& c, int32 first, int32 count, Number* transformed) {
    constexpr int size = Side + 2;
    const int32 tiles_per_row = c.width / Side;
    for (int32 t = 0; t < count; t++) {
        const int32 row = (first + t) / tiles_per_row * Side, column = (first + t) % tiles_per_row * Side;
        const float* corner = c.input + c.tap_offsets[0] + row * c.input_row + column * c.input_column;
        for (int32 channel = 0; channel < c.inputs; channel += kSimdWidth) {
            SimdFloats x[size * size];
            for (int i = 0; i < size; i++)
                for (int j = 0; j < size; j++)
                    x[i * size + j] = load(corner + i * c.input_row + j * c.input_column + channel);
            for (int i = 0; i < size; i++) transform_input<Side>(x + i * size, x + i * size, 1);
            for (int j = 0; j < size; j++) transform_input<Side>(x + j, x + j, size);
            Number* target = transformed + int64{t} * c.inputs + channel;
            for (int i = 0; i < size * size; i++) store(target + int64{i} * count * c.inputs, x[i]);
        }
    }
}

// Transforms products to the output pixels of a panel of `Panel` channels, with bias and activation.
// products(i, tile, channel): the address of the i-th product of a tile in the first of kSimdWidth channels.
template <int Side, int Panel, class Products>
static void write_tiles(const Convolution& c, int32 first, int32 count, int32 panel, const Products& products) {
    constexpr int size = Side + 2;
    const int32 tiles_per_row = c.width / Side, left = c.outputs - panel * Panel;
    const SimdFloats leak = broadcast(c.leak);
    for (int32 t = 0; t < count; t++) {
        const int32 row = (first + t) / tiles_per_row * Side, column = (first + t) % tiles_per_row * Side;
        for (int32 channel = 0; channel < (left < Panel ? left : Panel); channel += kSimdWidth) {
            SimdFloats x[size * size];
            for (int i = 0; i < size * size; i++) x[i] = load(products(i, t, channel));
            for (int j = 0; j < size; j++) transform_output<Side>(x + j, x + j, size);
            for (int i = 0; i < Side; i++) transform_output<Side>(x + i * size, x + i * size, 1);
            const SimdFloats bias = load(c.bias + int64{panel} * Panel + channel);
            const int32 channels = left - channel;
            for (int i = 0; i < Side; i++)
                for (int j = 0; j < Side; j++) {
                    const SimdFloats value = x[i * size + j] + bias, positive = relu(value);
                    const SimdFloats result = fused(leak, value - positive, positive);
                    float* target = c.output + (row + i) * c.output_row + (column + j) * c.output_column +
                                    int64{panel} * Panel + channel;
                    if (channels >= kSimdWidth) {
                        store(target, result);
                    } else {
                        alignas(64) float values[kSimdWidth];
                        store(values, result);
                        for (int32 k = 0; k < channels; k++) target[k] = values[k];
                    }
                }
        }
    }
}

MLPVID_END
