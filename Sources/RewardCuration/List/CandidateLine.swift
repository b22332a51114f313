package import RewardSelection

/// One candidate as its list states it.
package struct CandidateLine: Equatable, Sendable {
    package var prompt: String
    /// A path, relative to the list's folder; or a shard and the member in it.
    package var image: String
    /// Candidates of one group compete. Without it, those of one prompt do.
    package var group: String?
    /// NaN where the list has none.
    package var scores = ScoreVector(repeating: .nan)
    /// Where in a shard the image lies; nil for a file of its own.
    package var place: ShardPlace?

    package init(
        prompt: String, image: String, group: String? = nil, scores: ScoreVector = ScoreVector(repeating: .nan),
        place: ShardPlace? = nil
    ) {
        self.prompt = prompt
        self.image = image
        self.group = group
        self.scores = scores
        self.place = place
    }
}

/// An image's bytes inside a tar file; in a list the object `place`.
package struct ShardPlace: Equatable, Sendable, Codable {
    package var shard: String
    package var offset: Int
    package var size: Int

    package init(shard: String, offset: Int, size: Int) {
        self.shard = shard
        self.offset = offset
        self.size = size
    }
}

/// Something wrong with one line of a list, for its writer to mend.
package struct ListProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    package var line: Int
    package var text: String

    package var description: String { "line \(line): \(text)" }
}

/// Why a list is refused before anything is scored or written.
package struct ListError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Most problems that are spelled out.
    static let shown = 20

    package var list: String
    /// The first ones, by line.
    package var problems: [ListProblem]
    package var total: Int

    package var description: String {
        var lines = ["\(list): \(total) \(total == 1 ? "line is" : "lines are") wrong; nothing was scored or written"]
        lines += problems.map { "  \($0)" }
        if total > problems.count { lines.append("  and \(total - problems.count) more") }
        return lines.joined(separator: "\n")
    }
}

/// Keys of a list that mean nothing here: reported, so that a misspelt one is noticed.
package struct IgnoredKeys: Sendable {
    static let most = 16
    private var hashes: [UInt64] = []
    package private(set) var names: Set<String> = []

    package init() {}

    mutating func note(_ name: UnsafeRawBufferPointer) {
        let hash = StableHash(name).first
        guard !hashes.contains(hash), hashes.count < Self.most else { return }
        hashes.append(hash)
        names.insert(String(decoding: name, as: UTF8.self))
    }

    mutating func note(_ name: String) {
        var name = name
        name.withUTF8 { note(UnsafeRawBufferPointer($0)) }
    }

    mutating func merge(_ other: IgnoredKeys) {
        for name in other.names.sorted() { note(name) }
    }
}
