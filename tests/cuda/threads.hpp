// The threads of a grid, one after the other on the host.
#pragma once

#include <type_traits>
#include <utility>

struct dim3 {
    unsigned x, y, z;
};
// Which thread runs, as kernels ask for it.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

// Waits until every thread of the block, or of the warp, waits as well or has ended.
void wait_for_block();
void wait_for_warp();

// What a thread shows the others of its warp; that of the thread whose number in the block differs by the bits
// of `lanes`.
struct Exchanged {
    unsigned char bytes[8];
};
Exchanged *exchanged(unsigned lanes);

// A kernel that is found by its name. `waits`: its threads wait for each other.
struct Kernel {
    const char *const name;

    template <class... A> Kernel(const char *name, void (*function)(A...), bool waits) : name(name), waits(waits) {
        this->function = reinterpret_cast<void (*)()>(function);
        call = [](void (*function)(), void **arguments) {
            apply(reinterpret_cast<void (*)(A...)>(function), arguments, std::index_sequence_for<A...>());
        };
        add();
    }

    // Runs a grid to its end.
    void run(dim3 grid, dim3 block, void **arguments) const;

    static const Kernel *find(const char *name);

  private:
    template <class... A, std::size_t... I>
    static void apply(void (*function)(A...), void **arguments, std::index_sequence<I...>) {
        function(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
    }
    void add();

    void (*function)();
    void (*call)(void (*)(), void **);
    bool waits;
};
