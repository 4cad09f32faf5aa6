// Lazy Adam: rows without a gradient are not updated (Kingma and Ba 2015; lazy as in Instant-NGP for hash tables).
#pragma once

#include <cmath>
#include <cstdint>

#include "mlpvid_training/arguments.h"
#include "mlpvid_training/simd_array.h"
#include "thread_pool.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

constexpr int64_t kRowsPerTask = 8192;
constexpr int kRowsAtOnce = 16;  // that are skipped together
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

// Updates one row. Its numbers are read before any is written, so that the compiler computes them together.
template <class T, int F>
MLPVID_FUNCTION void adam_row(const AdamState<T>& state, const AdamSettings& settings, double first, double second,
                              int64_t row) {
    const T b1 = static_cast<T>(settings.beta1), b2 = static_cast<T>(settings.beta2);
    const T rate = static_cast<T>(settings.learning_rate * first), scale = static_cast<T>(second);
    const T epsilon = static_cast<T>(settings.epsilon);
    T* MLPVID_RESTRICT gradients = state.gradients + row * F;
    T* MLPVID_RESTRICT means = state.first_moments + row * F;
    T* MLPVID_RESTRICT squares = state.second_moments + row * F;
    T* MLPVID_RESTRICT parameters = state.parameters + row * F;
    MLPVID_UNROLL
    for (int f = 0; f < F; ++f) {
        const T g = gradients[f];
        const T m = means[f] = b1 * means[f] + (1 - b1) * g;
        const T v = squares[f] = b2 * squares[f] + (1 - b2) * g * g;
        parameters[f] -= rate * m / (std::sqrt(v) * scale + epsilon);
        gradients[f] = 0;
    }
}

// Whether any of N numbers is not zero.
template <class T, int N>
MLPVID_FUNCTION bool any_nonzero(const T* numbers) {
    int any = 0;
    for (int i = 0; i < N; ++i) any |= numbers[i] != 0;
    return any != 0;
}

// Updates every row once; with skip_zero, only rows with a nonzero gradient. The bias correction counts the updates of
// each row, so it does not matter in which step a row gets its first gradient.
template <class T, int F>
void adam(ThreadPool& pool, const AdamState<T>& state, const AdamSettings& settings) {
    const Corrections corrections(settings);
    parallel(pool, (state.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
        const int64_t end = state.rows < (task + 1) * kRowsPerTask ? state.rows : (task + 1) * kRowsPerTask;
        for (int64_t row = task * kRowsPerTask; row < end; ++row) {
            if (settings.skip_zero) {
                if (row % kRowsAtOnce == 0 && row + kRowsAtOnce <= end &&
                    !any_nonzero<T, kRowsAtOnce * F>(state.gradients + row * F)) {
                    row += kRowsAtOnce - 1;
                    continue;
                }
                if (!any_nonzero<T, F>(state.gradients + row * F)) continue;
            }
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
