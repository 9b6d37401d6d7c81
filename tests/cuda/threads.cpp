// The threads of a block as coroutines: each runs until it waits for others, then the next does.
#include "threads.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <ucontext.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr unsigned MOST_THREADS = 1024, WARP = 32;
constexpr std::size_t STACK_BYTES = 64 * 1024;

struct Thread {
    enum { Runs, WaitsForBlock, WaitsForWarp, Ended } state;
    dim3 index;
    Exchanged shown;
    bool begun = false;
    jmp_buf place;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
};

Thread threads[MOST_THREADS];
unsigned running;
jmp_buf scheduler;
void (*call)(void (*)(), void **);
void (*function)();
void **arguments;

std::map<std::string, const Kernel *> &kernels() {
    static std::map<std::string, const Kernel *> all;
    return all;
}

// Back to the scheduler, until it comes back here.
void leave() {
    if (_setjmp(threads[running].place) == 0)
        _longjmp(scheduler, 1);
}

void live() {
    while (true) {
        call(function, arguments);
        threads[running].state = Thread::Ended;
        leave();
    }
}

void enter(unsigned number) {
    Thread &thread = threads[number];
    running = number;
    threadIdx = thread.index;
    if (_setjmp(scheduler) != 0)
        return;
    if (thread.begun)
        _longjmp(thread.place, 1);
    thread.begun = true;
    thread.stack.reset(new char[STACK_BYTES]);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&thread.context, live, 0);
    setcontext(&thread.context);
}

// Whether all of some threads wait for `state` or have ended, and one waits: they run again.
bool release(unsigned from, unsigned to, decltype(Thread::state) state) {
    bool any = false;
    for (unsigned t = from; t < to; t++) {
        if (threads[t].state != state && threads[t].state != Thread::Ended)
            return false;
        any |= threads[t].state == state;
    }
    for (unsigned t = from; t < to; t++)
        if (threads[t].state == state)
            threads[t].state = Thread::Runs;
    return any;
}

void run_block(unsigned count) {
    while (true) {
        bool ended = true, released = false;
        for (unsigned t = 0; t < count; t++) {
            if (threads[t].state == Thread::Runs)
                enter(t);
            ended &= threads[t].state == Thread::Ended;
        }
        if (ended)
            return;
        for (unsigned t = 0; t < count; t += WARP)
            released |= release(t, t + WARP < count ? t + WARP : count, Thread::WaitsForWarp);
        if (!released && !release(0, count, Thread::WaitsForBlock)) {
            fprintf(stderr, "threads of a block wait for each other in the stand-in for a GPU\n");
            abort();
        }
    }
}

} // namespace

void wait_for_block() {
    threads[running].state = Thread::WaitsForBlock;
    leave();
}

void wait_for_warp() {
    threads[running].state = Thread::WaitsForWarp;
    leave();
}

Exchanged *exchanged(unsigned lanes) { return &threads[running ^ lanes].shown; }

void Kernel::add() { kernels()[name] = this; }

const Kernel *Kernel::find(const char *name) {
    auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : found->second;
}

void Kernel::run(dim3 grid, dim3 block, void **given) const {
    gridDim = grid, blockDim = block;
    ::call = call, ::function = function, ::arguments = given;
    unsigned count = block.x * block.y * block.z;
    if (count > MOST_THREADS)
        abort();
    for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
                for (unsigned t = 0; t < count; t++) {
                    dim3 index = {t % block.x, t / block.x % block.y, t / block.x / block.y};
                    if (waits) {
                        threads[t].state = Thread::Runs, threads[t].index = index;
                    } else {
                        threadIdx = index;
                        call(function, given);
                    }
                }
                if (waits)
                    run_block(count);
            }
}
