// Memory of images, which is used again instead of being returned to the system: a new page costs more time than it
// takes to fill it.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace mlpvid {

// All functions may be called from several threads.
class BlockPool {
 public:
    static constexpr size_t kLargest = size_t{64} << 20;  // larger blocks are returned to the system, bytes
    static constexpr size_t kFree = 2;                    // most blocks that wait for their next use

    BlockPool() { free_.reserve(kFree); }
    ~BlockPool();
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;

    // Returns memory that holds anything; throws std::bad_alloc.
    void* take(size_t bytes);
    // Takes back what `take` returned for this number of bytes.
    void give_back(void* block, size_t bytes);

 private:
    struct Block {
        void* memory;
        size_t bytes;
    };
    std::mutex mutex_;
    std::vector<Block> free_;  // oldest first
};

}  // namespace mlpvid
