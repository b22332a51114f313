import Glibc
import RewardRandom

/// One weight of a model: its name in the file, its shape, and how a fresh one starts.
public struct ParameterSpec: Sendable, Equatable {
    public var name: String
    public var shape: [Int]
    public var initialiser: Initialiser

    public enum Initialiser: Sendable, Equatable {
        case constant(Float)
        /// Uniform in ±bound.
        case uniform(Float)
    }

    /// Fresh values: a stream of their own from the seed and the name.
    public func values(seed: UInt64) -> [Float] {
        let count = shape.reduce(1, *)
        switch initialiser {
        case .constant(let value): return [Float](repeating: value, count: count)
        case .uniform(let bound):
            var random = SplitMix64(
                seed: name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
            return (0..<count).map { _ in
                (Float(random.next() >> 40) / Float(1 << 24) * 2 - 1) * bound
            }
        }
    }
}

/// The list of weights that a configuration calls for.
public enum ParameterCatalogue {
    public static func parameters(for config: ModelConfig) -> [ParameterSpec] {
        var list = Builder()
        let (vit, t5) = (config.vit, config.t5)
        let grid = config.image.size / vit.patchSize
        let plain = vit.zeroInitResidual == true
        list.add("vit.embeddings.cls_token", [1, 1, vit.hiddenSize], fanIn: vit.hiddenSize)
        list.add(
            "vit.embeddings.position_embeddings", [1, grid * grid + 1, vit.hiddenSize], fanIn: vit.hiddenSize,
            zero: plain)
        list.patches(vit)
        if let detail = config.detail { list.stem("detail.stem", detail.stem) }
        for layer in 0..<vit.numHiddenLayers {
            let name = "vit.encoder.layer.\(layer)"
            list.norm("\(name).layernorm_before", vit.hiddenSize, shift: true)
            list.norm("\(name).layernorm_after", vit.hiddenSize, shift: true)
            for part in ["attention.query", "attention.key", "attention.value"] {
                list.linear("\(name).attention.\(part)", vit.hiddenSize, vit.hiddenSize)
            }
            list.linear("\(name).attention.output.dense", vit.hiddenSize, vit.hiddenSize, zero: plain)
            list.linear("\(name).intermediate.dense", vit.hiddenSize, vit.intermediateSize)
            list.linear("\(name).output.dense", vit.intermediateSize, vit.hiddenSize, zero: plain)
        }
        list.norm("vit.layernorm", vit.hiddenSize, shift: true)
        list.linear("visual_token_projection", vit.hiddenSize, t5.dModel)
        list.add("t5.shared.weight", [t5.vocabSize, t5.dModel], fanIn: 1)
        list.t5Stack("t5.encoder", t5, layers: t5.numLayers, decoder: false)
        if let words = config.wordHead {
            list.dense("word_head", t5.dModel, words.dense)
        } else {
            list.t5Stack("t5.decoder", t5, layers: t5.numDecoderLayers, decoder: true)
            if !t5.tieWordEmbeddings { list.linear("t5.lm_head", t5.dModel, t5.vocabSize, bias: false) }
        }
        let multi = config.variant == .multiHead
        for kind in multi ? ScoreKind.allCases : [.plausibility] {
            list.scoreHead(multi ? "score_head.\(kind.rawValue)" : "score_head", kind, config, side: grid)
        }
        for name in multi ? HeatmapKind.allCases.map({ "heatmap_head.\($0.rawValue)" }) : ["heatmap_head"] {
            list.heatmapHead(name, config)
        }
        return list.specs
    }

