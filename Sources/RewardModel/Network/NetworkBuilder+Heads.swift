import TensorGraph

/// Score and heatmap heads over the encoder's image tokens (paper, section 9).
extension NetworkBuilder {
    /// Encoder states `[B, tokens, D]` to the feature map `[B, grid, grid, D]`, class token left out.
    mutating func featureMap(_ states: Tensor) -> Tensor {
        let shape = graph.shape(states)
        let visual = graph.slice(states, axis: 1, 1..<visualTokens)
        return graph.reshape(visual, [shape[0], grid, grid, shape[2]])
    }

    /// Encoder states to the text's part, `[B, L, D]`.
    mutating func textStates(_ states: Tensor) -> Tensor {
        graph.slice(states, axis: 1, visualTokens..<graph.shape(states)[1])
    }

    /// Prefix of a head's weights; augmented-prompt models have one head per kind.
    func headName(_ kind: String, _ task: String) -> String {
        config.variant == .multiHead ? "\(kind).\(task)" : kind
    }

    /// Feature map to a score in [0, 1], `[B, 1]`.
    mutating func scoreHead(_ map: Tensor, _ task: ScoreKind) -> Tensor {
        let head = config.scoreHead
        let name = headName("score_head", task.rawValue)
        var x = map
        for (index, layer) in head.convolutions.enumerated() {
            x = convolution(x, "\(name).convolutions.\(index)", layer.channels, kernel: layer.kernel)
            x = channelNorm(x, "\(name).convolution_norms.\(index)", head.norm, epsilon: head.normEps)
            x = graph.activation(x, .relu)
        }
        // Channel-major, as the first dense layer's weight has it.
        let shape = graph.shape(x)
        x = graph.reshape(graph.transpose(x, [0, 3, 1, 2]), [shape[0], shape.count / shape[0]])
        for (index, width) in head.dense.enumerated() {
            x = linear(x, "\(name).dense.\(index)", width)
            x = graph.activation(x, index == head.dense.count - 1 ? .sigmoid : .relu)
        }
        return x
    }

    /// Feature map to a heatmap in [0, 1], `[B, side, side, 1]`.
    mutating func heatmapHead(_ map: Tensor, _ task: HeatmapKind) -> Tensor {
        let head = config.heatmapHead
        let name = headName("heatmap_head", task.rawValue)
        var x = map
        for (index, channels) in head.convolutions.enumerated() {
            x = convolution(x, "\(name).convolutions.\(index)", channels, kernel: 3)
            if head.activationFirst { x = graph.activation(x, .relu) }
            x = norm(x, "\(name).convolution_norms.\(index)")
            if !head.activationFirst { x = graph.activation(x, .relu) }
        }
        for (index, channels) in head.deconvolutions.enumerated() {
            x = deconvolution(x, "\(name).deconvolutions.\(index)", channels)
            x = graph.activation(norm(x, "\(name).deconvolution_norms.\(index)"), .relu)
            let identity = x
            for part in 0..<2 {
                x = convolution(x, "\(name).read_outs.\(index).\(part)", channels, kernel: 3)
                x = norm(x, "\(name).read_out_norms.\(index).\(part)")
                if part == 1, head.residual { x = graph.add(x, identity) }
                x = graph.activation(x, .relu)
            }
        }
        for (index, channels) in head.readOut.enumerated() {
            x = convolution(x, "\(name).read_out.\(index)", channels, kernel: 3)
            x = graph.activation(x, index == head.readOut.count - 1 ? .sigmoid : .relu)
        }
        return x
    }

    private mutating func norm(_ x: Tensor, _ name: String) -> Tensor {
        channelNorm(x, name, config.heatmapHead.norm, epsilon: config.heatmapHead.normEps)
    }

    /// `ConvTranspose2d`, 3×3, stride 2, padding 1, output padding 1: twice the side.
    private mutating func deconvolution(_ x: Tensor, _ name: String, _ channels: Int) -> Tensor {
        let shape = graph.shape(x)
        let weight = graph.parameter("\(name).weight", [shape[3], channels, 3, 3])
        let bias = graph.parameter("\(name).bias", [channels])
        return graph.transposedConvolution(
            x, weight, bias: bias, stride: 2, padding: 1, outputSize: (2 * shape[1], 2 * shape[2]))
    }
}
