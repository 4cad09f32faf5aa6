// The entries of a hash table that belong to the nodes of a level (docs/format.md, "Evaluating a point", hash feature;
// model/hash_encoding.py). Baking on CPU and GPU and training share it.
#pragma once

#include "platform.h"

namespace mlpvid {

// One level of the hash encoding of a plane.
struct HashLevel {
    int64 offset;      // first entry of the level in the plane's table
    int32 resolution;  // nodes along u and along v
    uint32 mask;       // number of entries - 1 of a hashed level; 0 means that every node has its own entry
};

}  // namespace mlpvid

MLPVID_BEGIN

// Returns the part of the index that all nodes u of the row (v, t) have in common.
MLPVID_FUNCTION uint32 entry_row(const HashLevel& level, int32 v, int32 t) {
    if (level.mask) return (static_cast<uint32>(v) * 2654435761u) ^ (static_cast<uint32>(t) * 805459861u);
    return static_cast<uint32>((t * level.resolution + v) * level.resolution);
}

// Returns the entry of node u of a row, counted from the level's first one.
MLPVID_FUNCTION uint32 entry_index(const HashLevel& level, uint32 row, int32 u) {
    return level.mask ? (row ^ static_cast<uint32>(u)) & level.mask : row + static_cast<uint32>(u);
}

MLPVID_END
