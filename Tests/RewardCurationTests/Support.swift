import FoundationEssentials
import Glibc
import RewardImage
import RewardModel
import Synchronization

import RewardCuration

func write(_ text: String, to path: String) throws {
    try write(Array(text.utf8), to: path)
}

func write(_ bytes: [UInt8], to path: String) throws {
    let writer = try FileWriter(path: path)
    try writer.append(bytes)
    try writer.flush()
}

func contents(_ path: String) throws -> [UInt8] {
    let file = try SystemFile(path: path)
    return try file.bytes(at: 0, count: try file.size())
}

/// Every file below a folder, by path.
func tree(_ folder: String) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for name in try Folders.names(folder) {
        let path = "\(folder)/\(name)"
        if Folders.kind(path) == .folder {
            for (inner, bytes) in try tree(path) { found["\(name)/\(inner)"] = bytes }
        } else {
            found[name] = try contents(path)
        }
    }
    return found
}

/// A PNG with one bright and many random pixels; equal seeds give equal files.
func picture(_ seed: UInt64, side: Int = 24) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    let pixels = (0..<side * side * 3).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(state >> 56)
    }
    return PNGEncoder.encode(Image(width: side, height: side, rgb: pixels))
}

/// Scores an image by its first pixel, and counts how often it is asked.
final class PixelScorer: Scorer {
    let info = ModelInfo(
        name: "pixels", digest: "sha256:test", config: .tiny(.multiHead, vocabSize: 32), parameterCount: 0,
        heatmapSize: 4)
    private let scored = Mutex(0)
    /// Throws away the run after this many images, as a lost server would.
    let dies: Int

    init(dies: Int = .max) { self.dies = dies }

    var count: Int { scored.withLock { $0 } }

    func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>] {
        items.map { item in
            guard count < dies else { return .failure(Failure(.internalError, "the engine is gone")) }
            if item.prompt == "refused" { return .failure(Failure(.invalidPrompt, "refused")) }
            guard case .uint8(let pixels) = item.image.samples else {
                return .failure(Failure(.internalError, "floats"))
            }
            if item.outputs.contains(.scores) { scored.withLock { $0 += 1 } }
            let score = Float(pixels[0]) / 255
            return .success(
                Prediction(
                    scores: Scores(
                        plausibility: score, alignment: 1 - score, aesthetics: Float(pixels[1]) / 255,
                        overall: Float(pixels[2]) / 255),
                    heatmaps: [.implausibility: Heatmap(width: 2, height: 2, values: [0, 0.5, 1, 0])]))
        }
    }
}

extension SelectionJob {
    /// Runs with options changed from the defaults.
    static func run(
        _ candidates: String..., out: String?, scorer: (any Scorer)? = nil,
        _ change: (inout SelectionOptions) -> Void = { _ in }
    ) throws -> SelectionSummary {
        var options = SelectionOptions(candidates: candidates, out: out)
        options.threads = 2
        change(&options)
        return try SelectionJob(options, scorer: { scorer }).run().summary
    }
}

func lines(_ bytes: [UInt8]?) -> [String] {
    String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map(String.init)
}

func object(_ line: String) throws -> [String: JSONAny] {
    try JSONDecoder().decode([String: JSONAny].self, from: Data(line.utf8))
}

/// A JSON value that is a string, a number or something else.
enum JSONAny: Decodable, Equatable {
    case string(String), number(Double), other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .other
        }
    }
}
