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

// The factors of the bias correction after `count` updates of a row.
struct Correction {
    double first, second;

    MLPVID_FUNCTION static Correction of(double power1, double power2) {
        return {1 / (1 - power1), 1 / std::sqrt(1 - power2)};
    }
};

// The corrections of all numbers of updates. Those of the first 4096 are in a table. Once both powers are so small that
// 1 minus the power rounds to 1, all are 1.
class Corrections {
 public:
    explicit Corrections(const AdamSettings& settings) : beta1_(settings.beta1), beta2_(settings.beta2) {
        double power1 = 1, power2 = 1;
        for (Correction& correction : first_) {
            correction = Correction::of(power1, power2);
            power1 *= beta1_;
            power2 *= beta2_;
        }
        const double bits = std::log(0.5) * 54, slower = std::log(beta1_ > beta2_ ? beta1_ : beta2_);
        settled_ = slower * 1e9 < bits ? static_cast<int>(bits / slower) + 2 : 1000000000;
    }
    MLPVID_FUNCTION Correction operator[](int count) const {
        if (count <= kCorrections) return first_[count];
        if (count >= settled_) return {1, 1};
        return Correction::of(std::pow(beta1_, count), std::pow(beta2_, count));
    }

 private:
    double beta1_, beta2_;
    int settled_;
    Correction first_[kCorrections + 1];
};

// Updates one row.
template <class T, int F>
MLPVID_FUNCTION void adam_row(const AdamState<T>& state, const AdamSettings& settings, const Corrections& corrections,
                              int64_t row) {
    using Row = SimdArray<T, F>;
    const T b1 = static_cast<T>(settings.beta1), b2 = static_cast<T>(settings.beta2);
    const Correction correction = corrections[++state.steps[row]];
    const T rate = static_cast<T>(settings.learning_rate * correction.first);
    const T scale = static_cast<T>(correction.second), epsilon = static_cast<T>(settings.epsilon);
    const Row gradient = Row::load(state.gradients + row * F);
    Row mean = Row::load(state.first_moments + row * F) * b1, square = Row::load(state.second_moments + row * F) * b2;
    mean.add_scaled(gradient, 1 - b1);
    square.add_scaled(gradient * gradient, 1 - b2);
    const Row change = mean * rate / (square.roots() * scale + epsilon);
    mean.store(state.first_moments + row * F);
    square.store(state.second_moments + row * F);
    (Row::load(state.parameters + row * F) - change).store(state.parameters + row * F);
    Row::zero().store(state.gradients + row * F);
}

// Whether any of N numbers is not zero.
template <class T, int N>
MLPVID_FUNCTION bool any_nonzero(const T* numbers) {
    constexpr uint64_t kWithoutSigns = sizeof(T) == 8 ? 0x7fffffffffffffff : 0x7fffffff7fffffff;
    uint64_t any = 0;
    for (size_t i = 0; i < N * sizeof(T) / sizeof any; ++i) {
        uint64_t bits;
        std::memcpy(&bits, reinterpret_cast<const char*>(numbers) + i * sizeof bits, sizeof bits);
        any |= bits & kWithoutSigns;
    }
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
            adam_row<T, F>(state, settings, corrections, row);
        }
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
