// The engine: renders and bakes on a thread pool with the kernels of one instruction set. Independent of Python.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block_pool.h"
#include "kernel_table.h"
#include "thread_pool.h"

namespace mlpvid {

struct TileRectangle {
    int32 x0, y0, x1, y1;  // pixels of the view's image, at most kTileSide along a side
};

struct RenderTotals {
    bool cancelled = false;
    double density_ms = 0, color_ms = 0;  // sum over all threads, divided by their number
    int64 density_samples = 0, color_samples = 0;
};

class Engine {
 public:
    // `instruction_set`: name of a build; an empty name means the best one that this processor can run. Throws
    // std::invalid_argument.
    Engine(int threads, const std::string& instruction_set);

    const KernelTable& kernels() const { return *kernels_; }
    ThreadPool& pool() { return pool_; }

    // Memory of images. Those who hold it may outlive the engine.
    const std::shared_ptr<BlockPool>& blocks() const { return blocks_; }

    // Renders some tiles of a view into `image`; the other pixels stay as they are.
    RenderTotals render(const BakedFrame& frame, const View& view, const std::vector<TileRectangle>& tiles,
                        const Image& image, const volatile int32* cancel);

    // Turns an image [height][width][4] and its depth into pixels 0xFFRRGGBB, rows from the bottom, and into the depth
    // of its surface, rows from the top.
    void screen_pixels(const float* rgba, const float* depth, int64 width, int64 height, const ScreenOptions& options,
                       uint32* pixels, float* surface);

    // Computes sigma (count) and, unless null, features (count x 32) at points (count x 3) in [0, 1]^3.
    void density(const BakedFrame& frame, const float* points, int64 count, float* sigma, float* features);

    // Computes colors (count x 3) of samples from their points, features and unit view directions.
    void color(const BakedFrame& frame, const float* points, const float* features, const float* directions,
               int64 count, float* colors);

    // Bakes the hash tables [3 planes][entries][features] to grids [3 planes][nodes][channels of a group].
    void bake_grids(const float* tables, int64 entries, int32 features, const std::vector<BakeLevel>& levels,
                    const int32* group_offset, float inverse_scale, uint32* grids, int64 nodes);

    // Bakes maps, each the sum of some arrays [channel][v][u], to words [map][v][u][16]; returns their scale.
    float bake_maps(const std::vector<std::vector<Strided>>& maps, int32 resolution, uint32* words);

    // Bakes the color heads of one MLP map [u][v][parameter].
    void bake_heads(const Strided& map, int32 resolution, int32 view_channels, float* baked);

 private:
    const KernelTable* kernels_;
    ThreadPool pool_;
    std::shared_ptr<BlockPool> blocks_ = std::make_shared<BlockPool>();
};

}  // namespace mlpvid