    /// Compares a file's tensors with the list.
    static func check(_ file: SafetensorsFile, _ config: ModelConfig) throws(WeightsError) {
        var missing: [String] = []
        var misshapen: [String] = []
        let wanted = parameters(for: config)
        for spec in wanted {
            guard let entry = file.tensors[spec.name] else {
                missing.append(spec.name)
                continue
            }
            if case .other(let type) = entry.dtype { misshapen.append("\(spec.name) is \(type)") }
            if entry.shape != spec.shape { misshapen.append("\(spec.name) is \(entry.shape), not \(spec.shape)") }
        }
        let extra = Set(file.tensors.keys).subtracting(wanted.map(\.name)).sorted()
        guard missing.isEmpty, misshapen.isEmpty, extra.isEmpty else {
            throw .mismatch(missing: missing, misshapen: misshapen, extra: extra)
        }
    }

    private struct Builder {
        var specs: [ParameterSpec] = []

        /// Uniform with variance 1 / fanIn, so that fresh activations neither vanish nor explode.
        mutating func add(_ name: String, _ shape: [Int], fanIn: Int, zero: Bool = false) {
            let bound = (3 / Float(fanIn)).squareRoot()
            specs.append(ParameterSpec(name: name, shape: shape, initialiser: zero ? .constant(0) : .uniform(bound)))
        }

        mutating func constant(_ name: String, _ shape: [Int], _ value: Float) {
            specs.append(ParameterSpec(name: name, shape: shape, initialiser: .constant(value)))
        }

        mutating func linear(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool = true, zero: Bool = false) {
            add("\(name).weight", [outputs, inputs], fanIn: inputs, zero: zero)
            if bias { constant("\(name).bias", [outputs], 0) }
        }

        mutating func dense(_ name: String, _ inputs: Int, _ widths: [Int]) {
            for (index, (from, to)) in zip([inputs] + widths, widths).enumerated() {
                linear("\(name).dense.\(index)", from, to)
            }
        }

        mutating func norm(_ name: String, _ width: Int, shift: Bool, gain: Float = 1) {
            constant("\(name).weight", [width], gain)
            if shift { constant("\(name).bias", [width], 0) }
        }

        mutating func norm(_ name: String, _ width: Int, _ kind: ChannelNorm, gain: Float = 1) {
            if kind != .none { norm(name, width, shift: kind == .layer, gain: gain) }
        }

        /// The fan-in to start a layer with. Where no norm follows, a ReLU's halving of the variance is made good (He et
        /// al. 2015), or a deep stack's responses fade away.
        func fanIn(_ inputs: Int, _ norm: ChannelNorm) -> Int { norm == .none ? inputs / 2 : inputs }

        mutating func convolution(
            _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, before norm: ChannelNorm = .layer
        ) {
            add("\(name).weight", [outputs, inputs, kernel, kernel], fanIn: fanIn(inputs * kernel * kernel, norm))
            constant("\(name).bias", [outputs], 0)
        }

        mutating func patches(_ vit: ViTConfig) {
            guard let stem = vit.stem else {
                add(
                    "vit.embeddings.patch_embeddings.projection.weight",
                    [vit.hiddenSize, 3, vit.patchSize, vit.patchSize], fanIn: 3 * vit.patchSize * vit.patchSize)
                constant("vit.embeddings.patch_embeddings.projection.bias", [vit.hiddenSize], 0)
                return
            }
            self.stem("vit.stem", stem)
        }

        mutating func stem(_ name: String, _ stem: StemConfig) {
            for (index, (from, to)) in zip([stem.inputChannels] + stem.channels, stem.channels).enumerated() {
                convolution("\(name).convolutions.\(index)", from, to, kernel: 3, before: stem.norm)
                // Undoes what a large epsilon takes away, so that a fresh stem keeps its responses' size.
                let gain = stem.normEps > 0.01 ? (1 + stem.normEps).squareRoot() : 1
                norm("\(name).norms.\(index)", to, stem.norm, gain: gain)
                for block in 0..<stem.blocks(after: index) {
                    convolution("\(name).blocks.\(index).\(block).0", to, to, kernel: 3, before: .none)
                    constant("\(name).blocks.\(index).\(block).1.weight", [to, to, 3, 3], 0)
                    constant("\(name).blocks.\(index).\(block).1.bias", [to], 0)
                }
            }
        }

