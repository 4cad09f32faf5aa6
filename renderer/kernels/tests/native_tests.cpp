// Tests without Python, for sanitizers: random frames of odd sizes, all builds, several numbers of threads.
// Every array is a heap block of exactly its size, so that sanitizers catch reads past its end.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "engine.h"
#include "mlpvid/color_head.h"
#include "mlpvid/elementary.h"
#include "mlpvid/feature.h"
#include "mlpvid/head_assignment.h"
#include "mlpvid/view_encoding.h"
#include "workspace.h"

using namespace mlpvid;
using namespace mlpvid::MLPVID_INSTRUCTION_SET;

namespace mlpvid {
int test_bfloat16();       // bfloat16_tests.cpp; returns how many checks failed
int test_screen_bounds();  // screen_bounds_tests.cpp, the same
}  // namespace mlpvid

// One function each per build of simd_tests.cpp and sample_run_tests.cpp; returns how many checks failed.
#define MLPVID_DECLARE_TEST(name) \
    namespace mlpvid {            \
    namespace name {              \
    int test_simd();              \
    int test_sample_runs();       \
    }                             \
    }
MLPVID_INSTRUCTION_SETS(MLPVID_DECLARE_TEST)
#undef MLPVID_DECLARE_TEST

namespace {

int failures = 0;

#define MLPVID_ADDRESS(name) &name::test_simd,
int (*const kSimdTests[])() = {MLPVID_INSTRUCTION_SETS(MLPVID_ADDRESS)};
#undef MLPVID_ADDRESS
#define MLPVID_ADDRESS(name) &name::test_sample_runs,
int (*const kSampleRunTests[])() = {MLPVID_INSTRUCTION_SETS(MLPVID_ADDRESS)};
#undef MLPVID_ADDRESS

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
const float kLower[3] = {-0.5f, -0.7f, 0.1f}, kUpper[3] = {0.6f, 0.5f, 2.0f};  // the box, meters

struct TestFrame {
    std::vector<uint32> grids, planes, densities, bits[kOccupancyLevels];
    std::vector<float> heads;
    BakedFrame frame = {};

    TestFrame(Engine& engine, int features, bool bilinear, int color_maps, float occupied) {
        frame.color_resolution = 3;
        frame.num_color_maps = color_maps;
        frame.bilinear = bilinear;
        frame.view_encoding = bilinear ? kSphericalHarmonics : kFrequencyEncoding;
        frame.view_channels = bilinear ? 9 : 15;
        const int cells[3] = {5, 7, 19}, axes[3][2] = {{0, 1}, {0, 2}, {1, 2}};
        for (int i = 0; i < 3; i++) {
            frame.box_lower[i] = kLower[i];
            frame.box_upper[i] = kUpper[i];
            frame.box_extent[i] = kUpper[i] - kLower[i];
            frame.cells[i] = cells[i];
            for (int j = 0; j < 2; j++) frame.color_axes[i][j] = axes[i][j];
        }
        bake_hash(engine, features);
        bake_planes(engine);
        bake_color(engine);
        bake_occupancy(occupied);
    }

