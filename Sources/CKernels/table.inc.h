const rk_table RK_TABLE = {
    .name = RK_NAME,
    .panel_width = NR,
#if defined(HAS_VDPBF16) && defined(HAS_VNNI)
    .low_precision = 1,
#endif
    .gemm = gemm,
    .gemm_indirect = gemm_indirect,
    .gemm_bfloat16 = gemm_bfloat16,
    .gemm_int8 = gemm_int8,
    .winograd_pack = winograd_pack,
    .winograd = winograd,
    .softmax_rows = softmax_rows,
    .softmax_grad_rows = softmax_grad_rows,
    .cross_entropy_rows = cross_entropy_rows,
    .attention_rows = attention_rows,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .layer_norm_grad = layer_norm_grad,
    .rms_norm_grad = rms_norm_grad,
    .activate = activate,
    .activate_grad = activate_grad,
};
