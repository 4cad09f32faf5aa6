// Interpolation between the nodes of a grid or the pixels of a map (docs/format.md, "Evaluating a point").
//
// Rendering on CPU and GPU and training share these functions. T is float, double or, where no index is involved, the
// SimdFloats of simd.h. With T = float, each function is the scalar twin.
#pragma once

#include "platform.h"

MLPVID_BEGIN

// The coordinates of a point that are u and v on a plane: 0 xy, 1 xz, 2 yz.
MLPVID_FUNCTION int u_axis(int plane) {
    return plane == 2 ? 1 : 0;
}
MLPVID_FUNCTION int v_axis(int plane) {
    return plane == 0 ? 1 : 2;
}

// A position between two nodes of an axis.
template <class T>
struct AxisPosition {
    int32 lower;  // the lower node
    T fraction;   // fraction of the way to the upper one, 0 to 1
};

// Finds a position, counted in nodes from the first one. The lower node is clamped to 0 ... nodes - 2.
template <class T>
MLPVID_FUNCTION AxisPosition<T> locate_on_axis(T position, int32 nodes) {
    const int32 lower = larger(smaller(static_cast<int32>(position), nodes - 2), 0);
    return {lower, position - static_cast<T>(lower)};
}

// Finds a coordinate of [0, 1] on a map. The centers of the first and the last pixel lie on 0 and 1.
template <class T>
MLPVID_FUNCTION AxisPosition<T> locate_on_map(T coordinate, int32 resolution) {
    return locate_on_axis(coordinate * static_cast<T>(resolution - 1), resolution);
}

// Returns the weight 3 s^2 - 2 s^3 of a hash grid's upper node.
template <class T>
MLPVID_FUNCTION T smoothstep(T s) {
    return s * s * (T(3) - (s + s));
}

// One value per corner of a cell: atUV belongs to the corner that is U nodes further along u and V along v.
template <class T>
struct Corners {
    T at00, at10, at01, at11;
};

// Returns the bilinear weights of the corners times `scale`, from the weights u and v of the upper nodes.
template <class T>
MLPVID_FUNCTION Corners<T> corner_weights(T u, T v, T scale) {
    const T scaled_u = u * scale, scaled_v = v * scale;
    Corners<T> w;
    w.at11 = scaled_u * v;
    w.at10 = scaled_u - w.at11;
    w.at01 = scaled_v - w.at11;
    w.at00 = (scale - scaled_u) - w.at01;
    return w;
}

MLPVID_END
