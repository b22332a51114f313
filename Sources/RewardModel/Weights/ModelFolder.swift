import FoundationEssentials
import Glibc

/// A model on disk: `config.json`, `model.safetensors`, `spiece.model`.
///
/// The weights are mapped and read when they are first needed, rows of the vocabulary's embedding whenever a prompt has
/// them. Another model takes the folder's place by renaming, as `create` and imports do; a file that is written over in
/// place changes what an open model computes, and one that is cut short ends the process.
public struct ModelFolder: Sendable {
    public let path: String
    public let config: ModelConfig
    public let weights: SafetensorsFile
    /// `sha256:` and 64 hex digits, over the three files.
    public let digest: String
    /// The bytes of `spiece.model`.
    package let vocabulary: [UInt8]

    public var vocabularyPath: String { "\(path)/spiece.model" }

    /// Opens and checks a folder: configuration values, tensor names and shapes.
    public init(path: String) throws(WeightsError) {
        try self.init(
            path: path, configBytes: try readFile("\(path)/config.json"),
            weights: try MappedFile(path: "\(path)/model.safetensors"),
            vocabulary: try readFile("\(path)/spiece.model"))
    }

    /// Checks the bytes of the three files, held in memory. `path` is then empty.
    ///
    /// `weights` is not copied: it must stay valid and unchanged while this folder or a predictor made from it lives.
    public init(config: [UInt8], weights: UnsafeRawBufferPointer, vocabulary: [UInt8]) throws(WeightsError) {
        try self.init(
            path: "", configBytes: config, weights: MappedFile(borrowing: weights), vocabulary: vocabulary)
    }

    private init(
        path: String, configBytes: [UInt8], weights file: MappedFile, vocabulary: [UInt8]
    ) throws(WeightsError) {
        self.path = path
        self.vocabulary = vocabulary
        let prefix = path.isEmpty ? "" : "\(path)/"
        config = try ModelConfig.decode(configBytes, path: "\(prefix)config.json")
        weights = try SafetensorsFile(file, path: "\(prefix)model.safetensors")
        try ParameterCatalogue.check(weights, config)
        var hash = SHA256()
        hash.update(configBytes)
        hash.update(vocabulary)
        hash.update(weights.header)
        // The header holds the data's hash in files of our own; others are read through once.
        if weights.metadata[SafetensorsFile.hashKey] == nil { hash.update(Array(weights.hashData().utf8)) }
        digest = "sha256:\(hash.hexDigest())"
    }

    /// True when the data's stored hash, if there is one, is that of the data. Reads the whole file.
    public func verify() -> Bool {
        weights.metadata[SafetensorsFile.hashKey].map { $0 == weights.hashData() } ?? true
    }

    /// Writes a new model with seeded weights: the same seed gives the same bytes.
    ///
    /// - Parameters:
    ///   - path: a folder, made if missing.
    ///   - vocabulary: the bytes of a SentencePiece model.
    public static func create(
        at path: String, config: ModelConfig, vocabulary: [UInt8], seed: UInt64
    ) throws(WeightsError) {
        try write(at: path, config: config, vocabulary: vocabulary) { spec in
            // Each tensor's own stream: adding one later changes no other.
            spec.values(seed: seed)
        }
    }

    /// Writes a model folder, made if missing, with weights asked for one by one.
    package static func write(
        at path: String, config: ModelConfig, vocabulary: [UInt8], format: SafetensorsWriter.Format = .float32,
        values: (ParameterSpec) -> [Float]
    ) throws(WeightsError) {
        if mkdir(path, 0o755) != 0, errno != EEXIST {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        try writeFile(try config.encoded(), to: "\(path)/config.json")
        try writeFile(vocabulary, to: "\(path)/spiece.model")
        let parameters = ParameterCatalogue.parameters(for: config)
        let byName = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
        try SafetensorsWriter.write(
            parameters.map { .init(name: $0.name, shape: $0.shape) }, to: "\(path)/model.safetensors", format: format
        ) { entry in byName[entry.name].map(values) ?? [] }
    }

    static func writeFile(_ bytes: [UInt8], to path: String) throws(WeightsError) {
        guard let file = fopen("\(path).partial", "wb") else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        let written = fwrite(bytes, 1, bytes.count, file) == bytes.count
        guard fclose(file) == 0, written, rename("\(path).partial", path) == 0 else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
    }
}
