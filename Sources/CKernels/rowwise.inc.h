// Elementwise functions, softmax and norms. Included after gemm.inc.h.
//
// Rows are summed in VL lanes, then the lanes in order; a row's tail goes through a zero-padded vector, so the result
// depends on the row alone.

static inline vf select_vf(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
static inline vf max_vf(vf a, vf b) { return select_vf(a > b, a, b); }
static inline vf min_vf(vf a, vf b) { return select_vf(a < b, a, b); }

static inline float sum_lanes(vf v) {
    float total = 0;
    for (int i = 0; i < VL; i++) total += v[i];
    return total;
}

// e^x by x = n ln2 + r, |r| <= ln2 / 2, and a polynomial in r (Cephes' coefficients); 0 below -87, finite up to 88; NaN stays NaN.
static inline vf exp_vf(vf x) {
    vi small = x < splat(-87.0f);
    vi nan = x != x;
    vf original = x;
    x = min_vf(x, splat(88.0f));
    x = max_vf(x, splat(-87.0f));
    vf magic = splat(12582912.0f);
    vf n = (x * 1.44269504f + magic) - magic;
    vf r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vf p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    vf y = p * (r * r) + r + 1.0f;
    vi bits = (__builtin_convertvector(n, vi) + 127) << 23;
    return select_vf(nan, original, select_vf(small, splat(0), y * (vf)bits));
}

// Below 1 Cephes' polynomial, above it Abramowitz and Stegun 7.1.26 (absolute error under 2e-7; near zero it would lose
// relative precision).
static inline vf erf_vf(vf x) {
    vi negative = x < splat(0);
    vf a = select_vf(negative, -x, x);
    vf z = x * x;
    vf near = splat(7.853861353153693e-5f);
    near = near * z + -8.010193625184903e-4f;
    near = near * z + 5.188327685732524e-3f;
    near = near * z + -2.685381193529856e-2f;
    near = near * z + 1.128358514861418e-1f;
    near = near * z + -3.761262582423300e-1f;
    near = near * z + 1.128379165726710e+0f;
    near = near * x;
    vf t = 1.0f / (a * 0.3275911f + 1.0f);
    vf p = splat(1.061405429f);
    p = p * t + -1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t + -0.284496736f;
    p = p * t + 0.254829592f;
    vf far = 1.0f - p * t * exp_vf(-(a * a));
    far = select_vf(negative, -far, far);
    return select_vf(a < splat(1.0f), near, far);
}

// log(1 + u) for u in [0, 1] by 2 atanh(u / (2 + u)): the series' last term is under 1e-9.
static inline vf log1p_vf(vf u) {
    vf s = u / (u + 2.0f);
    vf z = s * s;
    vf p = splat(2.0f / 17);
    p = p * z + 2.0f / 15;
    p = p * z + 2.0f / 13;
    p = p * z + 2.0f / 11;
    p = p * z + 2.0f / 9;
    p = p * z + 2.0f / 7;
    p = p * z + 2.0f / 5;
    p = p * z + 2.0f / 3;
    p = p * z + 2.0f;
    return p * s;
}

// max(x, 0) + log(1 + e^-|x|)
static inline vf softplus_vf(vf x) {
    vi negative = x < splat(0);
    vf tail = log1p_vf(exp_vf(select_vf(negative, x, -x)));
    return select_vf(negative, splat(0), x) + tail;
}

static inline vf sigmoid_vf(vf x) { return 1.0f / (exp_vf(-x) + 1.0f); }

// tanh(u) = 2 sigmoid(2u) - 1, with u = sqrt(2/pi) (x + 0.044715 x^3).
static inline vf gelu_tanh_gate(vf x) {
    return sigmoid_vf(x * (x * x * (2 * 0.7978845608f * 0.044715f) + 2 * 0.7978845608f));
}

static inline vf activate_vf(vf x, int32_t kind) {
    switch (kind) {
    case RK_RELU: return select_vf(x < splat(0), splat(0), x);
    case RK_GELU_ERF: return x * 0.5f * (erf_vf(x * 0.70710678f) + 1.0f);
    case RK_GELU_TANH: return x * gelu_tanh_gate(x);
    case RK_SIGMOID: return sigmoid_vf(x);
    case RK_SOFTPLUS: return softplus_vf(x);
    default: return x;
    }
}

static inline vf slope_vf(vf x, int32_t kind) {
    switch (kind) {
    case RK_RELU: return select_vf(x > splat(0), splat(1), splat(0));
    case RK_GELU_ERF:
        return (erf_vf(x * 0.70710678f) + 1.0f) * 0.5f + x * 0.39894228f * exp_vf(x * x * -0.5f);
    case RK_GELU_TANH: {
        vf s = gelu_tanh_gate(x);
        return s + x * s * (1.0f - s) * (x * x * (6 * 0.7978845608f * 0.044715f) + 2 * 0.7978845608f);
    }
    case RK_SIGMOID: {
        vf s = sigmoid_vf(x);
        return s * (1.0f - s);
    }
    case RK_SOFTPLUS: return sigmoid_vf(x);
    default: return splat(1);
    }
}

// Loads fewer than VL floats, zeros behind them.
static inline vf load_part(const float *p, int64_t count) {
    float local[VL] = {0};
    memcpy(local, p, (size_t)count * 4);
    return load(local);
}
static inline void store_part(float *p, vf v, int64_t count) {
    float local[VL];
    store(local, v);
    memcpy(p, local, (size_t)count * 4);
}

// Runs BODY over a row with `x` loaded from SOURCE at `i`, whole vectors first, then the tail.
#define FOR_VECTORS(n, BODY_WHOLE, BODY_PART)            \
    int64_t i = 0;                                       \
    for (; i + VL <= (n); i += VL) { BODY_WHOLE }        \
    int64_t rest = (n)-i;                                \
    if (rest > 0) { BODY_PART }

// Sums of a row to its results: times `scale` and their columns' own scales where there are any, then the epilogue.
static inline __attribute__((always_inline)) void finish_row(const float *sums, float scale, const float *columns,
                                                             float *c, int64_t count, const float *bias,
                                                             const float *residual, int32_t activation) {
    FOR_VECTORS(
        count,
        {
            vf x = load(sums + i);
            if (columns) x = x * (load(columns + i) * scale);
            if (bias) x += load(bias + i);
            x = activate_vf(x, activation);
            if (residual) x += load(residual + i);
            store(c + i, x);
        },
        {
            vf x = load_part(sums + i, rest);
            if (columns) x = x * (load_part(columns + i, rest) * scale);
            if (bias) x += load_part(bias + i, rest);
            x = activate_vf(x, activation);
            if (residual) x += load_part(residual + i, rest);
            store_part(c + i, x, rest);
        })
}

static void apply_epilogue(float *c, int64_t count, const float *bias, const float *residual, int32_t activation) {
    if (!bias && !residual && activation == RK_NONE) return;
    finish_row(c, 1, 0, c, count, bias, residual, activation);
}

static void activate(const float *x, float *y, int64_t n, int32_t kind) {
    FOR_VECTORS(
        n, { store(y + i, activate_vf(load(x + i), kind)); },
        { store_part(y + i, activate_vf(load_part(x + i, rest), kind), rest); })
}

static void activate_grad(const float *x, const float *dy, float *dx, int64_t n, int32_t kind) {
    FOR_VECTORS(
        n, { store(dx + i, slope_vf(load(x + i), kind) * load(dy + i)); },
        { store_part(dx + i, slope_vf(load_part(x + i, rest), kind) * load_part(dy + i, rest), rest); })
}

static inline float row_sum(const float *x, int64_t n) {
    vf total = splat(0);
    FOR_VECTORS(n, { total += load(x + i); }, { total += load_part(x + i, rest); })
    return sum_lanes(total);
}

static inline float row_dot(const float *x, const float *y, int64_t n) {
    vf total = splat(0);
    FOR_VECTORS(n, { total += load(x + i) * load(y + i); }, { total += load_part(x + i, rest) * load_part(y + i, rest); })
    return sum_lanes(total);
}

static inline float row_square_from(const float *x, float mean, int64_t n) {
    vf total = splat(0);
    FOR_VECTORS(
        n,
        {
            vf d = load(x + i) - mean;
            total += d * d;
        },
        {
            vf d = load_part(x + i, rest) - mean;
            for (int64_t j = rest; j < VL; j++) d[j] = 0;
            total += d * d;
        })
    return sum_lanes(total);
}

static inline float max_lanes(vf v) {
    float top = v[0];
    for (int i = 1; i < VL; i++) top = v[i] > top ? v[i] : top;
    return top;
}

// softmax(scale * x + bias) of one row, `bias` may be null. A NaN anywhere makes the whole row NaN.
static inline void softmax_row(const float *x, float *y, int64_t n, float scale, const float *bias) {
    vf highest = splat(-INFINITY);
    FOR_VECTORS(
        n,
        {
            vf v = load(x + i) * scale;
            if (bias) v += load(bias + i);
            highest = max_vf(v, highest);
            store(y + i, v);
        },
        {
            vf v = load_part(x + i, rest) * scale;
            if (bias) v += load_part(bias + i, rest);
            store_part(y + i, v, rest);
            for (int64_t j = rest; j < VL; j++) v[j] = -INFINITY;
            highest = max_vf(v, highest);
        })
    float top = max_lanes(highest);
    vf total = splat(0);
    for (i = 0; i + VL <= n; i += VL) {
        vf e = exp_vf(load(y + i) - top);
        total += e;
        store(y + i, e);
    }
    if (rest > 0) {
        vf e = exp_vf(load_part(y + i, rest) - top);
        for (int64_t j = rest; j < VL; j++) e[j] = 0;
        total += e;
        store_part(y + i, e, rest);
    }
    float inverse = 1.0f / sum_lanes(total);
    for (int64_t j = 0; j < n; j++) y[j] *= inverse;
}

static void softmax_rows(const float *x, float *y, int64_t rows, int64_t n, int64_t stride) {
    for (int64_t r = 0; r < rows; r++) softmax_row(x + r * stride, y + r * stride, n, 1, 0);
}

static void cross_entropy_rows(const float *x, const int32_t *classes, float *y, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n) {
        vf highest = splat(-INFINITY);
        FOR_VECTORS(
            n, { highest = max_vf(load(x + i), highest); },
            {
                vf v = load_part(x + i, rest);
                for (int64_t j = rest; j < VL; j++) v[j] = -INFINITY;
                highest = max_vf(v, highest);
            })
        float top = max_lanes(highest);
        vf total = splat(0);
        for (i = 0; i + VL <= n; i += VL) total += exp_vf(load(x + i) - top);
        if (rest > 0) {
            vf e = exp_vf(load_part(x + i, rest) - top);
            for (int64_t j = rest; j < VL; j++) e[j] = 0;
            total += e;
        }
        y[r] = logf(sum_lanes(total)) + (top - x[classes[r]]);
    }
}

