#if defined(__x86_64__)
#include <math.h>
#include <string.h>
#include "kernel_table.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define RK_NAME "avx2"
#define RK_TABLE rk_avx2_table
#define VL 8
#define NV 2
#include "gemm.inc.h"
#include "rowwise.inc.h"
#include "bfloat16.inc.h"
#include "int8.inc.h"
#include "winograd.inc.h"
#include "table.inc.h"
#pragma clang attribute pop
#endif
