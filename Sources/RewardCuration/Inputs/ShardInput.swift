import FoundationEssentials
import RewardModel
import RewardSelection

/// WebDataset shards: members that share a name up to its first dot are one sample. A sample has an image (png, jpg,
/// jpeg, webp) and its prompt, as `txt` or as `prompt`, `caption` or `text` in `json`, which may have `group` and
/// `scores` too.
struct ShardInput {
    var paths: [String]

    /// Writes the list in the shards' order.
    ///
    /// - Returns: what was passed over.
    func writeList(to list: String) throws -> [String] {
        let writer = try FileWriter(path: list)
        var (without, count) = (0, 0)
        for path in paths {
            var reader = try TarReader(path: path)
            var sample = Sample()
            func finish() throws {
                if let line = try sample.line(in: path, reader.file) {
                    try writer.append(line.json)
                    count += 1
                } else if !sample.key.isEmpty {
                    without += 1
                }
            }
            while let member = try reader.next() {
                let (key, field) = Self.split(member.name)
                if key != sample.key {
                    try finish()
                    sample = Sample(key: key)
                }
                switch field {
                case "txt", "text", "caption": sample.text = member
                case "json": sample.json = member
                case _ where CandidateInput.imageExtensions.contains(field): sample.image = member
                default: break
                }
            }
            try finish()
        }
        try writer.flush()
        guard count > 0 else { throw Failure(.invalidRequest, "no sample of the shards has an image and a prompt") }
        return without > 0 ? ["\(without) samples of the shards have no image"] : []
    }

    /// A member's key and field: the last part of its name is cut at the first dot.
    private static func split(_ name: String) -> (key: String, field: String) {
        let folder = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
        guard let dot = name[folder...].firstIndex(of: ".") else { return (name, "") }
        return (String(name[..<dot]), name[name.index(after: dot)...].lowercased())
    }

    private struct Sample {
        var key = ""
        var image: TarReader.Member?
        var text: TarReader.Member?
        var json: TarReader.Member?

        func line(in shard: String, _ file: SystemFile) throws -> CandidateLine? {
            guard let image else { return nil }
            func fault(_ reason: String) -> Failure { Failure(.invalidRequest, "\(shard), sample \(key): \(reason)") }
            var line = CandidateLine(prompt: "", image: "\(shard)/\(image.name)")
            line.place = ShardPlace(shard: shard, offset: image.offset, size: image.size)
            var prompt: String?
            if let json {
                guard json.size <= 1 << 20 else { throw fault("its json is over a megabyte") }
                let found: Facts
                do {
                    let bytes = try file.bytes(at: json.offset, count: json.size)
                    found = try JSONDecoder().decode(Facts.self, from: Data(bytes))
                } catch is DecodingError { throw fault("its json cannot be read") }
                prompt = found.prompt ?? found.caption ?? found.text
                line.group = found.group
                for (name, value) in found.scores ?? [:] {
                    guard let index = scoreNames.firstIndex(of: name) else { throw fault("\"\(name)\" is no score") }
                    if let value { line.scores[index] = value }
                }
            }
            if let text {
                guard text.size <= 1 << 20 else { throw fault("its text is over a megabyte") }
                let bytes = try file.bytes(at: text.offset, count: text.size)
                guard var string = String(validating: bytes, as: UTF8.self) else {
                    throw fault("its text is not UTF-8")
                }
                while let last = string.last, last.isNewline { string.removeLast() }
                prompt = string
            }
            guard let prompt else { throw fault("it has no prompt, as .txt or in .json") }
            line.prompt = prompt
            return line
        }
    }

    private struct Facts: Decodable {
        var prompt: String?
        var caption: String?
        var text: String?
        var group: String?
        var scores: [String: Double?]?
    }
}