    void bake_hash(Engine& engine, int features) {
        const int channels = frame.group_channels = group_channels_of(features);
        const int nodes[3] = {2, 9, 257};  // the last level is baked in pieces of 255 rows and prefetched
        std::vector<BakeLevel> levels;
        int64 entries = 0, all = 0;
        for (int i = 0; i < 3; i++) {
            const bool hashed = i == 2;
            const uint32 mask = 4095;
            BakeLevel level = {{entries, nodes[i], hashed ? mask : 0u}, 1, 0.25f, i * features / channels};
            levels.push_back(level);
            entries += hashed ? mask + 1 : nodes[i] * nodes[i] * 3;
            for (int group = 0; group < features / channels; group++) {
                const int index = level.first_group + group;
                frame.group_scale[index] = static_cast<float>(nodes[i] - 1);
                frame.group_last_corner[index] = nodes[i] - 2;
                frame.group_stride[index] = nodes[i];
                frame.group_offset[index] = static_cast<int32>(all);
                all += nodes[i] * nodes[i];
            }
        }
        for (int group = 3 * features / channels; group < kChannelPairs; group++)
            frame.group_offset[group] = static_cast<int32>(all);
        all += 2;
        grids.resize(kPlanes * all * channels);
        const std::vector<float> tables = uniform_array(kPlanes * entries * features, 1);
        frame.grid_scale = 1.0f / 16384;
        engine.bake_grids(tables.data(), entries, features, levels, frame.group_offset, 16384, grids.data(), all);
        for (int plane = 0; plane < kPlanes; plane++) frame.grids[plane] = grids.data() + plane * channels * all;
    }

    void bake_planes(Engine& engine) {
        frame.feature_resolution = 4;
        frame.density_resolution = 8;
        planes.resize(kPlanes * 4 * 4 * kChannelPairs);
        densities.resize(kPlanes * 8 * 8 * kChannelPairs);
        const std::vector<float> features = uniform_array(kPlanes * kChannels * 16, 1);
        const std::vector<float> heads_of_density = uniform_array(kPlanes * kChannels * 64, 8);
        std::vector<std::vector<Strided>> feature_maps, density_maps;
        for (int plane = 0; plane < kPlanes; plane++) {
            feature_maps.push_back({{features.data() + plane * kChannels * 16, kFloat32, {16, 4, 1, 0}}});
            density_maps.push_back({{heads_of_density.data() + plane * kChannels * 64, kFloat32, {1, 8 * 32, 32, 0}}});
        }
        frame.feature_scale = engine.bake_maps(feature_maps, 4, planes.data());
        frame.density_scale = engine.bake_maps(density_maps, 8, densities.data());
        for (int plane = 0; plane < kPlanes; plane++) {
            frame.feature_planes[plane] = planes.data() + plane * 16 * kChannelPairs;
            frame.density_maps[plane] = densities.data() + plane * 64 * kChannelPairs;
        }
        if (frame.num_color_maps == 1) frame.density_maps[1] = frame.density_maps[2] = nullptr;
    }

    void bake_color(Engine& engine) {
        const int count = (2 * kChannels + frame.view_channels + 3) * kHidden;
        const int floats = count - kChannels * kHidden;
        heads.resize(static_cast<size_t>(frame.num_color_maps) * 9 * floats);
        for (int map = 0; map < frame.num_color_maps; map++) {
            const std::vector<float> source = uniform_array(9 * count, 0.3f);
            float* baked = heads.data() + map * 9 * floats;
            engine.bake_heads({source.data(), kFloat32, {3 * count, count, 1, 0}}, 3, frame.view_channels, baked);
            frame.color_heads[map] = baked;
        }
    }

