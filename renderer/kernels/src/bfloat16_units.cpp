#include "bfloat16_units.h"

#include <stdexcept>

#include "mlpvid/bfloat16.h"

namespace mlpvid {

namespace plain_bf16 {
extern const Bfloat16Kernels kernels;
}
namespace amx_bf16 {
extern const Bfloat16Kernels kernels;
}
namespace plain_avx512_bf16 {
extern const Bfloat16Kernels kernels;
}
namespace avx512_bf16 {
extern const Bfloat16Kernels kernels;
}

namespace {

std::vector<const Bfloat16Kernels*> units() {
    std::vector<const Bfloat16Kernels*> found;
#if defined(MLPVID_AMX_BF16)
    if (has_amx_bfloat16()) found.push_back(&amx_bf16::kernels);
#endif
#if defined(MLPVID_AVX512_BF16)
    if (has_avx512_bfloat16()) found.push_back(&avx512_bf16::kernels);
#endif
    found.push_back(&plain_bf16::kernels);
    found.push_back(&plain_avx512_bf16::kernels);
    return found;
}

// The place of the weight of an input and an output channel within a part of a panel.
int64 place_in_panel(const LayerShape& s, int32 tap, int32 input, int32 output) {
    const int32 steps = s.inputs / kBfloat16Block, step = tap * steps + input / kBfloat16Block;
    const int32 tile = output / kBfloat16Tile, pair = input % kBfloat16Block / 2;
    return ((int64{step} * 2 + tile) * kBfloat16Tile + pair) * 2 * kBfloat16Tile + output % kBfloat16Tile * 2 +
           input % 2;
}

Floats bfloat16_memory(int64 count) {
    return Floats(static_cast<size_t>(count + 1) / 2);
}

// The weights of one parity, and the offsets of its taps.
Floats pack_taps(const PackedLayer& layer, int32 parity, const float* weights, std::vector<int64>& offsets) {
    const LayerShape& shape = layer.shape;
    const int64 part = int64{layer.taps} * shape.inputs * kBfloat16Block;  // numbers of a part of a panel
    const std::vector<TapPlace> taps = tap_places(shape, parity);
    Floats packed = bfloat16_memory(layer.panels * layer.parts * part);
    uint16* numbers = reinterpret_cast<uint16*>(packed.get());
    for (int32 tap = 0; tap < layer.taps; tap++) {
        offsets.push_back(taps[tap].offset);
        for (int32 input = 0; input < shape.inputs; input++)
            for (int32 output = 0; output < shape.outputs; output++) {
                float rest = weights[weight_index(shape, taps[tap], input, output)];
                uint16* target = numbers + output / kBfloat16Block * layer.parts * part +
                                 place_in_panel(shape, tap, input, output % kBfloat16Block);
                for (int32 i = 0; i < layer.parts; i++) {
                    target[i * part] = generic::bfloat16_of(rest);
                    rest -= generic::float_of_bfloat16(target[i * part]);
                }
            }
    }
    return packed;
}

// The transformed weights of tiles.
Floats pack_tiles(const PackedLayer& layer, const float* weights) {
    constexpr int32 products = (kBfloat16Side + 2) * (kBfloat16Side + 2);
    const LayerShape& shape = layer.shape;
    const int64 panel = int64{products} * shape.inputs * kBfloat16Block;
    Floats packed = bfloat16_memory(layer.panels * panel);
    uint16* numbers = reinterpret_cast<uint16*>(packed.get());
    for (int32 output = 0; output < shape.outputs; output++)
        for (int32 input = 0; input < shape.inputs; input++) {
            float transformed[products];
            transform_kernel(kBfloat16Side, weights + 9 * (int64{output} * shape.inputs + input), transformed, 1);
            for (int32 i = 0; i < products; i++)
                numbers[output / kBfloat16Block * panel + place_in_panel(shape, i, input, output % kBfloat16Block)] =
                    generic::bfloat16_of(transformed[i]);
        }
    return packed;
}

}  // namespace

std::vector<std::string> bfloat16_units() {
    std::vector<std::string> names;
    for (const Bfloat16Kernels* unit : units()) names.push_back(unit->name);
    return names;
}

const Bfloat16Kernels& bfloat16_kernels(const std::string& unit) {
    for (const Bfloat16Kernels* known : units())
        if (unit == known->name) return *known;
    throw std::invalid_argument("this processor has no unit " + unit);
}

bool fits_bfloat16(const LayerShape& s) {
    const int32 width = s.transposed ? s.input_side : s.output_side;
    return width % kBfloat16Tile == 0 && s.inputs % kBfloat16Block == 0;
}

PackedLayer pack_bfloat16_layer(const Bfloat16Kernels& kernels, const LayerShape& shape, int32 parts,
                                const float* weights, const float* bias, int32 bias_pixels) {
    PackedLayer layer = describe_layer(shape, kBfloat16Block, bias, bias_pixels);
    layer.parts = parts;
    const bool tiles = kernels.tiles && shape.kernel == 3 && shape.stride == 1 && parts == 1 && bias_pixels == 1;
    layer.tile = tiles ? kBfloat16Side : 0;
    for (int32 parity = 0; parity < layer.parities; parity++)
        layer.weights.push_back(tiles ? pack_tiles(layer, weights)
                                      : pack_taps(layer, parity, weights, layer.offsets[parity]));
    if (tiles) layer.offsets[0].assign(1, 0);
    return layer;
}

}  // namespace mlpvid
