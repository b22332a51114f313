/// What our tensors are called in the public PyTorch port's `state_dict`.
enum RichHFNames {
    /// Name and shape there of one of our tensors outside the T5.
    static func source(_ spec: ParameterSpec) -> ParameterMatcher.Source {
        let name = spec.name
        if name.hasPrefix("vit.") { return .init(names: ViTNames.names(name, prefix: "vit."), shape: spec.shape) }
        for (ours, theirs) in [("score_head", "score_predictor"), ("heatmap_head", "heatmap_predictor")]
        where name.hasPrefix(ours) {
            return head(name.split(separator: ".").dropFirst().map(String.init), theirs, spec.shape)
        }
        return .init(names: [name], shape: spec.shape)
    }

    /// - Parameter parts: `[task,] layers, index, [part,] weight or bias`.
    private static func head(_ parts: [String], _ predictor: String, _ shape: [Int]) -> ParameterMatcher.Source {
        var path = [predictor]
        var parts = parts[...]
        if let task = parts.first, layers[task] == nil {
            path.append(task)
            parts = parts.dropFirst()
        }
        let numbers = parts.compactMap { Int($0) }
        guard let kind = parts.first, let make = layers[kind], let tensor = parts.last, let index = numbers.first else {
            preconditionFailure("\(parts) is no head's tensor")
        }
        let place = make(predictor == "heatmap_predictor", index, numbers.last ?? 0)
        let isNorm = kind.hasSuffix("_norms")
        let full = (path + [place, isNorm ? "scale" : tensor]).joined(separator: ".")
        return .init(names: [full], shape: isNorm ? shape + [1, 1] : shape)
    }

    /// Where a layer stands: the port counts activations and norms as places of a sequence. A score head's
    /// sequence is convolution, norm, ReLU; a heatmap head's is convolution, ReLU, norm.
    private static let layers: [String: @Sendable (_ isHeatmap: Bool, _ index: Int, _ part: Int) -> String] = [
        "convolutions": { _, index, _ in "conv_layers.\(3 * index)" },
        "convolution_norms": { isHeatmap, index, _ in "conv_layers.\(3 * index + (isHeatmap ? 2 : 1))" },
        "dense": { _, index, _ in "linear_layers.\(2 * index)" },
        "deconvolutions": { _, index, _ in "deconv_layers.\(index).0" },
        "deconvolution_norms": { _, index, _ in "deconv_layers.\(index).1" },
        "read_outs": { _, index, part in "conv_layers2.\(index).\(3 * part)" },
        "read_out_norms": { _, index, part in "conv_layers2.\(index).\(3 * part + 1)" },
        "read_out": { _, index, _ in "last_conv\(index + 1)" },
    ]
}
