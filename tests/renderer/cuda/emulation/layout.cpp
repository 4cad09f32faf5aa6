// Member offsets of the kernel argument structs, for a test that compares them with the Python definitions.
#include <cstddef>

#include "bake_arguments.cuh"

#define OFFSET(type, member) {#type "." #member, offsetof(type, member)}

using mlpvid::BakeLevel;
using mlpvid::CameraRays;
using mlpvid::DecodedMaps;
using mlpvid::FrameBake;
using mlpvid::RenderBuffers;
using mlpvid::VideoBake;

namespace {

struct Entry {
    const char* name;
    size_t value;
};

const Entry kEntries[] = {
    {"CameraRays", sizeof(CameraRays)},
    OFFSET(CameraRays, down),
    OFFSET(CameraRays, depth_down),
    OFFSET(CameraRays, middle_y),
    OFFSET(CameraRays, tiles),
    {"RenderBuffers", sizeof(RenderBuffers)},
    OFFSET(RenderBuffers, features),
    OFFSET(RenderBuffers, places),
    OFFSET(RenderBuffers, distances),
    OFFSET(RenderBuffers, pixels),
    OFFSET(RenderBuffers, previous),
    OFFSET(RenderBuffers, key_counts),
    OFFSET(RenderBuffers, key_cursors),
    OFFSET(RenderBuffers, key_starts),
    OFFSET(RenderBuffers, order),
    OFFSET(RenderBuffers, color_tiles),
    OFFSET(RenderBuffers, outputs),
    OFFSET(RenderBuffers, last),
    OFFSET(RenderBuffers, views),
    OFFSET(RenderBuffers, rgba),
    OFFSET(RenderBuffers, depth),
    OFFSET(RenderBuffers, counts),
    OFFSET(RenderBuffers, head_fragments),
    OFFSET(RenderBuffers, capacity),
    OFFSET(RenderBuffers, keys),
    OFFSET(RenderBuffers, assignments),
    {"BakeLevel", sizeof(BakeLevel)},
    OFFSET(BakeLevel, first_group),
    {"VideoBake", sizeof(VideoBake)},
    OFFSET(VideoBake, pair_in_entry),
    OFFSET(VideoBake, pair_offset),
    OFFSET(VideoBake, pair_count),
    OFFSET(VideoBake, columns_per_node),
    OFFSET(VideoBake, columns),
    OFFSET(VideoBake, density_pixels),
    OFFSET(VideoBake, density_maps),
    OFFSET(VideoBake, density_sources),
    OFFSET(VideoBake, heads_per_map),
    OFFSET(VideoBake, view_channels),
    {"FrameBake", sizeof(FrameBake)},
    OFFSET(FrameBake, grids),
    OFFSET(FrameBake, feature_planes),
    OFFSET(FrameBake, density_maps),
    OFFSET(FrameBake, heads),
    OFFSET(FrameBake, fragments),
    OFFSET(FrameBake, columns),
    {"DecodedMaps", sizeof(DecodedMaps)},
    OFFSET(DecodedMaps, densities),
    OFFSET(DecodedMaps, colors),
    OFFSET(DecodedMaps, frames),
    {"constant.tile_columns", mlpvid::kTileColumns},
    {"constant.tile_rows", mlpvid::kTileRows},
    {"constant.density_threads", mlpvid::kDensityThreads},
    {"constant.group_threads", mlpvid::kGroupThreads},
    {"constant.color_threads", mlpvid::kColorThreads},
    {"constant.color_tile", mlpvid::kColorTile},
    {"constant.bake_threads", mlpvid::kBakeThreads},
    {"constant.feature_words", mlpvid::kFeatureWords},
    {"constant.view_words", mlpvid::kViewWords},
    {"constant.head_fragment_words", mlpvid::kHeadFragments * mlpvid::kWarp * 4},
    {"constant.counter_words", sizeof(mlpvid::FrameCounters) / 4},
};

}  // namespace

extern "C" const char* emulation_layout_name(size_t index) {
    return index < sizeof kEntries / sizeof *kEntries ? kEntries[index].name : nullptr;
}

extern "C" size_t emulation_layout_value(size_t index) {
    return kEntries[index].value;
}
