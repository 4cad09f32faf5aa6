// The two passes over a tile of rays.
#pragma once

#include "kernel_table.h"
#include "mlpvid/color_head.h"
#include "mlpvid/compositing.h"
#include "mlpvid/head_assignment.h"
#include "mlpvid/sample_run.h"
#include "mlpvid/view_encoding.h"

MLPVID_BEGIN

// Samples that go through a head together: as many as the registers have room for their sums (README.md).
constexpr int kHeadSamples = kSimdWidth == 16 ? 12 : kSimdWidth == 8 ? 5 : 4;

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
    const SampleRun* run;
    Location at;

    MLPVID_FUNCTION int32 k() const { return run->first + at.index; }
    MLPVID_FUNCTION float distance() const { return run->distances[at.index]; }
};

// The samples of a ray, one after the other. `Channels`: of a group of the hash grids.
template <int Channels>
struct RaySamples {
    RunTraversal traversal;
    SampleRun runs[2];  // that of the next sample, and that of the sample before it
    int current;
    uint32 waiting;  // bits of the samples of the current run that are still to come

    MLPVID_FUNCTION void start(const BakedFrame& frame, const View& view, const Ray& ray, int32 first) {
        traversal.samples.start(frame, view, ray, first);
        current = 0;
        waiting = 0;
    }

    // Moves to the next sample and locates it; returns false when there is none.
    MLPVID_FUNCTION bool next(const BakedFrame& frame, const FineGroups& fine, const View& view, const Ray& ray,
                              Sample& sample) {
        if (waiting == 0) {
            current ^= 1;
            if (!traversal.next(frame, view, ray, runs[current])) return false;
            waiting = runs[current].occupied;
        }
        sample.run = &runs[current];
        locate<Channels>(frame, fine, sample.run->points, lowest_bit(waiting), sample.at);
        waiting &= waiting - 1;
        return true;
    }
};

static void keep_sample(KeptSamples& kept, int32 ray, const Sample& sample, float weight) {
    const int32 n = kept.count++;
    kept.rays[n] = ray;
    kept.weights[n] = weight;
    kept.distances[n] = sample.distance();
    for (int i = 0; i < 3; i++) kept.points[3 * n + i] = sample.run->points.at[i][sample.at.index];
}

// Continues the current ray of the tile. Returns false when the buffer of kept samples is full or `cancel` is set.
template <int Channels>
static bool march_ray(const BakedFrame& frame, const FineGroups& fine, const View& view, const Ray& ray, Tile& tile,
                      KeptSamples& kept, const volatile int32* cancel) {
    RaySamples<Channels> next;
    next.start(frame, view, ray, tile.next_sample);
    int32* counts = tile.counts + 2 * tile.ray;
    Sample samples[2];  // the one whose density is summed, and the one after it
    bool more = next.next(frame, fine, view, ray, samples[0]);
    for (int now = 0; more; now ^= 1) {
        const Sample& sample = samples[now];
        if (kept.count == kept.capacity || *cancel) {
            tile.next_sample = sample.k();
            return false;
        }
        more = next.next(frame, fine, view, ray, samples[now ^ 1]);
        counts[0]++;
        const float sigma =
            density<Channels>(frame, sample.at, kept.features + static_cast<int64>(kept.count) * kChannels);
        if (sigma == 0.0f) continue;
        const float weight = volume_weight(sigma, view.step, tile.transmittance);
        if (weight > view.weight_threshold) {
            if (counts[1]++ == 0) encode_direction(frame, ray.direction, tile.views + tile.ray * kViewStride);
            keep_sample(kept, tile.ray, sample, weight);
        }
        if (tile.transmittance <= view.min_transmittance) return true;
    }
    return true;
}

template <int Channels>
static bool march_tile(const BakedFrame& frame, const View& view, const Blocks& blocks, Tile& tile, KeptSamples& kept,
                       const volatile int32* cancel) {
    const int32 columns = tile.x1 - tile.x0, pixels = columns * (tile.y1 - tile.y0);
    const FineGroups fine = find_fine_groups(frame);
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
        if (reaches && ray.t_first < ray.t_far && !march_ray<Channels>(frame, fine, view, ray, tile, kept, cancel))
            return false;
        tile.next_sample = 0;
    }
    return true;
}

static bool march(const BakedFrame& frame, const View& view, const Blocks& blocks, Tile& tile, KeptSamples& kept,
                  const volatile int32* cancel) {
    const auto with_channels = frame.group_channels == 4 ? march_tile<4> : march_tile<2>;
    return with_channels(frame, view, blocks, tile, kept, cancel);
}

