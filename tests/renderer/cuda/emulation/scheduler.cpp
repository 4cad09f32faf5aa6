#include "scheduler.h"

#include <algorithm>
#include <cstring>
#include <numeric>

// Limits of the section of shared variables and of this library, from the linker.
extern "C" {
extern unsigned char __start_emulated_shared[] __attribute__((visibility("hidden")));
extern unsigned char __stop_emulated_shared[] __attribute__((visibility("hidden")));
extern const unsigned char __ehdr_start[] __attribute__((visibility("hidden")));
extern const unsigned char _end[] __attribute__((visibility("hidden")));
}

namespace emulation {

namespace {

constexpr size_t kStack = 64 << 10;
constexpr unsigned char kPoison = 0xFF;  // a NaN in every float

Scheduler* running = nullptr;
std::vector<std::unique_ptr<Fiber>> spare;  // of threads that have ended

bool within(const void* address, size_t bytes, const unsigned char* start, const unsigned char* end) {
    const auto* first = static_cast<const unsigned char*>(address);
    return first >= start && first + bytes <= end;
}

}  // namespace

std::string Scheduler::run(const LaunchShape& shape, const std::function<void()>& kernel) {
    shape_ = shape;
    kernel_ = kernel;
    random_.seed(shape.seed);
    running = this;
    std::vector<int> waiting(shape.grid.x * shape.grid.y * shape.grid.z);
    std::iota(waiting.begin(), waiting.end(), 0);
    std::shuffle(waiting.begin(), waiting.end(), random_);
    while (fault_.empty() && !(waiting.empty() && resident_.empty())) {
        while (!waiting.empty() && resident_.size() < static_cast<size_t>(shape.resident_blocks)) {
            start_block(waiting.back());
            waiting.pop_back();
        }
        const size_t chosen = random_() % resident_.size();
        Block& block = *resident_[chosen];
        run_warp(block, static_cast<int>(random_() % block.warp_epochs.size()));
        while (fault_.empty() && resolve(block)) {
        }
        const bool done = std::all_of(block.threads.begin(), block.threads.end(),
                                      [](const auto& thread) { return thread->wait == Wait::kDone; });
        if (fault_.empty() && !done && !has_runnable(block)) report_deadlock(block);
        if (done) end_block(chosen);
    }
    running = nullptr;
    return fault_;
}

void Scheduler::start_block(int number) {
    auto block = std::make_unique<Block>();
    const unsigned n = static_cast<unsigned>(number), columns = shape_.grid.x, rows = shape_.grid.y;
    block->index = {n % columns, n / columns % rows, n / columns / rows};
    block->number = number;
    const size_t threads = shape_.block.x;
    block->warp_epochs.resize((threads + kWarp - 1) / kWarp);
    const size_t shared = static_cast<size_t>(__stop_emulated_shared - __start_emulated_shared);
    block->shared.assign(shared, kPoison);
    block->dynamic_shared.assign(shape_.shared_bytes, kPoison);
    for (size_t i = 0; i < threads; i++) block->threads.push_back(start_thread(*block, static_cast<int>(i)));
    resident_.push_back(std::move(block));
}

std::unique_ptr<Thread> Scheduler::start_thread(Block& block, int index) {
    auto thread = std::make_unique<Thread>();
    thread->block = &block;
    thread->index = index;
    if (spare.empty()) {
        thread->fiber = start_fiber();
    } else {
        thread->fiber = std::move(spare.back());
        spare.pop_back();
    }
    return thread;
}

std::unique_ptr<Fiber> Scheduler::start_fiber() {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack.reset(new unsigned char[kStack]);
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack.get();
    fiber->context.uc_stack.ss_size = kStack;
    makecontext(&fiber->context, run_threads, 0);
    return fiber;
}

void Scheduler::end_block(size_t resident) {
    Block& block = *resident_[resident];
    if (entered_ == &block) entered_ = nullptr;
    for (auto& thread : block.threads) spare.push_back(std::move(thread->fiber));
    resident_.erase(resident_.begin() + static_cast<std::ptrdiff_t>(resident));
}

// Runs on each fiber: one thread after the other, in whichever launch.
void Scheduler::run_threads() {
    while (true) {
        running->kernel_();
        running->wait(Wait::kDone);
    }
}

void Scheduler::switch_to(Thread& thread) {
    const Block& block = *thread.block;
    const int warps = static_cast<int>(block.warp_epochs.size()), warp = thread.index / kWarp;
    current_ = &thread;
    now_ = {launch_,      block.number * static_cast<int32_t>(shape_.block.x) + thread.index,
            block.number, block.number * warps + warp,
            block.epoch,  block.warp_epochs[static_cast<size_t>(warp)],
            false};
    Fiber& fiber = *thread.fiber;
    if (_setjmp(home_)) return;
    if (fiber.started) _longjmp(fiber.waiting, 1);
    fiber.started = true;
    setcontext(&fiber.context);
}

void Scheduler::enter_block(Block& block) {
    if (entered_ == &block) return;
    if (entered_) std::memcpy(entered_->shared.data(), __start_emulated_shared, entered_->shared.size());
    std::memcpy(__start_emulated_shared, block.shared.data(), block.shared.size());
    entered_ = &block;
}

void Scheduler::run_warp(Block& block, int warp) {
    enter_block(block);
    std::vector<Thread*> lanes;
    for (size_t i = static_cast<size_t>(warp) * kWarp; i < block.threads.size() && lanes.size() < kWarp; i++)
        if (block.threads[i]->wait == Wait::kNothing) lanes.push_back(block.threads[i].get());
    std::shuffle(lanes.begin(), lanes.end(), random_);
    for (Thread* lane : lanes) {
        switch_to(*lane);
        if (!fault_.empty()) return;
    }
}

bool Scheduler::has_runnable(const Block& block) const {
    return std::any_of(block.threads.begin(), block.threads.end(),
                       [](const auto& thread) { return thread->wait == Wait::kNothing; });
}

// Resumes the threads that no longer have to wait; returns false if there are none.
bool Scheduler::resolve(Block& block) {
    bool resolved = false;
    for (size_t first = 0; first < block.threads.size(); first += kWarp) resolved |= resolve_warp(block, first);
    return resolved || resolve_barrier(block);
}

bool Scheduler::resolve_warp(Block& block, size_t first) {
    for (size_t i = first; i < std::min(first + kWarp, block.threads.size()); i++) {
        const Thread& one = *block.threads[i];
        if (one.wait != Wait::kWarp) continue;
        std::vector<Thread*> lanes;
        bool complete = true;
        for (size_t lane = 0; lane < kWarp; lane++) {
            if (!(one.mask >> lane & 1u)) continue;
            Thread* other = first + lane < block.threads.size() ? block.threads[first + lane].get() : nullptr;
            complete = complete && other && other->wait == Wait::kWarp && other->mask == one.mask &&
                       std::strcmp(other->operation, one.operation) == 0;
            lanes.push_back(other);
        }
        if (!complete) continue;
        for (Thread* reader : lanes) {
            reader->wait = Wait::kNothing;
            for (Thread* giver : lanes)
                if (reader->gathered)
                    std::memcpy(reader->gathered[giver->index % kWarp], giver->payload, giver->payload_size);
        }
        if (std::strcmp(one.operation, "__syncwarp") == 0) block.warp_epochs[first / kWarp]++;
        return true;
    }
    return false;
}

bool Scheduler::resolve_barrier(Block& block) {
    for (const auto& thread : block.threads)
        if (thread->wait != Wait::kBlock) return false;
    for (const auto& thread : block.threads) thread->wait = Wait::kNothing;
    block.epoch++;
    return true;
}

void Scheduler::report_deadlock(const Block& block) {
    for (const auto& thread : block.threads) {
        if (thread->wait == Wait::kDone || thread->wait == Wait::kNothing) continue;
        const bool warp = thread->wait == Wait::kWarp;
        fault_ = std::string(warp ? thread->operation : "__syncthreads") + " is not reached by all threads: thread " +
                 std::to_string(thread->index) + " of block " + std::to_string(block.number) + " waits in vain";
        return;
    }
}

void Scheduler::wait(Wait what) {
    current_->wait = what;
    if (!_setjmp(current_->fiber->waiting)) _longjmp(home_, 1);
}

void Scheduler::fail(const std::string& fault) {
    fault_ = fault + " (thread " + std::to_string(current_->index) + " of block " +
             std::to_string(current_->block->number) + ")";
    _longjmp(home_, 1);
}

// The history of the memory at an address: that of the block or of a buffer; null if there is none.
Region* Scheduler::region_at(const void* address) {
    Block& block = *current_->block;
    const unsigned char* dynamic = block.dynamic_shared.data();
    if (within(address, 1, __start_emulated_shared, __stop_emulated_shared)) {
        if (!block.shared_history)
            block.shared_history = std::make_unique<Region>(__start_emulated_shared, block.shared.size(), false);
        return block.shared_history.get();
    }
    if (within(address, 1, dynamic, dynamic + shape_.shared_bytes)) {
        if (!block.dynamic_history)
            block.dynamic_history = std::make_unique<Region>(dynamic, shape_.shared_bytes, false);
        return block.dynamic_history.get();
    }
    return buffers_.find(address);
}

void Scheduler::access(const void* address, size_t bytes, bool write, bool atomic) {
    const unsigned char* stack = current_->fiber->stack.get();
    if (within(address, bytes, stack, stack + kStack)) return;
    Region* region = region_at(address);
    const bool constant = !region && !write && within(address, bytes, __ehdr_start, _end);
    if (constant) return;
    const char* what = write ? "write" : "read";
    if (!region) fail(std::string(what) + " out of bounds: no buffer is there");
    if (!region->holds(address, bytes)) fail(std::string(what) + " out of bounds: beyond the end of a buffer");
    now_.atomic = atomic;
    const std::string fault = region->note(address, bytes, write, now_);
    if (!fault.empty()) fail(fault);
}

}  // namespace emulation
