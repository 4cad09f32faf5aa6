// The decoder in bfloat16: each unit of the processor gives the bits of its twin in plain C++. Arrays are heap blocks
// of exactly their size.
#include <cstdio>
#include <random>
#include <vector>

#include "decoder.h"

namespace mlpvid {

namespace {

std::mt19937 random_bits(5);

std::vector<float> random_array(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = std::normal_distribution<float>()(random_bits);
    return values;
}

// Decodes 16 x 16 pixels from 4 x 4, then a layer of each kind: the maps one after the other.
std::vector<std::vector<float>> maps_of(const std::string& unit, int threads, int32 parts) {
    random_bits.seed(6);
    Engine engine(threads, "");
    Decoder decoder(engine, 32, unit);
    const auto add = [&](int32 source, int32 outputs, int32 kernel, int32 stride, bool transposed, int32 pixels) {
        const LayerShape shape = {source, 32, outputs, kernel, stride, 0.25f, transposed};
        const std::vector<float> weights = random_array(static_cast<size_t>(32) * outputs * kernel * kernel);
        return decoder.add(shape, weights.data(), random_array(static_cast<size_t>(outputs) * pixels).data(), pixels,
                           parts);
    };
    const int32 top = add(add(add(-1, 32, 4, 2, true, 1), 32, 4, 2, true, 1), 32, 4, 2, true, 32 * 32);
    const std::vector<int32> layers = {top, add(top, 40, 3, 1, false, 1), add(top, 7, 1, 1, false, 1),
                                       add(top, 33, 3, 2, false, 1)};
    std::vector<std::vector<float>> maps;
    std::vector<float*> targets(decoder.layers(), nullptr);
    for (const int32 layer : layers) {
        const LayerShape& shape = decoder.shape(layer);
        maps.emplace_back(static_cast<size_t>(shape.output_side) * shape.output_side * shape.outputs);
        targets[layer] = maps.back().data();
    }
    decoder.decode(random_array(16 * 32).data(), targets);
    return maps;
}

std::string twin_of(const std::string& unit) {
    if (unit == "amx_bf16") return "plain_bf16";
    return unit == "avx512_bf16" ? "plain_avx512_bf16" : unit;
}

}  // namespace

// Returns how many comparisons failed.
int test_bfloat16() {
    int failures = 0;
    for (int32 parts = 1; parts <= 2; parts++) {
        for (const std::string& unit : bfloat16_units()) {
            std::printf("%s\n", unit.c_str());
            if (maps_of(unit, 3, parts) == maps_of(twin_of(unit), 1, parts)) continue;
            std::printf("FAILED: %s gives the bits of plain code\n", unit.c_str());
            failures++;
        }
    }
    return failures;
}

}  // namespace mlpvid
