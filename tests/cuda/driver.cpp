// The driver: one device whose memory lies on the host, and whose work is done when the call returns.
//
// STAND_IN_GPU, where it is set, says what is wrong with it: "no device", "old driver" (by less than a number of
// CUDA), "older driver" (by more: cuBLAS does not start) or a size of its memory
// in bytes. STAND_IN_GPU_COUNTS names a file for what was asked of it: a line a kernel with its launches and threads, the
// same of copies with their bytes, the most memory that was held.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "threads.hpp"

namespace {

// Numbers of the driver API.
enum Answer {
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NoDevice = 100,
    InvalidDevice = 101,
    UnsupportedPtxVersion = 222,
    NotFound = 500,
};
constexpr int MEMORY_POOLS_SUPPORTED = 115;
constexpr std::size_t MEMORY = std::size_t(8) << 30;
void *const STREAM_PER_THREAD = reinterpret_cast<void *>(2);
// What memory holds before it is written: no number, in f32.
constexpr int UNWRITTEN = 0xff;

std::mutex turn;
struct Memory {
    std::size_t bytes;
    std::thread::id owner;
};
std::map<void *, Memory> allocated;
std::size_t used;
std::size_t most_used;
thread_local void *current;
int handle;

const char *fault() {
    const char *set = getenv("STAND_IN_GPU");
    return set ? set : "";
}
bool is(const char *name) { return strcmp(fault(), name) == 0; }
std::size_t memory() {
    std::size_t bytes = strtoull(fault(), nullptr, 10);
    return bytes ? bytes : MEMORY;
}

Answer allocate(void **pointer, std::size_t bytes) {
    std::lock_guard<std::mutex> own(turn);
    if (bytes > memory() - used)
        return OutOfMemory;
    // A kernel may read 16 bytes at once.
    *pointer = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(*pointer, UNWRITTEN, bytes);
    allocated[*pointer] = {bytes, std::this_thread::get_id()};
    used += bytes;
    most_used = used > most_used ? used : most_used;
    return Success;
}

Answer release(void *pointer, void *stream) {
    std::lock_guard<std::mutex> own(turn);
    auto found = allocated.find(pointer);
    if (found == allocated.end())
        return InvalidValue;
    // On a GPU the work of another thread may not be done with it by then.
    if (stream == STREAM_PER_THREAD && found->second.owner != std::this_thread::get_id()) {
        fprintf(stderr, "a thread freed what is in another thread's stream of the stand-in for a GPU\n");
        abort();
    }
    used -= found->second.bytes;
    allocated.erase(found);
    free(pointer);
    return Success;
}

struct Count {
    std::size_t times, size;
};
std::map<std::string, Count> counts;

void count(const std::string &what, std::size_t size) {
    Count &of = counts[what];
    of.times++, of.size += size;
}

Answer copy(const char *what, void *to, const void *from, std::size_t bytes) {
    std::lock_guard<std::mutex> own(turn);
    count(what, bytes);
    memmove(to, from, bytes);
    return Success;
}

// Written when the program ends.
struct Report {
    ~Report() {
        const char *path = getenv("STAND_IN_GPU_COUNTS");
        FILE *file = path ? fopen(path, "w") : nullptr;
        if (!file)
            return;
        for (auto &[what, of] : counts)
            fprintf(file, "%s %zu %zu\n", what.c_str(), of.times, of.size);
        fprintf(file, "memory 1 %zu\n", most_used);
        fclose(file);
    }
} report;

template <class T> Answer give(T *place, T value) {
    *place = value;
    return Success;
}

const char *name(int answer) {
    switch (answer) {
    case Success: return "CUDA_SUCCESS";
    case InvalidValue: return "CUDA_ERROR_INVALID_VALUE";
    case OutOfMemory: return "CUDA_ERROR_OUT_OF_MEMORY";
    case NoDevice: return "CUDA_ERROR_NO_DEVICE";
    case InvalidDevice: return "CUDA_ERROR_INVALID_DEVICE";
    case UnsupportedPtxVersion: return "CUDA_ERROR_UNSUPPORTED_PTX_VERSION";
    case NotFound: return "CUDA_ERROR_NOT_FOUND";
    default: return "an error that the stand-in for a GPU does not name";
    }
}

} // namespace

