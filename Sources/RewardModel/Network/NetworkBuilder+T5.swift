package import TensorGraph

/// The T5 encoder over image and text tokens, and one step of the decoder.
extension NetworkBuilder {
    /// Image tokens `[B, V, D]` and text ids `[B, L]` to encoder states `[B, V + L, D]`.
    ///
    /// - Parameter tokenCounts: int32 `[B]`, `V` plus the item's text tokens: padding beyond is never attended to.
    package mutating func encode(_ visual: Tensor, _ ids: Tensor, tokenCounts: Tensor) -> Tensor {
        let t5 = config.t5
        let table = parameter("t5.shared.weight", [t5.vocabSize, t5.dModel])
        let text = graph.embedding(table, ids)
        var x = graph.concatenate([visual, text], axis: 1)
        let tokens = graph.shape(x)[1]
        let bias = positionBias("t5.encoder", queries: 0..<tokens, keys: tokens, bidirectional: true)
        for layer in 0..<t5.numLayers {
            let name = "t5.encoder.block.\(layer)"
            let normed = rmsNorm(x, "\(name).layer.0.layer_norm", epsilon: t5.layerNormEpsilon)
            let prefix = "\(name).layer.0.SelfAttention"
            let attended = graph.attention(
                query: project(normed, "\(prefix).q"), key: project(normed, "\(prefix).k"),
                value: project(normed, "\(prefix).v"), heads: t5.numHeads, scale: 1, bias: bias,
                keyCounts: tokenCounts)
            x = graph.add(linear(attended, "\(prefix).o", t5.dModel, hasBias: false), x)
            x = feedForward(x, "\(name).layer.1")
        }
        return rmsNorm(x, "t5.encoder.final_layer_norm", epsilon: t5.layerNormEpsilon)
    }

    /// Keys and values of the text states `[B, L, D]` for every decoder layer, computed once per prompt.
    mutating func crossAttentionCaches(_ text: Tensor) -> [Tensor] {
        (0..<config.t5.numDecoderLayers).flatMap { layer in
            let name = "t5.decoder.block.\(layer).layer.1.EncDecAttention"
            return [project(text, "\(name).k"), project(text, "\(name).v")]
        }
    }

    /// The tensors one decoder step reads; see `decoderStep`.
    struct DecoderInputs {
        /// int32 `[B, 1]`: the token written last.
        var ids: Tensor
        /// int32 `[1]`: its position.
        var position: Tensor
        /// int32 `[B]`: its position plus one.
        var selfCounts: Tensor
        /// int32 `[B]`: text tokens of the item.
        var textCounts: Tensor
        /// int32 `[1, steps]`: distance buckets of the position to each earlier one.
        var buckets: Tensor
        /// Two per layer, `[B, steps, heads * dKv]`.
        var selfCaches: [Tensor]
        /// Two per layer, `[B, L, heads * dKv]`.
        var crossCaches: [Tensor]
    }

