// cuBLAS: batches of products of matrices, column by column, in f32 and f64.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Answer { Success = 0, NotInitialized = 1, InvalidValue = 7, NotSupported = 15 };
constexpr int F32 = 0, COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77;
int handle;

// C = α op(A) op(B) + β C; op(X) is X where its number is 0, else X transposed.
template <class T>
Answer multiply(int op_a, int op_b, int m, int n, int k, T alpha, const T *a, int lda, std::int64_t stride_a, const T *b,
                int ldb, std::int64_t stride_b, T beta, T *c, int ldc, std::int64_t stride_c, int count) {
    if (lda < (op_a ? k : m) || ldb < (op_b ? n : k) || ldc < m)
        return InvalidValue;
    for (int at = 0; at < count; at++, a += stride_a, b += stride_b, c += stride_c)
        for (int column = 0; column < n; column++)
            for (int row = 0; row < m; row++) {
                T sum = 0;
                for (int i = 0; i < k; i++)
                    sum += a[op_a ? i + std::int64_t(row) * lda : row + std::int64_t(i) * lda] *
                           b[op_b ? column + std::int64_t(i) * ldb : i + std::int64_t(column) * ldb];
                T &out = c[row + std::int64_t(column) * ldc];
                // With β = 0 what C holds is not read: it may be no number.
                out = alpha * sum + (beta == 0 ? 0 : beta * out);
            }
    return Success;
}

} // namespace

extern "C" {

Answer cublasCreate_v2(void **made) {
    const char *fault = getenv("STAND_IN_GPU");
    if (fault && strcmp(fault, "older driver") == 0)
        return NotInitialized;
    *made = &handle;
    return Success;
}
Answer cublasDestroy_v2(void *) { return Success; }
Answer cublasSetStream_v2(void *, void *) { return Success; }

Answer cublasGemmStridedBatchedEx(void *, int op_a, int op_b, int m, int n, int k, const void *alpha, const void *a,
                                  int type_a, int lda, std::int64_t stride_a, const void *b, int type_b, int ldb,
                                  std::int64_t stride_b, const void *beta, void *c, int type_c, int ldc,
                                  std::int64_t stride_c, int count, int compute, int) {
    if (compute == COMPUTE_32F_FAST_TF32)
        fprintf(stderr, "a product in TF32 was asked of the stand-in for a GPU\n");
    if (type_a != F32 || type_b != F32 || type_c != F32 || compute != COMPUTE_32F)
        return NotSupported;
    auto number = [](const void *place) { return *static_cast<const float *>(place); };
    return multiply(op_a, op_b, m, n, k, number(alpha), static_cast<const float *>(a), lda, stride_a,
                    static_cast<const float *>(b), ldb, stride_b, number(beta), static_cast<float *>(c), ldc,
                    stride_c, count);
}

Answer cublasDgemmStridedBatched(void *, int op_a, int op_b, int m, int n, int k, const double *alpha, const double *a,
                                 int lda, std::int64_t stride_a, const double *b, int ldb, std::int64_t stride_b,
                                 const double *beta, double *c, int ldc, std::int64_t stride_c, int count) {
    return multiply(op_a, op_b, m, n, k, *alpha, a, lda, stride_a, b, ldb, stride_b, *beta, c, ldc, stride_c, count);
}
}
