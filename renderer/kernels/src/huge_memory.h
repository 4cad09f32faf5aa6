// Large blocks of memory that are read in random order: aligned to cache lines and, where the system can, in huge
// pages.
#pragma once

#include <cstddef>

namespace mlpvid {

// Allocates memory without clearing it; throws std::bad_alloc.
void* allocate_huge(size_t bytes);
void free_huge(void* block);

}  // namespace mlpvid
