// The screen bounds hold every sample in an occupied cell, and leave out pixels where there are none.
#include <cstdio>
#include <random>
#include <vector>

#include "mlpvid/occupancy.h"
#include "screen_bounds.h"

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

namespace mlpvid {
int test_screen_bounds();
}

namespace {

int failures = 0;

void check(bool condition, const char* what) {
    if (condition) return;
    std::printf("FAILED: %s\n", what);
    failures++;
}

// Cells of a box, and the blocks above them.
struct Cells {
    std::vector<uint32> bits[kOccupancyLevels];
    BakedFrame frame = {};

    Cells() {
        const int cells[3] = {9, 7, 35};
        const float lower[3] = {-0.5f, -0.7f, 0.1f}, upper[3] = {0.6f, 0.5f, 2.0f};
        frame.occupancy_levels = kOccupancyLevels;
        for (int i = 0; i < 3; i++) {
            frame.cells[i] = cells[i];
            frame.box_lower[i] = lower[i];
            frame.box_upper[i] = upper[i];
            frame.box_extent[i] = upper[i] - lower[i];
        }
        for (int level = 0; level < kOccupancyLevels; level++) {
            bits[level].assign((index(level, cells[0] - 1, cells[1] - 1, cells[2] - 1) + 32) / 32, 0);
            frame.occupancy[level] = bits[level].data();
        }
    }
    int index(int level, int x, int y, int z) const {
        return ((x >> 2 * level) * cells_at_level(frame.cells[1], level) + (y >> 2 * level)) *
                   cells_at_level(frame.cells[2], level) +
               (z >> 2 * level);
    }
    void occupy(int x, int y, int z) {
        for (int level = 0; level < kOccupancyLevels; level++) {
            const int block = index(level, x, y, z);
            bits[level][block / 32] |= 1u << (block % 32);
        }
    }
};

// A camera at `origin` that looks along +y, turned by an angle whose cosine and sine are given.
View make_view(const BakedFrame& frame, const float* origin, double cosine, double sine, int32 column) {
    View view = {};
    const double K[9] = {1.0 / 50, 0.003, -0.6, 0, 1.0 / 60, -0.4, 0, 0, 1};
    const double R[9] = {cosine, -sine, 0, 0, 0, -1, sine, cosine, 0};
    for (int i = 0; i < 9; i++) view.inverse_intrinsics[i] = K[i], view.rotation[i] = R[i];
    for (int i = 0; i < 3; i++) {
        view.origin[i] = origin[i];
        view.clip_lower[i] = frame.box_lower[i];
        view.clip_upper[i] = frame.box_upper[i];
    }
    view.depth_range[1] = 1e30f;
    view.step = 0.013f;
    view.column = column;
    view.width = 61;
    view.height = 47;
    return view;
}

bool in_occupied_cell(const BakedFrame& frame, const View& view, const Ray& ray, float distance) {
    int32 cell[3];
    for (int i = 0; i < 3; i++) {
        const float offset = view.origin[i] + distance * ray.direction[i] - frame.box_lower[i];
        const float position = offset / frame.box_extent[i] * static_cast<float>(frame.cells[i]);
        cell[i] = smaller(larger(static_cast<int32>(position), 0), frame.cells[i] - 1);
    }
    return is_occupied(frame, 0, cell);
}

// Returns how many samples are in occupied cells, and checks that the bounds hold them all.
int check_samples(const BakedFrame& frame, const View& view, int64 pixels) {
    const ScreenBounds bounds(frame, view, pixels);
    const Blocks blocks = bounds.blocks();
    int samples = 0;
    bool held = true, reached = true;
    for (int32 y = 0; y < view.height; y++)
        for (int32 x = 0; x < view.width; x++) {
            const Ray ray = pixel_ray(view, x, y);
            const int block = y / kBlockSide * blocks.columns + x / kBlockSide;
            for (int32 k = 0; sample_distance(view, ray, k) < ray.t_far; k++) {
                const float distance = sample_distance(view, ray, k);
                if (!in_occupied_cell(frame, view, ray, distance)) continue;
                samples++;
                held &= blocks.nearest[block] <= distance && distance < blocks.farthest[block];
                reached &= bounds.reach(x, y, x + 1, y + 1);
            }
        }
    check(held, "the bounds of a block hold the samples of its rays");
    check(reached, "pixels with samples are reached");
    return samples;
}

void test_samples_are_held() {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> uniform(0, 1);
    const float origins[5][3] = {{0, -3, 1}, {0, -0.1f, 1}, {0.1f, -0.7f, 0.1f}, {0.55f, -0.69f, 0.2f}, {40, -300, 9}};
    int samples = 0;
    for (const float* origin : origins)
        for (int turn = 0; turn < 3; turn++) {
            Cells cells;
            for (int x = 0; x < 9; x++)
                for (int y = 0; y < 7; y++)
                    for (int z = 0; z < 35; z++)
                        if (uniform(random) < 0.03f) cells.occupy(x, y, z);
            const double cosine[3] = {1, 0.8, -0.6}, sine[3] = {0, -0.6, 0.8};
            const View view = make_view(cells.frame, origin, cosine[turn], sine[turn], 7 * turn - 5);
            samples += check_samples(cells.frame, view, 1000000);  // cells
            samples += check_samples(cells.frame, view, 1);        // blocks
        }
    check(samples > 10000, "there are samples in occupied cells");
}

void test_the_rest_is_left_out() {
    Cells cells;
    const float origin[3] = {0, -3, 1};
    const View view = make_view(cells.frame, origin, 1, 0, 0);
    check(!ScreenBounds(cells.frame, view, 1000000).reach(0, 0, view.width, view.height), "no cell, no pixel");
    cells.occupy(8, 6, 34);
    const ScreenBounds bounds(cells.frame, view, 1000000);
    int reached = 0;
    for (int32 y = 0; y < view.height; y++)
        for (int32 x = 0; x < view.width; x++) reached += bounds.reach(x, y, x + 1, y + 1);
    check(reached > 0 && reached <= 9 * kBlockSide * kBlockSide, "one cell reaches few blocks");
    const View behind = make_view(cells.frame, origin, -1, 0, 0);
    check(!ScreenBounds(cells.frame, behind, 1000000).reach(0, 0, view.width, view.height),
          "cells behind reach nothing");
}

}  // namespace

int mlpvid::test_screen_bounds() {
    test_samples_are_held();
    test_the_rest_is_left_out();
    return failures;
}
