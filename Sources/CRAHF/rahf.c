#include "rahf.h"

/* The header is the contract; RAHFLibrary implements it. These numbers must never change. */
_Static_assert(RAHF_STATUS_OK == 1 && RAHF_STATUS_INTERNAL == 18 && RAHF_STATUS_UNAVAILABLE == 20, "statuses");
_Static_assert(RAHF_OUTPUT_SCORES == 1 && RAHF_OUTPUT_HEATMAPS == 2 && RAHF_OUTPUT_WORDS == 4, "outputs");
_Static_assert(RAHF_SCORE_PLAUSIBILITY == 0 && RAHF_SCORE_OVERALL == 3, "scores");
_Static_assert(RAHF_TYPE_U8 == 1 && RAHF_TYPE_F32 == 3 && RAHF_LAYOUT_HWC == 1 && RAHF_LAYOUT_CHW == 2, "pixels");
_Static_assert(offsetof(rahf_pixels, struct_size) == 0 && sizeof(rahf_pixels) == 64, "fields only come");
_Static_assert(offsetof(rahf_region, struct_size) == 0 && sizeof(rahf_region) == 72, "fields only come");
