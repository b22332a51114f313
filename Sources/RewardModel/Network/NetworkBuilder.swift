import TensorGraph

/// Adds the parts of the RAHF network to a graph. Tensor names are those of `model.safetensors`.
struct NetworkBuilder {
    var graph = Graph()
    let config: ModelConfig

    init(_ config: ModelConfig) {
        self.config = config
    }

    /// Side of the ViT's grid of patches.
    var grid: Int { config.image.size / config.vit.patchSize }
    /// Image tokens, the class token first.
    var visualTokens: Int { grid * grid + 1 }

    // MARK: Layers

    mutating func linear(_ x: Tensor, _ name: String, _ outputs: Int, hasBias: Bool = true) -> Tensor {
        let weight = graph.parameter("\(name).weight", [outputs, graph.shape(x).last])
        let bias = hasBias ? graph.parameter("\(name).bias", [outputs]) : nil
        return graph.linear(x, weight, bias: bias)
    }

    mutating func layerNorm(_ x: Tensor, _ name: String, epsilon: Float) -> Tensor {
        let width = graph.shape(x).last
        let scale = graph.parameter("\(name).weight", [width])
        let shift = graph.parameter("\(name).bias", [width])
        return graph.norm(x, .layer, epsilon: epsilon, scale: scale, shift: shift)
    }

    mutating func rmsNorm(_ x: Tensor, _ name: String, epsilon: Float) -> Tensor {
        let scale = graph.parameter("\(name).weight", [graph.shape(x).last])
        return graph.norm(x, .rms, epsilon: epsilon, scale: scale)
    }

    mutating func channelNorm(_ x: Tensor, _ name: String, _ kind: ChannelNorm, epsilon: Float) -> Tensor {
        switch kind {
        case .layer: layerNorm(x, name, epsilon: epsilon)
        case .rms: rmsNorm(x, name, epsilon: epsilon)
        }
    }

    mutating func convolution(_ x: Tensor, _ name: String, _ channels: Int, kernel: Int) -> Tensor {
        let weight = graph.parameter("\(name).weight", [channels, graph.shape(x).last, kernel, kernel])
        let bias = graph.parameter("\(name).bias", [channels])
        return graph.convolution(x, weight, bias: bias)
    }

    // MARK: ViT

    /// Normalised pixels `[B, size, size, 3]` to projected image tokens `[B, visualTokens, dModel]`.
    mutating func imageTokens(_ pixels: Tensor) -> Tensor {
        let vit = config.vit
        let (batch, grid, patch) = (graph.shape(pixels)[0], grid, vit.patchSize)
        // Patches as rows, channel-major inside as in the convolution's weight: the patch embedding is a product.
        let tiles = graph.reshape(pixels, [batch, grid, patch, grid, patch, 3])
        let ordered = graph.transpose(tiles, [0, 1, 3, 5, 2, 4])
        let rows = graph.reshape(ordered, [batch, grid * grid, 3 * patch * patch])
        let weight = graph.parameter(
            "vit.embeddings.patch_embeddings.projection.weight", [vit.hiddenSize, 3, patch, patch])
        let bias = graph.parameter("vit.embeddings.patch_embeddings.projection.bias", [vit.hiddenSize])
        let patches = graph.linear(rows, weight, bias: bias)
        let classToken = graph.parameter("vit.embeddings.cls_token", [1, 1, vit.hiddenSize])
        let classRow = graph.reshape(classToken, [1, vit.hiddenSize])
        let classTokens = graph.broadcast(classRow, leading: [batch])
        let joined = graph.concatenate([classTokens, patches], axis: 1)
        let positions = graph.parameter("vit.embeddings.position_embeddings", [1, visualTokens, vit.hiddenSize])
        var x = graph.add(joined, graph.reshape(positions, [visualTokens, vit.hiddenSize]))
        for layer in 0..<vit.numHiddenLayers { x = vitBlock(x, "vit.encoder.layer.\(layer)") }
        x = layerNorm(x, "vit.layernorm", epsilon: vit.layerNormEps)
        return linear(x, "visual_token_projection", config.t5.dModel)
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
