// Member offsets and sizes of the structs that Python fills, for a test that compares both definitions.
#pragma once

#include <cstddef>
#include <vector>

#include "mlpvid/baked_frame.h"

namespace mlpvid {

struct Member {
    const char* name;
    size_t offset, size;
};

std::vector<Member> baked_frame_members();
std::vector<Member> view_members();

}  // namespace mlpvid
