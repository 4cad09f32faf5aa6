// The kernels of one instruction set, as functions that the module calls through.
#pragma once

#include "mlpvid_training/arguments.h"
#include "mlpvid_training/workers.h"

namespace mlpvid {

template <class T>
struct Kernels {
    void (*bake)(Workers&, const Levels&, const T* tables, double time, T* grids);
    void (*bake_backward)(Workers&, const Levels&, const T* grids, double time, T* tables);
    void (*march)(Workers&, const DensityField<T>&, const Samples<T>&, T step, T min_transmittance,
                  const MarchOutput<T>&);
    void (*scatter)(Workers&, const DensityField<T>&, const T* points, const ScatterInput<T>&, const ScatterOutput<T>&);
    int64_t (*list_kept)(const Samples<T>&, const T* weights, T threshold, int64_t* sample, int64_t* ray,
                         int64_t* offsets);
    int64_t (*list_active)(int64_t samples, const T* gradients, const int64_t* kept, int64_t kept_count,
                           int64_t* active, int64_t* row);
    void (*sum_colors)(Workers&, int64_t rays, const Kept&, const T* weights, const T* rgb, T* sums);
    T (*depth_penalty)(const Samples<T>&, const T* densities, const int64_t* reached, T step, T limit);
    void (*composite_backward)(Workers&, const CompositeInput<T>&, const Samples<T>&, const Kept&, T* rgb_gradients,
                               T* density_gradients);
    void (*color_forward)(Workers&, const ColorMaps<const T>&, const ColorSamples<T>&, T* rgb);
    void (*color_backward)(Workers&, const ColorMaps<const T>&, const ColorSamples<T>&, const T* rgb_gradients,
                           const ColorMaps<T>& map_gradients, T* feature_gradients);
    void (*adam)(Workers&, const AdamState<T>&, const AdamSettings&, int width);
};

struct SamplerKernels {
    int64_t (*sample_rays)(Workers&, const SamplerInput&, float* distances, int64_t* offsets);
    void (*place_points)(Workers&, const SamplerInput&, const float* distances, const int64_t* offsets, float* points);
};

struct InstructionSet {
    const char* name;
    Kernels<float> single;
    Kernels<double> twice;
    SamplerKernels sampler;
};

// One a build of src/instruction_set.cpp.
#define MLPVID_DECLARE(name)          \
    namespace name {                  \
    InstructionSet instruction_set(); \
    }
MLPVID_DECLARE(plain)
MLPVID_DECLARE(x86_64_v3)
MLPVID_DECLARE(x86_64_v4)
#undef MLPVID_DECLARE

}  // namespace mlpvid
