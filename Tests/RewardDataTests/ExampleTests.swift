import FoundationEssentials
import Glibc
import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// Records that the `tfrecord` package wrote, and messages damaged inside an intact frame.
@Suite struct ExampleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    struct Expected: Decodable {
        var filename: String
        var stem: String
        var scores: [Float]
        var misaligned: [Bool]
        var size: Int
        var implausibility: [Float]
        var misalignment: [Float]
    }

    @Test func anotherToolsRecordsAreRead() throws {
        let expected = try JSONDecoder().decode(
            [Expected].self, from: Data(bytes(of: Fixtures.path("RewardDataTests", "richhf.json"))))
        let prompts = try PromptTable(path: Fixtures.path("RewardDataTests", "prompts.jsonl"))
        #expect(prompts.count == 4)
        let reader = FeedbackReader(
            paths: [Fixtures.path("RewardDataTests", "richhf.tfrecord")], options: .init(prompts: prompts))
        let records = try reader.map { try $0.result.get() }
        #expect(records.count == expected.count)
        for (record, expected) in zip(records, expected) {
            #expect(record.filename == expected.filename && record.stem == expected.stem)
            #expect(ScoreKind.allCases.map { record.scores[$0] } == expected.scores)
            #expect(record.misaligned == expected.misaligned)
            #expect(record.implausibility?.width == expected.size && record.implausibility?.height == expected.size)
            #expect(record.implausibility?.values.map { ($0 * 255).rounded() } == expected.implausibility)
            #expect(record.misalignment?.values.map { ($0 * 255).rounded() } == expected.misalignment)
            #expect(record.prompt == prompts.prompt(of: expected.stem))
        }
        #expect(records[3].prompt == "café \"noir\" sign")
    }

    @Test func mapsStayEncodedWhenNotWanted() throws {
        let path = Fixtures.path("RewardDataTests", "richhf.tfrecord")
        let records = try FeedbackReader(paths: [path], options: .init(maps: false)).map { try $0.result.get() }
        #expect(records.count == 4 && records.allSatisfy { $0.implausibility == nil && $0.misalignment == nil })
    }

    @Test func aPromptOfAnotherLengthIsAnError() throws {
        let path = Fixtures.path("RewardDataTests", "richhf.tfrecord")
        let prompts = PromptTable(["0a1f-uid": "one two three four"])
        let results = FeedbackReader(paths: [path], options: .init(prompts: prompts)).map(\.result)
        #expect(
            results[1]
                == .failure(FeedbackDataError(file: path, record: 1, .labelCount(labels: 3, words: 4))))
        #expect(throws: Never.self) { try results[0].get() }
    }

    /// Writes each part of a record wrong and reads it back; the parts are found in the bytes by their names.
    @Test(arguments: [
        ("overall_score", "overall_scorX", FeedbackDataError.Reason.missingFeature("overall_score")),
        ("filename", "filenamX", .missingFeature("filename")),
        ("prompt_misalignment_label", "prompt_misalignment_labeX", .missingFeature("prompt_misalignment_label")),
        ("1 1 0", "1 1 7", .malformedLabel("7")),
        ("1 1 0", "1 110", .malformedLabel("110")),
        ("a red cat", "a,redcat,", .labelCount(labels: 3, words: 2)),
        ("a red cat", "a red ca\u{ff}", .malformedFeature("prompt", "is not UTF-8")),
        ("a red cat", ",,,,,,,,,", .invalidPrompt(.noWords)),
    ])
    func eachDefectIsNamed(find: String, replace: String, reason: FeedbackDataError.Reason) throws {
        // One byte per scalar, so that bytes that are no UTF-8 can be written too.
        var example = try sampleRecords(3)[2].example()
        let (needle, patch) = (Array(find.utf8), replace.unicodeScalars.map { UInt8($0.value) })
        #expect(needle.count == patch.count)
        let start = try #require(example.indices.first { example[$0...].starts(with: needle) })
        example.replaceSubrange(start..<start + needle.count, with: patch)
        #expect(throws: reason) { try FeedbackRecord(example: example) }
    }

    @Test func aScoreOutsideItsRangeIsAnError() throws {
        var example = try sampleRecords(1)[0].example()
        let start = try #require(example.indices.first { example[$0...].starts(with: Array("overall_score".utf8)) })
        // 0.25 is 00 00 80 3e; 1.25 is 00 00 a0 3f.
        let value = try #require(example[start...].indices.first { example[$0...].starts(with: [0, 0, 0x80, 0x3e]) })
        example.replaceSubrange(value..<value + 4, with: [0, 0, 0xa0, 0x3f])
        #expect(throws: FeedbackDataError.Reason.scoreOutOfRange("overall_score", 1.25)) {
            try FeedbackRecord(example: example)
        }
    }

    @Test func aMapThatIsNoPictureIsAnError() throws {
        var example = try sampleRecords(3)[2].example()
        let start = try #require(example.indices.first { example[$0...].starts(with: [0x89, 0x50, 0x4e, 0x47]) })
        example[start] = 0
        #expect(throws: FeedbackDataError.Reason.undecodableMap("artifact_map", .unknownFormat)) {
            try FeedbackRecord(example: example)
        }
        #expect(throws: Never.self) { try FeedbackRecord(example: example, options: .init(maps: false)) }
    }

    /// The frame's checksum guards against accidents, not against a hostile writer: the message is fuzzed without it.
    @Test func damagedMessagesAreErrorsOrRecordsInRange() throws {
        let example = try sampleRecords(1)[0].example()
        var generator = SplitMix(state: 11)
        for _ in 0..<6000 {
            var damaged = example
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                damaged.removeLast(Int.random(in: 0..<damaged.count, using: &generator))
            }
            guard
                let record = try? FeedbackRecord(
                    example: damaged, options: .init(limits: .init(maxSide: 64, maxPixels: 4096)))
            else { continue }
            #expect(ScoreKind.allCases.allSatisfy { (0...1).contains(record.scores[$0]) })
            #expect(record.implausibility?.values.allSatisfy { (0...1).contains($0) } ?? true)
        }
    }
}

/// A small seeded generator: the same numbers on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
