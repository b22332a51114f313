package import TensorGraph

/// The decoder over a whole known text at once: what training with teacher forcing needs.
extension NetworkBuilder {
    /// Logits `[B, T, vocabulary]`: row t judges the token that follows `ids[..., 0...t]`.
    ///
    /// - Parameters:
    ///   - ids: int32 `[B, T]`, the decoder's start token first.
    ///   - text: the encoder's text states `[B, L, D]`.
    ///   - textCounts: int32 `[B]`, text tokens of each item.
    package mutating func decoderLogits(_ ids: Tensor, text: Tensor, textCounts: Tensor) -> Tensor {
        let t5 = config.t5
        let length = graph.shape(ids)[1]
        let table = parameter("t5.shared.weight", [t5.vocabSize, t5.dModel])
        var x = graph.embedding(table, ids)
        let distances = positionBias("t5.decoder", queries: 0..<length, keys: length, bidirectional: false)
        // Far below any score: a later token's share rounds to zero.
        let hidden = (0..<length * length).map { $0 % length > $0 / length ? Float(-1e9) : 0 }
        let bias = graph.add(distances, graph.constant(hidden, [length, length]))
        let caches = crossAttentionCaches(text)
        for layer in 0..<t5.numDecoderLayers {
            let name = "t5.decoder.block.\(layer)"
            var normed = rmsNorm(x, "\(name).layer.0.layer_norm", epsilon: t5.layerNormEpsilon)
            let own = "\(name).layer.0.SelfAttention"
            let attended = graph.attention(
                query: project(normed, "\(own).q"), key: project(normed, "\(own).k"),
                value: project(normed, "\(own).v"), heads: t5.numHeads, scale: 1, bias: bias)
            x = graph.add(linear(attended, "\(own).o", t5.dModel, hasBias: false), x)
            normed = rmsNorm(x, "\(name).layer.1.layer_norm", epsilon: t5.layerNormEpsilon)
            let cross = "\(name).layer.1.EncDecAttention"
            let looked = graph.attention(
                query: project(normed, "\(cross).q"), key: caches[2 * layer], value: caches[2 * layer + 1],
                heads: t5.numHeads, scale: 1, keyCounts: textCounts)
            x = graph.add(linear(looked, "\(cross).o", t5.dModel, hasBias: false), x)
            x = feedForward(x, "\(name).layer.2")
        }
        x = rmsNorm(x, "t5.decoder.final_layer_norm", epsilon: t5.layerNormEpsilon)
        guard t5.tieWordEmbeddings else { return linear(x, "t5.lm_head", t5.vocabSize, hasBias: false) }
        return graph.linear(graph.affine(x, factor: 1 / Float(t5.dModel).squareRoot()), table)
    }
}
