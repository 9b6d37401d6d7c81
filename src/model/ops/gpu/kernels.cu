// What the graph engine computes on a GPU beside matrix products; `mod.rs` says what with which shapes.
//
// A thread computes one element of the result, or one sum over the rows of a batch, from the first row to the last.
// Nothing is shared between threads and nothing added by several: a run's bits depend on the run alone.
// All arrays are contiguous f32; no array has 2^31 elements.

typedef unsigned int u32;

// The number of this thread, for kernels that begin with the number of threads they want.
#define EACH(i)                                                                                                       \
    u32 i = blockIdx.x * blockDim.x + threadIdx.x;                                                                    \
    if (i >= threads)                                                                                                 \
        return;

// h = ReLU(z + b): z and h [runs, rows, columns], b [runs, columns]. What is no number stays none.
extern "C" __global__ void bias_relu(u32 threads, u32 rows, u32 columns, const float *z, const float *b, float *h) {
    EACH(i)
    u32 run = i / (rows * columns), column = i % columns;
    float value = z[i] + b[run * columns + column];
    h[i] = value < 0.0f ? 0.0f : value;
}

// dz = dh where h > 0, else 0, and db = sum of dz over rows: h, dh and dz [runs, rows, columns], db [runs, columns];
// `back` holds dz and behind it db. A thread a column.
extern "C" __global__ void bias_relu_back(u32 threads, u32 rows, u32 columns, const float *h, const float *dh,
                                          float *back) {
    EACH(i)
    u32 first = i / columns * rows * columns + i % columns;
    float sum = 0.0f;
    for (u32 at = first; at < first + rows * columns; at += columns) {
        float value = h[at] > 0.0f ? dh[at] : 0.0f;
        back[at] = value;
        sum += value;
    }
    back[threads * rows + i] = sum;
}

// g = softmax(z) over rows of `choices`. A thread a row.
extern "C" __global__ void softmax(u32 threads, u32 choices, const float *z, float *g) {
    EACH(i)
    z += i * choices, g += i * choices;
    float largest = z[0], sum = 0.0f;
    for (u32 c = 1; c < choices; c++)
        largest = z[c] > largest ? z[c] : largest;
    for (u32 c = 0; c < choices; c++)
        sum += g[c] = expf(z[c] - largest);
    for (u32 c = 0; c < choices; c++)
        g[c] /= sum;
}

// dz = g (dg - sum of g dg). A thread a row.
extern "C" __global__ void softmax_back(u32 threads, u32 choices, const float *g, const float *dg, float *dz) {
    EACH(i)
    g += i * choices, dg += i * choices, dz += i * choices;
    float mean = 0.0f;
    for (u32 c = 0; c < choices; c++)
        mean += g[c] * dg[c];
    for (u32 c = 0; c < choices; c++)
        dz[c] = g[c] * (dg[c] - mean);
}

// m = sum over experts of g f: g [runs, rows, gates, experts], f [runs, rows, experts, units],
// m [runs, gates, rows, units].
extern "C" __global__ void mixture(u32 threads, u32 rows, u32 gates, u32 experts, u32 units, const float *g,
                                   const float *f, float *m) {
    EACH(i)
    u32 unit = i % units, row = i / units % rows, gate = i / (units * rows) % gates, run = i / (units * rows * gates);
    g += ((run * rows + row) * gates + gate) * experts, f += (run * rows + row) * experts * units + unit;
    float sum = 0.0f;
    for (u32 expert = 0; expert < experts; expert++)
        sum += g[expert] * f[expert * units];
    m[i] = sum;
}

// dg = f . dm, shapes as above. A thread an element of g.
extern "C" __global__ void mixture_back_gates(u32 threads, u32 rows, u32 gates, u32 experts, u32 units, const float *f,
                                              const float *dm, float *dg) {
    EACH(i)
    u32 expert = i % experts, gate = i / experts % gates, row = i / (experts * gates) % rows;
    u32 run = i / (experts * gates * rows);
    f += ((run * rows + row) * experts + expert) * units, dm += ((run * gates + gate) * rows + row) * units;
    float sum = 0.0f;
    for (u32 unit = 0; unit < units; unit++)
        sum += f[unit] * dm[unit];
    dg[i] = sum;
}

