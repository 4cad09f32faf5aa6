// Tests without Python, for sanitizers: random frames of odd sizes, all builds, several numbers of threads.
// Every array is a heap block of exactly its size, so that reading one word too far is caught.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "engine.h"

using namespace mlpvid;

namespace {

int failures = 0;

void check(bool condition, const char* what) {
    if (condition) return;
    std::printf("FAILED: %s\n", what);
    failures++;
}

std::mt19937 random_bits(1);

float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random_bits);
}

std::vector<float> uniform_array(size_t count, float size) {
    std::vector<float> values(count);
    for (float& value : values) value = uniform(-size, size);
    return values;
}

// A frame baked from random tables and maps.
struct TestFrame {
    std::vector<uint32> grids, planes, densities, bits[kOccupancyLevels];
    std::vector<float> heads;
    BakedFrame field = {};

    TestFrame(Engine& engine, int features, bool bilinear, int color_maps, float occupied) {
        field.color_resolution = 3;
        field.num_color_maps = color_maps;
        field.bilinear = bilinear;
        field.view_encoding = bilinear ? kSphericalHarmonics : kFrequencyEncoding;
        field.view_channels = bilinear ? 9 : 15;
        const float lower[3] = {-0.5f, -0.7f, 0.1f}, upper[3] = {0.6f, 0.5f, 2.0f};
        const int cells[3] = {5, 7, 19}, axes[3][2] = {{0, 1}, {0, 2}, {1, 2}};
        for (int i = 0; i < 3; i++) {
            field.box_lower[i] = lower[i];
            field.box_upper[i] = upper[i];
            field.box_extent[i] = upper[i] - lower[i];
            field.cells[i] = cells[i];
            for (int j = 0; j < 2; j++) field.color_axes[i][j] = axes[i][j];
        }
        bake_hash(engine, features);
        bake_planes(engine);
        bake_color(engine);
        bake_occupancy(occupied);
    }

    void bake_hash(Engine& engine, int features) {
        const int nodes[3] = {2, 9, 257};  // the last is baked in pieces of 255 rows, and its cells are fetched ahead
        std::vector<BakeLevel> levels;
        int64 entries = 0, all = 0;
        for (int i = 0; i < 3; i++) {
            const bool hashed = i == 2;
            const uint32 mask = 4095;
            BakeLevel level = {entries, nodes[i], 1, 0.25f, hashed ? mask : 0u, i * features / 2};
            levels.push_back(level);
            entries += hashed ? mask + 1 : nodes[i] * nodes[i] * 3;
            for (int pair = 0; pair < features / 2; pair++) {
                const int lane = level.lane + pair;
                field.lane_scale[lane] = static_cast<float>(nodes[i] - 1);
                field.lane_last_corner[lane] = nodes[i] - 2;
                field.lane_stride[lane] = nodes[i];
                field.lane_offset[lane] = static_cast<int32>(all);
                all += nodes[i] * nodes[i];
            }
        }
        for (int lane = 3 * features / 2; lane < kChannelPairs; lane++)
            field.lane_offset[lane] = static_cast<int32>(all);
        all += 2;
        grids.resize(kPlanes * all * 2);
        const std::vector<float> tables = uniform_array(kPlanes * entries * features, 1);
        field.grid_scale = 1.0f / 4096;
        engine.bake_grids(tables.data(), entries, features, levels, field.lane_offset, 4096, grids.data(), all);
        for (int plane = 0; plane < kPlanes; plane++) field.grids[plane] = grids.data() + plane * 2 * all;
    }

    void bake_planes(Engine& engine) {
        field.feature_resolution = 4;
        field.density_resolution = 8;
        planes.resize(kPlanes * 4 * 4 * kChannelPairs);
        densities.resize(kPlanes * 8 * 8 * kChannelPairs);
        const std::vector<float> features = uniform_array(kPlanes * kChannels * 16, 1);
        const std::vector<float> heads_of_density = uniform_array(kPlanes * kChannels * 64, 8);
        std::vector<std::vector<Strided>> feature_maps, density_maps;
        for (int plane = 0; plane < kPlanes; plane++) {
            feature_maps.push_back({{features.data() + plane * kChannels * 16, kFloat32, {16, 4, 1, 0}}});
            density_maps.push_back({{heads_of_density.data() + plane * kChannels * 64, kFloat32, {1, 8 * 32, 32, 0}}});
        }
        field.feature_scale = engine.bake_maps(feature_maps, 4, planes.data());
        field.density_scale = engine.bake_maps(density_maps, 8, densities.data());
        for (int plane = 0; plane < kPlanes; plane++) {
            field.feature_planes[plane] = planes.data() + plane * 16 * kChannelPairs;
            field.density_maps[plane] = densities.data() + plane * 64 * kChannelPairs;
        }
        if (field.num_color_maps == 1) field.density_maps[1] = field.density_maps[2] = nullptr;
    }

