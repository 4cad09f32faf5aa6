#include "mlpvid_training/workers.h"

namespace mlpvid {

Workers::Workers(int threads) {
    for (int i = 1; i < threads; ++i) pool_.emplace_back([this] { work(); });
}

Workers::~Workers() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : pool_) thread.join();
}

void Workers::drain() {
    for (int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) task_(context_, i);
}

void Workers::work() {
    uint64_t seen = 0;
    for (;;) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            wake_.wait(lock, [&] { return stop_ || generation_.load() != seen; });
            if (stop_) return;
            seen = generation_.load();
        }
        drain();
        if (busy_.fetch_sub(1) == 1) {
            const std::lock_guard<std::mutex> lock(mutex_);
            done_.notify_one();
        }
    }
}

void Workers::run(int64_t count, Task task, void* context) {
    if (pool_.empty() || count <= 1) {  // nothing shared: any number of callers at a time
        for (int64_t i = 0; i < count; ++i) task(context, i);
        return;
    }
    const std::lock_guard<std::mutex> alone(caller_);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        task_ = task;
        context_ = context;
        count_ = count;
        next_.store(0);
        busy_.store(static_cast<int>(pool_.size()));
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    drain();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [&] { return busy_.load() == 0; });
}

}  // namespace mlpvid
