#include "engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include "screen_bounds.h"
#include "workspace.h"

namespace mlpvid {

namespace {

#define MLPVID_ADDRESS(name) &name::table,
const KernelTable* const kTables[] = {MLPVID_INSTRUCTION_SETS(MLPVID_ADDRESS)};
#undef MLPVID_ADDRESS

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

int64 piece_count(int64 count, int64 size) {
    return (count + size - 1) / size;
}

// Writes the pixels of a tile in which nothing is.
void clear_tile(const View& view, const TileRectangle& at, const Image& image) {
    for (int64 y = at.y0; y < at.y1; y++) {
        const int64 first = y * view.width + at.x0, count = at.x1 - at.x0;
        std::fill_n(image.rgba + 4 * first, 4 * count, 0.0f);
        std::fill_n(image.depth + first, count, 0.0f);
        std::fill_n(image.counts + 2 * first, 2 * count, uint16{0});
    }
}

int64 pixel_count(const std::vector<TileRectangle>& tiles) {
    int64 pixels = 0;
    for (const TileRectangle& tile : tiles) pixels += static_cast<int64>(tile.x1 - tile.x0) * (tile.y1 - tile.y0);
    return pixels;
}

// Renders one tile: both passes in turn. They repeat whenever the buffer of kept samples is full.
void render_tile(const KernelTable& kernels, const BakedFrame& frame, const View& view, const Blocks& blocks,
                 const TileRectangle& at, const Image& image, const volatile int32* cancel, Workspace& workspace,
                 RenderTotals& totals) {
    Tile& tile = workspace.tile;
    tile.x0 = at.x0, tile.y0 = at.y0, tile.x1 = at.x1, tile.y1 = at.y1;
    tile.ray = tile.next_sample = 0;
    for (bool done = false; !done;) {
        workspace.kept.count = 0;
        const Clock::time_point start = Clock::now();
        done = kernels.march(frame, view, blocks, tile, workspace.kept, cancel);
        if (*cancel) return;
        const Clock::time_point middle = Clock::now();
        kernels.shade(frame, tile.views, workspace.kept, workspace.sort);
        kernels.composite(tile, workspace.kept);
        totals.density_ms += milliseconds(middle - start);
        totals.color_ms += milliseconds(Clock::now() - middle);
    }
    kernels.finish(view, tile, image);
    const int pixels = (at.x1 - at.x0) * (at.y1 - at.y0);
    for (int i = 0; i < pixels; i++) {
        totals.density_samples += tile.counts[2 * i];
        totals.color_samples += tile.counts[2 * i + 1];
    }
}

}  // namespace

Engine::Engine(int threads, const std::string& instruction_set)
    : kernels_(kTables[choose_instruction_set(instruction_set)]), pool_(std::max(threads, 1), Yield::between_pieces) {}

RenderTotals Engine::render(const BakedFrame& frame, const View& view, const std::vector<TileRectangle>& tiles,
                            const Image& image, const volatile int32* cancel) {
    const int threads = pool_.threads();
    const int32 heads = frame.color_resolution * frame.color_resolution;
    std::vector<std::unique_ptr<Workspace>> workspaces(threads);
    std::vector<RenderTotals> totals(threads);
    const ScreenBounds bounds(frame, view, pixel_count(tiles));
    parallel(pool_, static_cast<int64>(tiles.size()), [&](int64 piece, int thread) {
        if (*cancel) return;
        const TileRectangle& at = tiles[piece];
        if (!bounds.reach(at.x0, at.y0, at.x1, at.y1)) return clear_tile(view, at, image);
        if (!workspaces[thread]) workspaces[thread] = std::make_unique<Workspace>(heads);
        RenderTotals mine;
        render_tile(*kernels_, frame, view, bounds.blocks(), at, image, cancel, *workspaces[thread], mine);
        totals[thread].density_ms += mine.density_ms / threads;
        totals[thread].color_ms += mine.color_ms / threads;
        totals[thread].density_samples += mine.density_samples;
        totals[thread].color_samples += mine.color_samples;
    });
    RenderTotals all;
    all.cancelled = *cancel != 0;
    for (const RenderTotals& part : totals) {
        all.density_ms += part.density_ms;
        all.color_ms += part.color_ms;
        all.density_samples += part.density_samples;
        all.color_samples += part.color_samples;
    }
    return all;
}

void Engine::screen_pixels(const float* rgba, const float* depth, int64 width, int64 height,
                           const ScreenOptions& options, uint32* pixels, float* surface) {
    constexpr int64 size = 32;  // rows
    parallel(pool_, piece_count(height, size), [&](int64 piece, int) {
        for (int64 y = piece * size; y < std::min(height, (piece + 1) * size); y++)
            kernels_->screen_row(rgba + 4 * width * y, depth + width * y, width, options,
                                 pixels + width * (height - 1 - y), surface + width * y);
    });
}

void Engine::density(const BakedFrame& frame, const float* points, int64 count, float* sigma, float* features) {
    constexpr int64 size = 1024;
    parallel(pool_, piece_count(count, size), [&](int64 piece, int) {
        const int64 first = piece * size;
        float* out = features ? features + first * kChannels : nullptr;
        kernels_->density(frame, points + 3 * first, std::min(size, count - first), sigma + first, out);
    });
}

void Engine::color(const BakedFrame& frame, const float* points, const float* features, const float* directions,
                   int64 count, float* colors) {
    constexpr int64 size = kSampleCapacity;
    const int32 heads = frame.color_resolution * frame.color_resolution;
    std::vector<std::unique_ptr<Workspace>> workspaces(pool_.threads());
    std::vector<std::vector<float>> views(pool_.threads());
    parallel(pool_, piece_count(count, size), [&](int64 piece, int thread) {
        if (!workspaces[thread]) workspaces[thread] = std::make_unique<Workspace>(heads);
        views[thread].resize(size * kViewStride);
        const int64 first = piece * size;
        KeptSamples& kept = workspaces[thread]->kept;
        kept.count = static_cast<int32>(std::min(size, count - first));
        for (int32 i = 0; i < kept.count; i++) kept.rays[i] = i;
        std::copy_n(features + first * kChannels, kept.count * static_cast<size_t>(kChannels), kept.features);
        std::copy_n(points + first * 3, kept.count * size_t{3}, kept.points);
        kernels_->encode_directions(frame, directions + 3 * first, kept.count, views[thread].data());
        kernels_->shade(frame, views[thread].data(), kept, workspaces[thread]->sort);
        std::copy_n(kept.colors, kept.count * size_t{3}, colors + 3 * first);
    });
}

namespace {

struct GridPiece {
    int plane, level;
    int32 first, last;  // rows
};

std::vector<GridPiece> grid_pieces(const std::vector<BakeLevel>& levels) {
    std::vector<GridPiece> pieces;
    for (int plane = 0; plane < kPlanes; plane++)
        for (int level = 0; level < static_cast<int>(levels.size()); level++) {
            const int32 resolution = levels[level].hash.resolution, rows = std::max(1, 65536 / resolution);
            for (int32 first = 0; first < resolution; first += rows)
                pieces.push_back({plane, level, first, std::min(first + rows, resolution)});
        }
    return pieces;
}

// Returns the power of two by which `largest` must be divided to lie between 2^14 and 2^15.
float scale_for(float largest) {
    if (!(largest > 0) || !std::isfinite(largest)) return 1;
    return std::ldexp(1.0f, std::min(std::max(std::ilogb(largest) - 14, -80), 80));
}

}  // namespace

void Engine::bake_grids(const float* tables, int64 entries, int32 features, const std::vector<BakeLevel>& levels,
                        const int32* group_offset, float inverse_scale, uint32* grids, int64 nodes) {
    const std::vector<GridPiece> pieces = grid_pieces(levels);
    parallel(pool_, static_cast<int64>(pieces.size()), [&](int64 piece, int) {
        const GridPiece& p = pieces[piece];
        kernels_->bake_grid(tables + p.plane * entries * features, features, levels[p.level], p.first, p.last,
                            inverse_scale, group_offset, grids + p.plane * group_channels_of(features) * nodes);
    });
}

float Engine::bake_maps(const std::vector<std::vector<Strided>>& maps, int32 resolution, uint32* words) {
    std::vector<float> largest(maps.size() * resolution, 0.0f);
    const int rows = static_cast<int>(largest.size());
    parallel(pool_, rows, [&](int64 piece, int) {
        for (const Strided& array : maps[piece / resolution]) {
            const bool channels_last = array.strides[0] == 1;
            Strided row = array;
            const size_t bytes = array.type == kFloat32 ? 4 : 2;
            row.data = static_cast<const char*>(array.data) +
                       (piece % resolution) * array.strides[1] * static_cast<int64>(bytes);
            row.strides[0] = 0;
            row.strides[1] = channels_last ? array.strides[2] : array.strides[0];
            row.strides[2] = channels_last ? array.strides[0] : array.strides[2];
            const int64 sizes[3] = {1, channels_last ? resolution : kChannels, channels_last ? kChannels : resolution};
            largest[piece] += kernels_->max_magnitude(row, sizes);
        }
    });
    const float scale = scale_for(*std::max_element(largest.begin(), largest.end()));
    parallel(pool_, rows, [&](int64 piece, int) {
        const std::vector<Strided>& sources = maps[piece / resolution];
        uint32* row = words + static_cast<int64>(piece) * resolution * kChannelPairs;
        kernels_->bake_map_row(sources.data(), static_cast<int32>(sources.size()), resolution, piece % resolution,
                               1 / scale, row);
    });
    return scale;
}

void Engine::bake_heads(const Strided& map, int32 resolution, int32 view_channels, float* baked) {
    const int64 floats = static_cast<int64>(kChannels + view_channels + 3) * kHidden;
    parallel(pool_, resolution, [&](int64 u, int) {
        for (int32 v = 0; v < resolution; v++)
            kernels_->bake_head(map, u, v, view_channels, baked + (static_cast<int64>(u) * resolution + v) * floats);
    });
}

}  // namespace mlpvid
