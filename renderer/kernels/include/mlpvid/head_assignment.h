// The color heads of a point (docs/format.md, "Evaluating a point", color; model/query.py). Rendering on CPU and GPU
// and training share it. A map has size x size heads; the head at u index i and v index j is number i * size + j.
#pragma once

#include "baked_frame.h"
#include "interpolation.h"

MLPVID_BEGIN

// Returns the head whose cell contains the point ("nearest").
template <class T>
MLPVID_FUNCTION int32 nearest_head(T u, T v, int32 size) {
    const int32 i = larger(smaller(static_cast<int32>(u * static_cast<T>(size)), size - 1), 0);
    const int32 j = larger(smaller(static_cast<int32>(v * static_cast<T>(size)), size - 1), 0);
    return i * size + j;
}

// A point between four heads ("bilinear"); there are at least 2 x 2.
template <class T>
struct HeadPosition {
    AxisPosition<T> u, v;
    int32 size;

    // Corner 0 to 3: 2 du + dv.
    MLPVID_FUNCTION int32 head(int du, int dv) const { return (u.lower + du) * size + v.lower + dv; }
    MLPVID_FUNCTION T weight(int du, int dv) const {
        return (du ? u.fraction : 1 - u.fraction) * (dv ? v.fraction : 1 - v.fraction);
    }
};

template <class T>
MLPVID_FUNCTION HeadPosition<T> locate_among_heads(T u, T v, int32 size) {
    return {locate_on_map(u, size), locate_on_map(v, size), size};
}

// The heads of one MLP map that color a point, and their weights.
struct HeadAssignment {
    int32 heads[4];
    float weights[4];
    int32 count;  // 1 or 4
};

MLPVID_FUNCTION HeadAssignment assign_heads(const BakedFrame& frame, int map, const float* point) {
    const int32 size = frame.color_resolution;
    const float u = point[frame.color_axes[map][0]], v = point[frame.color_axes[map][1]];
    HeadAssignment assigned = {};
    if (!frame.bilinear || size == 1) {
        assigned.heads[0] = nearest_head(u, v, size);
        assigned.weights[0] = 1.0f;
        assigned.count = 1;
        return assigned;
    }
    const HeadPosition<float> at = locate_among_heads(u, v, size);
    for (int corner = 0; corner < 4; corner++) {
        assigned.heads[corner] = at.head(corner >> 1, corner & 1);
        assigned.weights[corner] = at.weight(corner >> 1, corner & 1);
    }
    assigned.count = 4;
    return assigned;
}

MLPVID_END
