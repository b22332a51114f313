import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

@Suite struct TFRecordTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func recordsComeBackAsTheyWereWritten() throws {
        let records = sampleRecords(7)
        let path = try writeRecords(records, in: folder)
        #expect(try FeedbackReader(paths: [path]).map { try $0.result.get() } == records)
        #expect(try folder.names() == ["set.tfrecord"])
    }

    @Test func theSameRecordsGiveTheSameBytes() throws {
        let first = try writeRecords(sampleRecords(4), in: folder, name: "a")
        let second = try writeRecords(sampleRecords(4), in: folder, name: "b")
        #expect(bytes(of: first) == bytes(of: second))
    }

    @Test func everyRecordIsReachedByItsOffset() throws {
        let file = try TFRecordFile(path: try writeRecords(sampleRecords(5), in: folder))
        let offsets = try file.offsets()
        #expect(offsets.count == 5)
        let found = try #require(try file.record(at: offsets[3], index: 3))
        #expect(try FeedbackRecord(example: found.bytes) == sampleRecords(5)[3])
        #expect(found.next == offsets[4])
    }

    @Test func nothingIsLeftUntilTheWriterFinishes() throws {
        do {
            let writer = try FeedbackWriter(path: "\(folder.path)/half")
            try writer.write(sampleRecords(1)[0])
            #expect(try folder.names() == ["half.partial"])
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func theWriterRefusesWhatTheReaderWould() throws {
        let writer = try FeedbackWriter(path: "\(folder.path)/x")
        var record = sampleRecords(1)[0]
        record.scores.overall = 1.5
        #expect(throws: FeedbackDataError(file: "\(folder.path)/x", record: 0, .scoreOutOfRange("overall_score", 1.5)))
        {
            try writer.write(record)
        }
        record = sampleRecords(1)[0]
        record.misaligned = [true]
        #expect(throws: FeedbackDataError(file: "\(folder.path)/x", record: 0, .labelCount(labels: 1, words: 3))) {
            try writer.write(record)
        }
    }

    @Test func aGitLFSPointerIsNamedAsOne() throws {
        let path = try folder.write(
            "version https://git-lfs.github.com/spec/v1\noid sha256:6db154c9\nsize 9163974\n", "dev.tfrecord")
        let error = #expect(throws: FeedbackDataError.self) { try TFRecordFile(path: path) }
        #expect(error?.reason == .lfsPointer(size: 9_163_974))
        #expect(error?.description.contains("git lfs pull") == true)
    }

    @Test func anotherKindOfFileIsNoTFRecord() throws {
        let path = try folder.write("PK: this is surely not a file of records\n", "x")
        #expect(reasons(path) == [.notTFRecord])
        #expect(try reasons(folder.write("short", "y")) == [.notTFRecord])
        #expect(try reasons(folder.write("", "z")) == [])
        #expect(reasons("/nonexistent") == [.unreadable("No such file or directory")])
        #expect(reasons("/tmp") == [.unreadable("it is not a regular file")])
    }

    @Test func aTruncatedRecordIsNamedByItsNumber() throws {
        let whole = bytes(of: try writeRecords(sampleRecords(3), in: folder))
        let last = try TFRecordFile(path: "\(folder.path)/set.tfrecord").offsets()[2]
        for length in [Int(last) + 5, Int(last) + 30, whole.count - 1] {
            let path = try folder.write(Array(whole[..<length]), "cut")
            let results = Array(FeedbackReader(paths: [path]))
            #expect(results.count == 3 && results[2].index == 2)
            guard case .failure(let error) = results[2].result, case .truncated = error.reason else {
                Issue.record("\(length) bytes: \(results[2].result)")
                continue
            }
            #expect(error.record == 2 && error.file == path)
        }
    }

    @Test func aWrongDataChecksumCostsOneRecord() throws {
        var damaged = bytes(of: try writeRecords(sampleRecords(3), in: folder))
        let start = try TFRecordFile(path: "\(folder.path)/set.tfrecord").offsets()[1]
        damaged[Int(start) + 20] ^= 4
        #expect(try reasons(folder.write(damaged, "bad")) == [nil, .wrongDataChecksum, nil])
    }

    @Test func aWrongLengthChecksumEndsTheFileAndTheNextFollows() throws {
        let good = try writeRecords(sampleRecords(3), in: folder)
        var damaged = bytes(of: good)
        damaged[Int(try TFRecordFile(path: good).offsets()[1])] ^= 1
        let bad = try folder.write(damaged, "bad")
        let results = FeedbackReader(paths: [bad, good]).map { try? $0.result.get() }
        #expect(results.map { $0 != nil } == [true, false, true, true, true])
        #expect(reasons(bad) == [nil, .wrongLengthChecksum])
    }

    @Test func aHugeLengthIsRefusedBeforeMemoryIsTaken() throws {
        let path = try writeRecords(sampleRecords(1), in: folder)
        let error = #expect(throws: FeedbackDataError.self) {
            try TFRecordFile(path: path, maximumRecordBytes: 50).record(at: 0, index: 0)
        }
        guard case .recordTooLarge(_, 50) = error?.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// Whatever byte of a file is damaged, reading it ends, and every record it does give is one that was written.
    @Test func everyFlippedByteIsFound() throws {
        let records = sampleRecords(3)
        let whole = bytes(of: try writeRecords(records, in: folder))
        var generator = SplitMix(state: 3)
        for position in whole.indices {
            var damaged = whole
            damaged[position] ^= UInt8.random(in: 1...255, using: &generator)
            let results = Array(FeedbackReader(paths: [try folder.write(damaged, "flipped")]))
            let read = results.compactMap { try? $0.result.get() }
            #expect(read.count < records.count, "byte \(position)")
            #expect(read.allSatisfy(records.contains), "byte \(position)")
        }
    }

    private func reasons(_ path: String) -> [FeedbackDataError.Reason?] {
        FeedbackReader(paths: [path]).map { element in
            guard case .failure(let error) = element.result else { return nil }
            return error.reason
        }
    }
}
