#include "workspace.h"

#include <cstddef>

namespace mlpvid {

namespace {

// Allocates consecutive parts of a block.
template <class T>
class Cutter {
 public:
    explicit Cutter(T* block) : next_(block) {}
    T* operator()(std::size_t count) {
        T* part = next_;
        next_ += count;
        return part;
    }

 private:
    T* next_;
};

}  // namespace

Workspace::Workspace(int32 heads) {
    constexpr std::size_t pixels = kTilePixels, samples = kSampleCapacity, entries = 4 * samples;
    floats_.resize(pixels * (kViewStride + 1) + samples * (kChannels + 3 + 1 + 1 + 3) + entries);
    ints_.resize(pixels * 2 + samples + 2 * entries + static_cast<std::size_t>(heads) + 1);
    Cutter<float> floats(floats_.data());
    Cutter<int32> ints(ints_.data());
    kept.features = floats(samples * kChannels);
    kept.points = floats(samples * 3);
    kept.weights = floats(samples);
    kept.distances = floats(samples);
    kept.colors = floats(samples * 3);
    kept.rays = ints(samples);
    kept.count = 0;
    kept.capacity = kSampleCapacity;
    tile.views = floats(pixels * kViewStride);
    sums_.resize(pixels);
    tile.sums = sums_.data();
    tile.depth = floats(pixels);
    tile.counts = ints(pixels * 2);
    sort.weights = floats(entries);
    sort.heads = ints(entries);
    sort.order = ints(entries);
    sort.starts = ints(static_cast<std::size_t>(heads) + 1);
}

}  // namespace mlpvid
