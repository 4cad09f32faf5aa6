// Blocks, warps and threads of a launch. Each thread is a fiber that runs until it waits for others.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cuda.h"
#include "memory.h"

namespace emulation {

enum class Wait { kNothing, kBlock, kWarp, kDone };

struct Block;

// A stack on which threads run to their end, one after the other. Switches between stacks use _setjmp and _longjmp,
// because swapcontext calls the operating system each time.
struct Fiber {
    ucontext_t context = {};  // where the first thread starts
    jmp_buf waiting = {};     // where the thread continues, or the next one starts
    bool started = false;
    std::unique_ptr<unsigned char[]> stack;
};

struct Thread {
    Block* block = nullptr;
    int index = 0;  // in the block
    Wait wait = Wait::kNothing;
    const char* operation = "";  // of the warp, that it waits at
    unsigned mask = 0;
    size_t payload_size = 0;
    unsigned char payload[kPayload] = {};
    unsigned char (*gathered)[kPayload] = nullptr;
    std::unique_ptr<Fiber> fiber;
};

struct Block {
    uint3 index = {};
    int number = 0;  // in the grid
    uint32_t epoch = 0;
    std::vector<uint32_t> warp_epochs;
    std::vector<std::unique_ptr<Thread>> threads;
    std::vector<unsigned char> shared;                        // content of the section of static shared variables
    std::vector<unsigned char> dynamic_shared;                // exactly as many bytes as the launch requested
    std::unique_ptr<Region> shared_history, dynamic_history;  // made when the block first touches the memory
};

struct LaunchShape {
    uint3 grid = {}, block = {};
    size_t shared_bytes = 0;
    int resident_blocks = 4;
    uint32_t seed = 0;
};

// Runs one launch. Blocks start in random order, some of them at a time; a random warp of them runs until all of its
// threads wait, its lanes in random order.
class Scheduler {
 public:
    Scheduler(Buffers& buffers, uint32_t launch) : buffers_(buffers), launch_(launch) {}

    // Returns a description of the error, or an empty string.
    std::string run(const LaunchShape& shape, const std::function<void()>& kernel);

    // For the running thread:
    Thread& current() { return *current_; }
    const LaunchShape& shape() const { return shape_; }
    void wait(Wait what);
    void access(const void* address, size_t bytes, bool write, bool atomic);
    [[noreturn]] void fail(const std::string& fault);

 private:
    void start_block(int number);
    std::unique_ptr<Thread> start_thread(Block& block, int index);
    static std::unique_ptr<Fiber> start_fiber();
    void end_block(size_t resident);
    Region* region_at(const void* address);
    void enter_block(Block& block);
    void run_warp(Block& block, int warp);
    bool resolve(Block& block);
    bool resolve_warp(Block& block, size_t first);
    bool resolve_barrier(Block& block);
    bool has_runnable(const Block& block) const;
    void report_deadlock(const Block& block);
    void switch_to(Thread& thread);
    static void run_threads();

    Buffers& buffers_;
    uint32_t launch_;
    LaunchShape shape_;
    std::function<void()> kernel_;
    std::mt19937 random_;
    std::vector<std::unique_ptr<Block>> resident_;
    Block* entered_ = nullptr;
    Thread* current_ = nullptr;
    Moment now_;  // the running thread's
    jmp_buf home_ = {};
    std::string fault_;
};

}  // namespace emulation
