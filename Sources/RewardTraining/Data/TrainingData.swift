import FoundationEssentials
import Glibc
public import RewardData
import RewardImage
package import RewardModel

/// The records of one or more data sets, indexed: what is small is in memory, images and maps stay in their files.
public final class TrainingData: Sendable {
    /// One record.
    package struct Entry: Sendable {
        package var file: Int
        package var offset: UInt64
        package var index: Int
        package var image: String
        package var scores: Scores
        /// Token ids by task; the prompt alone is under "".
        package var tokens: [String: [Int32]]
        package var text: TextLabels
    }

    /// A clean copy and a damaged one of the same picture: positions in `entries`.
    package struct Pair: Sendable {
        package var clean: Int
        package var damaged: Int
    }

    package let entries: [Entry]
    package let pairs: [Pair]
    let files: [TFRecordFile]
    private let options: FeedbackReadOptions
    /// Records left out, by reason.
    public let skipped: SkipCounts
    /// Of the files' names, sizes and records: another set has another one.
    let digest: UInt64

    public var count: Int { entries.count }
    public var pairCount: Int { pairs.count }

    /// How data sets are read.
    public struct Options: Sendable {
        /// Folders of images beside the data sets' own.
        public var images: [String]
        /// Prompts for records without one.
        public var prompts: PromptTable?
        /// Leaves bad records out instead of stopping at the first.
        public var skipBad: Bool

        public init(images: [String] = [], prompts: PromptTable? = nil, skipBad: Bool = false) {
            self.images = images
            self.prompts = prompts
            self.skipBad = skipBad
        }
    }

    /// Indexes data sets.
    ///
    /// - Parameters:
    ///   - paths: folders with `*.tfrecord` and images, in themselves or in `images/`; or TFRecord files.
    ///   - model: whose vocabulary and task texts prompts are read with.
    /// - Throws: the first bad record, unless they are skipped; an image that is missing counts as one.
    public init(_ paths: [String], for model: ModelText, options: Options = .init()) throws(TrainingError) {
        var files: [TFRecordFile] = []
        // Of each file: its data set, whose images and groups are its own. Different sets may use the same names.
        var sets: [Int] = []
        var folders: [[String]] = []
        do throws(FeedbackDataError) {
            for (number, path) in paths.enumerated() {
                defer { sets += [Int](repeating: number, count: files.count - sets.count) }
                guard Folders.isFolder(path) else {
                    files.append(try TFRecordFile(path: path))
                    folders.append([])
                    continue
                }
                let found = try namesIn(path).filter { $0.hasSuffix(".tfrecord") }
                guard !found.isEmpty else {
                    throw FeedbackDataError(file: path, .unreadable("it holds no .tfrecord file"))
                }
                for name in found { files.append(try TFRecordFile(path: "\(path)/\(name)")) }
                folders.append([Folders.isFolder("\(path)/images") ? "\(path)/images" : path])
            }
        } catch { throw .feedback(error) }
        self.files = files
        var read = FeedbackReadOptions(maps: false, prompts: options.prompts)
        var entries: [Entry] = []
        var groups: [String: [Int]] = [:]
        var skipped = SkipCounts()
        var hash = FNV()
        do throws(FeedbackDataError) {
            var images: [ImageIndex] = []
            for own in folders { images.append(try ImageIndex(folders: own + options.images)) }
            for (number, file) in files.enumerated() {
                let set = sets[number]
                hash.add(file.size)
                for (index, offset) in try file.offsets().enumerated() {
                    do throws(FeedbackDataError) {
                        guard let bytes = try file.record(at: offset, index: index)?.bytes else { continue }
                        let record: FeedbackRecord
                        let entry: Entry
                        do throws(FeedbackDataError.Reason) {
                            record = try FeedbackRecord(example: bytes, options: read)
                            guard let prompt = record.prompt else { throw .missingPrompt(stem: record.stem) }
                            let text: PromptText
                            do { text = try PromptText.parse(prompt) } catch { throw .invalidPrompt(error) }
                            entry = Entry(
                                file: number, offset: offset, index: index, image: "", scores: record.scores,
                                tokens: model.tokens(text), text: model.labels(text, misaligned: record.misaligned))
                        } catch { throw FeedbackDataError(file: file.path, record: index, error) }
                        var complete = entry
                        complete.image = try images[set].path(of: record.stem)
                        hash.add(record.stem)
                        if let group = record.group { groups["\(set)/\(group)", default: []].append(entries.count) }
                        entries.append(complete)
                    } catch {
                        guard options.skipBad else { throw error }
                        skipped.count(error)
                    }
                }
            }
        } catch { throw .feedback(error) }
        guard !entries.isEmpty else { throw .unsuitableData("there is no record in \(paths.joined(separator: ", "))") }
        self.entries = entries
        self.skipped = skipped
        pairs = Self.pairs(groups, entries)
        read.maps = true
        self.options = read
        digest = hash.value
    }

    /// In each group the most plausible record is the clean copy; those clearly below it are damaged.
    private static func pairs(_ groups: [String: [Int]], _ entries: [Entry]) -> [Pair] {
        var pairs: [Pair] = []
        for (_, members) in groups.sorted(by: { $0.key < $1.key }) {
            guard
                let clean = members.max(by: { entries[$0].scores.plausibility < entries[$1].scores.plausibility })
            else { continue }
            let limit = entries[clean].scores.plausibility - 0.05
            for member in members where entries[member].scores.plausibility < limit {
                pairs.append(Pair(clean: clean, damaged: member))
            }
        }
        return pairs
    }

    /// A record's maps, decoded.
    func maps(_ entry: Entry) throws(TrainingError) -> [HeatmapKind: Heatmap] {
        let file = files[entry.file]
        do throws(FeedbackDataError) {
            guard let bytes = try file.record(at: entry.offset, index: entry.index)?.bytes else { return [:] }
            let record: FeedbackRecord
            do throws(FeedbackDataError.Reason) {
                record = try FeedbackRecord(example: bytes, options: options)
            } catch { throw FeedbackDataError(file: file.path, record: entry.index, error) }
            var maps: [HeatmapKind: Heatmap] = [:]
            for kind in HeatmapKind.allCases { maps[kind] = record[kind] }
            return maps
        } catch { throw .feedback(error) }
    }

    /// A record's image, decoded.
    func image(_ entry: Entry) throws(TrainingError) -> Image {
        let bytes = try readFile(entry.image)
        do { return try ImageDecoder.decode(bytes).image } catch {
            throw .image(path: entry.image, reason: error.description)
        }
    }
}

/// Fowler, Noll and Vo's hash 1a, 64 bits.
struct FNV {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ text: String) {
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        add(UInt64(text.utf8.count))
    }

    mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            value = (value ^ (number >> UInt64(shift) & 0xff)) &* 0x100_0000_01b3
        }
    }
}
