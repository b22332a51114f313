#ifndef RAHF_CKERNELS_H
#define RAHF_CKERNELS_H

#include <stdint.h>

/// Kernels of the CPU engine. Sizes are elements, strides are elements, all values are float32.
///
/// One source, compiled once per instruction set and chosen at run time. Every element's bits depend only on its own
/// row, its own column and the depth: never on how many rows or columns share a call.

typedef enum { RK_NONE = 0, RK_RELU = 1, RK_GELU_ERF = 2, RK_GELU_TANH = 3, RK_SIGMOID = 4, RK_SOFTPLUS = 5 } rk_activation;

/// What the last pass over a tile also does: c = activation(product + bias) + residual.
typedef struct {
    const float *bias;
    const float *residual;
    int64_t residual_stride;
    int32_t activation;
} rk_epilogue;

/// "avx512bf16" (with products of bfloat16 and of 8-bit integers), "avx512", "avx2" or "portable": the best the processor has, or what RAHF_ISA names if the processor has it.
const char *rk_instruction_set(void);
/// What RAHF_ISA names (cut to 63 bytes) when the processor lacks it or nothing is called that; null when all is well.
const char *rk_refused_instruction_set(void);
int rk_has_instruction_set(const char *name);
/// Switches every kernel called on this thread to that set, or back to the usual one for null; 0 when the processor does
/// not have it. For tests: packed weights do not carry over.
int rk_force_instruction_set(const char *name);
/// Columns of one packed panel.
int64_t rk_panel_width(void);
/// Floats that a packed k x n matrix takes.
int64_t rk_packed_count(int64_t k, int64_t n);
/// Packs panels [p0, p1) of the matrix whose element (i, j) is b[i * k_stride + j * n_stride].
void rk_pack(const float *b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, float *packed, int64_t p0,
             int64_t p1);

/// Rows [m0, m1), panels [p0, p1) of c = epilogue(a * packed).
void rk_gemm(const float *a, int64_t lda, const float *packed, int64_t k, int64_t n, float *c, int64_t ldc, int64_t m0,
             int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *epilogue);

/// What a packed matrix holds, and its left-hand rows are rounded to; sums and everything else are float32.
typedef enum {
    RK_FLOAT32 = 0,
    /// bfloat16, nearest even.
    RK_BFLOAT16 = 1,
    /// Integers of -127 to 127 with a scale per column and one per row, the largest magnitude; exact sums. For a depth
    /// up to 65,536.
    RK_INT8 = 2
} rk_precision;

/// 1 when the chosen kernels have instructions for the lower two.
int rk_has_low_precision(void);

/// `rk_packed_count` for that precision, in 32-bit words; `rk_pack` and `rk_gemm` for it.
int64_t rk_packed_words(int32_t precision, int64_t k, int64_t n);
void rk_pack_as(int32_t precision, const float *b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n,
                float *packed, int64_t p0, int64_t p1);
void rk_gemm_as(int32_t precision, const float *a, int64_t lda, const float *packed, int64_t k, int64_t n, float *c,
                int64_t ldc, int64_t m0, int64_t m1, int64_t p0, int64_t p1, const rk_epilogue *epilogue);

/// The product behind convolutions, in float32 or bfloat16. Row m of tap t is the k floats at
/// base + row_offsets[t * row_count + m], or zeros when that offset is -1; tap t multiplies the packed matrix
/// tap_index[t]. Row m of the result lies at c + c_offsets[m], its residual at residual + c_offsets[m].
void rk_gemm_indirect_as(int32_t precision, const float *base, const int64_t *row_offsets, int64_t row_count,
                         const float *zeros, int64_t taps, const int32_t *tap_index, const float *packed, int64_t k,
                         int64_t n, float *c, const int64_t *c_offsets, int64_t m0, int64_t m1, int64_t p0, int64_t p1,
                         const rk_epilogue *epilogue);