    void bake_color(Engine& engine) {
        const int count = (2 * kChannels + field.view_channels + 3) * kHidden;
        const int floats = count - kChannels * kHidden;
        heads.resize(static_cast<size_t>(field.num_color_maps) * 9 * floats);
        for (int map = 0; map < field.num_color_maps; map++) {
            const std::vector<float> source = uniform_array(9 * count, 0.3f);
            float* baked = heads.data() + map * 9 * floats;
            engine.bake_heads({source.data(), kFloat32, {3 * count, count, 1, 0}}, 3, field.view_channels, baked);
            field.color_heads[map] = baked;
        }
    }

    void bake_occupancy(float occupied) {
        std::vector<bool> cells(field.cells[0] * field.cells[1] * field.cells[2]);
        for (size_t i = 0; i < cells.size(); i++) cells[i] = uniform(0, 1) < occupied;
        field.occupancy_levels = kOccupancyLevels;
        for (int level = 0; level < kOccupancyLevels; level++) {
            int size[3];
            for (int i = 0; i < 3; i++) size[i] = (field.cells[i] + (1 << 2 * level) - 1) >> (2 * level);
            bits[level].assign((size[0] * size[1] * size[2] + 31) / 32, 0);
            for (int x = 0, i = 0; x < field.cells[0]; x++)
                for (int y = 0; y < field.cells[1]; y++)
                    for (int z = 0; z < field.cells[2]; z++, i++) {
                        const int block = ((x >> 2 * level) * size[1] + (y >> 2 * level)) * size[2] + (z >> 2 * level);
                        if (cells[i]) bits[level][block / 32] |= 1u << (block % 32);
                    }
            field.occupancy[level] = bits[level].data();
        }
    }
};

View make_view(int width, int height, const float* origin) {
    View view = {};
    const double K[9] = {1.0 / width, 0, -0.5, 0, 1.0 / width, -0.5 * height / width, 0, 0, 1};
    const double R[9] = {1, 0, 0, 0, 0, -1, 0, 1, 0};  // looks along +y
    std::copy(K, K + 9, view.inverse_intrinsics);
    std::copy(R, R + 9, view.rotation);
    std::copy(origin, origin + 3, view.origin);
    view.step = 0.02f;
    view.weight_threshold = 1e-3f;
    view.final_transmittance = 1e-3f;
    view.width = width;
    view.height = height;
    return view;
}

struct Images {
    std::vector<float> rgba, depth;
    std::vector<uint16> counts;

    explicit Images(const View& view)
        : rgba(view.width * view.height * 4), depth(view.width * view.height), counts(view.width * view.height * 2) {}
    bool operator==(const Images& other) const {
        return rgba == other.rgba && depth == other.depth && counts == other.counts;
    }
};

Images render(Engine& engine, const BakedFrame& field, const View& view, RenderTotals& totals) {
    Images images(view);
    std::vector<TileRectangle> tiles;
    for (int32 y = 0; y < view.height; y += kTileSide)
        for (int32 x = 0; x < view.width; x += kTileSide)
            tiles.push_back({x, y, std::min(x + kTileSide, view.width), std::min(y + kTileSide, view.height)});
    const int32 cancel = 0;
    totals =
        engine.render(field, view, tiles, {images.rgba.data(), images.depth.data(), images.counts.data()}, &cancel);
    return images;
}

void test_render(const char* isa, int features, bool bilinear, int color_maps, float occupied) {
    random_bits.seed(7);
    Engine one(1, isa), three(3, isa);
    TestFrame frame(one, features, bilinear, color_maps, occupied);
    const float origins[3][3] = {{0, -3, 1}, {0, -0.1f, 1}, {0.1f, -0.7f, 0.1f}};
    const int sizes[3][2] = {{45, 37}, {1, 1}, {33, 3}};
    for (int i = 0; i < 3; i++) {
        const View view = make_view(sizes[i][0], sizes[i][1], origins[i]);
        RenderTotals totals, again;
        const Images images = render(one, frame.field, view, totals);
        check(images == render(three, frame.field, view, again), "one and three threads agree bit for bit");
        check(totals.density_samples == again.density_samples, "and so do their samples");
        check(occupied > 0 || totals.density_samples == 0, "nothing is sampled where nothing is occupied");
        check(occupied < 1 || totals.density_samples > 0, "something is sampled where all is occupied");
        for (size_t p = 0; p < images.depth.size(); p++) {
            const float* rgba = &images.rgba[4 * p];
            bool fine = rgba[3] >= 0 && rgba[3] <= 1 && images.depth[p] >= 0;
            for (int j = 0; j < 3; j++) fine = fine && rgba[j] >= 0 && rgba[j] <= rgba[3] + 1e-5f;
            check(fine, "premultiplied colors lie between 0 and opacity");
        }
    }
}

