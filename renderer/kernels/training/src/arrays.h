// Checks the arrays that Python passes, before native code computes addresses from them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string>

#include "mlpvid_training/arguments.h"

namespace mlpvid {

namespace nb = nanobind;
using Array = nb::ndarray<nb::device::cpu>;

[[noreturn]] inline void refuse(const char* name, const char* fault) {
    throw nb::value_error((std::string(name) + " " + fault).c_str());
}

// Returns the numbers of an array of the given shape; -1 accepts any extent. Strided arrays need `strided`.
template <class T>
T* numbers(const Array& array, std::initializer_list<int64_t> shape, const char* name, bool strided = false) {
    if (array.dtype() != nb::dtype<std::remove_const_t<T>>()) refuse(name, "has another element type than expected");
    if (array.ndim() != shape.size()) refuse(name, "has another number of dimensions than expected");
    size_t axis = 0;
    for (const int64_t extent : shape) {
        if (extent >= 0 && static_cast<int64_t>(array.shape(axis)) != extent)
            refuse(name, "has another shape than expected");
        ++axis;
    }
    int64_t stride = 1;
    for (size_t i = shape.size(); !strided && i-- > 0;) {
        if (array.shape(i) > 1 && array.stride(i) != stride) refuse(name, "is not contiguous");
        stride *= static_cast<int64_t>(array.shape(i));
    }
    return static_cast<T*>(array.data());
}

// The samples of each ray, (rays + 1,): they begin at 0, ascend, and end at or before `samples`.
inline const int64_t* ray_offsets(const Array& array, int64_t rays, int64_t samples, const char* name) {
    if (rays < 0) refuse(name, "is empty");
    const int64_t* offsets = numbers<const int64_t>(array, {rays + 1}, name);
    bool ordered = offsets[0] == 0 && offsets[rays] <= samples;
    for (int64_t ray = 0; ray < rays; ++ray) ordered &= offsets[ray] <= offsets[ray + 1];
    if (!ordered) refuse(name, "does not ascend from 0 to the number of samples");
    return offsets;
}

// Indices (count,), each below `end`.
inline const int64_t* indices(const Array& array, int64_t count, int64_t end, const char* name) {
    const int64_t* values = numbers<const int64_t>(array, {count}, name);
    bool inside = true;
    for (int64_t i = 0; i < count; ++i) inside &= values[i] >= 0 && values[i] < end;
    if (!inside) refuse(name, "has an index out of range");
    return values;
}

// A time t/T, which selects a slice of the tables.
inline double unit_time(double time) {
    if (!(time >= 0 && time < 1)) refuse("time", "must be 0 to below 1");
    return time;
}

inline int64_t extent(const Array& array, size_t axis) {
    return array.ndim() > axis ? static_cast<int64_t>(array.shape(axis)) : -1;
}

// Accepts (planes, H, W, 32) with contiguous channels.
template <class T>
MapStack<T> map_stack(const Array& array, int64_t planes, const char* name) {
    T* data = numbers<T>(array, {planes, -1, -1, kChannels}, name, true);
    if (array.shape(1) != array.shape(2) || array.shape(1) < 2) refuse(name, "is not square or smaller than 2 x 2");
    if (array.stride(3) != 1) refuse(name, "has no contiguous channels");
    return {data, static_cast<int>(array.shape(1)), array.stride(0), array.stride(1), array.stride(2)};
}

// Accepts (planes, N along u, N along v, parameters) with contiguous parameters.
template <class T>
ColorMaps<T> color_maps(const Array& array, const MlpPlanes& planes, int view_channels) {
    const int64_t parameters = (2 * kChannels + view_channels + 3) * kChannels;
    T* data = numbers<T>(array, {planes.count, -1, -1, parameters}, "color_maps", true);
    if (array.shape(1) != array.shape(2)) refuse("color_maps", "is not square");
    if (array.stride(3) != 1) refuse("color_maps", "has no contiguous heads");
    return {data,  static_cast<int>(array.shape(1)), view_channels, array.stride(0), array.stride(1), array.stride(2),
            planes};
}

}  // namespace mlpvid
