import RewardImage
import RewardModel

/// Reads and decodes an image file, with the notes its sender should see.
func loadImage(_ path: String) throws(Failure) -> (image: Image, notes: [Note]) {
    let bytes = try readFile(path)
    let decoded: DecodedImage
    do { decoded = try ImageDecoder.decode(bytes) } catch { throw Failure(error) }
    return (decoded.image, decoded.facts.map(Note.init))
}

extension Failure {
    init(_ error: ImageError) {
        switch error {
        case .tooLarge, .outOfMemory: self.init(.tooLarge, error.description)
        case .unsupported: self.init(.unsupportedImage, error.description)
        case .unknownFormat, .corrupt: self.init(.invalidImage, error.description)
        }
    }
}

extension Note {
    init(_ fact: ImageFact) {
        switch fact {
        case .greyscale: self = .greyscale
        case .alphaDropped: self = .alphaDropped
        case .exifOrientation(let value): self = .exifOrientation(value)
        case .cmyk: self = .cmyk
        case .sampleDepth(let bits): self = .sampleDepth(bits)
        }
    }
}
