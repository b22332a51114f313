/// Writes feedback records to one TFRecord file that other tools read; nothing is left under `path` until `finish()`.
public struct FeedbackWriter {
    private let records: TFRecordWriter

    public init(path: String) throws(FeedbackDataError) {
        records = try TFRecordWriter(path: path)
    }

    /// Records written.
    public var count: Int { records.count }

    public func write(_ record: FeedbackRecord) throws(FeedbackDataError) {
        let bytes: [UInt8]
        do throws(FeedbackDataError.Reason) { bytes = try record.example() } catch {
            throw FeedbackDataError(file: records.path, record: records.count, error)
        }
        try records.write(bytes)
    }

    public func finish() throws(FeedbackDataError) {
        try records.finish()
    }
}
