// Arguments of the training kernels: plain pointers and numbers, the same for every instruction set. Names are
// those of docs/format.md, "Evaluating a point" and "Rendering".
#pragma once

#include <cstdint>

#include "mlpvid_training/field.h"

namespace mlpvid {

// Results of a march for the color pass and the backward pass. Rows of samples that were not reached are not written.
template <class T>
struct MarchOutput {
    T* features;        // [P][32]
    T* heads;           // [P][32] interpolated density heads
    T* densities;       // [P] before the activation
    T* weights;         // [P] w, 0 where not reached
    T* transmittances;  // [R] behind the last sample reached
    int64_t* reached;   // [R] samples evaluated
};

// Gradients of the samples, and the arrays that receive those of the maps.
template <class T>
struct ScatterInput {
    const T* features;           // [P][32]
    const T* heads;              // [P][32]
    const T* density_gradients;  // [P] of the density before its activation
    const T* color_gradients;    // [K][32] of F through the colors of kept samples
    const int64_t* active;       // [A] samples with a gradient, ascending
    const int64_t* color_row;    // [A] row of color_gradients, -1: none
    int64_t count;               // A
};

template <class T>
struct ScatterOutput {
    MapStack<T> features, densities;
    T* grids;  // [3][nodes][F]
};

// Samples that get a color, ray by ray: those of ray r are offsets[r] .. offsets[r + 1] - 1 of `sample`.
struct Kept {
    const int64_t* sample;   // [K]
    const int64_t* offsets;  // [R + 1]
};

// The sums per ray: those of w (c, |c|^2, 1) over its kept samples.
constexpr int kRaySums = 5;

template <class T>
struct CompositeInput {
    const T* densities;          // [P] before the activation
    const T* weights;            // [P]
    const T* transmittances;     // [R]
    const int64_t* reached;      // [R]
    const T* rgb;                // [K][3] after the sigmoid
    const T* sum_gradients;      // [R][5] of the rays' sums
    const T* opacity_gradients;  // [R] of 1 - transmittance
    T step, leak;
    T penalty_gradient, penalty_limit;  // of sum over reached samples of max(sigma step - limit, 0)^2
};

enum class Assignment : int { nearest, bilinear, stochastic };

// Color MLP maps: heads of contiguous parameters W0 [32][32], W1 [32 + view][32], W2 [32][3].
template <class T>
struct ColorMaps {
    T* data;
    int size, view_channels;
    int64_t plane_stride, u_stride, v_stride;
    MlpPlanes planes;
};

template <class T>
struct ColorSamples {
    const T* points;        // [P][3]
    const T* features;      // [P][32]
    const int64_t* sample;  // [K] rows of the two above
    const int64_t* ray;     // [K] rows of view
    const T* view;          // [R][V] encoded directions
    int64_t count;          // K
    Assignment assignment;
    uint64_t seed;  // of the stochastic assignment
};

// Gradients of the grids that were baked at several times.
template <class T>
struct GridGradients {
    const T* const* grids;  // [count] of [3][nodes][F]
    const double* times;    // [count]
    int count;
};

template <class T>
struct AdamState {
    T* parameters;      // [rows][width]
    T* gradients;       // [rows][width]; cleared where it was used
    T* first_moments;   // [rows][width]
    T* second_moments;  // [rows][width]
    int32_t* steps;     // [rows] updates so far
    int64_t rows;
};

struct AdamSettings {
    double learning_rate, beta1, beta2, epsilon;
    bool skip_zero;
};

struct SamplerInput {
    const float* origins;     // [R][3] meters
    const float* directions;  // [R][3] unit
    int64_t rays;
    float lower[3], upper[3];  // box, meters
    const uint8_t* cells;      // [X][Y][Z], 0 means empty
    int resolution[3];
    float step;   // meters
    bool jitter;  // otherwise samples are in the middle of their step
    uint64_t seed;
    int64_t slots;  // largest number of steps of a ray
};

}  // namespace mlpvid
