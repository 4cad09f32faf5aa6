// Where the occupied cells of a frame are in a view, so that rays that meet none of them are never traced.
#pragma once

#include <vector>

#include "kernel_table.h"

namespace mlpvid {

class ScreenBounds {
 public:
    // Projects the occupied cells, or blocks of them where there are many. `pixels`: how many of the view are rendered.
    // The bounds are wider than what rounding errors of samples can reach, so the samples stay the same.
    ScreenBounds(const BakedFrame& frame, const View& view, int64 pixels);

    // The arrays are those of this object.
    Blocks blocks() const { return {nearest_.data(), farthest_.data(), columns_}; }

    // Returns whether rays of a rectangle of the view's image may meet an occupied cell.
    bool reach(int32 x0, int32 y0, int32 x1, int32 y1) const;

 private:
    struct Box;
    struct Projection;
    void add_cells(const BakedFrame& frame, const View& view, int32 level);
    void add(const Projection& projection, const Box& box);
    void widen(int32 left, int32 top, int32 right, int32 bottom, float nearest, float farthest);

    int32 columns_, rows_;   // blocks
    double width_, height_;  // pixels
    std::vector<float> nearest_, farthest_;
};

}  // namespace mlpvid
