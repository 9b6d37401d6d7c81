/* What the stand-in's libraries answer for a function that they do not have. */
#pragma once
#include <stdio.h>

static int unsupported(const char *function, int number) {
    fprintf(stderr, "the stand-in for a GPU has no %s\n", function);
    return number;
}
