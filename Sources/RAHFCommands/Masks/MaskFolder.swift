import FoundationEssentials
import Glibc
import RewardModel

/// The folder that masks are written to, and what in it is ours.
///
/// `regions.json` names the stems that a run writes, before it writes any. A later run may replace files of those stems
/// and no others, so that neither an image nor a stranger's file is ever overwritten, and a killed run can be repeated.
struct MaskFolder {
    let path: String
    /// Stems of earlier runs into this folder.
    private let earlier: Set<String>
    private let stems: [String]
    private var written: Set<String> = []

    /// Subfolders, apart from the masks: tools that pair masks with images by name read the folder itself.
    static let previews = "previews"
    static let results = "results"
    static let sheets = "sheets"
    static let candidates = "candidates"

    private struct Index: Decodable {
        struct Entry: Decodable {
            var stem: String
        }
        var tool: String
        var stems: [String]?
        var images: [Entry]?
    }

    /// Checks that nothing of someone else's is in the way, then says what will be written.
    init(path: String, stems: [String], subfolders: [String]) throws(Failure) {
        self.path = path
        self.stems = stems
        let index = "\(path)/regions.json"
        if access(index, F_OK) == 0 {
            let bytes = try WholeFile.read(index)
            guard let found = try? JSONDecoder().decode(Index.self, from: Data(bytes)), found.tool == Self.tool else {
                throw Failure(.fileError, "\(index) was not written by \(Self.tool): choose another folder")
            }
            earlier = Set(found.stems ?? []).union((found.images ?? []).map(\.stem))
        } else {
            earlier = []
        }
        if let stranger = try Self.files(in: path, of: Set(stems).subtracting(earlier)).min() {
            throw Failure(
                .fileError,
                "\(path)/\(stranger) exists and was not written by \(Self.tool): choose another folder")
        }
        try makeFolders(path)
        for subfolder in subfolders { try makeFolders("\(path)/\(subfolder)") }
        let all = Array(earlier.union(stems)).sorted()
        let pending = JSON.object([
            ("tool", .string(Self.tool)), ("complete", .bool(false)), ("stems", .array(all.map { .string($0) })),
        ])
        try WholeFile.write(Array((pending.text + "\n").utf8), to: index)
    }

    static let tool = "make-inpaint-masks"

    /// Writes a file under the folder; its name may start with a subfolder's.
    mutating func write(_ bytes: [UInt8], _ name: String) throws(Failure) {
        try WholeFile.write(bytes, to: "\(path)/\(name)")
        written.insert(name)
    }

    /// Writes the index, then removes what earlier runs left for stems of this folder and this run did not remake.
    mutating func finish(_ header: [(String, JSON)], images: [JSON]) throws(Failure) {
        var text =
            "{" + JSON.object([("tool", .string(Self.tool)), ("complete", .bool(true))] + header).text.dropFirst()
        text.removeLast()
        text += ",\"images\":[\n" + images.map(\.text).joined(separator: ",\n") + "\n]}\n"
        try WholeFile.write(Array(text.utf8), to: "\(path)/regions.json")
        for name in try Self.files(in: path, of: earlier.union(stems)) where !written.contains(name) {
            unlink("\(path)/\(name)")
        }
        // A ranking of an earlier run speaks of results that are gone.
        if !earlier.isEmpty, !written.contains("ranking.jsonl") { unlink("\(path)/ranking.jsonl") }
    }

    /// What a run writes for these stems: masks `<stem>.png` and `<stem>.<number>.png`, and files of the subfolders.
    /// Candidates are not listed: each costs an inpainter's run, and none is read again.
    private static func files(in path: String, of stems: Set<String>) throws(Failure) -> [String] {
        var files = try Folders.names(path, missingIsEmpty: true).filter { name in
            guard name.hasSuffix(".png") else { return false }
            let base = stem(name)
            if stems.contains(base) { return true }
            guard let dot = base.lastIndex(of: "."), Int(base[base.index(after: dot)...]) != nil else { return false }
            return stems.contains(String(base[..<dot]))
        }
        for subfolder in [previews, results, sheets] {
            files += try Folders.names("\(path)/\(subfolder)", missingIsEmpty: true).filter { stems.contains(stem($0)) }
                .map { "\(subfolder)/\($0)" }
        }
        return files
    }
}