void test_queries(const char* isa) {
    random_bits.seed(9);
    Engine engine(2, isa);
    TestFrame frame(engine, 2, false, 3, 1);
    const int64 count = 9001;
    std::vector<float> points(3 * count), sigma(count), features(kChannels * count), colors(3 * count),
        directions(3 * count);
    for (size_t i = 0; i < points.size(); i++) {
        points[i] = i % 7 == 0 ? static_cast<float>(i % 2) : uniform(0, 1);  // faces of the box included
        directions[i] = i % 3 == 2 ? 0.6f : i % 3 == 1 ? -0.8f : 0.0f;
    }
    engine.density(frame.field, points.data(), count, sigma.data(), features.data());
    engine.color(frame.field, points.data(), features.data(), directions.data(), count, colors.data());
    for (int64 i = 0; i < count; i++) check(sigma[i] >= 0 && std::isfinite(sigma[i]), "densities are not negative");
    for (float color : colors) check(color > 0 && color < 1, "colors lie between 0 and 1");
}

struct Answers {
    std::vector<float> sigma, features, colors, image;
};

// What a build answers for a frame that it bakes itself, always from the same random numbers.
Answers answers_of(const char* isa, int features, bool bilinear) {
    random_bits.seed(11);
    Engine engine(2, isa);
    TestFrame frame(engine, features, bilinear, 3, 0.6f);
    const int64 count = 1003;
    const std::vector<float> directions = uniform_array(3 * count, 0.5f);
    std::vector<float> points = uniform_array(3 * count, 0.5f);
    for (float& x : points) x += 0.5f;
    Answers answers;
    answers.sigma.resize(count);
    answers.features.resize(kChannels * count);
    answers.colors.resize(3 * count);
    engine.density(frame.field, points.data(), count, answers.sigma.data(), answers.features.data());
    engine.color(frame.field, points.data(), answers.features.data(), directions.data(), count, answers.colors.data());
    const float origin[3] = {0, -3, 1};
    RenderTotals totals;
    answers.image = render(engine, frame.field, make_view(40, 30, origin), totals).rgba;
    return answers;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    float most = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const float difference = std::abs(a[i] - b[i]);
        if (!(difference <= most)) most = difference;
        if (!std::isfinite(most)) break;  // nothing compares with what is no number
    }
    return most;
}

// Builds differ in the order of their sums only; a sample whose weight is about the threshold may count in one of them.
void test_agreement(const char* isa, const char* other) {
    for (int features = 2; features <= 8; features *= 2) {
        const Answers a = answers_of(isa, features, features == 4), b = answers_of(other, features, features == 4);
        const float most = *std::max_element(a.sigma.begin(), a.sigma.end());
        check(most > 1, "there are densities to compare");
        check(largest_difference(a.features, b.features) < 1e-5f, "builds agree on features");
        check(largest_difference(a.sigma, b.sigma) < 1e-5f * most, "builds agree on densities");
        check(largest_difference(a.colors, b.colors) < 1e-4f, "builds agree on colors");
        check(largest_difference(a.image, b.image) < 2e-3f, "builds agree on images");
    }
}

void test_pool() {
    ThreadPool pool(5);
    std::vector<int> done(1000);
    pool.run(1000, [&](int piece, int) { done[piece]++; });
    check(std::all_of(done.begin(), done.end(), [](int n) { return n == 1; }), "each piece is done once");
    std::vector<int> other(200);
    std::thread caller([&] { pool.run(200, [&](int piece, int) { other[piece]++; }); });
    pool.run(1000, [&](int piece, int) { done[piece]++; });
    caller.join();
    check(std::all_of(other.begin(), other.end(), [](int n) { return n == 1; }), "two callers share the pool");
    pool.run(0, [](int, int) { std::abort(); });
}

}  // namespace

int main() {
    test_pool();
    int builds = 0;
    const char* previous = nullptr;
    for (const KernelTable* const* table = kernel_tables(); *table; table++) {
        if (!supported(**table)) continue;
        builds++;
        const char* isa = (*table)->name;
        std::printf("%s\n", isa);
        test_queries(isa);
        test_render(isa, 2, false, 3, 0.5f);
        test_render(isa, 8, true, 3, 0.3f);
        test_render(isa, 4, false, 1, 1);
        test_render(isa, 2, true, 1, 0);
        if (previous) test_agreement(isa, previous);
        previous = isa;
    }
    check(builds > 0, "there is a build for this processor");
    std::printf(failures ? "%d checks failed\n" : "all passed\n", failures);
    return failures != 0;
}
