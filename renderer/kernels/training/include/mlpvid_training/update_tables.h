// One update of the hash tables from the gradients of baked grids: `bake_backward` and `adam` in one pass per level.
//
// The gradient of a level stays in the caches between the two, and rows that no grid needed are not read at all.
#pragma once

#include "mlpvid_training/adam.h"
#include "mlpvid_training/bake.h"

namespace mlpvid::MLPVID_INSTRUCTION_SET {

constexpr int kRowsPerMark = 4;  // one cache line of four floats each
constexpr int kMarksAhead = 8;   // marks between the rows that are updated and those that are prefetched

// Which rows of a level may have a gradient.
class Marks {
 public:
    explicit Marks(int64_t rows) : count_((rows + kRowsPerMark - 1) / kRowsPerMark), marks_(count_ + kMarksAhead) {
        std::memset(&marks_[0], 0, static_cast<size_t>(count_ + kMarksAhead));
    }
    MLPVID_FUNCTION void set(int64_t row) { marks_[row / kRowsPerMark] = 1; }
    MLPVID_FUNCTION bool operator[](int64_t mark) const { return marks_[mark] != 0; }
    int64_t count() const { return count_; }

 private:
    int64_t count_;
    Buffer<uint8_t> marks_;  // some unset ones at the end, so that reading ahead needs no check
};

template <class T, int F>
MLPVID_FUNCTION void prefetch_rows(const AdamState<T>& state, int64_t row) {
    prefetch_line(state.parameters + row * F);
    prefetch_line(state.first_moments + row * F);
    prefetch_line(state.second_moments + row * F);
    prefetch_line(state.steps + row);
}

// Updates the marked rows of `rows` rows from `first` on; as `adam`, it skips those whose gradient is zero.
template <class T, int F>
void adam_of_marked(const Marks& marks, const AdamState<T>& state, const AdamSettings& settings,
                    const Corrections& corrections, int64_t first, int64_t rows) {
    for (int64_t mark = 0; mark < marks.count(); ++mark) {
        if (marks[mark + kMarksAhead]) prefetch_rows<T, F>(state, first + (mark + kMarksAhead) * kRowsPerMark);
        if (!marks[mark]) continue;
        const int64_t end = first + smaller<int64_t>(rows, (mark + 1) * kRowsPerMark);
        for (int64_t row = first + mark * kRowsPerMark; row < end; ++row)
            if (any_nonzero<T, F>(state.gradients + row * F)) adam_row<T, F>(state, settings, corrections, row);
    }
}

// Updates tables [3][entries][F] once. `state.gradients` must be zero, and are zero again afterwards.
template <class T, int F>
void update_tables(ThreadPool& pool, const Levels& levels, const GridGradients<T>& gradients, const AdamState<T>& state,
                   const AdamSettings& settings) {
    const Corrections corrections(settings);
    parallel(pool, kPlanes * levels.count, [&](int64_t task, int) {
        const int64_t plane = task % kPlanes, l = levels.count - 1 - task / kPlanes;  // the largest levels first
        const Level& level = levels.level[l];
        const int64_t end = l + 1 < levels.count ? levels.level[l + 1].hash.offset : levels.entries;
        const int64_t rows = end - level.hash.offset, first = plane * levels.entries + level.hash.offset;
        Marks marks(rows);
        for (int i = 0; i < gradients.count; ++i)
            bake_level_backward<T, F>(level, gradients.grids[i] + (plane * levels.nodes + level.nodes_offset) * F,
                                      gradients.times[i], state.gradients + plane * levels.entries * F,
                                      [&](int64_t entry) { marks.set(entry - level.hash.offset); });
        adam_of_marked<T, F>(marks, state, settings, corrections, first, rows);
    });
}

}  // namespace mlpvid::MLPVID_INSTRUCTION_SET
