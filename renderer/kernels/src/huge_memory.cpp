#include "huge_memory.h"

#include <cstdlib>
#include <new>

#if defined(_MSC_VER)
#include <malloc.h>
#elif defined(__linux__)
#include <sys/mman.h>
#endif

namespace mlpvid {

namespace {
constexpr size_t kHugePage = size_t{1} << 21;
}

void* allocate_huge(size_t bytes) {
    const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
    const size_t rounded = (bytes + alignment) / alignment * alignment;
#if defined(_MSC_VER)
    void* block = _aligned_malloc(rounded, alignment);
    if (!block) throw std::bad_alloc();
#else
    void* block = nullptr;
    if (posix_memalign(&block, alignment, rounded) != 0) throw std::bad_alloc();
#endif
#if defined(__linux__)
    if (alignment == kHugePage) madvise(block, rounded, MADV_HUGEPAGE);  // a hint: if it fails, access is slower
#endif
    return block;
}

void free_huge(void* block) {
#if defined(_MSC_VER)
    _aligned_free(block);
#else
    std::free(block);
#endif
}

}  // namespace mlpvid
