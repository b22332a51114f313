package import TensorGraph

/// Adds the parts of the RAHF network to a graph. Tensor names are those of `model.safetensors`.
///
/// Whole: `imageTokens`, `encode`, `featureMap`, then `heatmapLogits`, `scoreLogits` and `wordLogits` (or the decoder).
/// With the transformers left out: `bypassedFeatureMap`, then the same heads.
package struct NetworkBuilder {
    package var graph = Graph()
    package let config: ModelConfig
    /// The weights used so far by name, one tensor each. A trainer puts tensors of its own here beforehand, inputs for
    /// example, and differentiates by them.
    package var parameters: [String: Tensor] = [:]

    package init(_ config: ModelConfig) {
        self.config = config
    }

    /// Side of the ViT's grid of patches.
    package var grid: Int { config.image.size / config.vit.patchSize }
    /// Image tokens, the class token first.
    package var visualTokens: Int { grid * grid + 1 }

    // MARK: Layers

    mutating func parameter(_ name: String, _ shape: Shape) -> Tensor {
        if let known = parameters[name] {
            precondition(graph.shape(known) == shape, "\(name) is \(graph.shape(known)), not \(shape)")
            return known
        }
        let tensor = graph.parameter(name, shape)
        parameters[name] = tensor
        return tensor
    }

    mutating func linear(_ x: Tensor, _ name: String, _ outputs: Int, hasBias: Bool = true) -> Tensor {
        let weight = parameter("\(name).weight", [outputs, graph.shape(x).last])
        let bias = hasBias ? parameter("\(name).bias", [outputs]) : nil
        return graph.linear(x, weight, bias: bias)
    }

    mutating func layerNorm(_ x: Tensor, _ name: String, epsilon: Float) -> Tensor {
        let width = graph.shape(x).last
        let scale = parameter("\(name).weight", [width])
        let shift = parameter("\(name).bias", [width])
        return graph.norm(x, .layer, epsilon: epsilon, scale: scale, shift: shift)
    }

    mutating func rmsNorm(_ x: Tensor, _ name: String, epsilon: Float) -> Tensor {
        let scale = parameter("\(name).weight", [graph.shape(x).last])
        return graph.norm(x, .rms, epsilon: epsilon, scale: scale)
    }

    mutating func channelNorm(_ x: Tensor, _ name: String, _ kind: ChannelNorm, epsilon: Float) -> Tensor {
        switch kind {
        case .layer: layerNorm(x, name, epsilon: epsilon)
        case .rms: rmsNorm(x, name, epsilon: epsilon)
        case .none: x
        }
    }

    mutating func convolution(_ x: Tensor, _ name: String, _ channels: Int, kernel: Int, stride: Int = 1) -> Tensor {
        let weight = parameter("\(name).weight", [channels, graph.shape(x).last, kernel, kernel])
        let bias = parameter("\(name).bias", [channels])
        return graph.convolution(x, weight, bias: bias, stride: stride)
    }
}
