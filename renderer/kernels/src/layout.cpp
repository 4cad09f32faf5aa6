#include "layout.h"

#include <type_traits>

#define MLPVID_MEMBER(type, name) {#name, offsetof(type, name), sizeof(type::name)}

namespace mlpvid {

static_assert(std::is_trivially_copyable<BakedFrame>::value && std::is_standard_layout<BakedFrame>::value,
              "plain data");
static_assert(std::is_trivially_copyable<View>::value && std::is_standard_layout<View>::value, "plain data");
static_assert(sizeof(void*) == 8, "addresses of 64 bits");

std::vector<Member> baked_frame_members() {
    return {
        MLPVID_MEMBER(BakedFrame, grids),
        MLPVID_MEMBER(BakedFrame, feature_planes),
        MLPVID_MEMBER(BakedFrame, density_maps),
        MLPVID_MEMBER(BakedFrame, color_heads),
        MLPVID_MEMBER(BakedFrame, occupancy),
        MLPVID_MEMBER(BakedFrame, group_scale),
        MLPVID_MEMBER(BakedFrame, group_last_corner),
        MLPVID_MEMBER(BakedFrame, group_offset),
        MLPVID_MEMBER(BakedFrame, group_stride),
        MLPVID_MEMBER(BakedFrame, group_channels),
        MLPVID_MEMBER(BakedFrame, grid_scale),
        MLPVID_MEMBER(BakedFrame, feature_scale),
        MLPVID_MEMBER(BakedFrame, density_scale),
        MLPVID_MEMBER(BakedFrame, feature_resolution),
        MLPVID_MEMBER(BakedFrame, density_resolution),
        MLPVID_MEMBER(BakedFrame, color_resolution),
        MLPVID_MEMBER(BakedFrame, num_color_maps),
        MLPVID_MEMBER(BakedFrame, color_axes),
        MLPVID_MEMBER(BakedFrame, bilinear),
        MLPVID_MEMBER(BakedFrame, view_encoding),
        MLPVID_MEMBER(BakedFrame, view_channels),
        MLPVID_MEMBER(BakedFrame, occupancy_levels),
        MLPVID_MEMBER(BakedFrame, cells),
        MLPVID_MEMBER(BakedFrame, box_lower),
        MLPVID_MEMBER(BakedFrame, box_upper),
        MLPVID_MEMBER(BakedFrame, box_extent),
        {"", sizeof(BakedFrame), 0},
    };
}

std::vector<Member> view_members() {
    return {
        MLPVID_MEMBER(View, inverse_intrinsics),
        MLPVID_MEMBER(View, rotation),
        MLPVID_MEMBER(View, origin),
        MLPVID_MEMBER(View, clip_lower),
        MLPVID_MEMBER(View, clip_upper),
        MLPVID_MEMBER(View, depth_range),
        MLPVID_MEMBER(View, step),
        MLPVID_MEMBER(View, weight_threshold),
        MLPVID_MEMBER(View, min_transmittance),
        MLPVID_MEMBER(View, column),
        MLPVID_MEMBER(View, row),
        MLPVID_MEMBER(View, width),
        MLPVID_MEMBER(View, height),
        {"", sizeof(View), 0},
    };
}

}  // namespace mlpvid
