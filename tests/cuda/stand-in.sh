#!/usr/bin/env bash
# Makes a stand-in for a GPU out of the host: libraries under the names of CUDA's driver, cuBLAS, cuRAND and others,
# which keep the device's memory on the host and run Candle's own kernels, compiled by g++, one thread after the
# other. With it the program that is built with the feature `cuda` goes every step of its way on a GPU where there is
# none: what Candle does not have there, tensors that lie on another device, memory that ends, a driver too old. It
# says nothing of a GPU's speed or rounding.
#
#   tests/cuda/stand-in.sh FOLDER     leaves the libraries in FOLDER
set -euo pipefail
cd "$(dirname "$0")"
folder=$1
mkdir -p "$folder"

crate() { # NAME: where its sources lie
    dirname "$(cargo metadata --format-version 1 --features cuda |
        grep -oE '"manifest_path":"[^"]*/'"$1"'-[0-9][^/"]*/Cargo.toml"' | head -1 | cut -d'"' -f4)"
}
bindings=$(crate cudarc)/src
kernels=$(crate candle-kernels)/src

# Every function that bindings declare is there, so that the program links. What is not written here answers with its
# library's number for "not supported".
declared() { # PATTERN PLACE
    grep -rhoE "fn $1" "$2" | cut -c4- | sort -u
}
unsupported() { # LIBRARY NUMBER, names on standard input
    {
        printf '#include "unsupported.h"\n'
        sed -E "s/.*/__attribute__((weak)) int &(void) { return unsupported(\"&\", $2); }/"
    } >"$folder/$1-names.c"
    gcc -O2 -fPIC -w -I . -c -o "$folder/$1-names.o" "$folder/$1-names.c"
}
declared 'cu[A-Z][A-Za-z0-9_]*' "$bindings/driver/sys" | unsupported cuda 801
declared 'cublas[A-Za-z0-9_]*' "$bindings/cublas/sys" | unsupported cublas 15
declared 'cublasLt[A-Za-z0-9_]*' "$bindings/cublaslt/sys" | unsupported cublasLt 15
declared 'curand[A-Za-z0-9_]*' "$bindings/curand/sys" | unsupported curand 999
declared 'nvrtc[A-Za-z0-9_]*' "$bindings/nvrtc/sys" | unsupported nvrtc 11
# Candle's own libraries of quantised products, which are linked with the runtime.
declared '[a-z0-9_]+' "$kernels/ffi.rs" | unsupported cudart 801

# A kernel is found by its name, as in a module of PTX, and called with the types of its declaration.
flags=(-std=c++17 -O2 -fPIC -U_FORTIFY_SOURCE -w -I . -I include)
objects=()
for source in affine binary cast fill indexing reduce ternary unary kernels; do
    with=("${flags[@]}" -I "$kernels" -I ../../src/model/ops/gpu -include kernel.hpp)
    unit=$folder/$source.cpp
    waits=$(grep -qsE '__syncthreads|__shfl' "$kernels/$source.cu" && echo true || echo false)
    printf '#include "%s.cu"\n' "$source" >"$unit"
    names=$(g++ "${with[@]}" -D__global__=a_kernel -E "$unit" | tr '\n' ' ' | grep -oE 'a_kernel +void +[A-Za-z0-9_]+')
    for name in $(awk '{ print $3 }' <<<"$names"); do
        printf 'static Kernel kernel_%s("%s", %s, %s);\n' "$name" "$name" "$name" "$waits"
    done >>"$unit"
    g++ "${with[@]}" -c -o "$folder/$source.o" "$unit"
    objects+=("$folder/$source.o")
done

library() { # NAME, what it is made of beside the names
    g++ "${flags[@]}" -shared -Wl,-soname,"lib$1.so" -o "$folder/lib$1.so" "$folder/$1-names.o" "${@:2}"
}
library cuda driver.cpp threads.cpp "${objects[@]}"
library cublas cublas.cpp
library curand curand.cpp
library cublasLt
library nvrtc
library cudart
