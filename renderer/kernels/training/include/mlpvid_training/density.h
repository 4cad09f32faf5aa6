// Feature and density of samples, evaluated front to back along rays, forward and backward (docs/format.md, "Evaluating
// a point" and "Rendering"; model/query.py).
#pragma once

#include <cmath>

#include "mlpvid/interpolation.h"
#include "mlpvid_training/arguments.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

constexpr int64_t kRaysPerTask = 64;
constexpr int kHalf = kChannels / 2;

// The node and the smoothstep weight of one coordinate at every level.
template <class T>
struct AxisCells {
    alignas(64) int node[kMaxLevels];
    alignas(64) T weight[kMaxLevels];
};

// The scales of all levels in one array, for loops over levels that the compiler vectorizes.
template <class T>
struct LevelScales {
    alignas(64) T scale[kMaxLevels];
    alignas(64) int last[kMaxLevels];  // the last node that has one after it

    explicit LevelScales(const Levels& levels) {
        for (int l = 0; l < kMaxLevels; ++l) {
            scale[l] = l < levels.count ? static_cast<T>(levels.level[l].scale) : T(0);
            last[l] = l < levels.count ? levels.level[l].hash.resolution - 2 : 0;
        }
    }
    MLPVID_FUNCTION void locate(T coordinate, AxisCells<T>& cells) const {
        for (int l = 0; l < kMaxLevels; ++l) {
            const T position = coordinate * scale[l];
            int node = static_cast<int>(position);
            node = node > last[l] ? last[l] : node;
            node = node < 0 ? 0 : node;
            const T s = position - static_cast<T>(node);
            cells.node[l] = node;
            cells.weight[l] = s * s * (3 - 2 * s);
        }
    }
};

constexpr int kPrefetchedResolution = 64;  // smaller levels stay in the caches

// The cells of a sample on one plane.
template <class T>
struct PlaneCells {
    AxisCells<T> u, v;
};

// Starts to load a sample's cells, so that their latency passes while another sample is computed.
template <class T, int F>
MLPVID_FUNCTION void prefetch_cells(const Levels& levels, int first, int end, const PlaneCells<T>& at, const T* grids) {
    for (int l = first; l < end; ++l) {
        const Level& level = levels.level[l];
        if (level.hash.resolution < kPrefetchedResolution) continue;
        const int64_t row = static_cast<int64_t>(level.hash.resolution) * F;
        const T* cell = grids + level.nodes_offset * F + at.v.node[l] * row + at.u.node[l] * F;
        prefetch_line(cell);
        prefetch_line(cell + row);
    }
}

// The four pixels around a point of a map and their bilinear weights. The centers of border pixels are at 0 and 1.
template <class T>
struct Footprint {
    int64_t offset[4];
    T weight[4];

    MLPVID_FUNCTION Footprint(int size, int64_t row_stride, int64_t pixel_stride, T u, T v) {
        const T x = u * static_cast<T>(size - 1), y = v * static_cast<T>(size - 1);
        int column = static_cast<int>(x), row = static_cast<int>(y);
        column = column > size - 2 ? size - 2 : (column < 0 ? 0 : column);
        row = row > size - 2 ? size - 2 : (row < 0 ? 0 : row);
        const T s = x - static_cast<T>(column), r = y - static_cast<T>(row);
        offset[0] = row * row_stride + column * pixel_stride;
        offset[1] = offset[0] + pixel_stride;
        offset[2] = offset[0] + row_stride;
        offset[3] = offset[2] + pixel_stride;
        weight[3] = s * r;
        weight[1] = s - weight[3];
        weight[2] = r - weight[3];
        weight[0] = 1 - s - weight[2];
    }
};

template <class T, int N>
MLPVID_FUNCTION void add_map(const T* map, const Footprint<T>& at, SimdArray<T, N>& sum) {
    MLPVID_UNROLL
    for (int i = 0; i < 4; ++i) sum.add_scaled(SimdArray<T, N>::load(map + at.offset[i]), at.weight[i]);
}

template <class T, int N>
MLPVID_FUNCTION void scatter_map(T* map, const Footprint<T>& at, const SimdArray<T, N>& gradient) {
    MLPVID_UNROLL
    for (int i = 0; i < 4; ++i) {
        auto sum = SimdArray<T, N>::load(map + at.offset[i]);
        sum.add_scaled(gradient, at.weight[i]);
        sum.store(map + at.offset[i]);
    }
}

// Nodes (u, v) and (u + 1, v) are adjacent in memory: one row of a cell is 2 F numbers, which are read together. Their
// weights are start + slope * weight.
template <class T, int F>
struct PairConstants {
    alignas(64) T start[2 * F], slope[2 * F];

