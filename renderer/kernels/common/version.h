// The version of both native modules. common/native.py refuses modules of another version than its own.
#pragma once

namespace mlpvid {

// Raise it, and VERSION in common/native.py, with each change of the kernels.
constexpr int kVersion = 6;

}  // namespace mlpvid
