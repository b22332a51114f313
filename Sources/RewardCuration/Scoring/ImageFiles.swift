import Glibc
package import RewardImage
import RewardModel
import RewardSelection

/// Reads candidates' images, as files or out of shards.
struct ImageFiles: Sendable {
    /// What relative paths are relative to.
    var folder: String
    /// Largest file taken.
    static let largest = 256 << 20

    func path(_ line: CandidateLine) -> String {
        Folders.join(folder, line.image)
    }

    /// The file's bytes; throws the reason when there are none.
    func bytes(_ line: CandidateLine) throws(ImageFault) -> [UInt8] {
        do throws(Failure) {
            if let place = line.place {
                guard place.size <= Self.largest else {
                    throw Failure(.tooLarge, "\(line.image): over \(Self.largest) bytes")
                }
                let bytes = try SystemFile(path: Folders.join(folder, place.shard))
                    .bytes(at: place.offset, count: place.size)
                guard bytes.count == place.size else { throw Failure(.fileError, "\(place.shard): cut short") }
                return bytes
            }
            let path = path(line)
            guard Folders.kind(path) == .file else { throw Failure(.fileError, "\(path): no such file") }
            let file = try SystemFile(path: path)
            let size = try file.size()
            guard size <= Self.largest else { throw Failure(.tooLarge, "\(path): over \(Self.largest) bytes") }
            return try file.bytes(at: 0, count: size)
        } catch {
            throw ImageFault(reason: error.code == .tooLarge ? .brokenImage : .missingImage)
        }
    }

    /// Looks at an image as much as `check` asks.
    func inspect(_ line: CandidateLine, check: ImageCheck, fingerprint: Bool) -> Inspection {
        do throws(ImageFault) {
            if !fingerprint {
                switch check {
                case .none: return .usable(nil)
                case .exists:
                    let path = line.place.map { Folders.join(folder, $0.shard) } ?? path(line)
                    return Folders.kind(path) == .file ? .usable(nil) : .unusable(.missingImage)
                case .decode: break
                }
            }
            let bytes = try bytes(line)
            guard let decoded = try? ImageDecoder.decode(bytes) else { return .unusable(.brokenImage) }
            return .usable(
                fingerprint
                    ? Fingerprint(
                        content: ContentHash(bytes).bytes, perceptual: DifferenceHash.hash(decoded.image)) : nil)
        } catch {
            return .unusable(error.reason)
        }
    }
}

/// How closely an image that comes with its scores is looked at before it is chosen.
package enum ImageCheck: String, Sendable, CaseIterable {
    /// It must decode.
    case decode
    /// There must be a file.
    case exists
    case none
}

struct ImageFault: Error {
    var reason: DropReason
}

/// The SHA-256 of a file's bytes.
struct ContentHash: Hashable, Sendable {
    let hex: String

    init(_ bytes: [UInt8]) {
        var hash = SHA256()
        hash.update(bytes)
        hex = hash.hexDigest()
    }

    var bytes: [UInt8] { Array(hex.utf8) }
}

/// A 64-bit hash of what a picture shows: whether each of 8 × 8 places is darker than its right neighbour, in a grey
/// picture of 9 × 8 pixels (Krawetz's dHash). Copies in another size, format or quality differ in few bits.
package enum DifferenceHash {
    package static func hash(_ image: Image) -> UInt64 {
        let small = Resampler(
            fromWidth: image.width, fromHeight: image.height, toWidth: 9, toHeight: 8, filter: .bilinear
        ).apply(image)
        var hash: UInt64 = 0
        for row in 0..<8 {
            for column in 0..<8 {
                let here = (row * 9 + column) * 3
                hash = hash << 1 | (luma(small, here) < luma(small, here + 3) ? 1 : 0)
            }
        }
        return hash
    }

    /// ITU-R BT.601.
    private static func luma(_ pixels: [Float], _ at: Int) -> Float {
        0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]
    }
}
