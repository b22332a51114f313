package import TensorGraph

/// The image encoder: patches or the convolutional stem, then the ViT.
extension NetworkBuilder {
    /// Normalised pixels `[B, size, size, 3]` to projected image tokens `[B, visualTokens, dModel]`.
    ///
    /// - Parameter blocks: false leaves the ViT's blocks out, as if their output projections were zero.
    package mutating func imageTokens(_ pixels: Tensor, blocks: Bool = true) -> Tensor {
        let vit = config.vit
        let batch = graph.shape(pixels)[0]
        let patches = graph.reshape(patchMap(pixels), [batch, grid * grid, vit.hiddenSize])
        let classToken = parameter("vit.embeddings.cls_token", [1, 1, vit.hiddenSize])
        let classRow = graph.reshape(classToken, [1, vit.hiddenSize])
        let classTokens = graph.broadcast(classRow, leading: [batch])
        let joined = graph.concatenate([classTokens, patches], axis: 1)
        let positions = parameter("vit.embeddings.position_embeddings", [1, visualTokens, vit.hiddenSize])
        var x = graph.add(joined, graph.reshape(positions, [visualTokens, vit.hiddenSize]))
        for layer in 0..<(blocks ? vit.numHiddenLayers : 0) { x = vitBlock(x, "vit.encoder.layer.\(layer)") }
        return projected(x)
    }

    /// Normalised pixels `[B, h, w, 3]` to the feature map `[B, h / patch, w / patch, dModel]`, past both transformers.
    ///
    /// It is what `featureMap` gives while positions and the blocks' output projections are zero (`zeroInitResidual`),
    /// at any size that the patch size divides: for training the convolutions first, on crops.
    package mutating func bypassedFeatureMap(_ pixels: Tensor) -> Tensor {
        rmsNorm(projected(patchMap(pixels)), "t5.encoder.final_layer_norm", epsilon: config.t5.layerNormEpsilon)
    }

    /// Normalised pixels `[B, h, w, 3]` to `[B, h / patch, w / patch, hidden]`: the stem, or the patch embedding.
    package mutating func patchMap(_ pixels: Tensor) -> Tensor {
        if let stem = config.vit.stem { return stemMap(pixels, stem, "vit.stem") }
        let vit = config.vit
        let (shape, patch) = (graph.shape(pixels), vit.patchSize)
        let (batch, rows, columns) = (shape[0], shape[1] / patch, shape[2] / patch)
        // Patches as rows, channel-major inside as in the convolution's weight: the patch embedding is a product.
        let tiles = graph.reshape(pixels, [batch, rows, patch, columns, patch, 3])
        let ordered = graph.transpose(tiles, [0, 1, 3, 5, 2, 4])
        let flat = graph.reshape(ordered, [batch, rows, columns, 3 * patch * patch])
        let weight = parameter(
            "vit.embeddings.patch_embeddings.projection.weight", [vit.hiddenSize, 3, patch, patch])
        let bias = parameter("vit.embeddings.patch_embeddings.projection.bias", [vit.hiddenSize])
        return graph.linear(flat, weight, bias: bias)
    }

    /// Normalised pixels `[B, h, w, 3]` to the detail path's map, `[B, h / patch, w / patch, dModel]`; nil without one.
    package mutating func detailMap(_ pixels: Tensor) -> Tensor? {
        config.detail.map { stemMap(pixels, $0.stem, "detail.stem") }
    }

    private mutating func stemMap(_ pixels: Tensor, _ stem: StemConfig, _ name: String) -> Tensor {
        var x = stem.highPass.map { graph.concatenate([pixels, highPass(pixels, factor: $0)], axis: 3) } ?? pixels
        for (index, channels) in stem.channels.enumerated() {
            x = convolution(x, "\(name).convolutions.\(index)", channels, kernel: 3, stride: 2)
            x = channelNorm(x, "\(name).norms.\(index)", stem.norm, epsilon: stem.normEps)
            x = graph.activation(x, stem.activation == .relu ? .relu : .gelu)
            for block in 0..<stem.blocks(after: index) {
                let inner = graph.activation(
                    convolution(x, "\(name).blocks.\(index).\(block).0", channels, kernel: 3), .relu)
                let change = convolution(inner, "\(name).blocks.\(index).\(block).1", channels, kernel: 3)
                x = graph.activation(graph.add(change, x), .relu)
            }
        }
        return x
    }

    /// `factor * (x - m)`, m the mean over the 3×3 neighbours that lie inside the map; see `StemConfig.highPass`.
    package mutating func highPass(_ x: Tensor, factor: Float) -> Tensor {
        let shape = graph.shape(x)
        let (height, width, channels) = (shape[1], shape[2], shape[3])
        // Neighbours on an axis, itself included: three, but two at the border and one alone.
        func neighbours(_ index: Int, of extent: Int) -> Int { min(index + 1, extent - 1) - max(index - 1, 0) + 1 }
        let shares = (0..<height * width * channels).map { element in
            let (row, column) = (element / (width * channels), element / channels % width)
            return -factor / Float(neighbours(row, of: height) * neighbours(column, of: width))
        }
        var sum = x
        for axis in [1, 2] where shape[axis] > 1 {
            let end = shape[axis]
            let before = graph.pad(graph.slice(sum, axis: axis, 0..<end - 1), axis: axis, before: 1, after: 0)
            let after = graph.pad(graph.slice(sum, axis: axis, 1..<end), axis: axis, before: 0, after: 1)
            sum = graph.add(graph.add(sum, before), after)
        }
        let mean = graph.multiply(sum, graph.constant(shares, [height, width, channels]))
        return graph.add(graph.affine(x, factor: factor), mean)
    }

    private mutating func projected(_ x: Tensor) -> Tensor {
        linear(
            layerNorm(x, "vit.layernorm", epsilon: config.vit.layerNormEps), "visual_token_projection", config.t5.dModel
        )
    }

    private mutating func vitBlock(_ x: Tensor, _ name: String) -> Tensor {
        let vit = config.vit
        let width = vit.hiddenSize
        let normed = layerNorm(x, "\(name).layernorm_before", epsilon: vit.layerNormEps)
        let query = linear(normed, "\(name).attention.attention.query", width)
        let key = linear(normed, "\(name).attention.attention.key", width)
        let value = linear(normed, "\(name).attention.attention.value", width)
        let attended = graph.attention(
            query: query, key: key, value: value, heads: vit.numAttentionHeads,
            scale: 1 / Float(width / vit.numAttentionHeads).squareRoot())
        let mixed = graph.add(linear(attended, "\(name).attention.output.dense", width), x)
        let second = layerNorm(mixed, "\(name).layernorm_after", epsilon: vit.layerNormEps)
        let hidden = graph.activation(
            linear(second, "\(name).intermediate.dense", vit.intermediateSize), .gelu)
        return graph.add(linear(hidden, "\(name).output.dense", width), mixed)
    }
}
