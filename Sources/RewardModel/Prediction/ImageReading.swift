public import RewardImage

extension Failure {
    /// Why an image file cannot be scored, as the commands and the service report it.
    public init(_ error: ImageError) {
        switch error {
        case .tooLarge, .outOfMemory: self.init(.tooLarge, error.description)
        case .unsupported: self.init(.unsupportedImage, error.description)
        case .unknownFormat, .corrupt: self.init(.invalidImage, error.description)
        }
    }
}

extension Note {
    /// What the decoder did to a picture, as its sender reads it.
    public init(_ fact: ImageFact) {
        switch fact {
        case .greyscale: self = .greyscale
        case .alphaDropped: self = .alphaDropped
        case .exifOrientation(let value): self = .exifOrientation(value)
        case .cmyk: self = .cmyk
        case .sampleDepth(let bits): self = .sampleDepth(bits)
        }
    }
}

extension PredictionItem {
    /// An item from the bytes of a PNG, JPEG or WebP file, with the notes its sender should see.
    ///
    /// - Throws: `Failure` with `tooLarge`, `unsupportedImage` or `invalidImage`.
    public init(
        encodedImage bytes: [UInt8], prompt: String, outputs: Outputs = .all, objective: Objective? = nil,
        limits: ImageLimits = .default
    ) throws(Failure) {
        let decoded: DecodedImage
        do { decoded = try ImageDecoder.decode(bytes, limits: limits) } catch { throw Failure(error) }
        self.init(
            image: decoded.image, imageNotes: decoded.facts.map(Note.init), prompt: prompt, outputs: outputs,
            objective: objective)
    }
}
