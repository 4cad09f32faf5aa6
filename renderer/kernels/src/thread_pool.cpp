#include "thread_pool.h"

#include <algorithm>

namespace mlpvid {

namespace {

// Does a piece and yields: a thread of low priority would else finish its slice of time before the window's, which woke
// meanwhile, gets the core.
void do_piece(const std::function<void(int, int)>& work, int piece, int thread) {
    work(piece, thread);
    std::this_thread::yield();
}

}  // namespace

struct ThreadPool::Job {
    const std::function<void(int, int)>* work;
    int pieces;
    int next = 0;     // first piece that nobody has taken
    int running = 0;  // pieces taken and not done
    std::condition_variable done;
};

ThreadPool::ThreadPool(int threads) {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { serve(i); });
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

// Takes a piece of a job, which leaves the queue with its last one. The mutex is held.
bool ThreadPool::take(Job& job, int& piece) {
    if (job.next == job.pieces) return false;
    piece = job.next++;
    job.running++;
    if (job.next == job.pieces) jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
    return true;
}

void ThreadPool::run(int pieces, const std::function<void(int, int)>& work) {
    if (pieces <= 0) return;
    Job job;
    job.work = &work;
    job.pieces = pieces;
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_all();
    int piece;
    while (take(job, piece)) {
        lock.unlock();
        do_piece(work, piece, 0);
        lock.lock();
        job.running--;
    }
    job.done.wait(lock, [&] { return job.running == 0; });
}

void ThreadPool::serve(int thread) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (stopping_) return;
        Job& job = *jobs_.front();
        int piece;
        take(job, piece);
        lock.unlock();
        do_piece(*job.work, piece, thread);
        lock.lock();
        if (--job.running == 0 && job.next == job.pieces) job.done.notify_one();
    }
}

}  // namespace mlpvid
