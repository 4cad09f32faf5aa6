// Function table of the training kernels of one instruction set. The header of each kernel cites its section.
#pragma once

#include "instruction_set.h"
#include "mlpvid_training/arguments.h"
#include "thread_pool.h"

namespace mlpvid {

template <class T>
struct Kernels {
    void (*bake)(ThreadPool&, const Levels&, const T* tables, double time, T* grids);
    void (*bake_backward)(ThreadPool&, const Levels&, const T* grids, double time, T* tables);
    void (*march)(ThreadPool&, const DensityField<T>&, const Samples<T>&, T step, T min_transmittance,
                  const MarchOutput<T>&);
    void (*scatter)(ThreadPool&, const DensityField<T>&, const T* points, const ScatterInput<T>&,
                    const ScatterOutput<T>&);
    int64_t (*list_kept)(const Samples<T>&, const T* weights, T threshold, int64_t* sample, int64_t* ray,
                         int64_t* offsets);
    int64_t (*list_active)(int64_t samples, const T* gradients, const int64_t* kept, int64_t kept_count,
                           int64_t* active, int64_t* row);
    void (*sum_colors)(ThreadPool&, int64_t rays, const Kept&, const T* weights, const T* rgb, T* sums);
    T (*depth_penalty)(const Samples<T>&, const T* densities, const int64_t* reached, T step, T limit);
    void (*composite_backward)(ThreadPool&, const CompositeInput<T>&, const Samples<T>&, const Kept&, T* rgb_gradients,
                               T* density_gradients);
    void (*color_forward)(ThreadPool&, const ColorMaps<const T>&, const ColorSamples<T>&, T* rgb);
    void (*color_backward)(ThreadPool&, const ColorMaps<const T>&, const ColorSamples<T>&, const T* rgb_gradients,
                           const ColorMaps<T>& map_gradients, T* feature_gradients);
    void (*adam)(ThreadPool&, const AdamState<T>&, const AdamSettings&, int width);
    void (*update_tables)(ThreadPool&, const Levels&, const GridGradients<T>&, const AdamState<T>&,
                          const AdamSettings&);
};

struct SamplerKernels {
    int64_t (*sample_rays)(ThreadPool&, const SamplerInput&, float* distances, int64_t* offsets);
    void (*place_points)(ThreadPool&, const SamplerInput&, const float* distances, const int64_t* offsets,
                         float* points);
};

// All kernels of one build; `twice` has twice the precision, for checks of gradients.
struct TrainingTable {
    const char* name;
    Kernels<float> single;
    Kernels<double> twice;
    SamplerKernels sampler;
};

// One function per build of src/kernels.cpp.
#define MLPVID_DECLARE_TABLE(name)  \
    namespace name {                \
    TrainingTable training_table(); \
    }
MLPVID_INSTRUCTION_SETS(MLPVID_DECLARE_TABLE)
#undef MLPVID_DECLARE_TABLE

}  // namespace mlpvid