/// A 3 x 3 convolution of stride 1 over one map `[height, width, inputs]`.
typedef struct {
    int64_t height, width, inputs;
    int64_t out_height, out_width, outputs;
    /// Zeros before the first row and column.
    int64_t padding;
} rk_winograd_map;

/// Floats of the packed weights, 36 / 9 of the plain ones.
int64_t rk_winograd_packed_count(int64_t inputs, int64_t outputs);
/// Packs panels [p0, p1) of the weights for `rk_winograd`. Tap t (row * 3 + column) between input i and output o is
/// w[i * input_stride + o * output_stride + t], or, `flipped`, 8 - t in the place of t.
void rk_winograd_pack(const float *w, int64_t input_stride, int64_t output_stride, int flipped, int64_t inputs,
                      int64_t outputs, float *packed, int64_t p0, int64_t p1);
/// Tiles of 4 x 4 outputs in the map.
int64_t rk_winograd_tiles(const rk_winograd_map *map);
/// Scratch floats for a call over that many tiles and panels.
int64_t rk_winograd_scratch(const rk_winograd_map *map, int64_t tiles, int64_t panels);
/// Tiles [t0, t1), panels [p0, p1) of out = epilogue(convolution of x). `zeros` holds `inputs` zeros; a residual lies as
/// `out` does.
void rk_winograd(const rk_winograd_map *map, const float *x, const float *zeros, const float *packed, float *out,
                 int64_t t0, int64_t t1, int64_t p0, int64_t p1, float *scratch, const rk_epilogue *epilogue);

/// Scratch floats for `rk_attention` over that many keys.
int64_t rk_attention_scratch(int64_t keys);
/// One head, query rows [q0, q1): out = softmax(scale * q kT + bias) v. `k_packed` packs kT (d x keys), `v_packed`
/// packs v (keys x d). `bias` may be null.
void rk_attention(const float *q, int64_t q_stride, const float *k_packed, const float *v_packed, int64_t keys,
                  int64_t d, float scale, const float *bias, int64_t bias_stride, float *out, int64_t out_stride,
                  int64_t q0, int64_t q1, float *scratch);

/// Row-wise softmax; x and y may be the same.
void rk_softmax_rows(const float *x, float *y, int64_t rows, int64_t n, int64_t stride);
/// dx = scale * p * (dp - sum(p * dp)); dp and dx may be the same.
void rk_softmax_grad_rows(const float *p, const float *dp, float *dx, int64_t rows, int64_t n, int64_t stride,
                          float scale);
/// y[r] = log(sum(exp(x[r]))) - x[r][classes[r]], rows of n.
void rk_cross_entropy_rows(const float *x, const int32_t *classes, float *y, int64_t rows, int64_t n);
/// gamma and beta may be null.
void rk_layer_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, const float *beta, float eps);
void rk_rms_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, float eps);
void rk_layer_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                        float eps);
void rk_rms_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                      float eps);
void rk_activate(const float *x, float *y, int64_t n, int32_t activation);
/// dx = dy * f'(x), x before the activation.
void rk_activate_grad(const float *x, const float *dy, float *dx, int64_t n, int32_t activation);
void rk_add(const float *a, const float *b, float *y, int64_t n);
void rk_mul(const float *a, const float *b, float *y, int64_t n);
/// y (columns x rows) = x (rows x columns) transposed; `stride` is between y's rows.
void rk_transpose(const float *x, int64_t rows, int64_t columns, float *y, int64_t stride);
/// Sums rows of n, `stride` apart, in order: y = the sum, or y plus it when `accumulate`.
void rk_sum_rows(const float *x, int64_t rows, int64_t n, int64_t stride, float *y, int accumulate);
/// y = s * a + t
void rk_scale(const float *a, float s, float t, float *y, int64_t n);
/// 1 when a value is NaN or infinite.
int rk_has_nonfinite(const float *x, int64_t n);

#endif