    constexpr PairConstants() : start(), slope() {
        for (int f = 0; f < F; ++f) {
            start[f] = 1;
            slope[f] = -1;
            slope[F + f] = 1;
        }
    }
};

template <class T, int F>
MLPVID_FUNCTION SimdArray<T, 2 * F> pair_weights(T weight) {
    static constexpr PairConstants<T, F> constants;
    auto weights = SimdArray<T, 2 * F>::load(constants.start);
    weights.add_scaled(SimdArray<T, 2 * F>::load(constants.slope), weight);
    return weights;
}

template <class T, int F>
MLPVID_FUNCTION void hash_features(const DensityField<T>& field, const AxisCells<T>* cells, T* out) {
    for (int l = 0; l < field.levels.count; ++l) {
        const Level& level = field.levels.level[l];
        const int64_t row = static_cast<int64_t>(level.hash.resolution) * F;
        auto sum = SimdArray<T, 2 * F>::zero();
        MLPVID_UNROLL
        for (int plane = 0; plane < kPlanes; ++plane) {
            const AxisCells<T>&u = cells[u_axis(plane)], &v = cells[v_axis(plane)];
            const T* cell =
                field.grids + (plane * field.levels.nodes + level.nodes_offset) * F + v.node[l] * row + u.node[l] * F;
            auto value = SimdArray<T, 2 * F>::load(cell) * (1 - v.weight[l]);
            value.add_scaled(SimdArray<T, 2 * F>::load(cell + row), v.weight[l]);
            sum.add_product(value, pair_weights<T, F>(u.weight[l]));
        }
        alignas(64) T both[2 * F];
        sum.store(both);
        (SimdArray<T, F>::load(both) + SimdArray<T, F>::load(both + F)).store(out + l * F);
    }
}

// Computes F and the interpolated density head at a point. Returns their product, the density before its activation.
template <class T, int F>
MLPVID_FUNCTION T query_density(const DensityField<T>& field, const LevelScales<T>& scales, const T* p, T* features,
                                T* head) {
    AxisCells<T> cells[3];
    for (int axis = 0; axis < 3; ++axis) scales.locate(p[axis], cells[axis]);
    alignas(64) T hashed[kChannels] = {};
    hash_features<T, F>(field, cells, hashed);
    auto sum = SimdArray<T, kChannels>::zero(), density = SimdArray<T, kChannels>::zero();
    const auto& maps = field.features;
    for (int plane = 0; plane < kPlanes; ++plane) {
        const Footprint<T> at(maps.size, maps.row_stride, maps.pixel_stride, p[u_axis(plane)], p[v_axis(plane)]);
        add_map(maps.data + plane * maps.plane_stride, at, sum);
    }
    const auto& heads = field.densities;
    for (int i = 0; i < field.mlp_planes.count; ++i) {
        const int plane = field.mlp_planes.plane[i];
        const Footprint<T> at(heads.size, heads.row_stride, heads.pixel_stride, p[u_axis(plane)], p[v_axis(plane)]);
        add_map(heads.data + i * heads.plane_stride, at, density);
    }
    sum = sum + SimdArray<T, kChannels>::load(hashed);
    sum.store(features);
    density.store(head);
    return dot(sum, density);
}

// Marches each ray until its transmittance is `min_transmittance` or less. The activation is a ReLU that lets NaN
// through.
template <class T, int F>
void march(ThreadPool& pool, const DensityField<T>& field, const Samples<T>& samples, T step, T min_transmittance,
           const MarchOutput<T>& out) {
    const LevelScales<T> scales(field.levels);
    parallel(pool, (samples.rays + kRaysPerTask - 1) / kRaysPerTask, [&](int64_t task, int) {
        const int64_t last = samples.rays < (task + 1) * kRaysPerTask ? samples.rays : (task + 1) * kRaysPerTask;
        for (int64_t ray = task * kRaysPerTask; ray < last; ++ray) {
            T transmittance = 1;
            int64_t i = samples.offsets[ray];
            for (; i < samples.offsets[ray + 1] && transmittance > min_transmittance; ++i) {
                const T raw = query_density<T, F>(field, scales, samples.points + 3 * i, out.features + kChannels * i,
                                                  out.heads + kChannels * i);
                const T depth = raw <= 0 ? T(0) : raw * step;
                const T change = transmittance * std::expm1(-depth);
                out.densities[i] = raw;
                out.weights[i] = -change;
                transmittance += change;
            }
            out.reached[ray] = i - samples.offsets[ray];
            out.transmittances[ray] = transmittance;
            for (; i < samples.offsets[ray + 1]; ++i) out.weights[i] = 0;
        }
    });
}