// Lists the heads of all kept samples on one MLP map; entry n * per_sample + corner is that of sample n.
static int32 list_heads(const BakedFrame& frame, int map, const KeptSamples& kept, HeadSort& sort) {
    const int32 size = frame.color_resolution;
    if (!frame.bilinear || size == 1) {  // assign_heads without its choices
        const float *u = kept.points + frame.color_axes[map][0], *v = kept.points + frame.color_axes[map][1];
        for (int32 n = 0; n < kept.count; n++) {
            sort.heads[n] = nearest_head(u[3 * n], v[3 * n], size);
            sort.weights[n] = 1.0f;
        }
        return kept.count;
    }
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

// Entries of one head that are evaluated in turn: a multiple of kHeadSamples.
constexpr int32 kHeadEntries = 60;

// What the views of rays add to a head's hidden channels. The kept samples of a ray lie next to one another, and mostly
// have the same head, so there are few rays among some entries.
struct ViewSums {
    alignas(64) float sums[kHeadEntries + kHeadSamples][kHidden];
    const float* of_entry[kHeadEntries];
};

// Finds the rays of entries [first, last) and evaluates their views.
static void sum_views(const float* head, int view_channels, const float* views, int32 shift, int32 first, int32 last,
                      const HeadSort& sort, const KeptSamples& kept, ViewSums& found) {
    int32 rays[kHeadEntries], count = 0;
    for (int32 e = first; e < last; e++) {
        const int32 ray = kept.rays[sort.order[e] >> shift];
        if (count == 0 || rays[count - 1] != ray) rays[count++] = ray;
        found.of_entry[e - first] = found.sums[count - 1];
    }
    alignas(64) float inputs[kHeadSamples * kViewStride];
    for (int32 r = 0; r < count; r += kHeadSamples) {
        for (int n = 0; n < kHeadSamples; n++) {
            const float* view = views + static_cast<int64>(rays[smaller(r + n, count - 1)]) * kViewStride;
            for (int i = 0; i < kViewStride; i += kSimdWidth) store(inputs + n * kViewStride + i, load(view + i));
        }
        evaluate_views<kHeadSamples>(head, view_channels, inputs, found.sums + r);
    }
}

// Evaluates one head for its sorted entries [first, last), at most kHeadEntries. A group that is not full repeats its
// last sample. An entry's sample is its number >> shift.
static void shade_entries(const float* head, int view_channels, const float* views, int32 shift, int32 first,
                          int32 last, const HeadSort& sort, KeptSamples& kept) {
    ViewSums found;
    sum_views(head, view_channels, views, shift, first, last, sort, kept, found);
    alignas(64) float inputs[kHeadSamples * kChannels];
    float outputs[kHeadSamples][3];
    for (int32 e = first; e < last; e += kHeadSamples) {
        const float* view_sums[kHeadSamples];
        for (int n = 0; n < kHeadSamples; n++) {
            const int32 entry = smaller(e + n, last - 1);
            const float* features = kept.features + static_cast<int64>(sort.order[entry] >> shift) * kChannels;
            for (int i = 0; i < kChannels; i += kSimdWidth) store(inputs + n * kChannels + i, load(features + i));
            view_sums[n] = found.of_entry[entry - first];
        }
        evaluate_head<kHeadSamples>(head, view_channels, inputs, view_sums, outputs);
        for (int n = 0; n < kHeadSamples && e + n < last; n++) {
            const int32 entry = sort.order[e + n];
            float* color = kept.colors + 3 * (entry >> shift);
            for (int j = 0; j < 3; j++) color[j] += sort.weights[entry] * outputs[n][j];
        }
    }
}

static void shade(const BakedFrame& frame, const float* views, KeptSamples& kept, HeadSort& sort) {
    for (int32 i = 0; i < 3 * kept.count; i++) kept.colors[i] = 0.0f;
    const int32 heads = frame.color_resolution * frame.color_resolution;
    for (int map = 0; map < frame.num_color_maps && kept.count > 0; map++) {
        const int32 entries = list_heads(frame, map, kept, sort), shift = entries > kept.count ? 2 : 0;
        sort_by_head(sort, entries, heads);
        for (int32 h = 0; h < heads; h++) {
            const float* head = frame.color_heads[map] + static_cast<int64>(h) * head_floats(frame);
            for (int32 first = sort.starts[h]; first < sort.starts[h + 1]; first += kHeadEntries)
                shade_entries(head, frame.view_channels, views, shift, first,
                              smaller(first + kHeadEntries, sort.starts[h + 1]), sort, kept);
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
