/// A ViT and a T5 on disk, their tensors paired with our weights.
struct HuggingFacePair {
    let config: ModelConfig
    /// By our names: all but the heads and the projection.
    let weights: [String: ImportedWeight]
    let ignored: [String]

    init(vit vitFolder: String, t5 t5Folder: String, _ options: ModelImport.HuggingFaceOptions) throws(ImportError) {
        let vit = try HuggingFaceViT(folder: vitFolder)
        let t5 = try HuggingFaceT5(folder: t5Folder)
        let side = options.imageSize ?? vit.imageSize
        var config = options.preset
        config.name = options.name
        config.trained = false
        config.vit = vit.config
        config.t5 = t5.config
        config.image = try HuggingFaceProcessor.imageConfig(folder: vitFolder, size: side, published: vit.imageSize)
        if let fault = config.fault { throw .unsupported(path: "\(vitFolder) with \(t5Folder)", reason: fault) }

        var weights: [String: ImportedWeight] = [:]
        let specs = ParameterCatalogue.parameters(for: config)
        let vitParts = try vit.weights(specs.filter { $0.name.hasPrefix("vit.") }, imageSize: side)
        let t5Parts = try t5.weights(specs.filter { $0.name.hasPrefix("t5.") })
        for part in [vitParts.weights, t5Parts.weights] { weights.merge(part) { first, _ in first } }
        self.config = config
        self.weights = weights
        ignored = vitParts.ignored.map { "\(vitFolder): \($0)" } + t5Parts.ignored.map { "\(t5Folder): \($0)" }
    }
}

/// A ViT's folder.
private struct HuggingFaceViT {
    let config: ViTConfig
    /// Side of the input it was trained at, in pixels.
    let imageSize: Int
    private let checkpoint: Checkpoint
    private let prefix: String

    init(folder: String) throws(ImportError) {
        let path = "\(folder)/config.json"
        (config, imageSize) = try decodeJSON(HuggingFaceViTConfig.self, path: path).resolved(path: path)
        checkpoint = try Checkpoint(folder: folder)
        prefix = checkpoint.tensors.keys.contains { $0.hasPrefix("vit.") } ? "vit." : ""
    }

    func weights(
        _ specs: [ParameterSpec], imageSize side: Int
    ) throws(ImportError) -> (weights: [String: ImportedWeight], ignored: [String]) {
        let positions = "vit.embeddings.position_embeddings"
        let grid = imageSize / config.patchSize
        var matcher = ParameterMatcher(checkpoint)
        for spec in specs {
            var shape = spec.shape
            if spec.name == positions { shape[1] = grid * grid + 1 }
            matcher.match(spec.name, .init(names: ViTNames.names(spec.name, prefix: prefix), shape: shape))
        }
        let ignored = try matcher.finish {
            // An image classifier's own head.
            ViTNames.isUnused($0, prefix: prefix)
                || (!prefix.isEmpty && ["classifier.weight", "classifier.bias"].contains($0))
        }
        var weights = matcher.found.mapValues { ImportedWeight.stored($0) }
        let wanted = side / config.patchSize
        if wanted != grid, let table = matcher.found[positions] {
            weights[positions] = .computed(
                PositionEmbeddings.resized(table.floats(), width: config.hiddenSize, from: grid, to: wanted))
        }
        return (weights, ignored)
    }
}

/// A T5's folder.
private struct HuggingFaceT5 {
    let config: T5Config
    private let names: T5Names
    private let output: HuggingFaceT5Config.OutputLayer

    init(folder: String) throws(ImportError) {
        let path = "\(folder)/config.json"
        let published = try decodeJSON(HuggingFaceT5Config.self, path: path)
        names = T5Names(checkpoint: try Checkpoint(folder: folder), prefix: "")
        guard names.hasDecoder else {
            throw .unsupported(path: folder, reason: "it has no decoder, which writes the misaligned words")
        }
        output = try published.outputLayer(names, path: path)
        config = try published.resolved(output, path: path)
    }

    func weights(
        _ specs: [ParameterSpec]
    ) throws(ImportError) -> (weights: [String: ImportedWeight], ignored: [String]) {
        var matcher = ParameterMatcher(names.checkpoint)
        for spec in specs {
            let source = names.names(spec.name, outputIsTable: output == .table)
            matcher.match(spec.name, .init(names: source, shape: spec.shape))
        }
        let ignored = try matcher.finish { names.isUnused($0, hasOwnOutputLayer: output == .own) }
        return (matcher.found.mapValues { .stored($0) }, ignored)
    }
}
