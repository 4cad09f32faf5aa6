#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <system_error>

namespace mlpvid {

namespace {

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void yield_if_due() {
    thread_local YieldPacing pacing;
    const double before = seconds();
    if (!pacing.due(before)) return;
    std::this_thread::yield();
    pacing.record(before, seconds());
}

}  // namespace

struct ThreadPool::Job {
    Work work;
    void* context;
    int64_t pieces;
    int64_t next = 0;          // first piece that no thread has taken
    int64_t running = 0;       // pieces that a thread has taken and not finished
    std::exception_ptr error;  // the first one that a piece threw
    std::condition_variable done;

    Job(Work work, void* context, int64_t pieces) : work(work), context(context), pieces(pieces) {}
};

ThreadPool::ThreadPool(int threads, Yield yield) : yield_(yield) {
    try {
        for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { serve(i); });
    } catch (const std::system_error&) {  // the system has no more threads: those that run are enough
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::do_piece(Job& job, int64_t piece, int thread) {
    try {
        job.work(job.context, piece, thread);
    } catch (...) {  // usually for lack of memory
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!job.error) job.error = std::current_exception();
    }
    if (yield_ == Yield::between_pieces) yield_if_due();
}

// Takes a piece of a job; a job leaves the queue with its last piece. The caller holds the mutex.
bool ThreadPool::take(Job& job, int64_t& piece) {
    if (job.next == job.pieces) return false;
    piece = job.next++;
    job.running++;
    if (job.next == job.pieces) jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
    return true;
}

void ThreadPool::run(int64_t pieces, Work work, void* context) {
    if (pieces <= 0) return;
    Job job(work, context, pieces);
    if (workers_.empty() || pieces == 1) {  // nothing to distribute
        for (int64_t piece = 0; piece < pieces && !job.error; piece++) do_piece(job, piece, 0);
        if (job.error) std::rethrow_exception(job.error);
        return;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_all();
    int64_t piece;
    while (take(job, piece)) {
        lock.unlock();
        do_piece(job, piece, 0);
        lock.lock();
        job.running--;
    }
    job.done.wait(lock, [&] { return job.running == 0; });
    if (job.error) std::rethrow_exception(job.error);
}

void ThreadPool::serve(int thread) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (stopping_) return;
        Job& job = *jobs_.front();
        int64_t piece;
        take(job, piece);
        lock.unlock();
        do_piece(job, piece, thread);
        lock.lock();
        if (--job.running == 0 && job.next == job.pieces) job.done.notify_one();
    }
}

}  // namespace mlpvid
