import FoundationEssentials
import RewardTestSupport
import Testing

/// A recorded message of `Protocols/vectors`.
struct Vector: Decodable, Sendable, CustomTestStringConvertible {
    struct Outcome: Decodable, Sendable {
        var status: String
        var items: [String]
        var scores: [Float]?
        var implausibility: [Float]?
        var misalignment: [Float]?
        var gradient: [Float]?
        var notes: [String]?
        var scored: Int?
        var failed: Int?
        /// Of each answered item, of each score: mean, standard deviation, z-score, rank.
        var group: [[Float]]?
    }

    var name: String
    var outcome: Outcome
    var frames: [[UInt8]]

    var testDescription: String { name }

    private enum Key: CodingKey {
        case name, outcome, frames
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decode(String.self, forKey: .name)
        outcome = try container.decode(Outcome.self, forKey: .outcome)
        frames = try container.decode([String].self, forKey: .frames).map { text in
            let digits = Array(text.utf8).map { UInt8($0 < 0x3a ? $0 - 0x30 : $0 - 0x57) }
            return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        }
    }

    static let requests = all("request")
    static let replies = all("reply")

    private static func all(_ kind: String) -> [Vector] {
        let folder = "\(Fixtures.repository)/Protocols/vectors"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix("\(kind)-") }.sorted().compactMap { name in
            guard let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")) else { return nil }
            return try? JSONDecoder().decode(Vector.self, from: data)
        }
    }
}
