// Loops over map rows and color heads that bake a frame.
#pragma once

#include "kernel_table.h"
#include "mlpvid/plane_maps.h"

MLPVID_BEGIN

MLPVID_FUNCTION float read_number(const float* p) {
    return *p;
}

// bfloat16 and float16 numbers, as two different types.
struct BFloat16 {
    uint16 bits;
};
struct Float16 {
    uint16 bits;
};
MLPVID_FUNCTION float read_number(const BFloat16* p) {
    return float_of_bits(static_cast<uint32>(p->bits) << 16);
}
MLPVID_FUNCTION float read_number(const Float16* p) {
    return float_of_half(p->bits);
}

// Calls `function` with the array's data, typed.
template <class Function>
static auto with_type(const Strided& array, Function function) {
    if (array.type == kBFloat16) return function(static_cast<const BFloat16*>(array.data));
    if (array.type == kFloat16) return function(static_cast<const Float16*>(array.data));
    return function(static_cast<const float*>(array.data));
}

// Adds 32 channels of one row to `row`, [u][32]; strides of channels and of columns in elements.
template <class T>
static void add_row(const T* MLPVID_RESTRICT source, int64 channel, int64 column, int32 resolution,
                    float* MLPVID_RESTRICT row) {
    if (channel == 1) {
        for (int32 u = 0; u < resolution; u++)
            for (int c = 0; c < kChannels; c++) row[u * kChannels + c] += read_number(source + u * column + c);
        return;
    }
    for (int c = 0; c < kChannels; c++)
        for (int32 u = 0; u < resolution; u++) row[u * kChannels + c] += read_number(source + c * channel + u * column);
}

// Writes the channels of a pixel in the order of map_place.
static void store_pixel(const int32* MLPVID_RESTRICT channels, uint32* MLPVID_RESTRICT words) {
    MLPVID_UNROLL
    for (int c = 0; c < kChannels; c += 2) words[map_place(c) / 2] = word_of(channels[c], channels[c + 1]);
}

static void bake_map_row(const Strided* sources, int32 count, int32 resolution, int32 v, float inverse_scale,
                         uint32* row) {
    constexpr int32 stretch = 64;  // pixels at a time, so that their sums stay in the first-level cache
    alignas(64) float sums[stretch * kChannels];
    alignas(64) int32 fixed[stretch * kChannels];
    for (int32 u = 0; u < resolution; u += stretch) {
        const int32 pixels = resolution - u < stretch ? resolution - u : stretch;
        for (int32 i = 0; i < pixels * kChannels; i++) sums[i] = 0.0f;
        for (int32 s = 0; s < count; s++) {
            const int64* strides = sources[s].strides;
            with_type(sources[s], [&](auto* data) {
                add_row(data + v * strides[1] + u * strides[2], strides[0], strides[2], pixels, sums);
            });
        }
        for (int32 i = 0; i < pixels * kChannels; i++) fixed[i] = fixed_of(sums[i] * inverse_scale);
        for (int32 i = 0; i < pixels; i++) store_pixel(fixed + i * kChannels, row + (u + i) * kChannelPairs);
    }
}

constexpr int32 kStretch = 64;  // nodes at a time

// Fetches the channels of nodes [u, u + count) of a row. It is separate from the arithmetic, so that compilers can
// vectorize that.
template <int Channels>
static void fetch_nodes(const float* MLPVID_RESTRICT entries, int32 features, const BakeLevel& level, uint32 row,
                        int32 u, int32 count, float* MLPVID_RESTRICT values) {
    for (int32 i = 0; i < count; i++) {
        const float* entry = entries + static_cast<int64>(entry_index(level.hash, row, u + i)) * features;
        for (int c = 0; c < Channels; c++) values[Channels * i + c] = entry[c];
    }
}

// Computes the channels of nodes [u, u + count) of row v; `entries` is the first number of the group of channels.
template <int Channels>
static void bake_nodes(const float* entries, int32 features, const BakeLevel& level, int32 v, int32 u, int32 count,
                       float inverse_scale, int32* MLPVID_RESTRICT baked) {
    const uint32 lower_row = entry_row(level.hash, v, level.time_node),
                 upper_row = entry_row(level.hash, v, level.time_node + 1);
    alignas(64) float lower[Channels * kStretch], upper[Channels * kStretch];
    fetch_nodes<Channels>(entries, features, level, lower_row, u, count, lower);
    fetch_nodes<Channels>(entries, features, level, upper_row, u, count, upper);
    for (int32 i = 0; i < Channels * count; i++)
        baked[i] = blend_in_time(lower[i], upper[i], level.time_weight, inverse_scale);
}

