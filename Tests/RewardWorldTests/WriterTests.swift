import FoundationEssentials
import RewardData
import RewardImage
import RewardModel
import RewardTestSupport
import RewardWorld
import Testing

/// Data sets are whole, reproducible to the byte, and tell the truth.
@Suite struct WriterTests {
    private static func write(
        _ folder: String, seed: UInt64 = 4, threads: Int = 2, count: Int = 24, size: Int = 64,
        kinds: [DamageKind] = DamageKind.train
    ) throws -> WorldWriter.Summary {
        let builder = try WorldBuilder(
            options: WorldOptions(seed: seed, size: size, kinds: kinds), photographFolders: [samplePhotographs])
        return try WorldWriter.write(builder, count: count, to: folder, threads: threads)
    }

    @Test func theSameSeedGivesTheSameBytesAtAnyThreadCount() throws {
        let scratch = try TemporaryFolder()
        _ = try Self.write("\(scratch.path)/one", threads: 1)
        _ = try Self.write("\(scratch.path)/three", threads: 3)
        _ = try Self.write("\(scratch.path)/other", seed: 5, threads: 2)
        let one = try scratch.files("one")
        #expect(one.count > 60)
        #expect(try scratch.files("three") == one)
        #expect(try scratch.files("other")["feedback.tfrecord"] != one["feedback.tfrecord"])
    }

    @Test func aPictureDoesNotDependOnHowManyAreMade() throws {
        let scratch = try TemporaryFolder()
        _ = try Self.write("\(scratch.path)/few", count: 5)
        _ = try Self.write("\(scratch.path)/many", count: 12)
        let (few, many) = (try scratch.files("few"), try scratch.files("many"))
        for (name, bytes) in few where name.hasSuffix(".png") { #expect(many[name] == bytes, "\(name)") }
    }

    @Test func recordsImagesAnnotationsAndTruthBelongTogether() throws {
        let scratch = try TemporaryFolder()
        let folder = "\(scratch.path)/set"
        let summary = try Self.write(folder, count: 40)
        let records = try FeedbackReader(paths: ["\(folder)/feedback.tfrecord"]).map { try $0.result.get() }
        let truths = try JSONLines<PictureTruthLine>(path: "\(folder)/truth.jsonl").map { try $0.result.get() }
        let annotated = try JSONLines<AnnotatedImage>(path: "\(folder)/annotations.jsonl").map { try $0.result.get() }
        #expect(records.count == summary.pictures && truths.count == summary.pictures)
        var sizes: [String: Set<[Int]>] = [:]
        for ((record, truth), image) in zip(zip(records, truths), annotated) {
            #expect(record.filename == truth.filename && image.filename == truth.filename)
            #expect(record.group == truth.group && record.prompt == truth.prompt)
            // What is written is what consolidation makes of the annotations, up to the map's eight bits.
            let again = try FeedbackRecord(example: try Consolidation.consolidate(image).example())
            #expect(again == record)
            let picture = try ImageDecoder.decode(try readBytes("\(folder)/\(truth.filename)")).image
            sizes[truth.group, default: []].insert([picture.width, picture.height])
            let words = truth.prompt.split { $0 == " " || $0 == "," }.map(String.init)
            #expect(record.misaligned.count == words.count)
            for word in truth.contradicted { #expect(words[word.index] == word.word) }
            #expect((truth.state == "damaged") == (truth.mask != nil))
            for mask in [truth.mask, truth.misalignmentMask].compactMap({ $0 }) {
                let map = try ImageDecoder.decode(try readBytes("\(folder)/\(mask)")).image
                #expect(map.width == picture.width && map.height == picture.height)
            }
        }
        #expect(sizes.values.allSatisfy { $0.count == 1 })
        let pairs = Dictionary(grouping: truths, by: \.group).values.filter { $0.count == 2 }
        #expect(pairs.count == summary.damaged && pairs.count > 10)
        #expect(pairs.allSatisfy { Set($0.map(\.state)) == ["clean", "damaged"] && Set($0.map(\.prompt)).count == 1 })
    }

    /// A line of `truth.jsonl` as a stranger reads it.
    struct PictureTruthLine: Decodable {
        var filename: String
        var group: String
        var state: String
        var prompt: String
        var mask: String?
        var misalignmentMask: String?
        var contradicted: [ContradictedWord]

        enum CodingKeys: String, CodingKey {
            case filename, group, state, prompt, mask, contradicted
            case misalignmentMask = "misalignment_mask"
        }
    }

    @Test func aFolderThatHoldsADataSetIsLeftAlone() throws {
        let scratch = try TemporaryFolder()
        _ = try Self.write("\(scratch.path)/set", count: 3)
        let before = try scratch.files("set")
        let failure = #expect(throws: Failure.self) { try Self.write("\(scratch.path)/set", seed: 9, count: 3) }
        #expect(failure?.code == .fileError)
        #expect(try scratch.files("set") == before)
    }

    @Test func scenesNeedNoPhotographsAndViewsDo() throws {
        let scratch = try TemporaryFolder()
        let scenes = try WorldBuilder(options: WorldOptions(seed: 1, size: 64, scenes: 1), photographFolders: [])
        #expect(try WorldWriter.write(scenes, count: 4, to: scratch.path, threads: 1).groups == 4)
        let failure = #expect(throws: Failure.self) {
            try WorldBuilder(options: WorldOptions(seed: 1, scenes: 0.5), photographFolders: [])
        }
        #expect(failure?.code == .invalidRequest)
    }

    @Test(arguments: [
        (#"{"file":"a.png","caption":"a cat","short":"cat","swaps":[]}"#, "words"),
        (
            #"{"file":"a.png","caption":"a red cat","short":"cat","swaps":[{"word":"dog","category":"object","instead":["x"]}]}"#,
            "dog"
        ),
        (#"{"file":"a.png"}"#, "line 1"),
    ])
    func aBadCaptionNamesItsLine(line: String, named: String) throws {
        let scratch = try TemporaryFolder()
        try Data(line.utf8).write(to: URL(filePath: "\(scratch.path)/captions.jsonl"))
        let failure = #expect(throws: Failure.self) {
            try WorldBuilder(options: WorldOptions(seed: 1), photographFolders: [scratch.path])
        }
        #expect(failure?.message.contains(named) == true && failure?.message.contains("line 1") == true)
    }
}
