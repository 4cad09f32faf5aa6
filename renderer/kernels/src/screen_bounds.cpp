#include "screen_bounds.h"

#include <algorithm>
#include <cmath>

namespace mlpvid {

namespace {

constexpr float kNowhere = 3.0e38f;

// Cells are made larger by this share of a cell, and of the distance from the camera or the world's origin. Points of
// samples are floats, whose rounding errors are far below both.
constexpr double kCellMargin = 0.01, kRelativeMargin = 1e-6;

// A camera's rotation may deviate from one by 0.001 (model/camera.py), and so may the lengths of ray directions.
constexpr double kLengthMargin = 2e-3;

// A projected cell is made larger by this, pixels.
constexpr double kPixelMargin = 0.01;

// At most this many cells above one another are projected as one box. That takes a third of the time of single cells,
// and the bounds are hardly wider.
constexpr int32 kStack = 4;

// One cell takes about as long as this many rays, which would find out for themselves that they meet nothing.
constexpr int64 kRaysPerCell = 16;

int32 blocks_along(int32 pixels) {
    return (pixels + kBlockSide - 1) / kBlockSide;
}

int32 size_at_level(int32 cells, int32 level) {
    return (cells + (1 << (2 * level)) - 1) >> (2 * level);
}

int64 words_at_level(const BakedFrame& frame, int32 level) {
    int64 bits = 1;
    for (int i = 0; i < 3; i++) bits *= size_at_level(frame.cells[i], level);
    return (bits + 31) / 32;
}

int64 occupied_at_level(const BakedFrame& frame, int32 level) {
    const int64 words = words_at_level(frame, level);
    int64 count = 0;
    for (int64 i = 0; i < words; i++)
        for (uint32 word = frame.occupancy[level][i]; word; word &= word - 1) count++;
    return count;
}

// Returns the finest level whose occupied blocks are few in comparison with the rays.
int32 affordable_level(const BakedFrame& frame, int64 pixels) {
    int32 level = 0;
    while (level + 1 < frame.occupancy_levels && occupied_at_level(frame, level) * kRaysPerCell > pixels) level++;
    return level;
}

// Returns how many bits from `bit` on are set, at most `most` and those of the word.
int32 run_of_bits(uint32 bits, int32 bit, int64 most) {
    int32 count = 1;
    while (count < most && bit + count < 32 && (bits >> (bit + count) & 1)) count++;
    return count;
}

// Inverts a matrix of rows; its elements are not finite if that is impossible.
void invert(const double* m, double* inverse) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[3 * i + j] = m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c];
        }
    const double determinant = m[0] * inverse[0] + m[1] * inverse[3] + m[2] * inverse[6];
    for (int i = 0; i < 9; i++) inverse[i] /= determinant;
}

}  // namespace

struct ScreenBounds::Box {
    double lower[3], upper[3];  // meters from the camera's center
};

// From the camera's center and world axes to homogeneous pixels: the inverse of what ray_direction (rays.h) computes.
struct ScreenBounds::Projection {
    double to_pixels[9];
    double column, row;  // the first pixel of the image

    explicit Projection(const View& view) : column(view.column), row(view.row) {
        double to_world[9];
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++) {
                to_world[3 * i + j] = 0.0;
                for (int k = 0; k < 3; k++)
                    to_world[3 * i + j] += view.rotation[3 * k + i] * view.inverse_intrinsics[3 * k + j];
            }
        invert(to_world, to_pixels);
    }

    void apply(const double* point, double* pixel) const {
        const double* m = to_pixels;
        for (int i = 0; i < 3; i++) pixel[i] = m[3 * i] * point[0] + m[3 * i + 1] * point[1] + m[3 * i + 2] * point[2];
    }
};

ScreenBounds::ScreenBounds(const BakedFrame& frame, const View& view, int64 pixels)
    : columns_(blocks_along(view.width)),
      rows_(blocks_along(view.height)),
      width_(view.width),
      height_(view.height),
      nearest_(static_cast<size_t>(columns_) * rows_, kNowhere),
      farthest_(nearest_.size(), 0.0f) {
    add_cells(frame, view, affordable_level(frame, pixels));
}

