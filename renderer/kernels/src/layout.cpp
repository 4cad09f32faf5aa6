#include "layout.h"

#include <type_traits>

#define MLPVID_MEMBER(type, name) {#name, offsetof(type, name), sizeof(type::name)}

namespace mlpvid {

static_assert(std::is_trivially_copyable<FrameField>::value && std::is_standard_layout<FrameField>::value,
              "plain data");
static_assert(std::is_trivially_copyable<View>::value && std::is_standard_layout<View>::value, "plain data");
static_assert(sizeof(void*) == 8, "addresses of 64 bits");

std::vector<Member> frame_field_members() {
    return {
        MLPVID_MEMBER(FrameField, grids),
        MLPVID_MEMBER(FrameField, feature_planes),
        MLPVID_MEMBER(FrameField, density_maps),
        MLPVID_MEMBER(FrameField, color_heads),
        MLPVID_MEMBER(FrameField, occupancy),
        MLPVID_MEMBER(FrameField, lane_scale),
        MLPVID_MEMBER(FrameField, lane_last_corner),
        MLPVID_MEMBER(FrameField, lane_offset),
        MLPVID_MEMBER(FrameField, lane_stride),
        MLPVID_MEMBER(FrameField, grid_unit),
        MLPVID_MEMBER(FrameField, feature_unit),
        MLPVID_MEMBER(FrameField, density_unit),
        MLPVID_MEMBER(FrameField, feature_resolution),
        MLPVID_MEMBER(FrameField, density_resolution),
        MLPVID_MEMBER(FrameField, color_resolution),
        MLPVID_MEMBER(FrameField, num_color_maps),
        MLPVID_MEMBER(FrameField, color_axes),
        MLPVID_MEMBER(FrameField, bilinear),
        MLPVID_MEMBER(FrameField, view_encoding),
        MLPVID_MEMBER(FrameField, view_channels),
        MLPVID_MEMBER(FrameField, occupancy_levels),
        MLPVID_MEMBER(FrameField, cells),
        MLPVID_MEMBER(FrameField, box_lower),
        MLPVID_MEMBER(FrameField, box_upper),
        MLPVID_MEMBER(FrameField, box_extent),
        {"", sizeof(FrameField), 0},
    };
}

std::vector<Member> view_members() {
    return {
        MLPVID_MEMBER(View, inverse_intrinsics),
        MLPVID_MEMBER(View, rotation),
        MLPVID_MEMBER(View, origin),
        MLPVID_MEMBER(View, step),
        MLPVID_MEMBER(View, weight_threshold),
        MLPVID_MEMBER(View, final_transmittance),
        MLPVID_MEMBER(View, column),
        MLPVID_MEMBER(View, row),
        MLPVID_MEMBER(View, width),
        MLPVID_MEMBER(View, height),
        {"", sizeof(View), 0},
    };
}

}  // namespace mlpvid