// Scores to probabilities: x = softmax(scale * x + bias).
static void attention_rows(float *x, int64_t rows, int64_t n, float scale, const float *bias, int64_t bias_stride) {
    for (int64_t r = 0; r < rows; r++)
        softmax_row(x + r * n, x + r * n, n, scale, bias ? bias + r * bias_stride : 0);
}

static void softmax_grad_rows(const float *p, const float *dp, float *dx, int64_t rows, int64_t n, int64_t stride,
                              float scale) {
    for (int64_t r = 0; r < rows; r++, p += stride, dp += stride, dx += stride) {
        float mean = row_dot(p, dp, n);
        for (int64_t j = 0; j < n; j++) dx[j] = scale * p[j] * (dp[j] - mean);
    }
}

static void layer_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, const float *beta,
                       float eps) {
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        float mean = row_sum(x, n) / (float)n;
        float scale = 1.0f / sqrtf(row_square_from(x, mean, n) / (float)n + eps);
        FOR_VECTORS(
            n,
            {
                vf v = (load(x + i) - mean) * scale;
                if (gamma) v = v * load(gamma + i);
                if (beta) v += load(beta + i);
                store(y + i, v);
            },
            {
                vf v = (load_part(x + i, rest) - mean) * scale;
                if (gamma) v = v * load_part(gamma + i, rest);
                if (beta) v += load_part(beta + i, rest);
                store_part(y + i, v, rest);
            })
    }
}

