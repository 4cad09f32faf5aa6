// Large blocks of memory that are read in no order: aligned to cache lines and, where the system can, in huge pages.
#pragma once

#include <cstddef>

namespace mlpvid {

// Memory as it comes, not cleared; throws std::bad_alloc.
void* allocate_huge(size_t bytes);
void free_huge(void* block);

}  // namespace mlpvid
