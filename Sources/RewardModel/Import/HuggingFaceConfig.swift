/// `config.json` of a ViT, keys and defaults as `transformers` has them.
struct HuggingFaceViTConfig: Decodable {
    private var modelType: String?
    private var hiddenSize: Int?
    private var numHiddenLayers: Int?
    private var numAttentionHeads: Int?
    private var intermediateSize: Int?
    private var hiddenAct: String?
    private var layerNormEps: Float?
    private var imageSize: Extent?
    private var patchSize: Extent?
    private var numChannels: Int?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case hiddenSize = "hidden_size"
        case numHiddenLayers = "num_hidden_layers"
        case numAttentionHeads = "num_attention_heads"
        case intermediateSize = "intermediate_size"
        case hiddenAct = "hidden_act"
        case layerNormEps = "layer_norm_eps"
        case imageSize = "image_size"
        case patchSize = "patch_size"
        case numChannels = "num_channels"
    }

    /// One number, or height and width.
    struct Extent: Decodable, Equatable {
        var height: Int
        var width: Int

        init(_ side: Int) {
            height = side
            width = side
        }

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let side = try? value.decode(Int.self) {
                (height, width) = (side, side)
            } else if let named = try? value.decode([String: Int].self), let height = named["height"],
                let width = named["width"]
            {
                (self.height, self.width) = (height, width)
            } else {
                let pair = try value.decode([Int].self)
                guard pair.count == 2 else {
                    throw DecodingError.dataCorruptedError(
                        in: value, debugDescription: "an extent has one or two sides")
                }
                (height, width) = (pair[0], pair[1])
            }
        }

        /// The side of a square, or nil.
        var side: Int? { height == width ? height : nil }
    }

    /// The encoder's shape and the side of its input in pixels.
    func resolved(path: String) throws(ImportError) -> (vit: ViTConfig, imageSize: Int) {
        func unsupported(_ reason: String) -> ImportError { .unsupported(path: path, reason: reason) }
        if let modelType, modelType != "vit" { throw unsupported("its model_type is \(modelType), not vit") }
        if let hiddenAct, hiddenAct != "gelu" { throw unsupported("its hidden_act is \(hiddenAct), not gelu") }
        if let numChannels, numChannels != 3 { throw unsupported("it reads \(numChannels) channels, not 3") }
        guard let size = (imageSize ?? Extent(224)).side, let patch = (patchSize ?? Extent(16)).side else {
            throw unsupported("its images or patches are not square")
        }
        guard 1...1 << 16 ~= size, 1...1 << 16 ~= patch else {
            throw unsupported("its images of \(size) or patches of \(patch) pixels are no sizes")
        }
        let vit = ViTConfig(
            hiddenSize: hiddenSize ?? 768, numHiddenLayers: numHiddenLayers ?? 12,
            numAttentionHeads: numAttentionHeads ?? 12, intermediateSize: intermediateSize ?? 3072, patchSize: patch,
            layerNormEps: layerNormEps ?? 1e-12)
        return (vit, size)
    }
}

/// `config.json` of a T5, keys and defaults as `transformers` has them.
struct HuggingFaceT5Config: Decodable {
    private var modelType: String?
    private var architectures: [String]?
    private var vocabSize: Int?
    private var dModel: Int?
    private var dKv: Int?
    private var dFf: Int?
    private var numLayers: Int?
    private var numDecoderLayers: Int?
    private var numHeads: Int?
    private var buckets: Int?
    private var maxDistance: Int?
    private var epsilon: Float?
    private var feedForwardProj: String?
    private var tieWordEmbeddings: Bool?
    private var scaleDecoderOutputs: Bool?
    private var padTokenId: Int32?
    private var eosTokenId: Int32?
    private var decoderStartTokenId: Int32?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case architectures
        case vocabSize = "vocab_size"
        case dModel = "d_model"
        case dKv = "d_kv"
        case dFf = "d_ff"
        case numLayers = "num_layers"
        case numDecoderLayers = "num_decoder_layers"
        case numHeads = "num_heads"
        case buckets = "relative_attention_num_buckets"
        case maxDistance = "relative_attention_max_distance"
        case epsilon = "layer_norm_epsilon"
        case feedForwardProj = "feed_forward_proj"
        case tieWordEmbeddings = "tie_word_embeddings"
        case scaleDecoderOutputs = "scale_decoder_outputs"
        case padTokenId = "pad_token_id"
        case eosTokenId = "eos_token_id"
        case decoderStartTokenId = "decoder_start_token_id"
    }

    /// True when the output layer reads states scaled by `d_model^-0.5` (T5 1.0). Before transformers 5 a tied
    /// output layer meant that; since then every checkpoint says tied, and the scale has a key of its own.
    private var scalesOutput: Bool { scaleDecoderOutputs ?? tieWordEmbeddings ?? true }

    /// Where the output layer is: with the table, in a tensor of its own, or nowhere.
    enum OutputLayer {
        case scaledTable, table, own
    }

    func outputLayer(_ names: T5Names, path: String) throws(ImportError) -> OutputLayer {
        switch (scalesOutput, try names.hasOwnOutputLayer()) {
        case (true, false): return .scaledTable
        case (false, true): return .own
        case (true, true):
            throw .unsupported(path: path, reason: "it scales the input of an output layer that is not its table")
        case (false, false):
            // A bare T5Model leaves its output layer out; then this is a tensor that is missing.
            let isWhole = scaleDecoderOutputs != nil && architectures != ["T5Model"]
            return isWhole ? .table : .own
        }
    }

    func resolved(_ output: OutputLayer, path: String) throws(ImportError) -> T5Config {
        func unsupported(_ reason: String) -> ImportError { .unsupported(path: path, reason: reason) }
        if let modelType, modelType != "t5" { throw unsupported("its model_type is \(modelType), not t5") }
        guard let feedForward = T5Config.FeedForward(rawValue: feedForwardProj ?? "relu") else {
            throw unsupported("its feed_forward_proj is \(feedForwardProj ?? ""), not relu or gated-gelu")
        }
        return T5Config(
            vocabSize: vocabSize ?? 32128, dModel: dModel ?? 512, dKv: dKv ?? 64, dFf: dFf ?? 2048,
            numHeads: numHeads ?? 8, numLayers: numLayers ?? 6, numDecoderLayers: numDecoderLayers ?? numLayers ?? 6,
            feedForwardProj: feedForward, tieWordEmbeddings: output == .scaledTable,
            relativeAttentionNumBuckets: buckets ?? 32, relativeAttentionMaxDistance: maxDistance ?? 128,
            layerNormEpsilon: epsilon ?? 1e-6, padTokenId: padTokenId ?? 0, eosTokenId: eosTokenId ?? 1,
            decoderStartTokenId: decoderStartTokenId ?? padTokenId ?? 0)
    }
}