extern "C" {

Answer cuInit(unsigned) { return is("no device") ? NoDevice : Success; }
Answer cuGetErrorName(int error, const char **text) { return give(text, name(error)); }
Answer cuGetErrorString(int error, const char **text) { return give(text, name(error)); }

Answer cuDeviceGetCount(int *count) { return give(count, 1); }
Answer cuDeviceGet(int *device, int ordinal) { return ordinal == 0 ? give(device, 0) : InvalidDevice; }
Answer cuDeviceGetAttribute(int *value, int attribute, int) {
    return give(value, attribute == MEMORY_POOLS_SUPPORTED ? 1 : 0);
}
Answer cuDeviceGetDefaultMemPool(void **pool, int) { return give(pool, static_cast<void *>(&handle)); }
Answer cuMemPoolSetAttribute(void *, int, void *) { return Success; }
Answer cuDevicePrimaryCtxRetain(void **context, int) { return give(context, static_cast<void *>(&handle)); }
Answer cuDevicePrimaryCtxRelease_v2(int) { return Success; }
Answer cuCtxGetCurrent(void **context) { return give(context, current); }
Answer cuCtxSetCurrent(void *context) { return give(&current, context); }
Answer cuCtxSynchronize() { return Success; }
Answer cuMemGetInfo_v2(std::size_t *left, std::size_t *total) {
    give(total, memory());
    return give(left, memory() - used);
}

// All work is in one order: streams and events have nothing to do.
Answer cuStreamCreate(void **stream, unsigned) { return give(stream, static_cast<void *>(&handle)); }
Answer cuStreamDestroy_v2(void *) { return Success; }
Answer cuStreamSynchronize(void *) { return Success; }
Answer cuStreamWaitEvent(void *, void *, unsigned) { return Success; }
Answer cuEventCreate(void **event, unsigned) { return give(event, static_cast<void *>(&handle)); }
Answer cuEventDestroy_v2(void *) { return Success; }
Answer cuEventRecord(void *, void *) { return Success; }
Answer cuEventSynchronize(void *) { return Success; }

Answer cuMemAlloc_v2(void **pointer, std::size_t bytes) { return allocate(pointer, bytes); }
Answer cuMemAllocAsync(void **pointer, std::size_t bytes, void *) { return allocate(pointer, bytes); }
Answer cuMemFree_v2(void *pointer) { return release(pointer, nullptr); }
Answer cuMemFreeAsync(void *pointer, void *stream) { return release(pointer, stream); }

Answer cuMemcpyHtoDAsync_v2(void *to, const void *from, std::size_t bytes, void *) {
    return copy("host-to-device", to, from, bytes);
}
Answer cuMemcpyDtoHAsync_v2(void *to, const void *from, std::size_t bytes, void *) {
    return copy("device-to-host", to, from, bytes);
}
Answer cuMemcpyDtoDAsync_v2(void *to, const void *from, std::size_t bytes, void *) {
    return copy("device-to-device", to, from, bytes);
}
Answer cuMemsetD8Async(void *to, unsigned char value, std::size_t bytes, void *) {
    std::lock_guard<std::mutex> own(turn);
    count("memset", bytes);
    memset(to, value, bytes);
    return Success;
}

Answer cuModuleLoadData(void **module, const void *) {
    return is("old driver") ? UnsupportedPtxVersion : give(module, static_cast<void *>(&handle));
}
Answer cuModuleUnload(void *) { return Success; }
Answer cuModuleGetFunction(const Kernel **function, void *, const char *name) {
    const Kernel *found = Kernel::find(name);
    return found ? give(function, found) : NotFound;
}
Answer cuLaunchKernel(const Kernel *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned, void *, void **arguments, void **) {
    std::lock_guard<std::mutex> own(turn);
    count(function->name, std::size_t(grid_x) * grid_y * grid_z * block_x * block_y * block_z);
    function->run({grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, arguments);
    return Success;
}
}
