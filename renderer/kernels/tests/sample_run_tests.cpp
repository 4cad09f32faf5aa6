// RunTraversal finds the same samples as OccupancyTraversal, bit for bit; compiled once per instruction set.
#include <cstdio>
#include <vector>

#include "mlpvid/sample_run.h"

MLPVID_BEGIN

int test_sample_runs();

namespace {

// Numbers of a linear congruential generator: 0 to 1.
struct Numbers {
    uint32 state;

    float next(float low, float high) {
        state = state * 1664525u + 1013904223u;
        return low + static_cast<float>(state >> 8) * (1.0f / 16777216.0f) * (high - low);
    }
};

// Occupied cells in a box, each with a certain probability, and the blocks above them.
struct TestCells {
    BakedFrame frame = {};
    std::vector<uint32> bits[kOccupancyLevels];

    TestCells(Numbers& numbers, float occupied) {
        const int32 cells[3] = {9, 7, 70};
        frame.feature_resolution = frame.density_resolution = 4;
        frame.occupancy_levels = kOccupancyLevels;
        for (int i = 0; i < 3; i++) {
            frame.cells[i] = cells[i];
            frame.box_lower[i] = -0.3f * static_cast<float>(i + 1);
            frame.box_upper[i] = 0.7f;
            frame.box_extent[i] = frame.box_upper[i] - frame.box_lower[i];
        }
        for (int level = 0; level < kOccupancyLevels; level++) {
            int32 blocks = 1;
            for (int i = 0; i < 3; i++) blocks *= cells_at_level(cells[i], level);
            bits[level].assign(static_cast<size_t>(blocks + 31) / 32, 0);
            frame.occupancy[level] = bits[level].data();
        }
        for (int32 x = 0; x < cells[0]; x++)
            for (int32 y = 0; y < cells[1]; y++)
                for (int32 z = 0; z < cells[2]; z++)
                    if (numbers.next(0, 1) < occupied) occupy(x, y, z);
    }

    void occupy(int32 x, int32 y, int32 z) {
        for (int level = 0; level < kOccupancyLevels; level++) {
            const int32 rows = cells_at_level(frame.cells[1], level), layers = cells_at_level(frame.cells[2], level);
            const int32 block = ((x >> 2 * level) * rows + (y >> 2 * level)) * layers + (z >> 2 * level);
            bits[level][block / 32] |= 1u << (block % 32);
        }
    }
};

// A ray from anywhere near the box to anywhere in it.
Ray make_ray(const BakedFrame& frame, Numbers& numbers, View& view) {
    Ray ray = {};
    float length = 0.0f;
    for (int i = 0; i < 3; i++) {
        view.origin[i] = numbers.next(-3, 3);
        view.clip_lower[i] = frame.box_lower[i], view.clip_upper[i] = frame.box_upper[i];
        ray.direction[i] = numbers.next(frame.box_lower[i], frame.box_upper[i]) - view.origin[i];
        length += ray.direction[i] * ray.direction[i];
    }
    for (float& along : ray.direction) along /= static_cast<float>(square_root(static_cast<double>(length)));
    ray.depth_per_meter = 1.0f;
    view.step = numbers.next(0.001f, 0.2f);
    view.depth_range[1] = numbers.next(0.5f, 5);
    intersect_box(view, ray);
    return ray;
}

// Compares all samples of a ray from `first` on; returns how many there are, or -1 where they differ.
int compare(const BakedFrame& frame, const View& view, const Ray& ray, int32 first) {
    OccupancyTraversal alone;
    RunTraversal runs;
    SampleRun run;
    alone.start(frame, view, ray, first), runs.samples.start(frame, view, ray, first);
    int count = 0;
    while (runs.next(frame, view, ray, run)) {
        if (run.occupied == 0) return -1;
        for (uint32 bits = run.occupied; bits; bits &= bits - 1, count++) {
            const int32 i = lowest_bit(bits);
            float point[3], distance;
            if (!alone.next(frame, view, ray, point, distance)) return -1;
            bool same = alone.k - 1 == run.first + i && distance == run.distances[i];
            for (int axis = 0; axis < 3; axis++) same = same && point[axis] == run.points.at[axis][i];
            if (!same) return -1;
        }
    }
    float point[3], distance;
    return alone.next(frame, view, ray, point, distance) ? -1 : count;
}

}  // namespace

int test_sample_runs() {
    Numbers numbers = {1};
    int failures = 0;
    for (const float occupied : {0.0f, 0.003f, 0.1f, 0.7f, 1.0f}) {
        const TestCells cells(numbers, occupied);
        int samples = 0;
        for (int i = 0; i < 300; i++) {
            View view = {};
            const Ray ray = make_ray(cells.frame, numbers, view);
            const int count = compare(cells.frame, view, ray, i % 3 == 0 ? i / 3 : 0);
            if (count < 0) {
                std::printf("FAILED: runs have the samples of the traversal one by one\n");
                failures++;
            }
            samples += count;
        }
        if ((samples > 0) != (occupied > 0)) {
            std::printf("FAILED: there are samples where there are occupied cells\n");
            failures++;
        }
    }
    return failures;
}

MLPVID_END
