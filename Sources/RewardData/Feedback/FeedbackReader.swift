/// The records of one or more TFRecord files, one after another; memory holds one at a time.
///
/// Iterating gives each record or what is wrong with it. After an error that leaves the file unreadable (a wrong length
/// checksum, a truncated record) the next file follows.
public struct FeedbackReader: Sequence, IteratorProtocol {
    /// A record and where it was.
    public struct Element: Sendable {
        public var file: String
        /// Counted from 0 in its file.
        public var index: Int
        public var result: Result<FeedbackRecord, FeedbackDataError>
    }

    private let paths: [String]
    private let options: FeedbackReadOptions
    private var position = 0
    private var open: (file: TFRecordFile, offset: UInt64, index: Int)?

    public init(paths: [String], options: FeedbackReadOptions = .init()) {
        self.paths = paths
        self.options = options
    }

    public mutating func next() -> Element? {
        while true {
            guard let (file, offset, index) = open else {
                guard position < paths.count else { return nil }
                let path = paths[position]
                position += 1
                do throws(FeedbackDataError) {
                    open = (try TFRecordFile(path: path), 0, 0)
                } catch {
                    return Element(file: path, index: 0, result: .failure(error))
                }
                continue
            }
            do throws(FeedbackDataError) {
                guard let (bytes, next) = try file.record(at: offset, index: index) else {
                    open = nil
                    continue
                }
                open = (file, next, index + 1)
                do throws(FeedbackDataError.Reason) {
                    let record = try FeedbackRecord(example: bytes, options: options)
                    return Element(file: file.path, index: index, result: .success(record))
                } catch {
                    throw FeedbackDataError(file: file.path, record: index, error)
                }
            } catch {
                if error.reason == .wrongDataChecksum, let next = try? file.next(after: offset, index: index) {
                    open = (file, next, index + 1)
                } else if !error.reason.leavesFileReadable {
                    open = nil
                }
                return Element(file: file.path, index: index, result: .failure(error))
            }
        }
    }
}

/// How many records were left out, by reason.
public struct SkipCounts: Sendable, Equatable {
    public private(set) var byReason: [String: Int] = [:]

    public init() {}

    public mutating func count(_ error: FeedbackDataError) {
        count(error.reason.name)
    }

    public mutating func count(_ reason: String) {
        byReason[reason, default: 0] += 1
    }

    public var total: Int { byReason.values.reduce(0, +) }

    /// `2 label_count, 1 truncated`, by name.
    public var summary: String {
        byReason.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}
