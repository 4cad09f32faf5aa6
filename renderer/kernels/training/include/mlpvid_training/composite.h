// Volume rendering along rays, forward and backward (paper, supplementary equation 3; docs/format.md, "Rendering").
#pragma once

#include <cmath>

#include "mlpvid_training/arguments.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

// Lists the samples whose weight exceeds the threshold; returns their number.
template <class T>
int64_t list_kept(const Samples<T>& samples, const T* weights, T threshold, int64_t* sample, int64_t* ray_of,
                  int64_t* offsets) {
    int64_t kept = 0;
    for (int64_t ray = 0; ray < samples.rays; ++ray) {
        offsets[ray] = kept;
        for (int64_t i = samples.offsets[ray]; i < samples.offsets[ray + 1]; ++i) {
            sample[kept] = i;
            ray_of[kept] = ray;
            kept += weights[i] > threshold;
        }
    }
    offsets[samples.rays] = kept;
    return kept;
}

template <class T>
T dot3(const T* a, const T* b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// Computes sums [R][5] of w (c, |c|^2, 1) over the kept samples.
template <class T>
void sum_colors(ThreadPool& pool, int64_t rays, const Kept& kept, const T* weights, const T* rgb, T* sums) {
    parallel(pool, (rays + 255) / 256, [&](int64_t task, int) {
        for (int64_t ray = task * 256; ray < rays && ray < (task + 1) * 256; ++ray) {
            T sum[kRaySums] = {};
            for (int64_t k = kept.offsets[ray]; k < kept.offsets[ray + 1]; ++k) {
                const T w = weights[kept.sample[k]], *c = rgb + 3 * k;
                for (int j = 0; j < 3; ++j) sum[j] += w * c[j];
                sum[3] += w * dot3(c, c);
                sum[4] += w;
            }
            for (int j = 0; j < kRaySums; ++j) sums[kRaySums * ray + j] = sum[j];
        }
    });
}

// Propagates gradients from a ray to its samples. d w_i / d depth_j is the transmittance behind j for i = j, and -w_i
// for i > j.
//
// Writes rgb_gradients [K][3], before the sigmoid, and density_gradients [P], before the activation, whose slope is
// `leak` where the density is not positive.
template <class T>
void composite_ray_backward(const CompositeInput<T>& in, const Samples<T>& samples, const Kept& kept, int64_t ray,
                            T* rgb_gradients, T* density_gradients) {
    const int64_t first = samples.offsets[ray], end = first + in.reached[ray];
    for (int64_t i = end; i < samples.offsets[ray + 1]; ++i) density_gradients[i] = 0;
    const T* g = in.sum_gradients + kRaySums * ray;
    int64_t k = kept.offsets[ray + 1] - 1;
    T behind = 0, transmittance = in.transmittances[ray];
    const T opacity = in.opacity_gradients[ray] * transmittance;
    for (int64_t i = end - 1; i >= first; --i) {
        const T sigma = in.densities[i] <= 0 ? T(0) : in.densities[i];
        T gradient = opacity - behind;
        if (k >= kept.offsets[ray] && kept.sample[k] == i) {
            const T* c = in.rgb + 3 * k;
            const T along = dot3(g, c) + g[3] * dot3(c, c) + g[4];
            for (int j = 0; j < 3; ++j)
                rgb_gradients[3 * k + j] = in.weights[i] * (g[j] + 2 * g[3] * c[j]) * c[j] * (1 - c[j]);
            gradient += transmittance * along;
            behind += in.weights[i] * along;
            --k;
        }
        const T over = sigma * in.step - in.penalty_limit;
        if (over > 0) gradient += in.penalty_gradient * 2 * over;
        density_gradients[i] = gradient * in.step * (in.densities[i] > 0 ? T(1) : in.leak);
        transmittance += in.weights[i];  // in front of i
    }
}

template <class T>
void composite_backward(ThreadPool& pool, const CompositeInput<T>& in, const Samples<T>& samples, const Kept& kept,
                        T* rgb_gradients, T* density_gradients) {
    parallel(pool, (samples.rays + 255) / 256, [&](int64_t task, int) {
        for (int64_t ray = task * 256; ray < samples.rays && ray < (task + 1) * 256; ++ray)
            composite_ray_backward(in, samples, kept, ray, rgb_gradients, density_gradients);
    });
}

// Lists samples with a gradient and the row of each among the kept ones (-1: none); returns their number.
template <class T>
int64_t list_active(int64_t samples, const T* density_gradients, const int64_t* kept, int64_t kept_count,
                    int64_t* active, int64_t* row) {
    int64_t count = 0, k = 0;
    for (int64_t i = 0; i < samples; ++i) {
        const bool colored = k < kept_count && kept[k] == i;
        active[count] = i;
        row[count] = colored ? k : -1;
        count += colored || density_gradients[i] != 0;
        k += colored;
    }
    return count;
}

// Computes the sum of max(sigma step - limit, 0)^2 over the reached samples, ray by ray.
template <class T>
T depth_penalty(const Samples<T>& samples, const T* densities, const int64_t* reached, T step, T limit) {
    T total = 0;
    for (int64_t ray = 0; ray < samples.rays; ++ray) {
        T sum = 0;
        for (int64_t i = samples.offsets[ray]; i < samples.offsets[ray] + reached[ray]; ++i) {
            const T over = densities[i] * step - limit;
            if (over > 0) sum += over * over;
        }
        total += sum;
    }
    return total;
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
