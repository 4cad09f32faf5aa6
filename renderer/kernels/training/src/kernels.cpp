// All training kernels, compiled once per instruction set into the namespace MLPVID_INSTRUCTION_SET.
#include "mlpvid_training/kernels.h"

#include "mlpvid_training/adam.h"
#include "mlpvid_training/bake.h"
#include "mlpvid_training/color.h"
#include "mlpvid_training/composite.h"
#include "mlpvid_training/density.h"
#include "mlpvid_training/sampler.h"
#include "mlpvid_training/update_tables.h"

#define MLPVID_TEXT_OF(name) #name
#define MLPVID_TEXT(name) MLPVID_TEXT_OF(name)

namespace mlpvid::MLPVID_INSTRUCTION_SET {
namespace {

template <int F>
struct Features {
    static constexpr int value = F;
};

// Calls body with the number of features per entry, 2, 4 or 8, as a constant.
template <class Body>
void with_features(int features, Body&& body) {
    if (features == 2)
        body(Features<2>{});
    else if (features == 4)
        body(Features<4>{});
    else
        body(Features<8>{});
}

template <class T>
Kernels<T> kernels() {
    Kernels<T> k;
    k.bake = [](ThreadPool& pool, const Levels& levels, const T* tables, double time, T* grids) {
        with_features(levels.features, [&](auto F) { bake<T, F.value>(pool, levels, tables, time, grids); });
    };
    k.bake_backward = [](ThreadPool& pool, const Levels& levels, const T* grids, double time, T* tables) {
        with_features(levels.features, [&](auto F) { bake_backward<T, F.value>(pool, levels, grids, time, tables); });
    };
    k.march = [](ThreadPool& pool, const DensityField<T>& field, const Samples<T>& samples, T step, T min_transmittance,
                 const MarchOutput<T>& out) {
        with_features(field.levels.features,
                      [&](auto F) { march<T, F.value>(pool, field, samples, step, min_transmittance, out); });
    };
    k.scatter = [](ThreadPool& pool, const DensityField<T>& field, const T* points, const ScatterInput<T>& in,
                   const ScatterOutput<T>& out) {
        with_features(field.levels.features, [&](auto F) { scatter<T, F.value>(pool, field, points, in, out); });
    };
    k.list_kept = list_kept<T>;
    k.list_active = list_active<T>;
    k.sum_colors = sum_colors<T>;
    k.depth_penalty = depth_penalty<T>;
    k.composite_backward = composite_backward<T>;
    k.color_forward = color_forward<T>;
    k.color_backward = color_backward<T>;
    k.adam = [](ThreadPool& pool, const AdamState<T>& state, const AdamSettings& settings, int width) {
        with_features(width, [&](auto F) { adam<T, F.value>(pool, state, settings); });
    };
    k.update_tables = [](ThreadPool& pool, const Levels& levels, const GridGradients<T>& gradients,
                         const AdamState<T>& state, const AdamSettings& settings) {
        with_features(levels.features,
                      [&](auto F) { update_tables<T, F.value>(pool, levels, gradients, state, settings); });
    };
    return k;
}

}  // namespace

TrainingTable training_table() {
    return {MLPVID_TEXT(MLPVID_INSTRUCTION_SET), kernels<float>(), kernels<double>(), {sample_rays, place_points}};
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