static void rms_norm(const float *x, float *y, int64_t rows, int64_t n, const float *gamma, float eps) {
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        float scale = 1.0f / sqrtf(row_dot(x, x, n) / (float)n + eps);
        FOR_VECTORS(
            n,
            {
                vf v = load(x + i) * scale;
                if (gamma) v = v * load(gamma + i);
                store(y + i, v);
            },
            {
                vf v = load_part(x + i, rest) * scale;
                if (gamma) v = v * load_part(gamma + i, rest);
                store_part(y + i, v, rest);
            })
    }
}

// With g = dy * gamma and h the normalised row: dx = s (g - mean(g) - h mean(g h)).
static void layer_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                            float eps) {
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        float mean = row_sum(x, n) / (float)n;
        float scale = 1.0f / sqrtf(row_square_from(x, mean, n) / (float)n + eps);
        vf sum = splat(0), dot = splat(0);
        FOR_VECTORS(
            n,
            {
                vf g = load(dy + i) * (gamma ? load(gamma + i) : splat(1));
                sum += g;
                dot += g * (load(x + i) - mean);
            },
            {
                vf g = load_part(dy + i, rest) * (gamma ? load_part(gamma + i, rest) : splat(1));
                sum += g;
                dot += g * (load_part(x + i, rest) - mean);
            })
        float average = sum_lanes(sum) / (float)n, slope = sum_lanes(dot) * scale * scale / (float)n;
        for (i = 0; i + VL <= n; i += VL) {
            vf g = load(dy + i);
            if (gamma) g = g * load(gamma + i);
            store(dx + i, (g - average - (load(x + i) - mean) * slope) * scale);
        }
        if (rest > 0) {
            vf g = load_part(dy + i, rest);
            if (gamma) g = g * load_part(gamma + i, rest);
            store_part(dx + i, (g - average - (load_part(x + i, rest) - mean) * slope) * scale, rest);
        }
    }
}

static void rms_norm_grad(const float *x, const float *dy, float *dx, int64_t rows, int64_t n, const float *gamma,
                          float eps) {
    for (int64_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        float scale = 1.0f / sqrtf(row_dot(x, x, n) / (float)n + eps);
        vf dot = splat(0);
        FOR_VECTORS(
            n, { dot += load(dy + i) * (gamma ? load(gamma + i) : splat(1)) * load(x + i); },
            { dot += load_part(dy + i, rest) * (gamma ? load_part(gamma + i, rest) : splat(1)) * load_part(x + i, rest); })
        float slope = sum_lanes(dot) * scale * scale / (float)n;
        for (i = 0; i + VL <= n; i += VL) {
            vf g = load(dy + i);
            if (gamma) g = g * load(gamma + i);
            store(dx + i, (g - load(x + i) * slope) * scale);
        }
        if (rest > 0) {
            vf g = load_part(dy + i, rest);
            if (gamma) g = g * load_part(gamma + i, rest);
            store_part(dx + i, (g - load_part(x + i, rest) * slope) * scale, rest);
        }
    }
}
