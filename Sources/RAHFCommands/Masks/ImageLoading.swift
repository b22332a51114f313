import RewardImage
import RewardModel

/// Reads and decodes an image file, with the notes its sender should see.
func loadImage(_ path: String) throws(Failure) -> (image: Image, notes: [Note]) {
    let bytes = try WholeFile.read(path)
    let decoded: DecodedImage
    do { decoded = try ImageDecoder.decode(bytes) } catch { throw Failure(error) }
    return (decoded.image, decoded.facts.map(Note.init))
}