    void bake_occupancy(float occupied) {
        std::vector<bool> cells(frame.cells[0] * frame.cells[1] * frame.cells[2]);
        for (size_t i = 0; i < cells.size(); i++) cells[i] = uniform(0, 1) < occupied;
        frame.occupancy_levels = kOccupancyLevels;
        for (int level = 0; level < kOccupancyLevels; level++) {
            int size[3];
            for (int i = 0; i < 3; i++) size[i] = (frame.cells[i] + (1 << 2 * level) - 1) >> (2 * level);
            bits[level].assign((size[0] * size[1] * size[2] + 31) / 32, 0);
            for (int x = 0, i = 0; x < frame.cells[0]; x++)
                for (int y = 0; y < frame.cells[1]; y++)
                    for (int z = 0; z < frame.cells[2]; z++, i++) {
                        const int block = ((x >> 2 * level) * size[1] + (y >> 2 * level)) * size[2] + (z >> 2 * level);
                        if (cells[i]) bits[level][block / 32] |= 1u << (block % 32);
                    }
            frame.occupancy[level] = bits[level].data();
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
    std::copy(kLower, kLower + 3, view.clip_lower);
    std::copy(kUpper, kUpper + 3, view.clip_upper);
    view.depth_range[1] = 1e30f;
    view.step = 0.02f;
    view.weight_threshold = 1e-3f;
    view.min_transmittance = 1e-3f;
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

Images render(Engine& engine, const BakedFrame& frame, const View& view, RenderTotals& totals) {
    Images images(view);
    std::vector<TileRectangle> tiles;
    for (int32 y = 0; y < view.height; y += kTileSide)
        for (int32 x = 0; x < view.width; x += kTileSide)
            tiles.push_back({x, y, std::min(x + kTileSide, view.width), std::min(y + kTileSide, view.height)});
    const int32 cancel = 0;
    totals =
        engine.render(frame, view, tiles, {images.rgba.data(), images.depth.data(), images.counts.data()}, &cancel);
    return images;
}

void test_render(const std::string& instruction_set, int features, bool bilinear, int color_maps, float occupied) {
    random_bits.seed(7);
    Engine one(1, instruction_set), three(3, instruction_set);
    TestFrame test(one, features, bilinear, color_maps, occupied);
    const float origins[3][3] = {{0, -3, 1}, {0, -0.1f, 1}, {0.1f, -0.7f, 0.1f}};
    const int sizes[3][2] = {{45, 37}, {1, 1}, {33, 3}};
    for (int i = 0; i < 3; i++) {
        const View view = make_view(sizes[i][0], sizes[i][1], origins[i]);
        RenderTotals totals, again;
        const Images images = render(one, test.frame, view, totals);
        check(images == render(three, test.frame, view, again), "one and three threads agree bit for bit");
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

void test_queries(const std::string& instruction_set) {
    random_bits.seed(9);
    Engine engine(2, instruction_set);
    TestFrame test(engine, 2, false, 3, 1);
    const int64 count = 9001;
    std::vector<float> points(3 * count), sigma(count), features(kChannels * count), colors(3 * count),
        directions(3 * count);
    for (size_t i = 0; i < points.size(); i++) {
        points[i] = i % 7 == 0 ? static_cast<float>(i % 2) : uniform(0, 1);  // including faces of the box
        directions[i] = i % 3 == 2 ? 0.6f : i % 3 == 1 ? -0.8f : 0.0f;
    }
    engine.density(test.frame, points.data(), count, sigma.data(), features.data());
    engine.color(test.frame, points.data(), features.data(), directions.data(), count, colors.data());
    for (int64 i = 0; i < count; i++) check(sigma[i] >= 0 && std::isfinite(sigma[i]), "densities are not negative");
    for (float color : colors) check(color > 0 && color < 1, "colors lie between 0 and 1");
}

float scalar_color(const BakedFrame& frame, const float* point, const float* direction, const float* features, int j) {
    float inputs[kChannels + kMaxViewChannels + 1], total = 0;
    std::copy(features, features + kChannels, inputs);
    encode_direction(frame, direction, inputs + kChannels);
    for (int map = 0; map < frame.num_color_maps; map++) {
        const HeadAssignment assigned = assign_heads(frame, map, point);
        for (int i = 0; i < assigned.count; i++) {
            float output[3];
            const float* head = frame.color_heads[map] + assigned.heads[i] * head_floats(frame);
            scalar::evaluate_head(head, kChannels + frame.view_channels, inputs, output);
            total += assigned.weights[i] * output[j];
        }
    }
    return sigmoid(total);
}

// Compares the SIMD functions of a build with their scalar twins in the headers.
void test_scalar_twins(const std::string& instruction_set, int features, bool bilinear, int color_maps) {
    random_bits.seed(13);
    Engine engine(1, instruction_set);
    TestFrame test(engine, features, bilinear, color_maps, 1);
    const int64 count = 500;
    std::vector<float> points = uniform_array(3 * count, 0.5f), directions(3 * count), sigma(count),
                       all(kChannels * count), colors(3 * count);
    for (float& x : points) x = std::min(std::max(1.2f * x + 0.5f, 0.0f), 1.0f);  // some on faces of the box
    for (int64 i = 0; i < 3 * count; i++) directions[i] = i % 3 == 2 ? 0.6f : i % 3 == 1 ? -0.8f : 0.0f;
    engine.density(test.frame, points.data(), count, sigma.data(), all.data());
    engine.color(test.frame, points.data(), all.data(), directions.data(), count, colors.data());
    for (int64 i = 0; i < count; i++) {
        float expected[kChannels];
        const float density = scalar::density(test.frame, &points[3 * i], expected);
        check(std::abs(density - sigma[i]) < 1e-4f * (1 + density), "densities are those of the scalar twin");
        for (int c = 0; c < kChannels; c++)
            check(std::abs(expected[c] - all[kChannels * i + c]) < 1e-5f, "features are those of the scalar twin");
        for (int j = 0; j < 3; j++) {
            const float color = scalar_color(test.frame, &points[3 * i], &directions[3 * i], &all[kChannels * i], j);
            check(std::abs(color - colors[3 * i + j]) < 1e-4f, "colors are those of the scalar twin");
        }
    }
}

struct Answers {
    std::vector<float> sigma, features, colors, image;
};

// Returns the results of a build for a frame that it bakes itself, always from the same random numbers.
Answers answers_of(const std::string& instruction_set, int features, bool bilinear) {
    random_bits.seed(11);
    Engine engine(2, instruction_set);
    TestFrame test(engine, features, bilinear, 3, 0.6f);
    const int64 count = 1003;
    const std::vector<float> directions = uniform_array(3 * count, 0.5f);
    std::vector<float> points = uniform_array(3 * count, 0.5f);
    for (float& x : points) x += 0.5f;
    Answers answers;
    answers.sigma.resize(count);
    answers.features.resize(kChannels * count);
    answers.colors.resize(3 * count);
    engine.density(test.frame, points.data(), count, answers.sigma.data(), answers.features.data());
    engine.color(test.frame, points.data(), answers.features.data(), directions.data(), count, answers.colors.data());
    const float origin[3] = {0, -3, 1};
    RenderTotals totals;
    answers.image = render(engine, test.frame, make_view(40, 30, origin), totals).rgba;
    return answers;
}

float max_difference(const std::vector<float>& a, const std::vector<float>& b) {
    float largest = 0;
    for (size_t i = 0; i < a.size(); i++) {
        const float difference = std::abs(a[i] - b[i]);
        if (!(difference <= largest)) largest = difference;
        if (!std::isfinite(largest)) break;  // the next difference would replace a NaN
    }
    return largest;
}

// Builds differ only in the order of their sums. A sample whose weight is close to the threshold may count in only one.
void test_agreement(const std::string& instruction_set, const std::string& other) {
    for (int features = 2; features <= 8; features *= 2) {
        const Answers a = answers_of(instruction_set, features, features == 4),
                      b = answers_of(other, features, features == 4);
        const float largest = *std::max_element(a.sigma.begin(), a.sigma.end());
        check(largest > 1, "there are densities to compare");
        check(max_difference(a.features, b.features) < 1e-5f, "builds agree on features");
        check(max_difference(a.sigma, b.sigma) < 1e-5f * largest, "builds agree on densities");
        check(max_difference(a.colors, b.colors) < 1e-4f, "builds agree on colors");
        check(max_difference(a.image, b.image) < 2e-3f, "builds agree on images");
    }
}

// Beside a program that keeps the processor for a while after each yield, a thread gets most of the time.
void test_yield_pacing() {
    const double piece = 1e-4;
    for (const double slice : {0.0, 1e-6, 3e-3, 2e-2}) {
        YieldPacing pacing;
        double now = 5.0, waited = 0.0;
        int yields = 0;
        for (int k = 0; k < 10000; k++) {
            now += piece;
            if (!pacing.due(now)) continue;
            pacing.record(now, now + slice);
            now += slice, waited += slice, yields++;
        }
        check(waited <= 0.25 * piece * 10000 + slice, "a thread that yields keeps four fifths of its time");
        check(slice > 1e-5 || yields == 10000, "where nothing waits, it yields after each piece");
        check(yields > 0 && pacing.due(now + 5.0 * slice), "it yields again after a while");
    }
}

void test_pool() {
    ThreadPool pool(5);
    std::vector<int> done(1000);
    parallel(pool, 1000, [&](int64_t piece, int) { done[piece]++; });
    check(std::all_of(done.begin(), done.end(), [](int n) { return n == 1; }), "each piece is done once");
    std::vector<int> other(200);
    std::thread caller([&] { parallel(pool, 200, [&](int64_t piece, int) { other[piece]++; }); });
    parallel(pool, 1000, [&](int64_t piece, int) { done[piece]++; });
    caller.join();
    check(std::all_of(other.begin(), other.end(), [](int n) { return n == 1; }), "two callers share the pool");
    parallel(pool, 0, [](int64_t, int) { std::abort(); });
    for (const int64_t pieces : {1, 100}) {
        bool thrown = false;
        try {
            parallel(pool, pieces, [](int64_t, int) { throw std::bad_alloc(); });
        } catch (const std::bad_alloc&) {
            thrown = true;
        }
        check(thrown, "what a piece throws reaches the caller");
    }
}

// The tile's own count of samples serves as the flag: it becomes nonzero with the first sample of the first ray.
void test_cancel_within_a_ray(const std::string& instruction_set) {
    Engine engine(1, instruction_set);
    TestFrame test(engine, 2, false, 3, 1);
    const float origin[3] = {0, -3, 1};
    const View view = make_view(1, 1, origin);
    Workspace workspace(test.frame.color_resolution * test.frame.color_resolution);
    Tile& tile = workspace.tile;
    tile.x0 = tile.y0 = tile.ray = tile.next_sample = 0;
    tile.x1 = tile.y1 = 1;
    tile.counts[0] = 0;
    const float nearest = 0, farthest = 1e30f;
    const Blocks blocks = {&nearest, &farthest, 1};
    check(!engine.kernels().march(test.frame, view, blocks, tile, workspace.kept, tile.counts),
          "the march is cut short");
    check(tile.counts[0] == 1 && tile.ray == 0, "it ends within the ray");
}

}  // namespace

int main() {
    test_yield_pacing();
    test_pool();
    int builds = 0;
    std::string previous;
    for (const std::string& instruction_set : instruction_sets()) {
        builds++;
        std::printf("%s\n", instruction_set.c_str());
        failures += kSimdTests[choose_instruction_set(instruction_set)]();
        failures += kSampleRunTests[choose_instruction_set(instruction_set)]();
        test_scalar_twins(instruction_set, 2, false, 3);
        test_scalar_twins(instruction_set, 4, false, 3);
        test_scalar_twins(instruction_set, 8, true, 1);
        test_queries(instruction_set);
        test_cancel_within_a_ray(instruction_set);
        test_render(instruction_set, 2, false, 3, 0.5f);
        test_render(instruction_set, 8, true, 3, 0.3f);
        test_render(instruction_set, 4, false, 1, 1);
        test_render(instruction_set, 2, true, 1, 0);
        if (!previous.empty()) test_agreement(instruction_set, previous);
        previous = instruction_set;
    }
    failures += test_bfloat16() + test_screen_bounds();
    check(builds > 0, "there is a build for this processor");
    std::printf(failures ? "%d checks failed\n" : "all passed\n", failures);
    return failures != 0;
}
