package import RewardModel

/// Where candidates come from, told by what is there.
package enum CandidateInput: Equatable, Sendable {
    /// JSON lines.
    case list(String)
    /// A folder with a folder for each prompt.
    case folder(String)
    /// WebDataset shards.
    case shards([String])

    /// File names that are taken for images.
    static let imageExtensions: Set<String> = ["png", "jpg", "jpeg", "webp"]

    /// Tells the kind of `paths`: one list, one folder (of folders or of shards), or shards.
    package init(paths: [String]) throws(Failure) {
        guard let first = paths.first else { throw Failure(.invalidRequest, "no candidates named") }
        for path in paths where Folders.kind(path) == nil {
            throw Failure(.fileError, "\(path): no such file or folder")
        }
        if paths.allSatisfy({ $0.hasSuffix(".tar") && Folders.kind($0) == .file }) {
            self = .shards(paths)
            return
        }
        guard paths.count == 1 else {
            throw Failure(.invalidRequest, "several candidates files must all be .tar shards")
        }
        guard Folders.kind(first) == .folder else {
            self = .list(first)
            return
        }
        let names = try Folders.names(first)
        let shards = names.filter { $0.hasSuffix(".tar") }
        self = shards.isEmpty ? .folder(first) : .shards(shards.map { Folders.join(first, $0) })
    }

    /// The candidates as a list; what is not one is written to `scratch` first.
    package func open(scratch: String) throws -> (list: CandidateList, notes: [String]) {
        switch self {
        case .list(let path): return (try CandidateList(path: path), [])
        case .folder(let path):
            let written = "\(scratch)/candidates.jsonl"
            let notes = try FolderInput(path: path).writeList(to: written)
            return (try CandidateList(path: written, folder: path, name: path), notes)
        case .shards(let paths):
            let written = "\(scratch)/candidates.jsonl"
            let notes = try ShardInput(paths: paths).writeList(to: written)
            return (try CandidateList(path: written, folder: ".", name: paths.joined(separator: " ")), notes)
        }
    }

    static func isImage(_ name: String) -> Bool {
        guard let dot = name.lastIndex(of: ".") else { return false }
        return imageExtensions.contains(name[name.index(after: dot)...].lowercased())
    }
}
