// cuRAND: a generator that can be made, as Candle makes one with every device, and never draws.
namespace {
int handle;
}

extern "C" {

int curandCreateGenerator(void **made, int) {
    *made = &handle;
    return 0;
}
int curandDestroyGenerator(void *) { return 0; }
int curandSetStream(void *, void *) { return 0; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return 0; }
}
