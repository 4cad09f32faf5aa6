// Memory that one thread needs to render tiles. It is allocated once per thread and reused.
#pragma once

#include <vector>

#include "kernel_table.h"

namespace mlpvid {

class Workspace {
 public:
    // `heads`: number of color heads of a map.
    explicit Workspace(int32 heads);

    Tile tile;
    KeptSamples kept;
    HeadSort sort;

 private:
    std::vector<float> floats_;
    std::vector<int32> ints_;
    std::vector<RaySums> sums_;
};

}  // namespace mlpvid