// Writes nodes [u, u + count) of rows [first, last) of a group, each together with the node below it. Nodes of the last
// row have themselves below them; nobody reads these.
template <int Channels>
static void bake_columns(const float* entries, int32 features, const BakeLevel& level, int32 first, int32 last, int32 u,
                         int32 count, float inverse_scale, uint32* MLPVID_RESTRICT nodes) {
    alignas(64) int32 rows[2][Channels * kStretch];
    bake_nodes<Channels>(entries, features, level, first, u, count, inverse_scale, rows[first % 2]);
    for (int32 v = first; v < last; v++) {
        const int32 *row = rows[v % 2], *below = rows[(v + 1) % 2];
        const int32 next = smaller(v + 1, level.hash.resolution - 1);
        bake_nodes<Channels>(entries, features, level, next, u, count, inverse_scale, rows[(v + 1) % 2]);
        uint32* out = nodes + Channels * (static_cast<int64>(v) * level.hash.resolution + u);
        for (int32 i = 0; i < Channels * count; i++) out[i] = word_of(row[i], below[i]);
    }
}

template <int Channels>
static void bake_groups(const float* table, int32 features, const BakeLevel& level, int32 first, int32 last,
                        float inverse_scale, const int32* group_offset, uint32* grid) {
    const float* entries = table + level.hash.offset * features;
    for (int32 u = 0; u < level.hash.resolution; u += kStretch)
        for (int group = 0; group < features / Channels; group++)
            bake_columns<Channels>(entries + Channels * group, features, level, first, last, u,
                                   smaller(kStretch, level.hash.resolution - u), inverse_scale,
                                   grid + Channels * static_cast<int64>(group_offset[level.first_group + group]));
}

static void bake_grid(const float* table, int32 features, const BakeLevel& level, int32 first, int32 last,
                      float inverse_scale, const int32* group_offset, uint32* grid) {
    const auto bake = group_channels_of(features) == 4 ? bake_groups<4> : bake_groups<2>;
    bake(table, features, level, first, last, inverse_scale, group_offset, grid);
}

template <class T>
static float max_magnitude_of_row(const T* source, int64 stride, int64 count) {
    uint32 max_bits = 0;  // magnitudes have the same order as their bits
    if (stride == 1) {
        for (int64 i = 0; i < count; i++) {
            const uint32 bits = bits_of_float(read_number(source + i)) & 0x7FFFFFFFu;
            max_bits = bits > max_bits ? bits : max_bits;
        }
    } else {
        for (int64 i = 0; i < count; i++) {
            const uint32 bits = bits_of_float(read_number(source + i * stride)) & 0x7FFFFFFFu;
            max_bits = bits > max_bits ? bits : max_bits;
        }
    }
    return float_of_bits(max_bits);
}

// Returns the largest magnitude of an array of three dimensions. It is fastest if the last one is contiguous.
static float max_magnitude(const Strided& array, const int64* sizes) {
    float result = 0.0f;
    with_type(array, [&](auto* data) {
        for (int64 i = 0; i < sizes[0]; i++)
            for (int64 j = 0; j < sizes[1]; j++) {
                const auto* row = data + i * array.strides[0] + j * array.strides[1];
                result = larger(result, max_magnitude_of_row(row, array.strides[2], sizes[2]));
            }
    });
    return result;
}

static void bake_head_at(const Strided& map, int32 u, int32 v, int32 view_channels, float* baked) {
    float head[(2 * kChannels + kMaxViewChannels + 3) * kHidden];
    const int32 count = (2 * kChannels + view_channels + 3) * kHidden;
    with_type(map, [&](auto* data) {
        const auto* source = data + u * map.strides[0] + v * map.strides[1];
        for (int32 i = 0; i < count; i++) head[i] = read_number(source + i * map.strides[2]);
    });
    bake_head(head, view_channels, baked);
}

MLPVID_END
