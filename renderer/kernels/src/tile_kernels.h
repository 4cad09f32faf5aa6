// The two passes over a tile of rays.
#pragma once

#include "kernel_table.h"
#include "mlpvid/color_head.h"
#include "mlpvid/compositing.h"
#include "mlpvid/feature.h"
#include "mlpvid/head_assignment.h"
#include "mlpvid/occupancy.h"
#include "mlpvid/view_encoding.h"

MLPVID_BEGIN

// Samples that go through a head together: as many as the registers have room for their sums (README.md).
constexpr int kHeadSamples = kSimdWidth == 16 ? 12 : kSimdWidth == 8 ? 5 : 4;

static void keep_sample(KeptSamples& kept, int32 ray, const float* point, float weight, float distance) {
    const int32 n = kept.count++;
    kept.rays[n] = ray;
    kept.weights[n] = weight;
    kept.distances[n] = distance;
    for (int i = 0; i < 3; i++) kept.points[3 * n + i] = point[i];
}

// The rays of a row of a tile, as one array per number, so that compilers compute several rays at once.
struct RayRow {
    float direction[3][kTileSide], depth_per_meter[kTileSide], t_near[kTileSide], t_first[kTileSide], t_far[kTileSide];

    MLPVID_FUNCTION Ray ray(int32 n) const {
        return {
            {direction[0][n], direction[1][n], direction[2][n]}, depth_per_meter[n], t_near[n], t_first[n], t_far[n]};
    }
};

static void set_ray_row(const View& view, int32 x0, int32 y, int32 columns, RayRow& MLPVID_RESTRICT row) {
    for (int32 n = 0; n < columns; n++) {
        const Ray ray = pixel_ray(view, x0 + n, y);
        for (int i = 0; i < 3; i++) row.direction[i][n] = ray.direction[i];
        row.depth_per_meter[n] = ray.depth_per_meter;
        row.t_near[n] = ray.t_near;
        row.t_first[n] = ray.t_first;
        row.t_far[n] = ray.t_far;
    }
}

// Returns whether a ray of a row of pixels may meet an occupied cell.
static bool row_reaches(const Blocks& blocks, int32 x0, int32 y, int32 columns) {
    const float* farthest = blocks.farthest + static_cast<int64>(y / kBlockSide) * blocks.columns;
    for (int32 block = x0 / kBlockSide; block <= (x0 + columns - 1) / kBlockSide; block++)
        if (farthest[block] > 0.0f) return true;
    return false;
}

// Shortens the rays of a row to the part in which they may meet occupied cells. The samples stay where they are.
static void shorten_row(const Blocks& blocks, int32 x0, int32 y, int32 columns, RayRow& MLPVID_RESTRICT row) {
    const int64 first = static_cast<int64>(y / kBlockSide) * blocks.columns;
    for (int32 n = 0; n < columns; n++) {
        const int64 block = first + (x0 + n) / kBlockSide;
        row.t_first[n] = larger(row.t_first[n], blocks.nearest[block]);
        row.t_far[n] = smaller(row.t_far[n], blocks.farthest[block]);
    }
}

static void begin_ray(const Ray& ray, Tile& tile) {
    tile.sums[tile.ray] = {};
    tile.depth[tile.ray] = ray.depth_per_meter;
    tile.counts[2 * tile.ray] = tile.counts[2 * tile.ray + 1] = 0;
    tile.transmittance = 1.0f;
}

// A sample of a ray.
struct Sample {
    float point[3];  // in [0, 1]^3
    float distance;  // meters
    int32 k;         // along the ray
    Location at;
};

// Moves to the ray's next sample and locates it; returns false when there is none.
MLPVID_FUNCTION bool advance(const BakedFrame& frame, const View& view, const Ray& ray, OccupancyTraversal& traversal,
                             Sample& sample) {
    if (!traversal.next(frame, view, ray, sample.point, sample.distance)) return false;
    sample.k = traversal.k - 1;
    locate(frame, sample.point, sample.at);
    return true;
}

// Continues the current ray of the tile. Returns false when the buffer of kept samples is full or `cancel` is set.
static bool march_ray(const BakedFrame& frame, const View& view, const Ray& ray, Tile& tile, KeptSamples& kept,
                      const volatile int32* cancel) {
    OccupancyTraversal traversal;
    traversal.start(frame, view, ray, tile.next_sample);
    int32* counts = tile.counts + 2 * tile.ray;
    Sample samples[2];  // the one whose density is summed, and the one after it
    bool more = advance(frame, view, ray, traversal, samples[0]);
    for (int now = 0; more; now ^= 1) {
        const Sample& sample = samples[now];
        if (kept.count == kept.capacity || *cancel) {
            tile.next_sample = sample.k;
            return false;
        }
        more = advance(frame, view, ray, traversal, samples[now ^ 1]);
        counts[0]++;
        const float sigma = density(frame, sample.at, kept.features + static_cast<int64>(kept.count) * kChannels);
        if (sigma == 0.0f) continue;
        const float weight = volume_weight(sigma, view.step, tile.transmittance);
        if (weight > view.weight_threshold) {
            if (counts[1]++ == 0) encode_direction(frame, ray.direction, tile.views + tile.ray * kViewStride);
            keep_sample(kept, tile.ray, sample.point, weight, sample.distance);
        }
        if (tile.transmittance <= view.min_transmittance) return true;
    }
    return true;
}

