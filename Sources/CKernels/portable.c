#define RK_NAME "portable"
#define RK_TABLE rk_portable_table
#define VL 4
#define NV 2
#include "gemm.inc.h"
#include "rowwise.inc.h"
#include "bfloat16.inc.h"
#include "int8.inc.h"
#include "winograd.inc.h"
#include "table.inc.h"
