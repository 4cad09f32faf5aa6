// Lazy Adam: rows without a gradient are not updated (Kingma and Ba 2015; lazy as in Instant-NGP for hash tables).
#pragma once

#include <cmath>
#include <cstdint>

#include "mlpvid_training/arguments.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

constexpr int64_t kRowsPerTask = 8192;
constexpr int kCorrections = 4096;

// Factors of the bias correction, for the updates 1 to 4096; later updates use the last one.
struct Corrections {
    double first[kCorrections + 1], second[kCorrections + 1];

    explicit Corrections(const AdamSettings& settings) {
        double power1 = 1, power2 = 1;
        for (int s = 0; s <= kCorrections; ++s) {
            first[s] = 1 / (1 - power1);
            second[s] = 1 / std::sqrt(1 - power2);
            power1 *= settings.beta1;
            power2 *= settings.beta2;
        }
    }
};

template <class T, int F>
MLPVID_FUNCTION void adam_row(const AdamState<T>& state, const AdamSettings& settings, double first, double second,
                              int64_t row) {
    const T b1 = static_cast<T>(settings.beta1), b2 = static_cast<T>(settings.beta2);
    const T rate = static_cast<T>(settings.learning_rate * first), scale = static_cast<T>(second);
    const T epsilon = static_cast<T>(settings.epsilon);
    for (int64_t i = row * F; i < (row + 1) * F; ++i) {
        const T g = state.gradients[i];
        const T m = state.first_moments[i] = b1 * state.first_moments[i] + (1 - b1) * g;
        const T v = state.second_moments[i] = b2 * state.second_moments[i] + (1 - b2) * g * g;
        state.parameters[i] -= rate * m / (std::sqrt(v) * scale + epsilon);
        state.gradients[i] = 0;
    }
}

// Updates every row once; with skip_zero, only rows with a nonzero gradient. The bias correction counts the updates of
// each row, so it does not matter in which step a row gets its first gradient.
template <class T, int F>
void adam(ThreadPool& pool, const AdamState<T>& state, const AdamSettings& settings) {
    const Corrections corrections(settings);
    parallel(pool, (state.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
        const int64_t end = state.rows < (task + 1) * kRowsPerTask ? state.rows : (task + 1) * kRowsPerTask;
        for (int64_t row = task * kRowsPerTask; row < end; ++row) {
            bool any = !settings.skip_zero;
            for (int f = 0; f < F; ++f) any |= state.gradients[row * F + f] != 0;
            if (!any) continue;
            const int count = ++state.steps[row];
            if (count <= kCorrections) {
                adam_row<T, F>(state, settings, corrections.first[count], corrections.second[count], row);
            } else {
                const double first = 1 / (1 - std::pow(settings.beta1, count)),
                             second = 1 / std::sqrt(1 - std::pow(settings.beta2, count));
                adam_row<T, F>(state, settings, first, second, row);
            }
        }
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