static bool march(const BakedFrame& frame, const View& view, const Blocks& blocks, Tile& tile, KeptSamples& kept,
                  const volatile int32* cancel) {
    const int32 columns = tile.x1 - tile.x0, pixels = columns * (tile.y1 - tile.y0);
    RayRow row = {};
    bool reaches = false;
    for (int32 ready_row = -1; tile.ray < pixels; tile.ray++) {
        if (*cancel) return false;
        const int32 x = tile.ray % columns, y = tile.ray / columns;
        if (y != ready_row) {
            reaches = row_reaches(blocks, tile.x0, tile.y0 + y, columns);
            if (reaches) {
                set_ray_row(view, tile.x0, tile.y0 + y, columns, row);
                shorten_row(blocks, tile.x0, tile.y0 + y, columns, row);
            }
            ready_row = y;
        }
        const Ray ray = row.ray(x);
        if (tile.next_sample == 0) begin_ray(ray, tile);
        if (reaches && ray.t_first < ray.t_far && !march_ray(frame, view, ray, tile, kept, cancel)) return false;
        tile.next_sample = 0;
    }
    return true;
}

// Lists the heads of all kept samples on one MLP map; entry n * per_sample + corner is that of sample n.
static int32 list_heads(const BakedFrame& frame, int map, const KeptSamples& kept, HeadSort& sort) {
    int32 entries = 0;
    for (int32 n = 0; n < kept.count; n++) {
        const HeadAssignment assigned = assign_heads(frame, map, kept.points + 3 * n);
        for (int32 i = 0; i < assigned.count; i++, entries++) {
            sort.heads[entries] = assigned.heads[i];
            sort.weights[entries] = assigned.weights[i];
        }
    }
    return entries;
}

// Counting sort of entries by head; starts[h] to starts[h + 1] are those of head h.
static void sort_by_head(HeadSort& sort, int32 entries, int32 heads) {
    for (int32 h = 0; h <= heads; h++) sort.starts[h] = 0;
    for (int32 e = 0; e < entries; e++) sort.starts[sort.heads[e]]++;
    int32 end = 0;
    for (int32 h = 0; h <= heads; h++) {
        end += sort.starts[h];
        sort.starts[h] = end;
    }
    for (int32 e = entries - 1; e >= 0; e--) sort.order[--sort.starts[sort.heads[e]]] = e;
}

static void gather_inputs(const KeptSamples& kept, const float* views, int32 sample, float* inputs) {
    const float* features = kept.features + static_cast<int64>(sample) * kChannels;
    const float* view = views + static_cast<int64>(kept.rays[sample]) * kViewStride;
    for (int i = 0; i < kChannels; i += kSimdWidth) store(inputs + i, load(features + i));
    for (int i = 0; i < kViewStride; i += kSimdWidth) store(inputs + kChannels + i, load(view + i));
}

// Evaluates one head for its sorted entries [first, last). A group that is not full repeats its last sample.
static void shade_group(const float* head, int rows, const float* views, int32 per_sample, int32 first, int32 last,
                        const HeadSort& sort, KeptSamples& kept) {
    alignas(64) float inputs[kHeadSamples * kInputStride];
    float outputs[kHeadSamples][3];
    for (; first < last; first += kHeadSamples) {
        for (int n = 0; n < kHeadSamples; n++) {
            const int32 entry = sort.order[smaller(first + n, last - 1)];
            gather_inputs(kept, views, entry / per_sample, inputs + n * kInputStride);
        }
        evaluate_head<kHeadSamples>(head, rows, inputs, outputs);
        for (int n = 0; n < kHeadSamples && first + n < last; n++) {
            const int32 entry = sort.order[first + n];
            float* color = kept.colors + 3 * (entry / per_sample);
            for (int j = 0; j < 3; j++) color[j] += sort.weights[entry] * outputs[n][j];
        }
    }
}

static void shade(const BakedFrame& frame, const float* views, KeptSamples& kept, HeadSort& sort) {
    for (int32 i = 0; i < 3 * kept.count; i++) kept.colors[i] = 0.0f;
    const int32 heads = frame.color_resolution * frame.color_resolution;
    const int32 rows = kChannels + frame.view_channels;
    for (int map = 0; map < frame.num_color_maps && kept.count > 0; map++) {
        const int32 entries = list_heads(frame, map, kept, sort);
        sort_by_head(sort, entries, heads);
        for (int32 h = 0; h < heads; h++) {
            if (sort.starts[h] == sort.starts[h + 1]) continue;
            const float* head = frame.color_heads[map] + static_cast<int64>(h) * head_floats(frame);
            shade_group(head, rows, views, entries / kept.count, sort.starts[h], sort.starts[h + 1], sort, kept);
        }
    }
    for (int32 i = 0; i < 3 * kept.count; i++) kept.colors[i] = sigmoid(kept.colors[i]);
}

static void composite(Tile& tile, const KeptSamples& kept) {
    for (int32 n = 0; n < kept.count; n++)
        add_sample(tile.sums[kept.rays[n]], kept.weights[n], kept.colors + 3 * n, kept.distances[n]);
}

static void finish(const View& view, const Tile& tile, const Image& image) {
    const int32 columns = tile.x1 - tile.x0, pixels = columns * (tile.y1 - tile.y0);
    for (int32 n = 0; n < pixels; n++) {
        const RaySums& ray = tile.sums[n];
        const int64 pixel = static_cast<int64>(tile.y0 + n / columns) * view.width + tile.x0 + n % columns;
        const float values[4] = {ray.red, ray.green, ray.blue, ray.opacity};
        for (int i = 0; i < 4; i++) image.rgba[4 * pixel + i] = smaller(values[i], 1.0f);
        image.depth[pixel] = ray.opacity > 0.0f ? ray.distance / ray.opacity * tile.depth[n] : 0.0f;
        for (int i = 0; i < 2; i++)
            image.counts[2 * pixel + i] = static_cast<uint16>(smaller(tile.counts[2 * n + i], 65535));
    }
}

MLPVID_END
