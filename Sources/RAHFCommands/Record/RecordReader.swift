import Glibc
import RewardData
import RewardModel
import RewardWire

/// Reads the records of a folder, oldest first, one at a time in memory.
struct RecordReader {
    /// Where a record stands.
    struct Place {
        /// Inside the folder.
        var file: String
        /// From 0.
        var record: Int
    }

    /// A file that cannot be read to its end, and why.
    struct Problem {
        var file: String
        var reason: String
        /// The file ends within its last record, as a killed server leaves it; nothing before is lost.
        var isTruncatedEnd: Bool
    }

    /// Messages have up to 2 GiB.
    private static let maximumRecordBytes = 4 << 30

    private let folder: String
    let files: [String]

    /// - Parameter folder: what `--record` named. With several workers each has a subfolder.
    /// - Throws: `fileError` when there are no records.
    init(folder: String) throws(Failure) {
        self.folder = folder
        var files = try RecordFiles.numbers(in: folder).map(RecordFiles.name)
        for name in try Folders.names(folder) where Folders.isFolder("\(folder)/\(name)") {
            files += try RecordFiles.numbers(in: "\(folder)/\(name)").map { "\(name)/\(RecordFiles.name($0))" }
        }
        guard !files.isEmpty else { throw Failure(.fileError, "\(folder) has no records (00000001.tfrecord …)") }
        self.files = files
    }

    /// Calls `body` for each record, until it returns false.
    ///
    /// - Returns: the files that have more than could be read.
    func forEach(_ body: (Place, WireRecorded) throws -> Bool) rethrows -> [Problem] {
        var problems: [Problem] = []
        for name in files {
            var (offset, index): (UInt64, Int) = (0, 0)
            let file: TFRecordFile
            do throws(FeedbackDataError) {
                file = try TFRecordFile(path: "\(folder)/\(name)", maximumRecordBytes: Self.maximumRecordBytes)
            } catch {
                // A server that records meanwhile may have removed it.
                problems.append(Problem(file: name, reason: error.description, isTruncatedEnd: false))
                continue
            }
            while true {
                let found: (bytes: [UInt8], next: UInt64)?
                do throws(FeedbackDataError) { found = try file.record(at: offset, index: index) } catch {
                    problems.append(
                        Problem(
                            file: name, reason: error.description,
                            isTruncatedEnd: Self.isTruncated(error, left: file.size - offset)))
                    break
                }
                guard let found else { break }
                guard let record = WireRecorded(recorded: found.bytes) else {
                    let reason = "record \(index) is not of this kind"
                    problems.append(Problem(file: name, reason: reason, isTruncatedEnd: false))
                    break
                }
                if try !body(Place(file: name, record: index), record) { return problems }
                (offset, index) = (found.next, index + 1)
            }
        }
        return problems
    }

    private static func isTruncated(_ error: FeedbackDataError, left: UInt64) -> Bool {
        switch error.reason {
        case .truncated: true
        // What is shorter than a header, at a file's start.
        case .notTFRecord: left < 12
        default: false
        }
    }
}
