// The Python module: checks arrays, releases the GIL, calls the engine.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "decoder.h"
#include "engine.h"
#include "huge_memory.h"
#include "layout.h"
#include "version.h"

namespace nb = nanobind;

namespace mlpvid {

namespace {

template <class T, size_t Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using Bytes = Array<const uint8_t, 1>;
using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

void require(bool condition, const char* fault) {
    if (!condition) throw std::invalid_argument(fault);
}

template <class T>
T read_struct(const Bytes& bytes) {
    require(bytes.shape(0) == sizeof(T), "struct has another size in Python");
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

int32 type_of(const AnyArray& array) {
    const nb::dlpack::dtype type = array.dtype();
    if (type == nb::dtype<float>()) return kFloat32;
    require(type.bits == 16, "maps must be float32, bfloat16 or float16");
    return type.code == static_cast<uint8_t>(nb::dlpack::dtype_code::Bfloat) ? kBFloat16 : kFloat16;
}

Strided strided(const AnyArray& array) {
    require(array.ndim() == 3, "maps must have three dimensions");
    Strided result = {array.data(), type_of(array), {}};
    for (size_t i = 0; i < 3; i++) result.strides[i] = array.stride(i);
    return result;
}

std::vector<TileRectangle> read_tiles(const Array<const int32, 2>& tiles, const View& view) {
    require(tiles.shape(1) == 4, "tiles must have shape (n, 4)");
    std::vector<TileRectangle> result(tiles.shape(0));
    if (!result.empty()) std::memcpy(result.data(), tiles.data(), result.size() * sizeof(TileRectangle));
    for (const TileRectangle& t : result) {
        const bool inside =
            0 <= t.x0 && t.x0 < t.x1 && t.x1 <= view.width && 0 <= t.y0 && t.y0 < t.y1 && t.y1 <= view.height;
        require(inside && t.x1 - t.x0 <= kTileSide && t.y1 - t.y0 <= kTileSide, "tile outside the image or too large");
    }
    return result;
}

// A frame's numbers, which steer loops and addresses.
BakedFrame read_frame(const Bytes& bytes) {
    const BakedFrame frame = read_struct<BakedFrame>(bytes);
    require(frame.feature_resolution >= 2 && frame.density_resolution >= 2, "maps must have 2 x 2 pixels or more");
    require(frame.color_resolution >= 1 && frame.color_resolution <= 64, "there must be 1 to 64 heads per side");
    require(frame.num_color_maps >= 1 && frame.num_color_maps <= kPlanes, "there must be 1 to 3 color maps");
    require(frame.view_channels >= 0 && frame.view_channels <= kMaxViewChannels, "too many view channels");
    require(frame.occupancy_levels >= 1 && frame.occupancy_levels <= kOccupancyLevels, "wrong occupancy levels");
    for (int i = 0; i < kPlanes; i++) {
        require(frame.cells[i] >= 1 && frame.cells[i] <= 1024, "there must be 1 to 1024 cells along each axis");
        require(frame.grids[i] && frame.feature_planes[i], "a plane has no memory");
        for (int j = 0; j < 2; j++) require(frame.color_axes[i][j] >= 0 && frame.color_axes[i][j] < 3, "wrong axes");
    }
    for (int i = 0; i < frame.num_color_maps; i++) require(frame.color_heads[i], "a color map has no memory");
    for (int i = 0; i < frame.occupancy_levels; i++) require(frame.occupancy[i], "an occupancy level has no memory");
    return frame;
}

nb::tuple render(Engine& engine, const Bytes& frame_bytes, const Bytes& view_bytes, const Array<const int32, 2>& tiles,
                 const Array<float, 3>& rgba, const Array<float, 2>& depth, const Array<uint16_t, 3>& counts,
                 const Array<const int32, 1>& cancel) {
    const BakedFrame frame = read_frame(frame_bytes);
    const View view = read_struct<View>(view_bytes);
    require(std::isfinite(view.step) && view.step > 0, "the step must be above 0");  // otherwise a ray never ends
    const size_t height = view.height, width = view.width;
    require(rgba.shape(0) == height && rgba.shape(1) == width && rgba.shape(2) == 4, "rgba has the wrong shape");
    require(depth.shape(0) == height && depth.shape(1) == width, "depth has the wrong shape");
    require(counts.shape(0) == height && counts.shape(1) == width && counts.shape(2) == 2,
            "counts has the wrong shape");
    require(cancel.shape(0) >= 1, "cancel is empty");
    const std::vector<TileRectangle> rectangles = read_tiles(tiles, view);
    const Image image = {rgba.data(), depth.data(), counts.data()};
    RenderTotals totals;
    {
        const nb::gil_scoped_release release;
        totals = engine.render(frame, view, rectangles, image, cancel.data());
    }
    return nb::make_tuple(totals.cancelled, totals.density_ms, totals.color_ms, totals.density_samples,
                          totals.color_samples);
}

void screen_pixels(Engine& engine, const Array<const float, 3>& rgba, const Array<const float, 2>& depth,
                   const std::array<float, 3>& background, float surface_opacity, const Array<uint32, 2>& pixels,
                   const Array<float, 2>& surface) {
    const size_t height = rgba.shape(0), width = rgba.shape(1);
    require(rgba.shape(2) == 4, "rgba has the wrong shape");
    require(depth.shape(0) == height && depth.shape(1) == width, "depth has the wrong shape");
    require(pixels.shape(0) == height && pixels.shape(1) == width, "pixels has the wrong shape");
    require(surface.shape(0) == height && surface.shape(1) == width, "surface has the wrong shape");
    const ScreenOptions options = {{background[0], background[1], background[2]}, surface_opacity};
    const nb::gil_scoped_release release;
    engine.screen_pixels(rgba.data(), depth.data(), static_cast<int64>(width), static_cast<int64>(height), options,
                         pixels.data(), surface.data());
}

void density(Engine& engine, const Bytes& frame_bytes, const Array<const float, 2>& points,
             const Array<float, 1>& sigma, const Array<float, 2>& features) {
    const BakedFrame frame = read_frame(frame_bytes);
    const size_t count = points.shape(0);
    require(points.shape(1) == 3 && sigma.shape(0) == count, "points and sigma differ in shape");
    require(features.shape(0) == count && features.shape(1) == kChannels, "features has the wrong shape");
    const nb::gil_scoped_release release;
    engine.density(frame, points.data(), static_cast<int64>(count), sigma.data(), features.data());
}

void color(Engine& engine, const Bytes& frame_bytes, const Array<const float, 2>& points,
           const Array<const float, 2>& features, const Array<const float, 2>& directions,
           const Array<float, 2>& colors) {
    const BakedFrame frame = read_frame(frame_bytes);
    const size_t count = points.shape(0);
    require(points.shape(1) == 3 && directions.shape(1) == 3 && colors.shape(1) == 3, "arrays must have 3 columns");
    require(directions.shape(0) == count && colors.shape(0) == count, "arrays differ in length");
    require(features.shape(0) == count && features.shape(1) == kChannels, "features has the wrong shape");
    const nb::gil_scoped_release release;
    engine.color(frame, points.data(), features.data(), directions.data(), static_cast<int64>(count), colors.data());
}

void bake_grids(Engine& engine, const Array<const float, 3>& tables, const Bytes& level_bytes,
                const Array<const int32, 1>& group_offset, float scale, const Array<uint32, 3>& grids) {
    require(level_bytes.shape(0) % sizeof(BakeLevel) == 0, "levels have another size in Python");
    std::vector<BakeLevel> levels(level_bytes.shape(0) / sizeof(BakeLevel));
    std::memcpy(levels.data(), level_bytes.data(), level_bytes.shape(0));
    const int64 entries = tables.shape(1), features = tables.shape(2), nodes = grids.shape(1),
                channels = group_channels_of(static_cast<int32>(features));
    require(tables.shape(0) == kPlanes && grids.shape(0) == kPlanes, "there must be three planes");
    require(grids.shape(2) == static_cast<size_t>(channels), "grids must hold a word per channel of a group");
    require(group_offset.shape(0) == kChannelPairs, "group_offset must have 16 numbers");
    require(features == 2 || features == 4 || features == 8, "tables must have 2, 4 or 8 features");
    for (const BakeLevel& level : levels) {
        require(level.hash.resolution >= 2 && level.hash.resolution <= 8192 && level.time_node >= 0 &&
                    level.first_group >= 0,
                "a level has a number out of range");
        const int64 count = static_cast<int64>(level.hash.resolution) * level.hash.resolution;
        const int64 used = level.hash.mask ? level.hash.mask + int64{1} : count * (level.time_node + int64{2});
        require(level.hash.offset >= 0 && level.hash.offset + used <= entries, "a level lies outside the tables");
        for (int64 group = 0; group < features / channels; group++) {
            require(level.first_group + group < kChannelPairs, "too many levels");
            const int64 offset = group_offset.data()[level.first_group + group];
            require(offset >= 0 && offset + count <= nodes, "a level lies outside the grids");
        }
    }
    const nb::gil_scoped_release release;
    engine.bake_grids(tables.data(), entries, static_cast<int32>(features), levels, group_offset.data(), 1 / scale,
                      grids.data(), nodes);
}

float bake_maps(Engine& engine, const std::vector<std::vector<AnyArray>>& maps, const Array<uint32, 4>& words) {
    require(words.shape(0) == maps.size() && words.shape(1) == words.shape(2) && words.shape(3) == kChannelPairs &&
                words.size() > 0,
            "words has the wrong shape");
    std::vector<std::vector<Strided>> sources;
    for (const std::vector<AnyArray>& parts : maps) {
        sources.emplace_back();
        for (const AnyArray& part : parts) {
            sources.back().push_back(strided(part));
            require(part.shape(0) == kChannels && part.shape(1) == words.shape(1) && part.shape(2) == words.shape(1),
                    "maps must have shape (32, n, n)");
        }
    }
    const nb::gil_scoped_release release;
    return engine.bake_maps(sources, static_cast<int32>(words.shape(1)), words.data());
}

void bake_heads(Engine& engine, const AnyArray& map, int32 view_channels, const Array<float, 4>& baked) {
    const Strided source = strided(map);
    require(view_channels >= 0 && view_channels <= kMaxViewChannels, "too many view channels");
    const size_t rows = static_cast<size_t>(kChannels + view_channels + 3);
    require(map.shape(2) == (rows + kChannels) * kHidden, "heads have the wrong number of parameters");
    require(map.shape(0) == map.shape(1) && baked.shape(0) == map.shape(0) && baked.shape(1) == map.shape(0) &&
                baked.shape(2) == rows && baked.shape(3) == kHidden,
            "baked has the wrong shape");
    const nb::gil_scoped_release release;
    engine.bake_heads(source, static_cast<int32>(map.shape(0)), view_channels, baked.data());
}

LayerShape layer_shape(const Array<const float, 4>& weights, int32 source, int32 stride, float leak, bool transposed) {
    require(weights.shape(2) == weights.shape(3), "kernels must be square");
    LayerShape shape;
    shape.source = source;
    shape.outputs = static_cast<int32>(weights.shape(transposed ? 1 : 0));
    shape.inputs = static_cast<int32>(weights.shape(transposed ? 0 : 1));
    shape.kernel = static_cast<int32>(weights.shape(2));
    shape.stride = stride;
    shape.leak = leak;
    shape.transposed = transposed;
    return shape;
}

int32 add_layer(Decoder& decoder, int32 source, const Array<const float, 4>& weights, const Array<const float, 2>& bias,
                int32 stride, float leak, bool transposed, int32 parts) {
    const LayerShape shape = layer_shape(weights, source, stride, leak, transposed);
    require(bias.shape(1) == static_cast<size_t>(shape.outputs), "there must be one bias per output channel");
    const nb::gil_scoped_release release;
    return decoder.add(shape, weights.data(), bias.data(), static_cast<int32>(bias.shape(0)), parts);
}

void decode(Decoder& decoder, const Array<const float, 2>& first, const std::vector<int32>& layers,
            const std::vector<Array<float, 2>>& maps) {
    require(first.shape(0) == 16 && first.shape(1) == static_cast<size_t>(decoder.first_channels()),
            "the first activation has the wrong shape");
    require(layers.size() == maps.size(), "there must be one map per layer");
    std::vector<float*> targets(decoder.layers(), nullptr);
    for (size_t i = 0; i < layers.size(); i++) {
        require(layers[i] >= 0 && layers[i] < decoder.layers(), "there is no such layer");
        const LayerShape& shape = decoder.shape(layers[i]);
        const size_t pixels = static_cast<size_t>(shape.output_side) * shape.output_side;
        require(maps[i].shape(0) == pixels && maps[i].shape(1) == static_cast<size_t>(shape.outputs),
                "a map has the wrong shape");
        targets[layers[i]] = maps[i].data();
    }
    const nb::gil_scoped_release release;
    decoder.decode(first.data(), targets);
}

nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> allocate(size_t bytes) {
    void* block = allocate_huge(bytes);
    const nb::capsule owner(block, [](void* p) noexcept { free_huge(p); });
    const size_t shape[1] = {bytes};
    return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(block, 1, shape, owner);
}

// Memory of an engine's pool; it goes back there with the last array that uses it.
struct PooledBlock {
    std::shared_ptr<BlockPool> pool;
    void* memory;
    size_t bytes;
    ~PooledBlock() { pool->give_back(memory, bytes); }
};

nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>> image_memory(Engine& engine, size_t bytes) {
    auto* block = new PooledBlock{engine.blocks(), engine.blocks()->take(bytes), bytes};
    const nb::capsule owner(block, [](void* p) noexcept { delete static_cast<PooledBlock*>(p); });
    const size_t shape[1] = {bytes};
    return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(block->memory, 1, shape, owner);
}

nb::list members(const std::vector<Member>& all) {
    nb::list result;
    for (const Member& member : all) result.append(nb::make_tuple(member.name, member.offset, member.size));
    return result;
}

}  // namespace

}  // namespace mlpvid

NB_MODULE(mlpvid_kernels, m) {
    using namespace nb::literals;
    using namespace mlpvid;
    m.doc() = "Native kernels of MLPVid: baking and rendering of frames of volumetric videos on the CPU.";
    m.attr("VERSION") = kVersion;
    m.attr("TILE_SIDE") = kTileSide;
    m.def("instruction_sets", &instruction_sets, "Names of the builds that this processor can run, best first.");
    m.def(
        "bfloat16_units", &bfloat16_units,
        "Names of the processor's units that multiply bfloat16, best first, then of plain C++ with the same results.");
    m.def(
        "baked_frame_layout", [] { return members(baked_frame_members()); },
        "(name, offset, size) of each member of BakedFrame; last, '' with the size of all.");
    m.def("view_layout", [] { return members(view_members()); }, "(name, offset, size) of each member of View.");
    m.def("allocate", &allocate, "bytes"_a,
          "Allocates memory without clearing it, aligned to cache lines and in huge pages where possible.");
    nb::class_<Engine>(m, "Engine", "Kernels of one instruction set on a pool of threads.")
        .def(nb::init<int, const std::string&>(), "threads"_a, "instruction_set"_a = "",
             "instruction_set: a name of instruction_sets(); empty takes the best. ValueError when there is no such "
             "build.")
        .def_prop_ro(
            "instruction_set", [](const Engine& e) { return std::string(e.kernels().name); },
            "Name of the build in use.")
        .def_prop_ro(
            "threads", [](Engine& e) { return e.pool().threads(); }, "Threads, the calling one included.")
        .def("image_memory", &image_memory, "bytes"_a,
             "Returns memory that holds anything. It is used again after the last array that shares it is gone.")
        .def("render", &render, "frame"_a, "view"_a, "tiles"_a, "rgba"_a, "depth"_a, "counts"_a, "cancel"_a,
             "Renders tiles (n, 4: x0, y0, x1, y1) into the images. Returns (cancelled, density_ms, color_ms, density "
             "samples, color samples). Ends soon after cancel[0] becomes nonzero.")
        .def("screen_pixels", &screen_pixels, "rgba"_a, "depth"_a, "background"_a, "surface_opacity"_a, "pixels"_a,
             "surface"_a,
             "Blends an image (h, w, 4) with a background of three numbers to words 0xFFRRGGBB (h, w), rows from the "
             "bottom. surface (h, w) becomes the depth (h, w), infinite where the opacity is below surface_opacity.")
        .def("density", &density, "frame"_a, "points"_a, "sigma"_a, "features"_a,
             "Densities, 1/m, and features at points (n, 3) in [0, 1]^3.")
        .def("color", &color, "frame"_a, "points"_a, "features"_a, "directions"_a, "colors"_a,
             "Colors (n, 3) of samples from their points, features and unit view directions.")
        .def("bake_grids", &bake_grids, "tables"_a, "levels"_a, "group_offset"_a, "scale"_a, "grids"_a,
             "Bakes hash tables (3, entries, F) at one time to words (3, nodes, channels of a group); levels: an array "
             "of BakeLevel.")
        .def("bake_maps", &bake_maps, "maps"_a, "words"_a,
             "Bakes maps, each the sum of arrays (32, n, n) in any memory order, to words (maps, n, n, 16); returns "
             "their scale.")
        .def("bake_heads", &bake_heads, "map"_a, "view_channels"_a, "baked"_a,
             "Multiplies the first two layers of the color heads (n, n, parameters) of one MLP map.");
    nb::class_<Decoder>(m, "Decoder", "The convolutions that turn a first activation of 4 x 4 pixels into maps.")
        .def(
            nb::init<Engine&, int32, const std::string&>(), "engine"_a, "first_channels"_a, "bfloat16"_a = "",
            nb::keep_alive<1, 2>(),
            "bfloat16: a name of bfloat16_units(), for layers with parts; empty has floats only. ValueError when there "
            "is no such unit.")
        .def("add", &add_layer, "source"_a, "weights"_a, "bias"_a, "stride"_a, "leak"_a, "transposed"_a, "parts"_a = 0,
             "Adds a layer and returns its number. source: the layer it reads, -1 for the first activation. weights: "
             "(outputs, inputs, k, k) for a convolution, (inputs, outputs, 4, 4) for a transposed one of stride 2. "
             "bias: "
             "(1 or pixels, outputs). leak: slope of the activation below 0, 1 for none. parts: bfloat16 numbers that "
             "each weight and input is rounded to, 1 or 2, where the layer fits these kernels; 0 for floats.")
        .def("decode", &decode, "first"_a, "layers"_a, "maps"_a,
             "Runs all layers on the first activation (16, channels). Those of `layers` write to `maps`, (pixels, "
             "outputs).");
}
