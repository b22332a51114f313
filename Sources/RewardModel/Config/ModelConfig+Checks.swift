/// Values that contradict each other or go beyond what any model needs.
extension ModelConfig {
    /// The first contradiction among the values, or nil.
    var fault: String? {
        if format != "rahf" { return "format is \"\(format)\", not \"rahf\"" }
        if formatVersion != 1 { return "format_version is \(formatVersion); this version reads 1" }
        let sizes: [(String, Int, Int)] = [
            ("image.size", image.size, 4096), ("vit.hidden_size", vit.hiddenSize, 1 << 16),
            ("vit.num_hidden_layers", vit.numHiddenLayers, 1024),
            ("vit.num_attention_heads", vit.numAttentionHeads, 1024),
            ("vit.intermediate_size", vit.intermediateSize, 1 << 18), ("vit.patch_size", vit.patchSize, 256),
            ("t5.vocab_size", t5.vocabSize, 1 << 22), ("t5.d_model", t5.dModel, 1 << 16), ("t5.d_kv", t5.dKv, 4096),
            ("t5.d_ff", t5.dFf, 1 << 18), ("t5.num_heads", t5.numHeads, 1024), ("t5.num_layers", t5.numLayers, 1024),
            ("text.max_tokens", text.maxTokens, 1 << 14),
            ("text.max_new_tokens", text.maxNewTokens, 4096),
            ("t5.relative_attention_num_buckets", t5.relativeAttentionNumBuckets, 4096),
            ("t5.relative_attention_max_distance", t5.relativeAttentionMaxDistance, 1 << 20),
        ]
        for (name, value, limit) in sizes where value < 1 || value > limit {
            return "\(name) is \(value), not in 1...\(limit)"
        }
        let decoderLayers = wordHead == nil ? 1...1024 : 0...0
        if !decoderLayers.contains(t5.numDecoderLayers) {
            return wordHead == nil
                ? "t5.num_decoder_layers is \(t5.numDecoderLayers), not in 1...1024; only a word_head does without"
                : "t5.num_decoder_layers is \(t5.numDecoderLayers), but word_head uses no decoder: it must be 0"
        }
        if image.size % vit.patchSize != 0 { return "image.size \(image.size) is no multiple of the patch size" }
        if vit.hiddenSize % vit.numAttentionHeads != 0 { return "vit.hidden_size is no multiple of its heads" }
        if t5.relativeAttentionNumBuckets % 4 != 0 { return "t5.relative_attention_num_buckets is no multiple of 4" }
        if t5.relativeAttentionMaxDistance <= t5.relativeAttentionNumBuckets / 2 {
            return "t5.relative_attention_max_distance lies within the exact buckets"
        }
        let special = [t5.padTokenId, t5.eosTokenId, t5.decoderStartTokenId]
        if let bad = special.first(where: { $0 < 0 || $0 >= t5.vocabSize }) {
            return "token id \(bad) is outside the vocabulary"
        }
        if image.mean.count != 3 || image.std.count != 3 || !image.std.allSatisfy({ $0 > 0 }) {
            return "image.mean and image.std need three values each, std above 0"
        }
        let channels =
            scoreHead.convolutions.flatMap { [$0.channels, $0.kernel] } + scoreHead.dense
            + heatmapHead.convolutions + heatmapHead.deconvolutions + heatmapHead.readOut
        if let bad = channels.first(where: { $0 < 1 || $0 > 1 << 16 }) { return "a head has a layer of size \(bad)" }
        if scoreHead.dense.last != 1 { return "score_head.dense must end in 1" }
        if heatmapHead.readOut.last != 1 { return "heatmap_head.read_out must end in 1" }
        if heatmapHead.residual, heatmapHead.readOutsEach == 0 {
            return "heatmap_head.residual needs deconvolution_read_outs"
        }
        if heatmapHead.deconvolutions.count > 6 {
            return "heatmap_head has \(heatmapHead.deconvolutions.count) deconvolutions"
        }
        if let fault = stemFault ?? detailFault ?? pooledHeadFault ?? wordHeadFault { return fault }
        if variant == .augmentedPrompt {
            let tasks = ScoreKind.allCases.map(\.rawValue) + HeatmapKind.allCases.map(\.rawValue)
            if let task = tasks.first(where: { text.taskPrefixes[$0] == nil }) {
                return "text.task_prefixes lacks \(task)"
            }
        }
        return nil
    }

    private var stemFault: String? {
        guard let stem = vit.stem else { return nil }
        if let fault = fault(of: stem, "vit.stem") { return fault }
        return stem.channels.last == vit.hiddenSize ? nil : "vit.stem.channels must end in vit.hidden_size"
    }

    private var detailFault: String? {
        guard let detail else { return nil }
        if variant != .multiHead { return "detail needs a multi_head model: others share one head among their tasks" }
        if detail.scores.isEmpty, detail.heatmaps.isEmpty { return "detail has no heads; leave it out" }
        if let fault = fault(of: detail.stem, "detail.stem") { return fault }
        return detail.stem.channels.last == t5.dModel ? nil : "detail.stem.channels must end in t5.d_model"
    }

    private func fault(of stem: StemConfig, _ name: String) -> String? {
        if let bad = stem.channels.first(where: { $0 < 1 || $0 > 1 << 16 }) {
            return "\(name) has a layer of size \(bad)"
        }
        if stem.channels.count > 8 || 1 << stem.channels.count != vit.patchSize {
            return "\(name) has \(stem.channels.count) layers of stride 2: they make no patches of \(vit.patchSize)"
        }
        if let blocks = stem.residualBlocks {
            if blocks.count != stem.channels.count { return "\(name).residual_blocks needs one number per layer" }
            if let bad = blocks.first(where: { !(0...64).contains($0) }) {
                return "\(name).residual_blocks has \(bad), not in 0...64"
            }
        }
        if !(stem.normEps > 0) { return "\(name).norm_eps is \(stem.normEps), not above 0" }
        if let factor = stem.highPass, !factor.isFinite || factor == 0 {
            return "\(name).high_pass is \(factor); leave it out for RGB alone"
        }
        return nil
    }

    private var pooledHeadFault: String? {
        if scoreHead.pooling == [] { return "score_head.pooling is empty; leave it out to flatten" }
        guard let wanted = scoreHead.heatmapStatistics else { return nil }
        if scoreHead.pooling == nil { return "score_head.heatmap_statistics needs score_head.pooling" }
        if wanted.statistics.isEmpty { return "score_head.heatmap_statistics has no statistics; leave it out" }
        if !(wanted.topFraction > 0 && wanted.topFraction <= 1) {
            return "score_head.heatmap_statistics.top_fraction is \(wanted.topFraction), not in (0, 1]"
        }
        return nil
    }

    private var wordHeadFault: String? {
        guard let head = wordHead else { return nil }
        if let bad = head.dense.first(where: { $0 < 1 || $0 > 1 << 16 }) {
            return "word_head has a layer of size \(bad)"
        }
        return head.dense.last == 1 ? nil : "word_head.dense must end in 1"
    }
}
