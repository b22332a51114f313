import RewardImage
import RewardModel
import RewardTestSupport
import Testing

import RewardCuration

@Suite struct StoreTests {
    @Test func entriesAreFoundByContentAndPromptAndModel() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/scores.sqlite"
            let store = try ScoreStore(path: path, model: "sha256:a")
            let key = ScoreStore.Key(content: "c", prompt: "p")
            let other = ScoreStore.Key(content: "c", prompt: "q")
            try store.add([(key, .scores([0.1, 0.2, 0.3, 1])), (other, .refused(.promptTooLong))])
            #expect(
                try store.entries([key, other, .init(content: "d", prompt: "p")]) == [
                    key: .scores([0.1, 0.2, 0.3, 1]), other: .refused(.promptTooLong),
                ])
            #expect(try ScoreStore(path: path, model: "sha256:a").entries([key])[key] == .scores([0.1, 0.2, 0.3, 1]))
            let another = try ScoreStore(path: path, model: "sha256:b")
            #expect(try another.entries([key]).isEmpty)
            #expect(try store.count() == 2 && another.count() == 0)
        }
    }

    @Test func aFileThatIsNoStoreIsLeftAlone() throws {
        try withTemporaryFolder { folder in
            try write("not a database, and long enough to be seen as one that is broken", to: "\(folder)/x")
            #expect(throws: Failure.self) { try ScoreStore(path: "\(folder)/x", model: "m") }
            #expect(throws: Failure.self) { try ScoreStore(path: "\(folder)/none/x", model: "m") }
        }
    }

    @Test func aCopyInAnotherSizeShowsTheSame() throws {
        // Smooth, so that resampling keeps what it shows.
        func smooth(_ side: Int, _ turn: Int) -> Image {
            Image(
                width: side, height: side,
                rgb: (0..<side * side).flatMap { index -> [UInt8] in
                    let (x, y) = (index % side * 64 / side, index / side * 64 / side)
                    let value = UInt8((x * (3 + turn) + y * y / (5 - turn)) % 256)
                    return [value, value, value]
                })
        }
        let one = DifferenceHash.hash(smooth(64, 0))
        #expect((one ^ DifferenceHash.hash(smooth(192, 0))).nonzeroBitCount <= 4)
        #expect((one ^ DifferenceHash.hash(smooth(64, 2))).nonzeroBitCount > 4)
    }

    @Test(arguments: [0, 40_000, 1 << 30]) func recordsComeBackFromMemoryAndFromTheScratchFile(held: Int) throws {
        try withTemporaryFolder { folder in
            let records = try PartitionedRecords<Int>(folder: folder, held: held)
            let writers = [records.writer(), records.writer()]
            for number in 0..<20_000 { try writers[number % 2].append(number, part: number % 7) }
            for writer in writers { try writer.flush() }
            for part in 0..<7 {
                let expected = Array(stride(from: part, to: 20_000, by: 7))
                #expect(try records.load(part).sorted() == expected)
            }
            #expect(try records.load(7).isEmpty && Folders.names(folder).isEmpty)
        }
    }

    @Test func theOutputIsLockedWhileItIsWritten() throws {
        try withTemporaryFolder { folder in
            let first = try OutputFolder(path: "\(folder)/out", mark: "done")
            #expect(throws: Failure.self) { try OutputFolder(path: "\(folder)/out", mark: "done") }
            first.discard()
            // What a killed run left is cleared.
            try Folders.make("\(folder)/.out.partial")
            try write("x", to: "\(folder)/.out.partial/rest")
            _ = try OutputFolder(path: "\(folder)/out", mark: "done").publish()
            #expect(try Folders.names(folder) == ["out"])
        }
    }
}