    /// Logits `[B, 1, vocabulary]` of the next token.
    mutating func decoderStep(_ inputs: DecoderInputs) -> Tensor {
        let t5 = config.t5
        let table = parameter("t5.shared.weight", [t5.vocabSize, t5.dModel])
        var x = graph.embedding(table, inputs.ids)
        let steps = graph.shape(inputs.buckets)[1]
        let distances = parameter(
            "t5.decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            [t5.relativeAttentionNumBuckets, t5.numHeads])
        let bias = graph.transpose(graph.embedding(distances, inputs.buckets), [2, 0, 1])
        precondition(graph.shape(bias) == [t5.numHeads, 1, steps], "one bias per head and position")
        for layer in 0..<t5.numDecoderLayers {
            let name = "t5.decoder.block.\(layer)"
            var normed = rmsNorm(x, "\(name).layer.0.layer_norm", epsilon: t5.layerNormEpsilon)
            let own = "\(name).layer.0.SelfAttention"
            let keys = graph.append(project(normed, "\(own).k"), to: inputs.selfCaches[2 * layer], at: inputs.position)
            let values = graph.append(
                project(normed, "\(own).v"), to: inputs.selfCaches[2 * layer + 1], at: inputs.position)
            let attended = graph.attention(
                query: project(normed, "\(own).q"), key: keys, value: values, heads: t5.numHeads, scale: 1,
                bias: bias, keyCounts: inputs.selfCounts)
            x = graph.add(linear(attended, "\(own).o", t5.dModel, hasBias: false), x)
            normed = rmsNorm(x, "\(name).layer.1.layer_norm", epsilon: t5.layerNormEpsilon)
            let cross = "\(name).layer.1.EncDecAttention"
            let looked = graph.attention(
                query: project(normed, "\(cross).q"), key: inputs.crossCaches[2 * layer],
                value: inputs.crossCaches[2 * layer + 1], heads: t5.numHeads, scale: 1,
                keyCounts: inputs.textCounts)
            x = graph.add(linear(looked, "\(cross).o", t5.dModel, hasBias: false), x)
            x = feedForward(x, "\(name).layer.2")
        }
        x = rmsNorm(x, "t5.decoder.final_layer_norm", epsilon: t5.layerNormEpsilon)
        guard t5.tieWordEmbeddings else { return linear(x, "t5.lm_head", t5.vocabSize, hasBias: false) }
        return graph.linear(graph.affine(x, factor: 1 / Float(t5.dModel).squareRoot()), table)
    }

    mutating func project(_ x: Tensor, _ name: String) -> Tensor {
        linear(x, name, config.t5.numHeads * config.t5.dKv, hasBias: false)
    }

    mutating func feedForward(_ x: Tensor, _ name: String) -> Tensor {
        let t5 = config.t5
        let normed = rmsNorm(x, "\(name).layer_norm", epsilon: t5.layerNormEpsilon)
        let dense = "\(name).DenseReluDense"
        let hidden: Tensor
        switch t5.feedForwardProj {
        case .relu:
            hidden = graph.activation(linear(normed, "\(dense).wi", t5.dFf, hasBias: false), .relu)
        case .gatedGelu:
            let gate = graph.activation(linear(normed, "\(dense).wi_0", t5.dFf, hasBias: false), .geluTanh)
            hidden = graph.multiply(gate, linear(normed, "\(dense).wi_1", t5.dFf, hasBias: false))
        }
        return graph.add(linear(hidden, "\(dense).wo", t5.dModel, hasBias: false), x)
    }

    /// T5's additive attention bias `[heads, queries, keys]`, shared by all layers of a stack.
    mutating func positionBias(
        _ stack: String, queries: Range<Int>, keys: Int, bidirectional: Bool
    ) -> Tensor {
        let t5 = config.t5
        let buckets = queries.flatMap { query in
            (0..<keys).map { RelativePosition.bucket(key: $0, query: query, bidirectional: bidirectional, t5) }
        }
        let indices = graph.constant(buckets, [queries.count, keys])
        let table = parameter(
            "\(stack).block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            [t5.relativeAttentionNumBuckets, t5.numHeads])
        return graph.transpose(graph.embedding(table, indices), [2, 0, 1])
    }
}

/// T5's distance buckets: exact for near positions, logarithmic for far ones (Raffel et al. 2020, section 2.1).
enum RelativePosition {
    static func bucket(key: Int, query: Int, bidirectional: Bool, _ t5: T5Config) -> Int32 {
        var buckets = t5.relativeAttentionNumBuckets
        let relative = key - query
        var offset = 0
        var distance: Int
        if bidirectional {
            buckets /= 2
            if relative > 0 { offset = buckets }
            distance = abs(relative)
        } else {
            distance = max(-relative, 0)
        }
        let exact = buckets / 2
        if distance >= exact {
            // Float32, as the published implementations compute it: the edges must fall alike.
            let ratio = Float(distance) / Float(exact)
            let span = Float(t5.relativeAttentionMaxDistance) / Float(exact)
            distance = min(exact + Int(logarithm(ratio) / logarithm(span) * Float(buckets - exact)), buckets - 1)
        }
        return Int32(offset + distance)
    }
}
