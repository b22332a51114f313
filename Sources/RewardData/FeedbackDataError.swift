public import RewardImage
public import RewardModel

/// Why feedback could not be read, and where.
public struct FeedbackDataError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file at fault.
    public var file: String
    /// The record or line at fault, counted from 0. Nil when the whole file is.
    public var record: Int?
    public var reason: Reason

    public init(file: String, record: Int? = nil, _ reason: Reason) {
        self.file = file
        self.record = record
        self.reason = reason
    }

    public enum Reason: Error, Sendable, Equatable {
        /// The operating system's words.
        case unreadable(String)
        case unwritable(String)
        /// A Git-LFS pointer instead of the file it stands for. `size` is the real file's, when the pointer says.
        case lfsPointer(size: Int?)
        /// The first bytes are no record header: another kind of file.
        case notTFRecord
        /// The file ends inside a record.
        case truncated(expected: UInt64, found: UInt64)
        /// The checksum of a record's length is wrong; where the next record starts is unknown.
        case wrongLengthChecksum
        /// The checksum of a record's bytes is wrong.
        case wrongDataChecksum
        case recordTooLarge(bytes: UInt64, limit: Int)
        /// The bytes are not a `tf.train.Example`.
        case malformedExample(String)
        case missingFeature(String)
        /// A feature that holds another kind of list, or more or less than one value.
        case malformedFeature(String, String)
        case scoreOutOfRange(String, Float)
        /// A label that is neither 0 nor 1.
        case malformedLabel(String)
        case labelCount(labels: Int, words: Int)
        case invalidPrompt(PromptError)
        case undecodableMap(String, ImageError)
        /// A line that is not the JSON object it should be.
        case malformedLine(String)
        /// An annotated image that contradicts itself.
        case invalidAnnotation(String)
        /// Every annotator skipped the image.
        case skippedByAll
        /// The prompt filter turned the prompt away.
        case promptFiltered(PromptFilter.Rejection)
        /// No prompt in the record, and none in a file of prompts.
        case missingPrompt(stem: String)
        case missingImage(stem: String)
        case ambiguousImage(stem: String, paths: [String])

        /// A short name to count by.
        public var name: String {
            switch self {
            case .unreadable: "unreadable"
            case .unwritable: "unwritable"
            case .lfsPointer: "git_lfs_pointer"
            case .notTFRecord: "not_a_tfrecord"
            case .truncated: "truncated"
            case .wrongLengthChecksum: "wrong_length_checksum"
            case .wrongDataChecksum: "wrong_data_checksum"
            case .recordTooLarge: "record_too_large"
            case .malformedExample: "malformed_example"
            case .missingFeature(let feature): "missing_\(feature)"
            case .malformedFeature(let feature, _): "malformed_\(feature)"
            case .scoreOutOfRange: "score_out_of_range"
            case .malformedLabel: "malformed_label"
            case .labelCount: "label_count"
            case .invalidPrompt: "invalid_prompt"
            case .undecodableMap: "undecodable_map"
            case .malformedLine: "malformed_line"
            case .invalidAnnotation: "invalid_annotation"
            case .skippedByAll: "skipped_by_all_annotators"
            case .promptFiltered(let rejection): "prompt_\(rejection.rawValue)"
            case .missingPrompt: "missing_prompt"
            case .missingImage: "missing_image"
            case .ambiguousImage: "ambiguous_image"
            }
        }

        /// True when what follows in the file can still be read.
        public var leavesFileReadable: Bool {
            switch self {
            case .unreadable, .unwritable, .lfsPointer, .notTFRecord, .truncated, .wrongLengthChecksum,
                .recordTooLarge:
                false
            default: true
            }
        }
    }

    public var description: String {
        let place = record.map { "\(file), record \($0)" } ?? file
        return "\(place): \(reason.sentence)"
    }
}

extension FeedbackDataError.Reason {
    fileprivate var sentence: String {
        switch self {
        case .unreadable(let why), .unwritable(let why): why
        case .lfsPointer(let size):
            """
            this is a Git-LFS pointer, not the file it stands for\
            \(size.map { " (\($0) bytes)" } ?? ""): run 'git lfs install' and 'git lfs pull' in its repository
            """
        case .notTFRecord: "this is not a TFRecord file: its first 12 bytes are no record header"
        case .truncated(let expected, let found):
            "the file ends inside the record: \(expected) bytes should follow, \(found) do"
        case .wrongLengthChecksum: "the checksum of the record's length is wrong; the rest of the file cannot be read"
        case .wrongDataChecksum: "the checksum of the record's data is wrong"
        case .recordTooLarge(let bytes, let limit): "the record has \(bytes) bytes; the limit is \(limit)"
        case .malformedExample(let why): "not a tf.train.Example: \(why)"
        case .missingFeature(let name): "the feature '\(name)' is missing"
        case .malformedFeature(let name, let why): "the feature '\(name)' \(why)"
        case .scoreOutOfRange(let name, let value): "'\(name)' is \(value), outside [0, 1]"
        case .malformedLabel(let label): "a label is '\(label)', neither 0 nor 1"
        case .labelCount(let labels, let words): "\(labels) labels for a prompt of \(words) words"
        case .invalidPrompt(let error): error.description
        case .undecodableMap(let name, let error): "'\(name)' cannot be decoded: \(error.description)"
        case .malformedLine(let why): why
        case .invalidAnnotation(let why): why
        case .skippedByAll: "every annotator skipped the image"
        case .promptFiltered(let rejection): "the prompt filter turns it away: \(rejection.sentence)"
        case .missingPrompt(let stem): "no prompt is known for '\(stem)': give a file of prompts"
        case .missingImage(let stem): "no image named '\(stem)' in the image folders"
        case .ambiguousImage(let stem, let paths):
            "several images are named '\(stem)': \(paths.joined(separator: ", "))"
        }
    }
}
