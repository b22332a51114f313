package import TensorGraph

/// Score and heatmap heads over the encoder's image tokens (paper, section 9).
extension NetworkBuilder {
    /// Encoder states `[B, tokens, D]` to the feature map `[B, grid, grid, D]`, class token left out.
    package mutating func featureMap(_ states: Tensor) -> Tensor {
        let shape = graph.shape(states)
        let visual = graph.slice(states, axis: 1, 1..<visualTokens)
        return graph.reshape(visual, [shape[0], grid, grid, shape[2]])
    }

    /// Encoder states to the text's part, `[B, L, D]`.
    package mutating func textStates(_ states: Tensor) -> Tensor {
        graph.slice(states, axis: 1, visualTokens..<graph.shape(states)[1])
    }

    /// The map that a score's or a heatmap's head reads: the detail path's, or else the encoder's.
    package func map(for kind: ScoreKind, _ maps: (encoder: Tensor, detail: Tensor?)) -> Tensor {
        guard let detail = maps.detail, config.detail?.scores.contains(kind) == true else { return maps.encoder }
        return detail
    }

    package func map(for kind: HeatmapKind, _ maps: (encoder: Tensor, detail: Tensor?)) -> Tensor {
        guard let detail = maps.detail, config.detail?.heatmaps.contains(kind) == true else { return maps.encoder }
        return detail
    }

    /// Prefix of a head's weights; augmented-prompt models have one head per kind.
    func headName(_ kind: String, _ task: String) -> String {
        config.variant == .multiHead ? "\(kind).\(task)" : kind
    }

    /// Feature map `[B, h, w, D]` to a score in [0, 1], `[B, 1]`: the sigmoid of `scoreLogits`.
    package mutating func scoreHead(
        _ map: Tensor, _ task: ScoreKind, heatmapLogits: [HeatmapKind: Tensor] = [:]
    ) -> Tensor {
        let logits = scoreLogits(map, task, heatmapLogits: heatmapLogits)
        return graph.activation(logits, .sigmoid)
    }

    /// Feature map `[B, h, w, D]` to a score's logit `[B, 1]`. A head that flattens needs the model's own grid.
    ///
    /// - Parameter heatmapLogits: logits of this map computed already, for heads that take statistics of them; those
    ///   not given are computed.
    package mutating func scoreLogits(
        _ map: Tensor, _ task: ScoreKind, heatmapLogits: [HeatmapKind: Tensor] = [:]
    ) -> Tensor {
        let head = config.scoreHead
        let name = headName("score_head", task.rawValue)
        var x = map
        for (index, layer) in head.convolutions.enumerated() {
            x = convolution(x, "\(name).convolutions.\(index)", layer.channels, kernel: layer.kernel)
            x = channelNorm(x, "\(name).convolution_norms.\(index)", head.norm, epsilon: head.normEps)
            x = graph.activation(x, .relu)
        }
        let shape = graph.shape(x)
        if let pooling = head.pooling {
            let rows = graph.reshape(x, [shape[0], shape[1] * shape[2], shape[3]])
            var parts = pooling.map { graph.topMean(rows, count: $0 == .max ? 1 : shape[1] * shape[2]) }
            if let wanted = head.heatmapStatistics {
                parts += statistics(wanted, of: config.statisticsHeatmaps(for: task), map, heatmapLogits)
            }
            x = parts.count == 1 ? parts[0] : graph.concatenate(parts, axis: 1)
        } else {
            // Channel-major, as the first dense layer's weight has it.
            x = graph.reshape(graph.transpose(x, [0, 3, 1, 2]), [shape[0], shape.count / shape[0]])
        }
        return dense(x, name, head.dense)
    }

    private mutating func statistics(
        _ wanted: ScoreHeadConfig.HeatmapStatistics, of kinds: [HeatmapKind], _ map: Tensor,
        _ known: [HeatmapKind: Tensor]
    ) -> [Tensor] {
        kinds.flatMap { kind in
            let logits = known[kind] ?? heatmapLogits(map, kind)
            let shape = graph.shape(logits)
            let pixels = shape[1] * shape[2]
            let rows = graph.reshape(logits, [shape[0], pixels, 1])
            return wanted.statistics.map {
                graph.topMean(rows, count: $0 == .mean ? pixels : wanted.topCount(of: pixels))
            }
        }
    }

    /// Text states `[B, L, D]` to the tagger's logits `[B, L, 1]`; above 0 means that the image contradicts the token.
    package mutating func wordLogits(_ text: Tensor) -> Tensor {
        dense(text, "word_head", config.wordHead?.dense ?? [1])
    }

    /// Linear layers with ReLU between them.
    private mutating func dense(_ x: Tensor, _ name: String, _ widths: [Int]) -> Tensor {
        var x = x
        for (index, width) in widths.enumerated() {
            if index > 0 { x = graph.activation(x, .relu) }
            x = linear(x, "\(name).dense.\(index)", width)
        }
        return x
    }

    /// Feature map `[B, h, w, D]` to a heatmap in [0, 1]: the sigmoid of `heatmapLogits`.
    package mutating func heatmapHead(_ map: Tensor, _ task: HeatmapKind) -> Tensor {
        let logits = heatmapLogits(map, task)
        return graph.activation(logits, .sigmoid)
    }

    /// Feature map `[B, h, w, D]` to a heatmap's logits; each deconvolution doubles the sides: `[B, side, side, 1]`.
    package mutating func heatmapLogits(_ map: Tensor, _ task: HeatmapKind) -> Tensor {
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
            for part in 0..<head.readOutsEach {
                x = convolution(x, "\(name).read_outs.\(index).\(part)", channels, kernel: 3)
                x = norm(x, "\(name).read_out_norms.\(index).\(part)")
                if part == 1, head.residual { x = graph.add(x, identity) }
                x = graph.activation(x, .relu)
            }
        }
        for (index, channels) in head.readOut.enumerated() {
            if index > 0 { x = graph.activation(x, .relu) }
            x = convolution(x, "\(name).read_out.\(index)", channels, kernel: 3)
        }
        return x
    }

    private mutating func norm(_ x: Tensor, _ name: String) -> Tensor {
        channelNorm(x, name, config.heatmapHead.norm, epsilon: config.heatmapHead.normEps)
    }

    /// `ConvTranspose2d`, 3×3, stride 2, padding 1, output padding 1: twice the side.
    private mutating func deconvolution(_ x: Tensor, _ name: String, _ channels: Int) -> Tensor {
        let shape = graph.shape(x)
        let weight = parameter("\(name).weight", [shape[3], channels, 3, 3])
        let bias = parameter("\(name).bias", [channels])
        return graph.transposedConvolution(
            x, weight, bias: bias, stride: 2, padding: 1, outputSize: (2 * shape[1], 2 * shape[2]))
    }
}
