#pragma once
/* Older than half-width numbers. */
#define CUDA_VERSION 0
