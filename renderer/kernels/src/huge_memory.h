// Allocate large blocks for random access: aligned to cache lines and, where the system supports it, in huge pages.
#pragma once

#include <cstddef>

namespace mlpvid {

// Allocates memory without clearing it; throws std::bad_alloc.
void* allocate_huge(size_t bytes);
void free_huge(void* block);

}  // namespace mlpvid