        mutating func t5Stack(_ stack: String, _ t5: T5Config, layers: Int, decoder: Bool) {
            let inner = t5.numHeads * t5.dKv
            let plain = t5.zeroInitResidual == true
            for layer in 0..<layers {
                let name = "\(stack).block.\(layer)"
                let kinds = decoder ? ["SelfAttention", "EncDecAttention"] : ["SelfAttention"]
                for (index, kind) in kinds.enumerated() {
                    // T5 attends without dividing by sqrt(d): its queries start smaller instead.
                    add("\(name).layer.\(index).\(kind).q.weight", [inner, t5.dModel], fanIn: t5.dModel * t5.dKv)
                    for part: String in ["k", "v"] {
                        linear("\(name).layer.\(index).\(kind).\(part)", t5.dModel, inner, bias: false)
                    }
                    linear("\(name).layer.\(index).\(kind).o", inner, t5.dModel, bias: false, zero: plain)
                    norm("\(name).layer.\(index).layer_norm", t5.dModel, shift: false)
                }
                if layer == 0 {
                    add(
                        "\(name).layer.0.SelfAttention.relative_attention_bias.weight",
                        [t5.relativeAttentionNumBuckets, t5.numHeads], fanIn: t5.dModel)
                }
                let last = "\(name).layer.\(decoder ? 2 : 1)"
                for part in t5.feedForwardProj == .relu ? ["wi"] : ["wi_0", "wi_1"] {
                    linear("\(last).DenseReluDense.\(part)", t5.dModel, t5.dFf, bias: false)
                }
                linear("\(last).DenseReluDense.wo", t5.dFf, t5.dModel, bias: false, zero: plain)
                norm("\(last).layer_norm", t5.dModel, shift: false)
            }
            norm("\(stack).final_layer_norm", t5.dModel, shift: false)
        }

        mutating func scoreHead(_ name: String, _ kind: ScoreKind, _ config: ModelConfig, side: Int) {
            let head = config.scoreHead
            var channels = config.t5.dModel
            for (index, layer) in head.convolutions.enumerated() {
                convolution(
                    "\(name).convolutions.\(index)", channels, layer.channels, kernel: layer.kernel, before: head.norm)
                norm("\(name).convolution_norms.\(index)", layer.channels, head.norm)
                channels = layer.channels
            }
            var inputs = channels * side * side
            if let pooling = head.pooling {
                let maps = config.statisticsHeatmaps(for: kind).count
                inputs = channels * pooling.count + maps * (head.heatmapStatistics?.statistics.count ?? 0)
            }
            dense(name, inputs, head.dense)
        }

        mutating func heatmapHead(_ name: String, _ config: ModelConfig) {
            let head = config.heatmapHead
            var channels = config.t5.dModel
            for (index, outputs) in head.convolutions.enumerated() {
                convolution("\(name).convolutions.\(index)", channels, outputs, kernel: 3, before: head.norm)
                norm("\(name).convolution_norms.\(index)", outputs, head.norm)
                channels = outputs
            }
            for (index, outputs) in head.deconvolutions.enumerated() {
                // Of stride 2: an output hears from a quarter of the kernel's places on average.
                add(
                    "\(name).deconvolutions.\(index).weight", [channels, outputs, 3, 3],
                    fanIn: head.norm == .none ? fanIn(channels * 9 / 4, .none) : channels * 9)
                constant("\(name).deconvolutions.\(index).bias", [outputs], 0)
                norm("\(name).deconvolution_norms.\(index)", outputs, head.norm)
                for part in 0..<head.readOutsEach {
                    convolution("\(name).read_outs.\(index).\(part)", outputs, outputs, kernel: 3, before: head.norm)
                    norm("\(name).read_out_norms.\(index).\(part)", outputs, head.norm)
                }
                channels = outputs
            }
            for (index, outputs) in head.readOut.enumerated() {
                convolution("\(name).read_out.\(index)", channels, outputs, kernel: 3)
                channels = outputs
            }
        }
    }
}
