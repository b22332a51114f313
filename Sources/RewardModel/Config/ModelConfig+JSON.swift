import FoundationEssentials

extension ModelConfig {
    /// Reads `config.json` and checks its values.
    package static func decode(_ bytes: [UInt8], path: String) throws(WeightsError) -> ModelConfig {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let config: ModelConfig
        do {
            config = try decoder.decode(ModelConfig.self, from: Data(bytes))
        } catch { throw .invalidConfig(path: path, reason: "\(error)") }
        if let reason = config.fault { throw .invalidConfig(path: path, reason: reason) }
        return config
    }

    /// `config.json`, pretty and with sorted keys: the same configuration gives the same bytes.
    package func encoded() throws(WeightsError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self)) + [0x0a]
        } catch { throw .invalidConfig(path: "config.json", reason: "\(error)") }
    }

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
            ("t5.num_decoder_layers", t5.numDecoderLayers, 1024), ("text.max_tokens", text.maxTokens, 1 << 14),
            ("text.max_new_tokens", text.maxNewTokens, 4096),
            ("t5.relative_attention_num_buckets", t5.relativeAttentionNumBuckets, 4096),
            ("t5.relative_attention_max_distance", t5.relativeAttentionMaxDistance, 1 << 20),
        ]
        for (name, value, limit) in sizes where value < 1 || value > limit {
            return "\(name) is \(value), not in 1...\(limit)"
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
        if heatmapHead.deconvolutions.count > 6 {
            return "heatmap_head has \(heatmapHead.deconvolutions.count) deconvolutions"
        }
        if variant == .augmentedPrompt {
            let tasks = ScoreKind.allCases.map(\.rawValue) + HeatmapKind.allCases.map(\.rawValue)
            if let task = tasks.first(where: { text.taskPrefixes[$0] == nil }) {
                return "text.task_prefixes lacks \(task)"
            }
        }
        return nil
    }
}
