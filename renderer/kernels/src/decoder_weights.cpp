#include "decoder_weights.h"

#include <algorithm>
#include <cstring>

namespace mlpvid {

namespace {

// Layers with more weights use small tiles, because tiles of 4 x 4 pixels have four times as many transformed weights.
constexpr int64 kManyWeights = int64{1} << 20;

// The taps of one parity of the output rows or columns of a transposed 4x4 convolution.
struct ParityTap {
    int32 shift, kernel;  // of the input, and index in the kernel
};
constexpr ParityTap kParityTaps[2][2] = {{{-1, 3}, {0, 1}}, {{0, 2}, {1, 0}}};

// The transformation of the weights of tiles (Lavin and Gray 2016, section 4): rows for 2 x 2 and for 4 x 4 pixels.
constexpr double kWeights2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
constexpr double kWeights4[6][3] = {{1 / 4.0, 0, 0},
                                    {-1 / 6.0, -1 / 6.0, -1 / 6.0},
                                    {-1 / 6.0, 1 / 6.0, -1 / 6.0},
                                    {1 / 24.0, 1 / 12.0, 1 / 6.0},
                                    {1 / 24.0, -1 / 12.0, 1 / 6.0},
                                    {0, 0, 1}};

int32 tile_of(const LayerShape& s, int32 simd_width, int32 bias_pixels) {
    if (s.kernel != 3 || s.stride != 1 || s.inputs % simd_width || bias_pixels != 1) return 0;
    const int32 tile = int64{9} * s.inputs * s.outputs > kManyWeights ? 2 : 4;
    return s.output_side % tile ? 0 : tile;
}

// Returns the weights in the order [panel][(tile + 2)^2][inputs][panel].
Floats pack_tiles(const PackedLayer& layer, int32 panel, const float* weights) {
    const LayerShape& s = layer.shape;
    const int64 products = int64{layer.tile + 2} * (layer.tile + 2), step = int64{s.inputs} * panel;
    Floats packed(static_cast<size_t>(layer.panels * products * step));
    for (int64 o = 0; o < s.outputs; o++)
        for (int64 i = 0; i < s.inputs; i++)
            transform_kernel(layer.tile, weights + 9 * (o * s.inputs + i),
                             packed.get() + o / panel * products * step + i * panel + o % panel, step);
    return packed;
}

// Returns the weights of one parity in the order [panel][tap][inputs][panel], and appends the taps' offsets.
Floats pack_taps(const PackedLayer& layer, int32 panel, int32 parity, const float* weights,
                 std::vector<int64>& offsets) {
    const LayerShape& s = layer.shape;
    const std::vector<TapPlace> taps = tap_places(s, parity);
    Floats packed(static_cast<size_t>(layer.panels) * layer.taps * s.inputs * panel);
    for (int32 tap = 0; tap < layer.taps; tap++) {
        offsets.push_back(taps[tap].offset);
        for (int64 i = 0; i < s.inputs; i++)
            for (int64 o = 0; o < s.outputs; o++) {
                const int64 place = ((o / panel * layer.taps + tap) * s.inputs + i) * panel + o % panel;
                packed.get()[place] = weights[weight_index(s, taps[tap], i, o)];
            }
    }
    return packed;
}

}  // namespace

void transform_kernel(int32 tile, const float* kernel, float* target, int64 step) {
    const int32 size = tile + 2;
    for (int32 i = 0; i < size; i++)
        for (int32 j = 0; j < size; j++) {
            const double* v = tile == 4 ? kWeights4[i] : kWeights2[i];
            const double* u = tile == 4 ? kWeights4[j] : kWeights2[j];
            double sum = 0;
            for (int32 y = 0; y < 3; y++)
                for (int32 x = 0; x < 3; x++) sum += v[y] * u[x] * kernel[3 * y + x];
            target[(i * size + j) * step] = static_cast<float>(sum);
        }
}

Floats::Floats(size_t count) : data_(static_cast<float*>(allocate_huge(count * sizeof(float)))) {
    std::memset(data_, 0, count * sizeof(float));
}

std::vector<TapPlace> tap_places(const LayerShape& s, int32 parity) {
    const int64 row = int64{s.input_side + 2} * s.inputs;
    std::vector<TapPlace> places;
    for (int32 tap = 0; tap < (s.transposed ? 4 : s.kernel * s.kernel); tap++) {
        int32 ky = tap / s.kernel, kx = tap % s.kernel, y = ky + 1 - s.kernel / 2, x = kx + 1 - s.kernel / 2;
        if (s.transposed) {
            const ParityTap v = kParityTaps[parity / 2][tap / 2], u = kParityTaps[parity % 2][tap % 2];
            ky = v.kernel, kx = u.kernel, y = 1 + v.shift, x = 1 + u.shift;
        }
        places.push_back({ky, kx, y * row + int64{x} * s.inputs});
    }
    return places;
}

PackedLayer describe_layer(const LayerShape& shape, int32 panel, const float* bias, int32 bias_pixels) {
    PackedLayer layer;
    layer.shape = shape;
    layer.panels = (shape.outputs + panel - 1) / panel;
    layer.taps = shape.transposed ? 4 : shape.kernel * shape.kernel;
    layer.parities = shape.transposed ? 4 : 1;
    layer.bias_pixels = bias_pixels;
    layer.offsets.resize(layer.parities);
    const int64 width = int64{layer.panels} * panel;
    layer.bias = Floats(static_cast<size_t>(width) * bias_pixels);
    for (int64 p = 0; p < bias_pixels; p++)
        std::copy_n(bias + p * shape.outputs, shape.outputs, layer.bias.get() + p * width);
    return layer;
}

PackedLayer pack_layer(const LayerShape& shape, int32 panel, int32 simd_width, const float* weights, const float* bias,
                       int32 bias_pixels) {
    PackedLayer layer = describe_layer(shape, panel, bias, bias_pixels);
    layer.tile = tile_of(shape, simd_width, bias_pixels);
    for (int32 parity = 0; parity < layer.parities; parity++)
        layer.weights.push_back(layer.tile ? pack_tiles(layer, panel, weights)
                                           : pack_taps(layer, panel, parity, weights, layer.offsets[parity]));
    if (layer.tile) layer.offsets[0].assign(1, 0);
    return layer;
}

}  // namespace mlpvid
