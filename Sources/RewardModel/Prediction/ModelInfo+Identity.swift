import TensorCPU

/// This library's version, as every reply names it.
public let rahfVersion = "0.1.0"

extension ModelInfo {
    /// A model's digest when it computes in that precision.
    static func digest(_ weights: String, _ precision: Precision) -> String {
        precision == .float32 ? weights : "\(weights)+\(precision.rawValue)"
    }

    /// What its products compute in: `float32`, `bfloat16` or `int8`.
    public var precision: String {
        digest.firstIndex(of: "+").map { String(digest[digest.index(after: $0)...]) } ?? Precision.float32.rawValue
    }

    /// What is done to an image before the network, in one line.
    public var preprocessing: String {
        let image = config.image
        return "RGB squashed to \(image.size)x\(image.size), \(image.resample.rawValue), antialiased; "
            + "(x - mean) / std with x in [0, 1], mean \(image.mean), std \(image.std)"
    }

    /// `sha256:` and 64 hex digits over `preprocessing`: the same for models that see the same pixels.
    public var preprocessingDigest: String {
        var hash = SHA256()
        hash.update(Array(preprocessing.utf8))
        return "sha256:\(hash.hexDigest())"
    }
}
