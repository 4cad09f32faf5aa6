#include "block_pool.h"

#include "huge_memory.h"

namespace mlpvid {

namespace {

// Images whose size follows the processor's speed differ a little each time, so blocks have room for a larger one.
size_t rounded(size_t bytes) {
    constexpr size_t unit = size_t{4} << 20;
    return (bytes + unit - 1) / unit * unit;
}

}  // namespace

BlockPool::~BlockPool() {
    for (const Block& block : free_) free_huge(block.memory);
}

void* BlockPool::take(size_t bytes) {
    const size_t size = rounded(bytes);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (size_t i = 0; i < free_.size(); i++) {
            if (free_[i].bytes != size) continue;
            void* memory = free_[i].memory;
            free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
            return memory;
        }
    }
    return allocate_huge(size);
}

void BlockPool::give_back(void* block, size_t bytes) {
    const size_t size = rounded(bytes);
    void* unwanted = block;
    if (size <= kLargest) {
        const std::lock_guard<std::mutex> lock(mutex_);
        unwanted = nullptr;
        if (free_.size() == kFree) {
            unwanted = free_.front().memory;
            free_.erase(free_.begin());
        }
        free_.push_back({block, size});
    }
    if (unwanted) free_huge(unwanted);
}

}  // namespace mlpvid