void ScreenBounds::add_cells(const BakedFrame& frame, const View& view, int32 level) {
    const Projection projection(view);
    const int64 rows = size_at_level(frame.cells[1], level), layers = size_at_level(frame.cells[2], level);
    const int64 words = words_at_level(frame, level);
    for (int64 word = 0; word < words; word++) {
        const uint32 bits = frame.occupancy[level][word];
        for (int32 bit = 0, count; bit < 32 && bits >> bit; bit += count) {
            count = 1;
            if (!(bits >> bit & 1)) continue;
            const int64 index = 32 * word + bit,
                        cell[3] = {index / (rows * layers), index / layers % rows, index % layers};
            count = run_of_bits(bits, bit, std::min<int64>(kStack, layers - cell[2]));
            Box box;
            for (int i = 0; i < 3; i++) {
                const double side = static_cast<double>(frame.box_extent[i]) / frame.cells[i];
                const double lower = frame.box_lower[i] + side * static_cast<double>(cell[i] << (2 * level));
                const double upper = lower + side * ((i == 2 ? count : 1) << (2 * level));
                const double reach = std::max({std::abs(lower), std::abs(upper), std::abs(double{view.origin[i]})});
                const double margin = kCellMargin * side + kRelativeMargin * reach;
                box.lower[i] = lower - margin - view.origin[i];
                box.upper[i] = upper + margin - view.origin[i];
            }
            add(projection, box);
        }
    }
}

void ScreenBounds::add(const Projection& projection, const Box& box) {
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, shallow = HUGE_VAL, deep = -HUGE_VAL;
    for (int corner = 0; corner < 8; corner++) {
        double point[3], pixel[3];
        for (int i = 0; i < 3; i++) point[i] = corner >> i & 1 ? box.upper[i] : box.lower[i];
        projection.apply(point, pixel);
        shallow = std::min(shallow, pixel[2]);
        deep = std::max(deep, pixel[2]);
        for (int i = 0; i < 2; i++) {
            low[i] = std::min(low[i], pixel[i] / pixel[2]);
            high[i] = std::max(high[i], pixel[i] / pixel[2]);
        }
    }
    if (deep <= 0.0) return;  // behind the camera
    double near = 0.0, far = 0.0;
    for (int i = 0; i < 3; i++) {
        const double before = std::max({box.lower[i], -box.upper[i], 0.0});
        const double behind = std::max(-box.lower[i], box.upper[i]);
        near += before * before;
        far += behind * behind;
    }
    const float nearest = static_cast<float>(std::sqrt(near) * (1.0 - kLengthMargin));
    const float farthest = static_cast<float>(std::sqrt(far) * (1.0 + kLengthMargin));
    if (!(shallow > 1e-6 * deep)) {  // the camera's plane cuts it, so it may be anywhere
        widen(0, 0, columns_ - 1, rows_ - 1, nearest, farthest);
        return;
    }
    const double left = low[0] - projection.column - kPixelMargin, right = high[0] - projection.column + kPixelMargin;
    const double top = low[1] - projection.row - kPixelMargin, bottom = high[1] - projection.row + kPixelMargin;
    if (right < 0.0 || bottom < 0.0 || left > width_ || top > height_) return;
    widen(static_cast<int32>(std::max(left, 0.0)) / kBlockSide, static_cast<int32>(std::max(top, 0.0)) / kBlockSide,
          static_cast<int32>(std::min(right, width_ - 1.0)) / kBlockSide,
          static_cast<int32>(std::min(bottom, height_ - 1.0)) / kBlockSide, nearest, farthest);
}

void ScreenBounds::widen(int32 left, int32 top, int32 right, int32 bottom, float nearest, float farthest) {
    for (int32 y = top; y <= bottom; y++)
        for (int32 x = left; x <= right; x++) {
            const size_t block = static_cast<size_t>(y) * columns_ + x;
            nearest_[block] = std::min(nearest_[block], nearest);
            farthest_[block] = std::max(farthest_[block], farthest);
        }
}

bool ScreenBounds::reach(int32 x0, int32 y0, int32 x1, int32 y1) const {
    for (int32 y = y0 / kBlockSide; y <= (y1 - 1) / kBlockSide; y++)
        for (int32 x = x0 / kBlockSide; x <= (x1 - 1) / kBlockSide; x++)
            if (farthest_[static_cast<size_t>(y) * columns_ + x] > 0.0f) return true;
    return false;
}

}  // namespace mlpvid