// df = sum over gates of g dm. A thread an element of f.
extern "C" __global__ void mixture_back_experts(u32 threads, u32 rows, u32 gates, u32 experts, u32 units,
                                                const float *g, const float *dm, float *df) {
    EACH(i)
    u32 unit = i % units, expert = i / units % experts, row = i / (units * experts) % rows;
    u32 run = i / (units * experts * rows);
    g += (run * rows + row) * gates * experts + expert, dm += (run * gates * rows + row) * units + unit;
    float sum = 0.0f;
    for (u32 gate = 0; gate < gates; gate++)
        sum += g[gate * experts] * dm[gate * rows * units];
    df[i] = sum;
}

// y = h . o + d: h [towers, rows, units], o [towers, units], d [towers], y [towers, rows].
extern "C" __global__ void output(u32 threads, u32 rows, u32 units, const float *h, const float *o, const float *d,
                                  float *y) {
    EACH(i)
    u32 tower = i / rows;
    h += i * units, o += tower * units;
    float sum = d[tower];
    for (u32 unit = 0; unit < units; unit++)
        sum += h[unit] * o[unit];
    y[i] = sum;
}

// dh = dy o. A thread an element of h.
extern "C" __global__ void output_back_hidden(u32 threads, u32 rows, u32 units, const float *o, const float *dy,
                                              float *dh) {
    EACH(i)
    dh[i] = dy[i / units] * o[i / (units * rows) * units + i % units];
}

// do = sum of dy h over rows, and behind it dd = sum of dy. A thread an element of o.
extern "C" __global__ void output_back_weights(u32 threads, u32 rows, u32 units, const float *h, const float *dy,
                                               float *back) {
    EACH(i)
    u32 tower = i / units, unit = i % units;
    h += tower * rows * units + unit, dy += tower * rows;
    float weight = 0.0f, bias = 0.0f;
    for (u32 row = 0; row < rows; row++)
        weight += dy[row] * h[row * units], bias += dy[row];
    back[i] = weight;
    if (unit == 0)
        back[threads + tower] = bias;
}

// The rows of e that the first `columns` of x name, side by side, then the other features of x: x [rows, features] or, where
// `own` is 1, [runs, rows, features]; e [runs, words, units]; y [runs, rows, columns * units + features - columns]. A
// row that e does not have is zeros.
extern "C" __global__ void embedding(u32 threads, u32 rows, u32 features, u32 columns, u32 words, u32 units, u32 own,
                                     const float *x, const float *e, float *y) {
    EACH(i)
    u32 width = columns * units + features - columns;
    u32 place = i % width, row = i / width % rows, run = i / (width * rows);
    x += (own * run * rows + row) * features;
    if (place >= columns * units) {
        y[i] = x[place - columns * units + columns];
        return;
    }
    u32 word = (u32)x[place / units];
    y[i] = word < words ? e[(run * words + word) * units + place % units] : 0.0f;
}

// de, which holds zeros, gets the gradients of all places where a row was looked up. A thread a run, column and unit: no
// other column names its rows.
extern "C" __global__ void embedding_back(u32 threads, u32 rows, u32 features, u32 columns, u32 words, u32 units, u32 own,
                                          const float *x, const float *dy, float *de) {
    EACH(i)
    u32 unit = i % units, column = i / units % columns, run = i / (units * columns);
    u32 width = columns * units + features - columns;
    x += own * run * rows * features + column;
    dy += run * rows * width + column * units + unit;
    de += run * words * units + unit;
    for (u32 row = 0; row < rows; row++) {
        u32 word = (u32)x[row * features];
        if (word < words)
            de[word * units] += dy[row * width];
    }
}

// m = b1 m + (1 - b1) g and v = b2 v + (1 - b2) g g; `moments` holds m and behind it v.
extern "C" __global__ void adam_moments(u32 threads, float *moments, const float *g, float beta_1, float beta_2,
                                        float rest_1, float rest_2) {
    EACH(i)
    float gradient = g[i], *m = moments + i, *v = moments + threads + i;
    *m = beta_1 * *m + rest_1 * gradient;
    *v = beta_2 * *v + rest_2 * (gradient * gradient);
}

// theta -= decay theta + step m / (sqrt(v) root + epsilon), every run of `each` parameters with its own step and decay.
extern "C" __global__ void adam_parameters(u32 threads, u32 each, float *theta, const float *moments, const float *steps,
                                           const float *decays, float root, float epsilon) {
    EACH(i)
    float kept = theta[i] - decays[i / each] * theta[i];
    theta[i] = kept - steps[i / each] * moments[i] / (sqrtf(moments[threads + i]) * root + epsilon);
}
