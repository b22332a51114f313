import Glibc
import RewardModel

/// What `datasets` loads as an imagefolder: `train/metadata.jsonl` and the images beside it.
///
/// Only kept images lie there, every row has the same keys, and numbers are always floating.
final class ImageFolderWriter: DataSetWriter {
    private let folder: String
    private let link: ImageLink
    private let metadata: FileWriter
    private var count = 0

    /// Makes `path` and `path/train`.
    init(path: String, link: ImageLink) throws(Failure) {
        folder = "\(path)/train"
        self.link = link
        try Folders.make(path)
        try Folders.make(folder)
        metadata = try FileWriter(path: "\(folder)/metadata.jsonl")
    }

    func add(_ sample: KeptSample) throws {
        let digits = String(count)
        let stem = String(repeating: "0", count: max(6 - digits.count, 0)) + digits
        let name = try place(sample, stem)
        var row = JSONRow()
        row.add("file_name", name)
        row.add("text", sample.line.prompt)
        sample.addColumns(to: &row)
        try metadata.append(row.line)
        count += 1
    }

    private func place(_ sample: KeptSample, _ stem: String) throws(Failure) -> String {
        guard link != .copy else {
            let bytes = try sample.bytes()
            let name = "\(stem).\(KeptSample.fileExtension(bytes))"
            let writer = try FileWriter(path: "\(folder)/\(name)")
            try writer.append(bytes)
            try writer.flush()
            return name
        }
        let path = sample.images.path(sample.line)
        guard let pointer = realpath(path, nil) else { throw systemFailure(path) }
        defer { free(pointer) }
        let source = String(cString: pointer)
        let head = try SystemFile(path: source).bytes(at: 0, count: 16)
        let name = "\(stem).\(KeptSample.fileExtension(head))"
        let target = "\(folder)/\(name)"
        let status = link == .hard ? Glibc.link(source, target) : symlink(source, target)
        guard status == 0 else {
            if errno == EXDEV {
                throw Failure(.fileError, "\(source): a hard link cannot leave its file system; use --link copy")
            }
            throw systemFailure(target)
        }
        return name
    }

    func finish() throws {
        try metadata.flush()
    }
}

/// How an image gets into an imagefolder.
package enum ImageLink: String, Sendable, CaseIterable {
    case copy, hard, symbolic
}
