"""What our tensors are called in the public PyTorch port's state_dict."""
import re

# The port's heads are sequences that count norms and activations as places.
RULES = [
    (r"score_head\.(\w+\.)?convolutions\.(\d+)\.(weight|bias)", lambda t, i, w: f"score_predictor.{t}conv_layers.{3 * i}.{w}"),
    (r"score_head\.(\w+\.)?convolution_norms\.(\d+)\.weight", lambda t, i: f"score_predictor.{t}conv_layers.{3 * i + 1}.scale"),
    (r"score_head\.(\w+\.)?dense\.(\d+)\.(weight|bias)", lambda t, i, w: f"score_predictor.{t}linear_layers.{2 * i}.{w}"),
    (r"heatmap_head\.(\w+\.)?convolutions\.(\d+)\.(weight|bias)",
     lambda t, i, w: f"heatmap_predictor.{t}conv_layers.{3 * i}.{w}"),
    (r"heatmap_head\.(\w+\.)?convolution_norms\.(\d+)\.weight",
     lambda t, i: f"heatmap_predictor.{t}conv_layers.{3 * i + 2}.scale"),
    (r"heatmap_head\.(\w+\.)?deconvolutions\.(\d+)\.(weight|bias)",
     lambda t, i, w: f"heatmap_predictor.{t}deconv_layers.{i}.0.{w}"),
    (r"heatmap_head\.(\w+\.)?deconvolution_norms\.(\d+)\.weight",
     lambda t, i: f"heatmap_predictor.{t}deconv_layers.{i}.1.scale"),
    (r"heatmap_head\.(\w+\.)?read_outs\.(\d+)\.(\d+)\.(weight|bias)",
     lambda t, i, p, w: f"heatmap_predictor.{t}conv_layers2.{i}.{3 * p}.{w}"),
    (r"heatmap_head\.(\w+\.)?read_out_norms\.(\d+)\.(\d+)\.weight",
     lambda t, i, p: f"heatmap_predictor.{t}conv_layers2.{i}.{3 * p + 1}.scale"),
    (r"heatmap_head\.(\w+\.)?read_out\.(\d+)\.(weight|bias)", lambda t, i, w: f"heatmap_predictor.{t}last_conv{i + 1}.{w}"),
]


def port_name(ours):
    for pattern, name in RULES:
        found = re.fullmatch(pattern, ours)
        if found:
            task, *rest = found.groups()
            return name(task or "", *[int(r) if r.isdigit() else r for r in rest])
    return ours