// Adds a gradient to a node. Nodes are read and written one by one: a processor would have to wait for the write of a
// pair of nodes before it could read the next pair, which overlaps it.
template <class T, int F>
MLPVID_FUNCTION void add_to_node(T* node, const SimdArray<T, F>& gradient, T weight) {
    auto sum = SimdArray<T, F>::load(node);
    sum.add_scaled(gradient, weight);
    sum.store(node);
}

template <class T, int F>
MLPVID_FUNCTION void scatter_levels(const Levels& levels, int first, int end, const T* gradient,
                                    const PlaneCells<T>& at, T* grids) {
    for (int l = first; l < end; ++l) {
        const Level& level = levels.level[l];
        const int64_t row = static_cast<int64_t>(level.hash.resolution) * F;
        T* cell = grids + level.nodes_offset * F + at.v.node[l] * row + at.u.node[l] * F;
        const T u = at.u.weight[l], v = at.v.weight[l];
        const auto numbers = SimdArray<T, F>::load(gradient + (l - first) * F);
        const auto left = numbers * (1 - u), right = numbers * u;
        add_to_node<T, F>(cell, left, 1 - v);
        add_to_node<T, F>(cell + F, right, 1 - v);
        add_to_node<T, F>(cell + row, left, v);
        add_to_node<T, F>(cell + row + F, right, v);
    }
}

// One task is one plane and one half of the channels. Every number is written by only one task, which processes the
// samples in order, so the sums do not depend on the number of threads. Without kMaps, only the grids get gradients.
template <class T, int F, bool kMaps>
void scatter_task(const DensityField<T>& field, const LevelScales<T>& scales, const T* points,
                  const ScatterInput<T>& in, const ScatterOutput<T>& out, int plane, int half) {
    using Half = SimdArray<T, kHalf>;
    const int first = smaller(field.levels.count, half * kHalf / F),
              end = smaller(field.levels.count, (half + 1) * kHalf / F);
    T* grids = out.grids + plane * field.levels.nodes * F;
    PlaneCells<T> cells[2];  // of this sample and the next one
    const auto locate = [&](int64_t a) {
        PlaneCells<T>& at = cells[a & 1];
        scales.locate(points[3 * in.active[a] + u_axis(plane)], at.u);
        scales.locate(points[3 * in.active[a] + v_axis(plane)], at.v);
        prefetch_cells<T, F>(field.levels, first, end, at, grids);
    };
    if (in.count > 0) locate(0);
    for (int64_t a = 0; a < in.count; ++a) {
        if (a + 1 < in.count) locate(a + 1);
        const int64_t i = in.active[a];
        const T u = points[3 * i + u_axis(plane)], v = points[3 * i + v_axis(plane)];
        const T density = in.density_gradients[i];
        auto gradient = Half::load(in.heads + kChannels * i + half * kHalf) * density;
        if (in.color_row[a] >= 0)
            gradient = gradient + Half::load(in.color_gradients + kChannels * in.color_row[a] + half * kHalf);
        alignas(64) T numbers[kHalf];
        gradient.store(numbers);
        scatter_levels<T, F>(field.levels, first, end, numbers, cells[a & 1], grids);
        if (!kMaps) continue;
        const auto& features = out.features;
        scatter_map(features.data + plane * features.plane_stride + half * kHalf,
                    Footprint<T>(features.size, features.row_stride, features.pixel_stride, u, v), gradient);
        if (density == 0) continue;
        const auto& heads = out.densities;
        const Footprint<T> at(heads.size, heads.row_stride, heads.pixel_stride, u, v);
        const auto head_gradient = Half::load(in.features + kChannels * i + half * kHalf) * density;
        for (int m = 0; m < field.mlp_planes.count; ++m)
            if (field.mlp_planes.plane[m] == plane)
                scatter_map(heads.data + m * heads.plane_stride + half * kHalf, at, head_gradient);
    }
}

// Adds the samples' gradients to those of the grids, and of the maps unless these have no data.
template <class T, int F>
void scatter(ThreadPool& pool, const DensityField<T>& field, const T* points, const ScatterInput<T>& in,
             const ScatterOutput<T>& out) {
    const LevelScales<T> scales(field.levels);
    const auto scatter_part = out.features.data == nullptr ? scatter_task<T, F, false> : scatter_task<T, F, true>;
    parallel(pool, 2 * kPlanes, [&](int64_t task, int) {
        scatter_part(field, scales, points, in, out, static_cast<int>(task / 2), static_cast<int>(task % 2));
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
