#ifndef RAHF_KERNEL_TABLE_H
#define RAHF_KERNEL_TABLE_H

#include "CKernels.h"

/// The kernels of one instruction set.
typedef struct {
    const char *name;
    int64_t panel_width;
    /// 1 when products of bfloat16 and of 8-bit integers have instructions of their own.
    int low_precision;
    void (*gemm)(const float *, int64_t, const float *, int64_t, int64_t, float *, int64_t, int64_t, int64_t, int64_t,
                 int64_t, const rk_epilogue *);
    void (*gemm_indirect)(const float *, const int64_t *, int64_t, const float *, int64_t, const int32_t *,
                          const float *, int64_t, int64_t, float *, const int64_t *, int64_t, int64_t, int64_t, int64_t,
                          const rk_epilogue *);
    void (*pack_bfloat16)(const float *, int64_t, int64_t, int64_t, int64_t, uint32_t *);
    void (*gemm_bfloat16)(const float *, int64_t, const uint32_t *, int64_t, int64_t, float *, int64_t, int64_t, int64_t,
                          int64_t, int64_t, const rk_epilogue *);
    void (*gemm_indirect_bfloat16)(const float *, const int64_t *, int64_t, const float *, int64_t, const int32_t *,
                                   const uint32_t *, int64_t, int64_t, float *, const int64_t *, int64_t, int64_t,
                                   int64_t, int64_t, const rk_epilogue *);
    void (*gemm_int8)(const float *, int64_t, const uint32_t *, int64_t, int64_t, float *, int64_t, int64_t, int64_t,
                      int64_t, int64_t, const rk_epilogue *);
    void (*winograd_pack)(const float *, int64_t, int64_t, int, int64_t, int64_t, float *, int64_t, int64_t);
    void (*winograd)(const rk_winograd_map *, const float *, const float *, const float *, float *, int64_t, int64_t,
                     int64_t, int64_t, float *, const rk_epilogue *);
    void (*softmax_rows)(const float *, float *, int64_t, int64_t, int64_t);
    void (*softmax_grad_rows)(const float *, const float *, float *, int64_t, int64_t, int64_t, float);
    void (*cross_entropy_rows)(const float *, const int32_t *, float *, int64_t, int64_t);
    void (*attention_rows)(float *, int64_t, int64_t, float, const float *, int64_t);
    void (*layer_norm)(const float *, float *, int64_t, int64_t, const float *, const float *, float);
    void (*rms_norm)(const float *, float *, int64_t, int64_t, const float *, float);
    void (*layer_norm_grad)(const float *, const float *, float *, int64_t, int64_t, const float *, float);
    void (*rms_norm_grad)(const float *, const float *, float *, int64_t, int64_t, const float *, float);
    void (*activate)(const float *, float *, int64_t, int32_t);
    void (*activate_grad)(const float *, const float *, float *, int64_t, int32_t);
} rk_table;

extern const rk_table rk_portable_table;
#if defined(__x86_64__)
extern const rk_table rk_avx2_table;
extern const rk_table rk_avx512_table;
extern const rk_table rk_avx512bf16_table;
#endif

#endif
