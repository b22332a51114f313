#if defined(__x86_64__)
#include <math.h>
#include <string.h>
#include "kernel_table.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define RK_NAME "avx512"
#define RK_TABLE rk_avx512_table
#define VL 16
#define NV 4
#include "gemm.inc.h"
#include "rowwise.inc.h"
#include "bfloat16.inc.h"
#include "int8.inc.h"
#include "winograd.inc.h"
#include "table.inc.h"
#pragma clang attribute pop
#endif
