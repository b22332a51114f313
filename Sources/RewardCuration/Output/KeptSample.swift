import RewardImage
import RewardModel
import RewardSelection

/// A candidate on its way into a data set.
struct KeptSample {
    var line: CandidateLine
    /// The formula's value.
    var value: Double
    var images: ImageFiles
    /// Which scores every sample of the set has, bit by bit.
    var scoreMask: UInt8

    func bytes() throws(Failure) -> [UInt8] {
        do throws(ImageFault) { return try images.bytes(line) } catch {
            throw Failure(.fileError, "\(line.image) was there when it was chosen, and is not now")
        }
    }

    /// The columns that every format has beside image and text: the scores, `score` for what it was ranked by, and
    /// `source` for where the list has it.
    func addColumns(to row: inout JSONRow) {
        for (index, name) in scoreNames.enumerated() where scoreMask & 1 << index != 0 {
            row.add(name, line.scores[index])
        }
        row.add("score", value)
        row.add("source", line.image)
    }

    /// A file name's ending for an image's bytes.
    static func fileExtension(_ bytes: [UInt8]) -> String {
        switch ImageDecoder.format(of: bytes) {
        case .jpeg: "jpg"
        case .webp: "webp"
        case .png, nil: "png"
        }
    }
}

/// Something kept candidates are written to, in their order.
protocol DataSetWriter: AnyObject {
    func add(_ sample: KeptSample) throws
    /// Nothing is on disk for certain before this.
    func finish() throws
}
